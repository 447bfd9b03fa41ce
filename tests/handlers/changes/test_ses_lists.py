"""SES's own lists in step with the ledger, whatever order, copies, failures and races there are."""

import itertools
import json
import logging
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st
from ses_lists import handler as lists_handler
from ses_lists.lists import AccountList, Ses
from suppression_changes import core

from ses_common.addresses import spellings
from ses_common.changes import Change
from tests.handlers.changes.conftest import Queue
from tests.handlers.changes.streams import Json, event, item, messages, record

ANN, AS_REPORTED = "ann@example.com", "Ann@example.com"


class Aws:
    """The ledger, SES's suppression list and contact list. `errors` are raised by the calls to SES to come."""

    def __init__(self) -> None:
        self.ledger: Json = {}
        self.suppressed: dict[str, str] = {}
        self.contacts: dict[str, Json] = {}
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


STATES: list[Json | None] = [
    None,
    item(original_address=ANN),
    item(reason="COMPLAINT", original_address=ANN),
    item("LIFTED", original_address=ANN),
    item("UNSUBSCRIBED", "UNSUBSCRIBE", original_address=ANN),
]


@given(st.data())
def test_whatever_happens_between_the_steps_of_two_functions_the_list_ends_as_the_ledger_does(
    data: st.DataObject,
) -> None:
    state: list[Json | None] = [None]
    on_list: dict[str, str] = {}
    waiting: list[Change] = []
    depth = 0

    def between() -> None:
        """Time passes: the ledger may change, and another function may deal with any change that waits."""
        nonlocal depth
        if depth >= 3:
            return
        depth += 1
        for _ in range(data.draw(st.integers(0, 2))):
            if data.draw(st.booleans()):
                new = data.draw(st.sampled_from(STATES))
                change = core.read(record(state[0], new)) if state[0] is not None or new is not None else None
                state[0] = new
                if change is not None:
                    waiting.append(Change(change.detail_type, "", change.detail))
            elif waiting:
                worker.settle(waiting.pop(data.draw(st.integers(0, len(waiting) - 1))))
        depth -= 1

    class Ledger:
        def read(self, address: str) -> Json | None:
            between()
            found = state[0]
            return {name: next(iter(value.values())) for name, value in found.items()} if found is not None else None

    class List:
        def put_suppressed_destination(self, *, EmailAddress: str, Reason: str) -> None:
            between()
            on_list[EmailAddress] = Reason

        def delete_suppressed_destination(self, *, EmailAddress: str) -> None:
            between()
            on_list.pop(EmailAddress, None)

    ses: Any = List()
    worker = AccountList(Ses(ses, 0), Ledger())
    for _ in range(4):
        between()
    while waiting:
        depth = 3  # nothing happens any more, but that what waits is dealt with
        worker.settle(waiting.pop(0))
        depth = 0 if data.draw(st.booleans()) else 3
    entry = state[0]
    wanted = entry["reason"]["S"] if entry is not None and entry["status"]["S"] == "SUPPRESSED" else None
    assert on_list.get(ANN) == wanted


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
