"""From the ledger's stream to the bus: what is told and what is not, and that nothing is lost on the way."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from suppression_changes import core
from suppression_changes import handler as publisher
from tests.handlers.changes.conftest import Queue
from tests.handlers.changes.streams import TABLE_ARN, Json, item, record

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "suppression-change.schema.json").read_text())
BUS = "arn:aws:events:eu-west-1:111122223333:event-bus/Changes"
SUPPRESSED, RESTORED = "Address Suppressed", "Address Restored"


class Events:
    """EventBridge. `refusals` holds, for each call to come, the codes by place; or an error for the whole call."""

    def __init__(self) -> None:
        self.told: list[Json] = []
        self.calls = 0
        self.refusals: list[dict[int, str] | Exception] = []

    def put_events(self, *, Entries: list[Json]) -> Json:
        assert 1 <= len(Entries) <= 10
        assert sum(len(part) for it in Entries for part in (it["Detail"], it["Source"], it["DetailType"])) <= 262_144
        self.calls += 1
        refused = self.refusals.pop(0) if self.refusals else {}
        if isinstance(refused, Exception):
            raise refused
        results: list[Json] = []
        for place, entry in enumerate(Entries):
            if place in refused:
                results.append({"ErrorCode": refused[place], "ErrorMessage": "ann@example.com"})
            else:
                self.told.append(entry)
                results.append({"EventId": str(len(self.told))})
        return {"FailedEntryCount": len(refused), "Entries": results}

    def details(self) -> list[Json]:
        return [json.loads(entry["Detail"]) for entry in self.told]


@pytest.fixture
def bus(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Events:
    monkeypatch.setenv("BUS_ARN", BUS)
    events = Events()
    monkeypatch.setattr(publisher, "_events", lambda: events)
    monkeypatch.setattr(publisher, "_PAUSE", 0)
    return events


def tell(*records: Json) -> list[str]:
    """Hand records to the function; return the sequence numbers that it reports as failed."""
    result = publisher.handler({"Records": list(records)}, None)
    return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]


def sequence(record: Json) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def conforms(value: Any, schema: Json) -> bool:
    """As much of JSON Schema as the schema of the events uses."""
    types = {"string": str, "boolean": bool, "object": dict, "null": type(None)}
    allowed = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(isinstance(value, types[name]) for name in allowed):
        return False
    if value is None:
        return True
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    if isinstance(value, dict):
        assert schema["required"] == list(schema["properties"])
        return value.keys() == schema["properties"].keys() and all(
            conforms(value[name], part) for name, part in schema["properties"].items()
        )
    return True


CHANGES: dict[str, tuple[Json | None, Json | None, str | None, str]] = {
    "a first bounce": (None, item(), SUPPRESSED, "RECORDED"),
    "a first opt-out": (None, item("UNSUBSCRIBED", "UNSUBSCRIBE"), SUPPRESSED, "RECORDED"),
    "a soft bounce": (None, item("WATCHED"), None, ""),
    "one soft bounce too many": (item("WATCHED"), item(), SUPPRESSED, "RECORDED"),
    "another bounce": (item(), item(last_seen_at="2026-04-01T00:00:00.000Z", version=2), None, ""),
    "a complaint after a bounce": (item(), item(reason="COMPLAINT"), SUPPRESSED, "RECORDED"),
    "a bounce after an opt-out": (item("UNSUBSCRIBED", "UNSUBSCRIBE"), item(), SUPPRESSED, "RECORDED"),
    "a fresh bounce after an echo": (item(echo=True), item(), SUPPRESSED, "RECORDED"),
    "a lift": (item(), item("LIFTED", reason=None, lifted_by="eve"), RESTORED, "LIFTED"),
    "a lift of what was not suppressed": (item("WATCHED"), item("LIFTED"), None, ""),
    "a bounce after a lift": (item("LIFTED"), item(), SUPPRESSED, "RECORDED"),
    "a suppression that becomes a watch": (item(), item("WATCHED"), RESTORED, "RECORDED"),
    "an erasure": (item(), None, RESTORED, "ERASED"),
    "an erasure of what was lifted": (item("LIFTED"), None, None, ""),
    "an item of somebody else": (None, {"address": {"S": "x"}, "scope": {"S": "y"}}, None, ""),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_for_a_sender_is_told_and_nothing_else(bus: Events, name: str) -> None:
    old, new, expected, cause = CHANGES[name]
    assert tell(record(old, new)) == []
    assert [entry["DetailType"] for entry in bus.told] == ([expected] if expected else [])
    assert [detail["cause"] for detail in bus.details()] == ([cause] if expected else [])


def test_what_dynamodb_expires_is_restored(bus: Events) -> None:
    tell(record(item(expires_at=1_800_000_000), None, ttl=True), record(item("WATCHED"), None, ttl=True))
    (detail,) = bus.details()
    assert (detail["cause"], detail["status"], detail["expiresAt"]) == ("EXPIRED", None, "2027-01-15T08:00:00Z")
    assert detail["previous"] == {"status": "SUPPRESSED", "reason": "BOUNCE"}


def test_the_event_says_who_and_why_and_not_who_lifted_it(bus: Events) -> None:
    told = record(None, item())
    lifted = item("LIFTED", reason=None, lifted_by="eve@example.org", lifted_because="see the ticket")
    tell(told, record(item(), lifted))
    entry, lift = bus.told
    assert (entry["Source"], entry["EventBusName"], entry["Resources"]) == ("ses-constructs.feedback", BUS, [TABLE_ARN])
    assert entry["Time"].timestamp() == told["dynamodb"]["ApproximateCreationDateTime"]
    assert json.loads(entry["Detail"]) == {
        "version": "1",
        "id": told["eventID"],
        "sequence": sequence(told),
        "address": "ann@example.com",
        "originalAddress": "Ann <Ann@example.com>",
        "scope": "account",
        "tenant": None,
        "reason": "BOUNCE",
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "complaintFeedbackType": None,
        "echo": False,
        "firstSeenAt": "2026-03-02T08:15:33.907Z",
        "lastSeenAt": "2026-03-02T08:15:33.907Z",
        "expiresAt": None,
        "status": "SUPPRESSED",
        "cause": "RECORDED",
        "previous": None,
    }
    assert "eve" not in lift["Detail"]
    assert json.loads(lift["Detail"])["reason"] == "BOUNCE", "what it was"


def test_a_tenant_is_named(bus: Events) -> None:
    tell(record(None, item(scope="tenant/Acme_1")))
    assert [(detail["scope"], detail["tenant"]) for detail in bus.details()] == [("tenant/Acme_1", "Acme_1")]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
attributes = st.one_of(
    st.builds(lambda value: {"S": value}, texts),
    st.builds(lambda value: {"N": str(value)}, st.integers()),
    st.builds(lambda value: {"BOOL": value}, st.booleans()),
    st.just({"NULL": True}),
    st.just({"L": []}),
)
keys = {"address": st.just({"S": "ann@example.com"}), "scope": st.just({"S": "account"})}
odd_items = st.fixed_dictionaries(
    {**keys, "status": st.sampled_from([{"S": "SUPPRESSED"}, {"S": "UNSUBSCRIBED"}, {"S": "LIFTED"}, {"N": "1"}])},
    optional=dict.fromkeys(["reason", "original_address", "echo", "expires_at", "bounce_type", "version"], attributes),
)


@settings(deadline=None)
@given(st.none() | odd_items, st.none() | odd_items, st.booleans())
def test_whatever_somebody_writes_into_an_item_the_event_keeps_its_shape(
    old: Json | None, new: Json | None, ttl: bool
) -> None:
    found = core.read(record(old, new, ttl=ttl))
    assert found is None or conforms(found.detail, SCHEMA)


def test_a_novel_in_an_item_does_not_make_an_event_that_no_bus_takes(bus: Events) -> None:
    tell(record(None, item(reason="because " * 40_000)))
    assert len(bus.told[0]["Detail"]) < 10_000


def test_novels_in_many_items_do_not_make_a_call_that_eventbridge_refuses_as_a_whole(bus: Events) -> None:
    names = ("reason", "bounce_type", "bounce_sub_type", "complaint_feedback_type", "original_address")
    novels = [record(None, item(**dict.fromkeys(names, "\U0001f4d6" * 2000))) for _ in range(10)]
    assert tell(*novels) == []
    assert len(bus.told) == 10


def test_a_hundred_changes_take_ten_calls(bus: Events) -> None:
    assert tell(*[record(None, item(address=f"u{number}@example.com")) for number in range(100)]) == []
    assert (bus.calls, len(bus.told)) == (10, 100)


def test_single_refusals_are_tried_again_at_once(bus: Events) -> None:
    bus.refusals = [{1: "ThrottlingException", 3: "InternalFailure"}, {0: "ThrottlingException"}]
    assert tell(*[record(None, item(address=f"u{number}@example.com")) for number in range(5)]) == []
    told = [detail["address"] for detail in bus.details()]
    assert sorted(told) == [f"u{number}@example.com" for number in range(5)]


def test_the_stream_is_read_again_from_the_first_change_that_could_not_be_told(bus: Events) -> None:
    records = [record(None, item(address=f"u{number}@example.com")) for number in range(30)]
    bus.refusals = [{}, {2: "ThrottlingException", 5: "ThrottlingException"}, *[{0: "ThrottlingException"}] * 2]
    failed = tell(*records)
    assert failed == [sequence(records[12])]
    start = [sequence(it) for it in records].index(failed[0])
    assert tell(*records[start:]) == []
    details = bus.details()
    assert {detail["address"] for detail in details} == {f"u{number}@example.com" for number in range(30)}
    assert len({detail["id"] for detail in details}) == 30, "what is told twice has the same id"


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "ann@example.com"}}, "PutEvents"),
        EndpointConnectionError(endpoint_url="https://events"),
    ],
    ids=["refused", "unreachable"],
)
def test_while_eventbridge_is_down_everything_stays_on_the_stream(bus: Events, queue: Queue, error: Exception) -> None:
    records = [record(None, item()), record(item(), item("LIFTED"))]
    for _ in range(50):
        bus.refusals = [error]
        assert tell(*records) == [sequence(records[0])]
    assert tell(*records) == []
    assert [entry["DetailType"] for entry in bus.told] == [SUPPRESSED, RESTORED]
    assert queue.dead_letters == []


def test_what_is_about_to_leave_the_stream_is_set_aside_as_the_event(bus: Events, queue: Queue) -> None:
    old, new = record(None, item(), age=73_000), record(None, item(address="bob@example.com"))
    bus.refusals = [ClientError({"Error": {"Code": "AccessDenied"}}, "PutEvents")]
    assert tell(old, new) == [sequence(new)]
    ((body, reason),) = queue.dead_letters
    letter = json.loads(body)
    assert reason == "NotPublished"
    assert (letter["detail-type"], letter["detail"]["id"]) == (SUPPRESSED, old["eventID"])

    queue.fails = True
    bus.refusals = [ClientError({"Error": {"Code": "AccessDenied"}}, "PutEvents")]
    assert tell(old, new) == [sequence(old)]


def test_the_log_names_no_address(
    bus: Events, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    bus.refusals = [*[{0: "ThrottlingException"}] * 3]
    tell(record(None, item()))
    tell(record(None, item()), record(item(), None))
    written = [json.dumps(entry.__dict__, default=str) for entry in caplog.records] + [capsys.readouterr().out]
    assert not [line for line in written if "example.com" in line]
    metrics = json.loads(written[-1].splitlines()[-1])
    assert (metrics["AddressesSuppressed"], metrics["AddressesRestored"]) == (1, 1)
