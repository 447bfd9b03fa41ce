"""The code of docs/ledger.md for applications, against the table that the handler writes."""

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback import handler as handler_module
from ses_common import addresses
from tests.handlers.conftest import TABLE, Pipeline
from tests.handlers.samples import Json, bounce, complaint, raw, sqs_event
from tests.unit.feedback.test_addresses import SAME

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs/ledger.md").read_text(), re.DOTALL)
(FILE,) = [block for block in BLOCKS if "class SuppressionList" in block]
(USE,) = [block for block in BLOCKS if "suppressions = SuppressionList" in block]


def module() -> SimpleNamespace:
    namespace: dict[str, Any] = {}
    exec(FILE, namespace)
    return SimpleNamespace(**namespace)


CODE = module()


@pytest.fixture
def suppressions(pipeline: Pipeline) -> Any:
    return CODE.SuppressionList(TABLE)


def hard(address: str, id: str = "0100-hard", at: str = "2026-03-02T08:15:33.907Z", tenant: str | None = None) -> str:
    sub_type = "OnTenantSuppressionList" if tenant else "General"
    return raw(bounce("Permanent", sub_type, address, message_id=id, at=at, tenant=tenant))


def soft(address: str, number: int, at: datetime) -> str:
    text = at.isoformat(timespec="milliseconds")
    return raw(bounce("Transient", "MailboxFull", address, message_id=f"0100-soft-{number}", at=text))


def of(spelling: Callable[[str], str], text: str) -> str | None:
    try:
        return spelling(text)
    except ValueError:
        return None


@pytest.mark.parametrize("spelling", [spelling for spellings in SAME.values() for spelling in spellings])
def test_addresses_are_written_as_the_handler_writes_them(spelling: str) -> None:
    assert CODE.normalise(spelling) == addresses.normalise(spelling)


@given(st.one_of(st.text(max_size=40), st.emails(), st.text(alphabet='a@.<>" \\é\ud800', max_size=20)))
@settings(deadline=None)
def test_no_address_is_written_otherwise_than_by_the_handler(text: str) -> None:
    assert of(CODE.normalise, text) == of(addresses.normalise, text)
    assert of(CODE.normalise, "a" * 330 + text) == of(addresses.normalise, "a" * 330 + text)


def test_who_must_not_be_mailed(pipeline: Pipeline, suppressions: Any) -> None:
    now = datetime.now(UTC)
    pipeline.handle(
        hard("gone@example.com"),
        raw(bounce("Permanent", "UnsubscribedRecipient", "left@example.com")),
        soft("watched@example.com", 1, now),
        *[soft("full@example.com", number, now) for number in range(3)],
        *[soft("healed@example.com", number, now - timedelta(days=8)) for number in range(3)],
        hard("blue@example.com", tenant="blue"),
    )
    assert pipeline.statuses()["healed@example.com", "account"] == "SUPPRESSED", "DynamoDB has not deleted it yet"
    asked = [f"{name}@example.com" for name in ("gone", "left", "watched", "full", "healed", "blue", "new")]
    asked.append("Gone <GONE@example.com>")
    must_not = {"gone@example.com", "left@example.com", "full@example.com", "Gone <GONE@example.com>"}
    assert suppressions.suppressed_among(asked) == must_not
    assert suppressions.suppressed_among(asked, tenant="blue") == must_not | {"blue@example.com"}
    assert suppressions.suppressed_among(asked, tenant="red") == must_not
    assert suppressions.is_suppressed("Gone@Example.com")
    assert not suppressions.is_suppressed("new@example.com")


def test_the_example_leaves_out_who_must_not_be_mailed(pipeline: Pipeline) -> None:
    pipeline.handle(hard("ann@example.com"))
    namespace: dict[str, Any] = {"SuppressionList": CODE.SuppressionList, "table_name": TABLE}
    exec(USE, namespace)
    assert namespace["to_be_mailed"] == ["bob@example.com"]


def test_hundreds_of_addresses_in_two_scopes_are_asked_for_until_all_are_answered(
    pipeline: Pipeline, suppressions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = [f"u{number}@example.com" for number in range(120)]
    pipeline.handle(*[hard(address) for address in addresses[::2]])
    original = suppressions._dynamodb.batch_get_item
    sizes = []

    def half(*, RequestItems: Json) -> Json:
        request = RequestItems[TABLE]
        sizes.append(len(request["Keys"]))
        now, later = request["Keys"][:60], request["Keys"][60:]
        response: Json = original(RequestItems={TABLE: {**request, "Keys": now}})
        return response | {"UnprocessedKeys": {TABLE: {**request, "Keys": later}} if later else {}}

    monkeypatch.setattr(suppressions._dynamodb, "batch_get_item", half)
    assert suppressions.suppressed_among(addresses, tenant="blue") == set(addresses[::2])
    assert sizes == [100, 40, 100, 40, 40]


def test_no_answer_is_not_taken_for_a_yes(suppressions: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(
        suppressions._dynamodb,
        "batch_get_item",
        lambda RequestItems: {"Responses": {}, "UnprocessedKeys": RequestItems},
    )
    with pytest.raises(RuntimeError, match="not known"):
        suppressions.is_suppressed("ann@example.com")


def test_lists_by_reason_and_day_come_page_by_page(
    pipeline: Pipeline, suppressions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = [f"u{number}@example.com" for number in range(7)]
    pipeline.handle(
        *[hard(address) for address in addresses],
        hard("later@example.com", at="2026-03-03T00:00:00.000Z"),
        hard("u1@example.com", id="0100-again", at="2026-03-05T00:00:00.000Z"),
        raw(complaint("abuse", "complained@example.com")),
        soft("watched@example.com", 1, datetime.now(UTC)),
    )
    original = suppressions._table.query
    monkeypatch.setattr(suppressions._table, "query", lambda **request: original(Limit=2, **request))
    assert sorted(suppressions.listed("BOUNCE", "2026-03-02")) == [(address, "account") for address in addresses]
    assert list(suppressions.listed("BOUNCE", "2026-03-03")) == [("later@example.com", "account")]
    assert list(suppressions.listed("BOUNCE", "2026-03-05")) == [], "the day is that of the first bounce"
    assert list(suppressions.listed("COMPLAINT", "2026-03-02")) == [("complained@example.com", "account")]
    suppressions.lift("u3@example.com", by="ops", because="a new mailbox")
    assert ("u3@example.com", "account") not in set(suppressions.listed("BOUNCE", "2026-03-02"))


def test_a_lift_stands_against_what_came_before_and_not_against_what_comes_after(
    pipeline: Pipeline, suppressions: Any
) -> None:
    known = hard("ann@example.com")
    pipeline.handle(known)
    suppressions.lift("Ann@example.com", by="ops", because="the mailbox was restored, ticket 7")
    assert not suppressions.is_suppressed("ann@example.com")
    lifted = pipeline.ledger()["ann@example.com", "account"]
    assert (lifted["status"], lifted["lifted_by"], lifted["version"]) == ("LIFTED", "ops", 2)
    assert lifted["lifted_because"] == "the mailbox was restored, ticket 7"
    assert not {"reason", "listed_under", "expires_at", "bounce_type"} & lifted.keys()

    pipeline.handle(known, hard("ann@example.com", id="0100-late"))
    after = pipeline.ledger()["ann@example.com", "account"]
    assert (after["status"], len(after["events"])) == ("LIFTED", 2)

    pipeline.handle(hard("ann@example.com", id="0100-new", at="2099-01-01T00:00:00.000Z"))
    again = pipeline.ledger()["ann@example.com", "account"]
    assert (again["status"], again["reason"], again["listed_under"]) == ("SUPPRESSED", "BOUNCE", "BOUNCE#2099-01-01")
    assert again["lifted_by"] == "ops"


def test_merging_leaves_what_a_lift_wrote(pipeline: Pipeline, suppressions: Any) -> None:
    """The same facts, with a lift in the middle and with it at the end, are one item."""
    bodies = [
        hard("ann@example.com", id="0100-1"),
        raw(complaint("abuse", "ann@example.com", message_id="0100-2", at="2026-03-04T00:00:00.000Z")),
        soft("ann@example.com", 3, datetime(2026, 3, 5, tzinfo=UTC)),
    ]
    pipeline.handle(*bodies)
    suppressions.lift("ann@example.com", by="ops", because="asked for it")
    at_the_end = pipeline.ledger()["ann@example.com", "account"]
    suppressions.erase("ann@example.com")
    pipeline.handle(bodies[0])
    suppressions.lift("ann@example.com", by="ops", because="asked for it")
    pipeline.handle(*bodies[1:])
    in_the_middle = pipeline.ledger()["ann@example.com", "account"]
    volatile = {"version", "lifted_at"}
    assert {k: v for k, v in in_the_middle.items() if k not in volatile} == {
        k: v for k, v in at_the_end.items() if k not in volatile
    }


@pytest.mark.parametrize("seed", range(6))
def test_messages_and_lifts_in_any_order_leave_one_ledger(
    pipeline: Pipeline, suppressions: Any, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Messages on six days with lifts on the third and fifth: what is older than a lift may also come after it."""
    chance = random.Random(seed)
    kinds = [("Permanent", "General"), ("Permanent", "UnsubscribedRecipient"), ("Transient", "MailboxFull")]

    def messages(day: int) -> list[str]:
        at = f"2026-03-{day:02}T08:00:00.000Z"
        bodies = [raw(bounce(*kind, "ann@example.com", message_id=f"0100-{day}", at=at)) for kind in kinds]
        bodies.append(raw(complaint("abuse", "ann@example.com", message_id=f"0100-{day}", at=at)))
        return chance.sample(bodies, 2)

    by_day = {day: messages(day) for day in range(1, 7)}
    by_day[1].append(hard("ann@example.com", at="2026-03-01T00:00:00.000Z"))  # there must be something to lift
    by_day[4].append(hard("ann@example.com", at="2026-03-04T00:00:00.000Z"))

    def ledger(share_on_time: float) -> Json:
        late: list[str] = []
        for day, bodies in by_day.items():
            on_time = [body for body in bodies if "0100-hard" in body or chance.random() < share_on_time]
            late += [body for body in bodies if body not in on_time or chance.random() > share_on_time]
            chance.shuffle(on_time)
            pipeline.handle(*on_time)
            if day in (3, 5):
                now = f"2026-03-{day:02}T12:00:00.000Z"
                monkeypatch.setitem(CODE.SuppressionList.lift.__globals__, "_now", lambda now=now: now)
                suppressions.lift("ann@example.com", by="ops", because=f"day {day}")
        chance.shuffle(late)
        for body in late:
            pipeline.handle(body)
        item = pipeline.ledger()["ann@example.com", "account"]
        suppressions.erase("ann@example.com")
        return {**item, "version": 0}

    expected = ledger(1.0)
    assert expected["lifted_because"] == "day 5"
    assert ledger(0.5) == expected
    assert ledger(0.1) == expected


@pytest.mark.parametrize(("by", "because"), [("", "a reason"), ("ops", " ")])
def test_a_lift_says_who_and_why(suppressions: Any, by: str, because: str) -> None:
    with pytest.raises(ValueError, match="say who"):
        suppressions.lift("ann@example.com", by=by, because=because)


def test_only_what_is_suppressed_can_be_lifted(pipeline: Pipeline, suppressions: Any) -> None:
    pipeline.handle(soft("watched@example.com", 1, datetime.now(UTC)))
    before = pipeline.ledger()
    for address in ("watched@example.com", "new@example.com"):
        with pytest.raises(ClientError, match="ConditionalCheckFailed"):
            suppressions.lift(address, by="ops", because="why not")
    assert pipeline.ledger() == before


def test_a_lift_while_the_handler_writes_is_not_lost(
    pipeline: Pipeline, suppressions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.handle(hard("ann@example.com"))
    original = pipeline.dynamodb.batch_execute_statement
    lifts = [lambda: suppressions.lift("ann@example.com", by="ops", because="a new mailbox")]

    def late(*, Statements: list[Json]) -> Json:
        while lifts:
            lifts.pop()()
        return original(Statements=Statements)

    monkeypatch.setattr(pipeline.dynamodb, "batch_execute_statement", late)
    handler_module.handler(sqs_event(hard("ann@example.com", id="0100-late")), None)
    item = pipeline.ledger()["ann@example.com", "account"]
    assert (item["status"], item["lifted_by"], len(item["events"])) == ("LIFTED", "ops", 2)


def test_an_entry_by_hand_stands_until_it_is_lifted(pipeline: Pipeline, suppressions: Any) -> None:
    suppressions.suppress("Ann@example.com", "LEGAL", by="counsel")
    pipeline.handle(
        raw(complaint("abuse", "ann@example.com")), *[soft("ann@example.com", n, datetime.now(UTC)) for n in range(3)]
    )
    item = pipeline.ledger()["ann@example.com", "account"]
    assert (item["status"], item["reason"], item["entered_by"]) == ("SUPPRESSED", "LEGAL", "counsel")
    assert (item["complaint_count"], item["soft_bounce_count"], "expires_at" in item) == (1, 3, False)
    day = item["entered_at"][:10]
    assert list(suppressions.listed("LEGAL", day)) == [("ann@example.com", "account")]
    suppressions.lift("ann@example.com", by="counsel", because="settled")
    pipeline.handle(raw(complaint("abuse", "ann@example.com")))
    assert not suppressions.is_suppressed("ann@example.com")
    suppressions.suppress("ann@example.com", "LEGAL", by="counsel")
    assert suppressions.is_suppressed("ann@example.com")
    with pytest.raises(ValueError, match="not one of SES's"):
        suppressions.suppress("ann@example.com", "BOUNCE", by="counsel")


def test_a_list_from_elsewhere_counts_as_if_ses_had_told_of_it(pipeline: Pipeline, suppressions: Any) -> None:
    entry = {
        "scope": "account",
        "status": "SUPPRESSED",
        "reason": "BOUNCE",
        "first_seen_at": "2024-01-01T00:00:00.000Z",
    }
    for name in ("ann", "bob"):
        pipeline.table.put_item(Item={"address": f"{name}@example.com", **entry})
    pipeline.handle(
        raw(bounce("Permanent", "UnsubscribedRecipient", "ann@example.com")),
        soft("bob@example.com", 1, datetime.now(UTC)),
    )
    for item in pipeline.ledger().values():
        assert (item["status"], item["reason"], item["listed_under"]) == ("SUPPRESSED", "BOUNCE", "BOUNCE#2024-01-01")
    suppressions.lift("ann@example.com", by="ops", because="a new mailbox")
    pipeline.handle(raw(bounce("Permanent", "UnsubscribedRecipient", "ann@example.com", message_id="0100-late")))
    assert not suppressions.is_suppressed("ann@example.com")


def test_an_erased_address_is_gone_from_account_and_tenants(pipeline: Pipeline, suppressions: Any) -> None:
    pipeline.handle(
        hard("ann@example.com"),
        hard("ann@example.com", tenant="blue"),
        hard("ann@example.com", tenant="red"),
        hard("bob@example.com"),
    )
    assert len(pipeline.ledger()) == 4
    suppressions.erase("Ann <ann@example.com>")
    assert list(pipeline.ledger()) == [("bob@example.com", "account")]
    pipeline.handle(hard("ann@example.com"))
    assert suppressions.is_suppressed("ann@example.com"), "a later event makes an entry anew"
