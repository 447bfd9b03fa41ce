"""SES's own lists in step with the ledger, whatever order, copies, failures and races there are."""

import itertools
import json
import logging
import time
from collections.abc import Iterable, Iterator
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from ses_common.addresses import spellings
from ses_common.changes import Change
from ses_lists import handler as lists_handler
from ses_lists.lists import AccountList, Ses
from suppression_changes import core
from tests.handlers.changes.conftest import Queue
from tests.handlers.changes.streams import Json, event, item, messages, record

ANN, AS_REPORTED = "ann@example.com", "Ann@example.com"


class Aws:
    """The ledger, SES's suppression list and contact list. `errors` are raised by the calls to SES to come."""

    def __init__(self) -> None:
        self.ledger: Json = {}
        self.suppressed: dict[str, str] = {}
        self.contacts: dict[str, Json] = {}
        self.has_contact_list = True
        self.errors: list[Exception | None] = []
        self.calls: list[str] = []

    def get_item(self, *, TableName: str, Key: Json, ConsistentRead: bool) -> Json:
        assert (TableName, ConsistentRead, Key["scope"]) == ("Ledger", True, {"S": "account"})
        found = self.ledger.get(Key["address"]["S"])
        return {"Item": found} if found is not None else {}

    def put_suppressed_destination(self, *, EmailAddress: str, Reason: str) -> None:
        self._call("put")
        assert Reason in ("BOUNCE", "COMPLAINT")
        self.suppressed[EmailAddress] = Reason

    def delete_suppressed_destination(self, *, EmailAddress: str) -> None:
        self._call("delete")
        if self.suppressed.pop(EmailAddress, None) is None:
            raise refusal("NotFoundException", 404)

    def get_contact(self, *, ContactListName: str, EmailAddress: str) -> Json:
        self._call("get")
        assert ContactListName == "Customers"
        if EmailAddress not in self.contacts:
            raise refusal("NotFoundException", 404)
        return self.contacts[EmailAddress]

    def get_contact_list(self, *, ContactListName: str) -> Json:
        self._call("get list")
        if not self.has_contact_list:
            raise refusal("NotFoundException", 404)
        return {"ContactListName": ContactListName}

    def delete_contact(self, *, ContactListName: str, EmailAddress: str) -> None:
        self._call("delete contact")
        assert ContactListName == "Customers"
        if self.contacts.pop(EmailAddress, None) is None:
            raise refusal("NotFoundException", 404)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error


def refusal(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": ANN}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Call")


@pytest.fixture
def aws(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Aws:
    aws = Aws()
    monkeypatch.setenv("TABLE_NAME", "Ledger")
    monkeypatch.setenv("SECONDS_A_CALL", "0")
    monkeypatch.delenv("CONTACT_LIST_NAME", raising=False)
    monkeypatch.setattr(lists_handler, "_ses", lambda: aws)
    monkeypatch.setattr(lists_handler, "_dynamodb", lambda: aws)
    lists_handler._list.cache_clear()
    return aws


def settle(*bodies: Json | str, **options: Any) -> list[str]:
    result = lists_handler.handler(messages(*bodies, **options), None)
    return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]


def told(old: Json | None, new: Json | None, *, ttl: bool = False) -> Json:
    """The event that a change of the ledger makes."""
    change = core.read(record(old, new, ttl=ttl))
    assert change is not None
    return event(change.detail_type, **change.detail)


def test_a_bounce_is_put_on_the_accounts_list_as_the_address_was_and_as_it_is_compared(aws: Aws) -> None:
    aws.ledger[ANN] = item()
    assert settle(told(None, item())) == []
    assert aws.suppressed == {ANN: "BOUNCE", AS_REPORTED: "BOUNCE"}


def test_a_complaint_is_put_there_as_one(aws: Aws) -> None:
    aws.ledger[ANN] = item(reason="COMPLAINT", original_address=ANN)
    aws.suppressed = {ANN: "BOUNCE"}
    settle(told(item(), item(reason="COMPLAINT")))
    assert aws.suppressed == {ANN: "COMPLAINT"}


def test_soft_bounces_are_on_the_accounts_list_until_they_heal(aws: Aws) -> None:
    soft = item(reason="SOFT_BOUNCE", original_address=ANN, expires_at=2_000_000_000)
    aws.ledger[ANN] = soft
    settle(told(None, soft))
    assert aws.suppressed == {ANN: "BOUNCE"}
    del aws.ledger[ANN]
    settle(told(soft, None, ttl=True))
    assert aws.suppressed == {}


@pytest.mark.parametrize(
    "entry",
    [item("UNSUBSCRIBED", "UNSUBSCRIBE"), item(reason="LEGAL"), item(echo=True)],
    ids=["an opt-out", "a reason of one's own", "an echo, which comes from there"],
)
def test_what_does_not_belong_on_the_accounts_list_costs_no_call(aws: Aws, entry: Json) -> None:
    aws.ledger[ANN] = entry
    assert settle(told(None, entry)) == []
    assert aws.calls == []


@pytest.mark.parametrize(
    ("after", "ttl"),
    [(item("LIFTED"), False), (None, True), (None, False), (item("WATCHED"), False)],
    ids=["lifted", "healed", "erased", "watched"],
)
def test_what_is_restored_is_taken_off_the_accounts_list(aws: Aws, after: Json | None, ttl: bool) -> None:
    aws.suppressed = {ANN: "BOUNCE", AS_REPORTED: "BOUNCE", "bob@example.com": "BOUNCE"}
    if after is not None:
        aws.ledger[ANN] = after
    assert settle(told(item(), after, ttl=ttl)) == []
    assert aws.suppressed == {"bob@example.com": "BOUNCE"}


@pytest.mark.parametrize("before", [item("UNSUBSCRIBED", "UNSUBSCRIBE"), item(reason="LEGAL")])
def test_what_the_ledger_never_put_there_stays(aws: Aws, before: Json) -> None:
    """The list may know of a bounce that came past the ledger."""
    aws.suppressed = {ANN: "BOUNCE"}
    settle(told(before, None))
    assert (aws.suppressed, aws.calls) == ({ANN: "BOUNCE"}, [])


def test_to_take_off_what_is_not_there_is_no_failure(aws: Aws, queue: Queue) -> None:
    assert settle(told(item(), None)) == []
    assert queue.dead_letters == []


def test_old_news_and_copies_do_not_matter(aws: Aws) -> None:
    suppressed, restored = told(None, item()), told(item(), item("LIFTED"))
    aws.ledger[ANN] = item("LIFTED")
    settle(restored, suppressed, suppressed, restored)
    assert aws.suppressed == {}
    again = told(item("LIFTED"), item())
    aws.ledger[ANN] = item()
    settle(again, restored, suppressed)
    assert set(aws.suppressed) == {ANN, AS_REPORTED}


def test_what_is_lifted_before_a_change_is_tried_again_is_taken_off_all_the_same(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change is on SES's list, the ledger does not answer, and while the change waits it becomes history."""
    ledger = aws.get_item
    answers: Iterator[Json | Exception] = iter(
        [{"Item": item()}, EndpointConnectionError(endpoint_url="https://dynamodb")]
    )

    def get_item(**request: Any) -> Json:
        answer = next(answers, None)
        if isinstance(answer, Exception):
            raise answer
        return answer if answer is not None else ledger(**request)

    monkeypatch.setattr(aws, "get_item", get_item)
    bounced = told(None, item())
    assert settle(bounced) == ["m0"]
    assert set(aws.suppressed) == {ANN, AS_REPORTED}
    aws.ledger[ANN] = item("LIFTED")
    assert settle(bounced) == []
    assert aws.suppressed == {}


STATES: list[Json | None] = [
    None,
    item(original_address=ANN),
    item(reason="COMPLAINT", original_address=ANN),
    item("LIFTED", original_address=ANN),
    item("UNSUBSCRIBED", "UNSUBSCRIBE", original_address=ANN),
]


class Races:
    """A ledger and a list in which, before each call to SES takes effect, the next change happens and is dealt with."""

    def __init__(self, first: Json | None, later: Iterable[Json | None]) -> None:
        self.now: Json | None = None
        self.on_list: dict[str, str] = {}
        self._later = list(later)
        self._worker = AccountList(Ses(cast(Any, self), 0), self)
        self.change_to(first)
        while self._later:
            self.change_to(self._later.pop(0))

    def change_to(self, state: Json | None) -> None:
        change = core.read(record(self.now, state))
        self.now = state
        if change is not None:
            self._worker.settle(Change(change.detail_type, "", change.detail))

    def read(self, address: str) -> Json | None:
        return {name: next(iter(it.values())) for name, it in self.now.items()} if self.now is not None else None

    def put_suppressed_destination(self, *, EmailAddress: str, Reason: str) -> None:
        self._overtake()
        self.on_list[EmailAddress] = Reason

    def delete_suppressed_destination(self, *, EmailAddress: str) -> None:
        self._overtake()
        self.on_list.pop(EmailAddress, None)

    def _overtake(self) -> None:
        if self._later:
            self.change_to(self._later.pop(0))


@pytest.mark.parametrize("first", STATES, ids=["none", "bounce", "complaint", "lifted", "opt-out"])
def test_functions_that_overtake_each_other_leave_the_list_as_the_ledger_is(first: Json | None) -> None:
    for later in itertools.product(STATES, repeat=3):
        races = Races(first, later)
        last = later[-1]
        wanted = last["reason"]["S"] if last is not None and last["status"]["S"] == "SUPPRESSED" else None
        assert races.on_list.get(ANN) == wanted


@pytest.mark.parametrize(
    "error",
    [
        refusal("TooManyRequestsException", 429),
        refusal("InternalServiceErrorException", 500),
        ReadTimeoutError(endpoint_url="https://email"),
    ],
    ids=["throttled", "failing", "silent"],
)
def test_while_ses_is_busy_or_down_changes_wait_and_the_others_go_on(aws: Aws, queue: Queue, error: Exception) -> None:
    aws.ledger = {ANN: item(original_address=ANN), "bob@example.com": item(original_address="bob@example.com")}
    bob = told(None, item(address="bob@example.com"))
    aws.errors = [error]
    assert settle(told(None, item()), bob) == ["m0"]
    assert (set(aws.suppressed), queue.dead_letters) == ({"bob@example.com"}, [])
    assert queue.postponed == {"handle-0": 10}
    assert settle(told(None, item()), receives=2) == []
    assert set(aws.suppressed) == {ANN, "bob@example.com"}


def test_what_ses_refuses_is_set_aside_with_its_word_for_it(aws: Aws, queue: Queue) -> None:
    aws.ledger = {ANN: item(original_address=ANN)}
    aws.errors = [refusal("BadRequestException"), refusal("AccessDeniedException", 403)]
    assert settle(told(None, item()), told(None, item()), told(None, item())) == []
    assert queue.reasons == ["RefusedBySes", "RefusedBySes"]
    assert aws.suppressed == {ANN: "BOUNCE"}


def test_a_ledger_that_cannot_be_read_is_asked_again(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: Any) -> None:
        raise refusal("ProvisionedThroughputExceededException")

    monkeypatch.setattr(aws, "get_item", fails)
    assert settle(told(None, item())) == ["m0"]
    assert aws.calls == []


def test_calls_keep_their_distance_also_over_batches(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    at: list[float] = []
    call = aws._call

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    def timed(name: str) -> None:
        at.append(now)
        call(name)

    monkeypatch.setenv("SECONDS_A_CALL", "2")
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(aws, "_call", timed)
    aws.ledger = {ANN: item()}
    for _ in range(3):
        settle(told(None, item()), told(None, item()))
    assert len(at) == 12
    assert all(later - earlier >= 2 for earlier, later in itertools.pairwise(at))


@pytest.fixture
def contacts(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setenv("CONTACT_LIST_NAME", "Customers")
    aws.contacts = {AS_REPORTED: {"UnsubscribeAll": False}, "bob@example.com": {"UnsubscribeAll": False}}
    return aws


def test_a_suppressed_address_leaves_the_contact_list(contacts: Aws) -> None:
    contacts.ledger[ANN] = item()
    assert settle(told(None, item()), told(None, item())) == []
    assert set(contacts.contacts) == {"bob@example.com"}
    assert contacts.suppressed == {}


def test_a_list_that_does_not_exist_is_no_success(contacts: Aws, queue: Queue) -> None:
    """SES answers for a missing list as for a missing contact."""
    contacts.contacts, contacts.has_contact_list = {}, False
    contacts.ledger[ANN] = item()
    settle(told(None, item()))
    assert queue.reasons == ["NoContactList"]


def test_whether_the_list_exists_is_asked_once(contacts: Aws) -> None:
    contacts.contacts = {}
    contacts.ledger[ANN] = item()
    assert settle(told(None, item()), told(None, item())) == []
    assert contacts.calls.count("get list") == 1


@pytest.mark.parametrize(
    "contact",
    [
        {"UnsubscribeAll": True},
        {"TopicPreferences": [{"TopicName": "a", "SubscriptionStatus": "OPT_OUT"}]},
    ],
)
def test_a_contact_who_opted_out_stays_or_the_next_mail_would_forget_it(contacts: Aws, contact: Json) -> None:
    contacts.ledger[ANN] = item()
    contacts.contacts[AS_REPORTED] = contact
    settle(told(None, item()))
    assert contacts.contacts[AS_REPORTED] == contact


@pytest.mark.parametrize("entry", [None, item("UNSUBSCRIBED", "UNSUBSCRIBE"), item("LIFTED"), item("WATCHED")])
def test_who_is_not_suppressed_when_it_is_dealt_with_stays_a_contact(contacts: Aws, entry: Json | None) -> None:
    if entry is not None:
        contacts.ledger[ANN] = entry
    settle(told(None, item()))
    assert (len(contacts.contacts), contacts.calls) == (2, [])


def test_the_log_names_no_address(
    aws: Aws, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    aws.ledger = {ANN: item()}
    aws.errors = [refusal("BadRequestException"), refusal("TooManyRequestsException", 429)]
    settle(told(None, item()), told(None, item()), told(None, item()), ANN)
    output = capsys.readouterr().out
    written = [json.dumps(entry.__dict__, default=str) for entry in caplog.records] + [output]
    assert not [line for line in written if "example.com" in line]
    counts = json.loads(output)
    assert (counts["AccountListDone"], counts["AccountListParked"], counts["AccountListRetried"]) == (1, 2, 1)


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ("Ann <Ann@Example.com>", [ANN, "Ann@Example.com"]),
        ("ann@example.com", [ANN]),
        ("", [ANN]),
        ("nobody", [ANN]),
    ],
)
def test_spellings(reported: str, expected: list[str]) -> None:
    assert spellings(reported, ANN) == expected


def test_a_missing_setting_is_named(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TABLE_NAME")
    with pytest.raises(RuntimeError, match="TABLE_NAME"):
        settle(told(None, item()))
