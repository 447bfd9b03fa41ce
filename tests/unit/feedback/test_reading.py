"""Messages are read whatever they hold: SES leaves fields out, sends null, and writes times in several ways."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback import core
from feedback.core import Reading
from feedback.items import SoftBounces, merge
from ses_common.events import iso_timestamp
from tests.handlers.samples import bounce, complaint, raw

QUEUED = "2026-03-02T08:15:35.123Z"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("Permanent") | st.just("ann@example.com"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PLACES = [
    ("eventType",),
    ("bounce",),
    ("bounce", "bounceType"),
    ("bounce", "bounceSubType"),
    ("bounce", "bouncedRecipients"),
    ("bounce", "bouncedRecipients", 0),
    ("bounce", "bouncedRecipients", 0, "emailAddress"),
    ("bounce", "bouncedRecipients", 0, "status"),
    ("bounce", "timestamp"),
    ("bounce", "feedbackId"),
    ("mail",),
    ("mail", "messageId"),
    ("mail", "timestamp"),
    ("mail", "tags"),
    ("mail", "tags", "ses:tenant-name"),
]


def read(body: str, sent_at: str) -> Reading:
    return core.read(body, sent_at, soft_bounces_count=True)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2026-03-02T08:15:33.907Z", "2026-03-02T08:15:33.907Z"),
        ("2026-03-02T08:15:33Z", "2026-03-02T08:15:33.000Z"),
        ("2026-03-02T08:15:33.907123Z", "2026-03-02T08:15:33.907Z"),
        ("2026-03-02T08:15:33.9Z", "2026-03-02T08:15:33.900Z"),
        ("2026-03-02T03:15:33.907-05:00", "2026-03-02T08:15:33.907Z"),
        ("2026-03-02T08:15:33 +0000", "2026-03-02T08:15:33.000Z"),
        ("2026-03-02T10:15:33 +0200", "2026-03-02T08:15:33.000Z"),
        ("2026-03-02T08:15:33.907", "2026-03-02T08:15:33.907Z"),
        ("2026-13-02T08:15:33.907Z", None),
        ("0001-01-01T00:00:00+10:00", None),
        ("Mon, 2 Mar 2026", None),
        ("", None),
        (None, None),
        (1772439333, None),
    ],
)
def test_times_of_all_kinds_become_one(written: object, read_as: str | None) -> None:
    assert iso_timestamp(written) == read_as


def test_a_message_needs_little() -> None:
    document = {
        "notificationType": "Complaint",
        "complaint": {"complainedRecipients": [{"emailAddress": "ann@example.com"}]},
        "mail": {"messageId": "0100-abc"},
    }
    (fact,) = read(json.dumps(document), QUEUED).facts
    assert (fact.reason, fact.event["at"]) == ("COMPLAINT", QUEUED)


def test_null_is_as_good_as_nothing() -> None:
    document: dict[str, Any] = complaint(None, "ann@example.com")
    for place in (document["complaint"], document["mail"]):
        for name in set(place) - {"complainedRecipients", "messageId", "timestamp"}:
            place[name] = None
    reading = read(raw(document), QUEUED)
    assert reading.problem is None
    assert [it.key for it in reading.facts] == [("ann@example.com", "account")]


def test_a_display_name_that_is_no_text_does_not_keep_its_address_from_the_ledger() -> None:
    (fact,) = read(raw(bounce("Permanent", "General", "J\ud800 Ü <ann@example.com>")), QUEUED).facts
    assert (fact.key[0], fact.reported) == ("ann@example.com", "J? Ü <ann@example.com>")


def test_two_spellings_of_one_recipient_are_one() -> None:
    facts = read(raw(bounce("Permanent", "General", "ann@example.com", "Ann@example.com")), QUEUED).facts
    assert [fact.key[0] for fact in facts] == ["ann@example.com"]
    item = merge(None, facts, None)
    assert (item["original_address"], item["bounce_count"]) == ("Ann@example.com", 1), (
        "in whatever order they are named"
    )


def test_the_same_mail_can_bounce_and_be_complained_about() -> None:
    bounced = read(raw(bounce("Permanent", "General", "ann@example.com", message_id="x")), QUEUED).facts
    complained = read(raw(complaint("abuse", "ann@example.com", message_id="x")), QUEUED).facts
    item = merge(None, [*bounced, *complained], None)
    assert (item["bounce_count"], item["complaint_count"]) == (1, 1)


@given(st.sampled_from(PLACES), JSON, st.sampled_from(["Permanent", "Transient"]))
@settings(deadline=None, max_examples=400)
def test_nothing_in_a_message_makes_the_reading_fail(place: tuple[str | int, ...], value: object, type: str) -> None:
    sub_type = "OnTenantSuppressionList" if type == "Permanent" else "General"
    document = bounce(type, sub_type, "ann@example.com", tenant="blue")
    parent: Any = document
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    reading = read(json.dumps(document), QUEUED)
    assert isinstance(reading, Reading)
    assert reading.problem is not None or reading.decision is not None or reading == Reading()
    for fact in reading.facts:
        assert merge(None, [fact], SoftBounces(1, 86_400))["status"] in ("SUPPRESSED", "UNSUBSCRIBED")


@given(JSON | st.dictionaries(st.sampled_from(["Type", "Message", "Records", "detail", "detail-type"]), JSON))
@settings(deadline=None)
def test_no_json_makes_the_reading_fail(content: object) -> None:
    assert read(json.dumps(content), QUEUED).problem is not None
