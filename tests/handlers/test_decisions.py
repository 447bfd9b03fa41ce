"""What becomes of an address, through every transport, and in both of SES's schemas."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from feedback import handler as handler_module
from tests.handlers.conftest import Pipeline
from tests.handlers.samples import (
    FEEDBACK_ID,
    HAPPENED,
    NOT_FEEDBACK,
    TRANSPORTS,
    Json,
    bounce,
    complaint,
    event_bridge,
    raw,
    sns,
)

# (type, sub-type) -> status, reason, echo; None for an address that is kept.
BOUNCES: dict[tuple[str, str], tuple[str, str, bool] | None] = {
    ("Permanent", "General"): ("SUPPRESSED", "BOUNCE", False),
    ("Permanent", "NoEmail"): ("SUPPRESSED", "BOUNCE", False),
    ("Permanent", "Suppressed"): ("SUPPRESSED", "BOUNCE", False),
    ("Permanent", "OnAccountSuppressionList"): ("SUPPRESSED", "BOUNCE", True),
    ("Permanent", "UnsubscribedRecipient"): ("UNSUBSCRIBED", "UNSUBSCRIBE", False),
    ("Permanent", "EmailValidationSuppressed"): ("SUPPRESSED", "BOUNCE", False),
    ("Permanent", "SomethingNewIn2027"): ("SUPPRESSED", "BOUNCE", False),
    ("Transient", "General"): ("WATCHED", "SOFT_BOUNCE", False),
    ("Transient", "MailboxFull"): ("WATCHED", "SOFT_BOUNCE", False),
    ("Transient", "MessageTooLarge"): None,
    ("Transient", "CustomTimeoutExceeded"): None,
    ("Transient", "ContentRejected"): None,
    ("Transient", "AttachmentRejected"): None,
    ("Transient", "SomethingNewIn2027"): None,
    ("Undetermined", "Undetermined"): ("WATCHED", "SOFT_BOUNCE", False),
}
# (feedback type, sub-type) -> status, echo
COMPLAINTS: dict[tuple[str | None, str | None], tuple[str, bool] | None] = {
    ("abuse", None): ("SUPPRESSED", False),
    ("fraud", None): ("SUPPRESSED", False),
    ("other", None): ("SUPPRESSED", False),
    ("virus", None): ("SUPPRESSED", False),
    (None, None): ("SUPPRESSED", False),
    ("something-new", None): ("SUPPRESSED", False),
    (None, "OnAccountSuppressionList"): ("SUPPRESSED", True),
    ("not-spam", None): None,
    ("auth-failure", None): None,
    ("Not-Spam", None): None,
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("schema", ["eventType", "notificationType"])
def test_each_kind_of_feedback_has_its_outcome(
    pipeline: Pipeline, transport: Callable[[Json], str], schema: Any
) -> None:
    bodies = []
    expected: dict[str, tuple[str | bool | None, ...]] = {}
    for number, ((type, sub_type), outcome) in enumerate(BOUNCES.items()):
        address = f"bounced{number}@example.com"
        bodies.append(transport(bounce(type, sub_type, address, schema=schema)))
        if outcome is not None:
            expected[address] = (*outcome, type, sub_type, None)
    for number, ((feedback_type, complaint_sub_type), outcome2) in enumerate(COMPLAINTS.items()):
        address = f"complained{number}@example.com"
        bodies.append(transport(complaint(feedback_type, address, sub_type=complaint_sub_type, schema=schema)))
        if outcome2 is not None:
            expected[address] = (outcome2[0], "COMPLAINT", outcome2[1], None, None, feedback_type)

    assert pipeline.handle(*bodies) == []
    attributes = ("status", "reason", "echo", "bounce_type", "bounce_sub_type", "complaint_feedback_type")
    assert {
        address: tuple(item.get(name) for name in attributes) for (address, _), item in pipeline.ledger().items()
    } == expected
    assert {scope for _, scope in pipeline.ledger()} == {"account"}
    assert pipeline.dead_letters() == []


def test_an_item_says_what_ses_said(pipeline: Pipeline) -> None:
    pipeline.handle(raw(bounce("Permanent", "General", '"Ann, B." <Ann.B@EXAMPLE.com>', message_id="0100-abc")))
    assert pipeline.ledger() == {
        ("ann.b@example.com", "account"): {
            "address": "ann.b@example.com",
            "scope": "account",
            "original_address": '"Ann, B." <Ann.B@EXAMPLE.com>',
            "status": "SUPPRESSED",
            "reason": "BOUNCE",
            "bounce_type": "Permanent",
            "bounce_sub_type": "General",
            "echo": False,
            "first_seen_at": HAPPENED,
            "last_seen_at": HAPPENED,
            "bounce_count": 1,
            "soft_bounce_count": 0,
            "complaint_count": 0,
            "reasons": {
                "BOUNCE": {"first_at": HAPPENED, "last_at": HAPPENED, "type": "Permanent", "sub_type": "General"}
            },
            "events": {
                "0100-abc/Bounce/Permanent/General": {
                    "message_id": "0100-abc",
                    "feedback_id": FEEDBACK_ID,
                    "kind": "Bounce",
                    "type": "Permanent",
                    "sub_type": "General",
                    "at": HAPPENED,
                }
            },
            "soft_bounces": {},
            "listed_under": "BOUNCE#2026-03-02",
            "version": 1,
        }
    }


@pytest.mark.parametrize(
    "sample",
    [
        bounce("Permanent", "OnTenantSuppressionList", "ann@example.com", tenant="blue"),
        complaint(None, "ann@example.com", sub_type="OnTenantSuppressionList", tenant="blue"),
    ],
)
def test_a_tenants_list_counts_for_that_tenant_alone(pipeline: Pipeline, sample: Json) -> None:
    assert pipeline.handle(raw(sample)) == []
    assert pipeline.statuses() == {("ann@example.com", "tenant/blue"): "SUPPRESSED"}
    assert pipeline.ledger()["ann@example.com", "tenant/blue"]["echo"] is True


def test_an_ordinary_bounce_of_a_tenants_mail_counts_for_the_account(pipeline: Pipeline) -> None:
    pipeline.handle(raw(bounce("Permanent", "General", "ann@example.com", tenant="blue")))
    assert pipeline.statuses() == {("ann@example.com", "account"): "SUPPRESSED"}


def test_a_tenants_list_without_the_tenants_name_suppresses_nobody_and_is_parked(pipeline: Pipeline) -> None:
    body = raw(bounce("Permanent", "OnTenantSuppressionList", "ann@example.com"))
    assert pipeline.handle(body) == []
    assert pipeline.ledger() == {}
    ((parked, attributes),) = pipeline.dead_letters()
    assert (parked, attributes["Reason"]) == (body, "MissingTenant")


def test_only_the_recipients_that_bounced_are_touched(pipeline: Pipeline) -> None:
    document = bounce("Permanent", "General", "ann@example.com", destination=["bob@example.com", "ann@example.com"])
    pipeline.handle(raw(document))
    assert pipeline.statuses() == {("ann@example.com", "account"): "SUPPRESSED"}


def test_a_bounce_that_names_nobody_is_no_error_where_ses_says_so(pipeline: Pipeline) -> None:
    assert pipeline.handle(raw(bounce("Permanent", "NoEmail"))) == []
    assert (pipeline.ledger(), pipeline.dead_letters()) == ({}, [])
    assert pipeline.metrics == {"Kept": 1}


def test_an_out_of_office_reply_suppresses_nobody(pipeline: Pipeline) -> None:
    document = bounce("Transient", "General", "ooto@simulator.amazonses.com")
    document["bounce"]["bouncedRecipients"] = [{"emailAddress": "ooto@simulator.amazonses.com"}]
    for number in range(5):
        document["mail"]["messageId"] = f"0100-{number}"
        pipeline.handle(raw(document))
    assert pipeline.ledger() == {}
    assert pipeline.metrics == {"Kept": 1}


def test_of_one_transient_bounce_those_recipients_count_that_have_a_status(pipeline: Pipeline) -> None:
    document = bounce("Transient", "General", "ann@example.com", "away@example.com")
    document["bounce"]["bouncedRecipients"][1] = {"emailAddress": "away@example.com"}
    pipeline.handle(raw(document))
    assert pipeline.statuses() == {("ann@example.com", "account"): "WATCHED"}
    assert pipeline.metrics == {"Counted": 1}


def soft(number: int, day: int, address: str = "ann@example.com", sub_type: str = "MailboxFull") -> str:
    at = f"2026-03-{day:02}T12:00:00.000Z"
    return raw(bounce("Transient", sub_type, address, message_id=f"0100-soft-{number}", at=at))


def test_soft_bounces_suppress_when_they_are_many_and_close_and_then_heal(pipeline: Pipeline) -> None:
    """Three within seven days, as the environment says."""
    pipeline.handle(soft(1, 1), soft(2, 2), soft(2, 2), soft(3, 20))
    watched = pipeline.ledger()["ann@example.com", "account"]
    assert (watched["status"], watched["soft_bounce_count"], "listed_under" in watched) == ("WATCHED", 3, False)
    assert datetime.fromtimestamp(int(watched["expires_at"]), UTC).isoformat() == "2026-03-27T12:00:00+00:00"
    pipeline.handle(soft(4, 21), soft(5, 27))
    suppressed = pipeline.ledger()["ann@example.com", "account"]
    assert (suppressed["status"], suppressed["reason"]) == ("SUPPRESSED", "SOFT_BOUNCE")
    assert (suppressed["bounce_type"], suppressed["bounce_sub_type"]) == ("Transient", "MailboxFull")
    assert suppressed["listed_under"] == "SOFT_BOUNCE#2026-03-27"
    assert datetime.fromtimestamp(int(suppressed["expires_at"]), UTC).isoformat() == "2026-04-03T12:00:00+00:00"


def test_what_does_not_heal_does_not_expire_with_what_does(pipeline: Pipeline) -> None:
    opt_out = raw(bounce("Permanent", "UnsubscribedRecipient", "ann@example.com", message_id="0100-out"))
    pipeline.handle(soft(1, 1), soft(2, 2), soft(3, 3))
    pipeline.handle(opt_out)
    item = pipeline.ledger()["ann@example.com", "account"]
    assert (item["status"], item["reason"], "expires_at" in item) == ("UNSUBSCRIBED", "UNSUBSCRIBE", False)


@pytest.mark.parametrize(
    "sub_type",
    ["MessageTooLarge", "CustomTimeoutExceeded", "ContentRejected", "AttachmentRejected", "SomethingNewIn2027"],
)
def test_a_soft_bounce_for_another_reason_than_the_mailbox_never_counts(pipeline: Pipeline, sub_type: str) -> None:
    pipeline.handle(*[soft(number, number, sub_type=sub_type) for number in range(1, 6)])
    assert pipeline.ledger() == {}


def test_soft_bounces_can_be_left_out(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOFT_BOUNCE_THRESHOLD")
    handler_module._settings.cache_clear()
    pipeline.handle(*[soft(number, number) for number in range(1, 6)])
    assert pipeline.ledger() == {}
    assert pipeline.metrics == {"Kept": 5}


@pytest.mark.parametrize("transport", [raw, sns])
def test_what_is_not_feedback_is_ignored_and_counted(pipeline: Pipeline, transport: Callable[[Json], str]) -> None:
    assert pipeline.handle(*[transport(document) for document in NOT_FEEDBACK]) == []
    assert (pipeline.ledger(), pipeline.dead_letters()) == ({}, [])
    assert pipeline.metrics == {"Ignored": len(NOT_FEEDBACK)}


ACCOUNT_NEWS = {"source": "aws.ses", "detail-type": "Advisor Recommendation Status Open", "detail": {"data": "DMARC"}}
SNS_HANDSHAKE = {"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe", "Token": "1"}


@pytest.mark.parametrize(
    "body",
    [
        "Successfully validated SNS topic for Amazon SES event publishing.",
        "Successfully validated SNS topic for Amazon SES event publishing.\n",
        sns("Successfully validated SNS topic for Amazon SES event publishing.\n"),
        json.dumps(SNS_HANDSHAKE),
        json.dumps(SNS_HANDSHAKE | {"Type": "UnsubscribeConfirmation"}),
        json.dumps(ACCOUNT_NEWS),
        json.dumps(ACCOUNT_NEWS | {"detail-type": "Sending Status Disabled", "detail": {"data": {"origin": "X"}}}),
    ],
)
def test_set_up_messages_are_ignored(pipeline: Pipeline, body: str) -> None:
    assert pipeline.handle(body) == []
    assert (pipeline.ledger(), pipeline.dead_letters(), pipeline.metrics) == ({}, [], {"Ignored": 1})


def test_the_same_fact_over_every_way_is_one_event(pipeline: Pipeline) -> None:
    documents = [
        bounce("Permanent", "General", "ann@example.com", schema="eventType"),
        bounce("Permanent", "General", "ann@example.com", schema="notificationType"),
    ]
    pipeline.handle(*[transport(document) for transport in TRANSPORTS for document in documents])
    (item,) = pipeline.ledger().values()
    assert len(item["events"]) == 1
    pipeline.handle(event_bridge(documents[0]))
    assert list(pipeline.ledger().values()) == [item]
