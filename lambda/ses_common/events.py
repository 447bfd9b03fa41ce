"""SES's bounces and complaints, read from both of its JSON schemas.

Event publishing (``eventType``): https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
Identity notifications (``notificationType``): https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html

SES adds fields at any time, leaves fields out and sends null for others, so only what is needed is read, and only the
message id, the type and the recipients must be there.
"""

import re
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from ses_common.envelope import JsonObject, Unusable

Kind = Literal["Bounce", "Complaint"]

_NO_FEEDBACK = frozenset(
    {
        "Send",
        "Delivery",
        "Open",
        "Click",
        "Reject",
        "Rendering Failure",  # with a space
        "DeliveryDelay",
        "Subscription",
        "Received",
        "AmazonSnsSubscriptionSucceeded",  # sent when a topic is set for an identity
    }
)
_LONGEST_TEXT = 256  # four times what SES's ids have
_WORDS = re.compile(r"[A-Za-z -]{1,40}")
# Tenants are named by letters, digits, - and _: https://docs.aws.amazon.com/ses/latest/dg/tenants.html
_TENANT_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_USUAL_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_SPACE_BEFORE_OFFSET = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")


Recipient = tuple[str, bool]
"""An address as SES reports it, with a display name, empty if it names none; and whether a delivery status says what
failed (of bounces; an out-of-office reply has none)."""


class Feedback(NamedTuple):
    """One bounce or complaint. A tuple, because one is made for every message and a dataclass costs twice as much."""

    kind: Kind
    message_id: str
    """SES's id of the mail, the same in both schemas."""
    feedback_id: str
    """SES's id of the bounce or complaint; empty if SES names none."""
    type: str
    """``bounceType`` or ``complaintFeedbackType``; empty if SES names none."""
    sub_type: str
    """``bounceSubType`` or ``complaintSubType``; empty if SES names none."""
    at: str | None
    """When it happened, or else when the mail was sent: ISO 8601 in UTC with milliseconds."""
    recipients: tuple[Recipient, ...]
    """The recipients concerned."""
    tenant: str | None
    """The tenant that the mail was sent for (tag ``ses:tenant-name``, in event publishing only)."""


def read_feedback(document: JsonObject) -> Feedback | None:
    """Return the bounce or complaint in *document*, or None for SES events of other kinds.

    :raises Unusable: if the type is unknown, or what a bounce or complaint cannot do without is missing.
    """
    event_type = document.get("eventType") or document.get("notificationType")
    if event_type == "Bounce":
        bounce = _object(document, "bounce")
        return _feedback("Bounce", document, bounce, "bouncedRecipients", "bounceType", "bounceSubType")
    if event_type == "Complaint":
        complaint = _object(document, "complaint")
        return _feedback(
            "Complaint", document, complaint, "complainedRecipients", "complaintFeedbackType", "complaintSubType"
        )
    if isinstance(event_type, str) and event_type in _NO_FEEDBACK:
        return None
    raise Unusable("UnknownEventType", f"SES's event type is not known: {word(event_type)}.")


def word(value: object) -> str:
    """Return *value* for a log or a dead letter if it is a word of SES's vocabulary, and not something personal."""
    if value is None or value == "":
        return "(none)"
    return value if isinstance(value, str) and _WORDS.fullmatch(value) else "(unreadable)"


def iso_timestamp(value: object) -> str | None:
    """Return a timestamp in UTC with milliseconds, ``2026-11-24T10:00:00.000Z``; None for what is no timestamp.

    SES mostly writes this form itself, but also offsets, microseconds, and a space before the offset. Text of one form
    and length sorts by time.
    """
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        if _USUAL_TIMESTAMP.fullmatch(value):
            return value  # nearly always, and writing it anew takes a tenth of all the time spent on a message
    except ValueError:
        try:
            parsed = datetime.fromisoformat(_SPACE_BEFORE_OFFSET.sub("", value.strip()))
        except ValueError:
            return None
    if parsed.tzinfo is not UTC:
        try:
            parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
        except OverflowError:
            return None
    return f"{parsed.isoformat(timespec='milliseconds')[:23]}Z"


def _feedback(
    kind: Kind, document: JsonObject, payload: JsonObject, recipients_key: str, type_key: str, sub_type_key: str
) -> Feedback:
    mail = _object(document, "mail")
    message_id = _text(mail, "messageId")
    if not message_id:
        raise Unusable("MissingMessageId", f"The {kind.lower()} does not name the SES message id of its mail.")
    return Feedback(
        kind,
        message_id,
        _text(payload, "feedbackId"),
        _text(payload, type_key),
        _text(payload, sub_type_key),
        iso_timestamp(payload.get("timestamp")) or iso_timestamp(mail.get("timestamp")),
        _recipients(payload, recipients_key),
        _tenant(mail),
    )


def _recipients(payload: JsonObject, key: str) -> tuple[Recipient, ...]:
    recipients = payload.get(key)
    if recipients is None:
        return ()
    if not isinstance(recipients, list):
        raise Unusable("BadRecipients", f"{key} is no list.")
    return tuple([_recipient(recipient) for recipient in recipients])


def _recipient(recipient: object) -> Recipient:
    if not isinstance(recipient, dict):
        return "", False
    address = recipient.get("emailAddress")
    diagnosed = bool(recipient.get("status") or recipient.get("diagnosticCode") or recipient.get("action"))
    return address if isinstance(address, str) else "", diagnosed


def _tenant(mail: JsonObject) -> str | None:
    tags: Any = mail.get("tags")
    names = tags.get("ses:tenant-name") if isinstance(tags, dict) else None
    name = names[0] if isinstance(names, list) and names else None
    return name if isinstance(name, str) and _TENANT_NAME.fullmatch(name) else None


def _object(document: JsonObject, key: str) -> JsonObject:
    value = document.get(key)
    if not isinstance(value, dict):
        raise Unusable("IncompleteEvent", f"The event has no {key} object.")
    return value


def _text(payload: JsonObject, key: str) -> str:
    value = payload.get(key)
    if value is None:
        return ""
    # Ids and vocabulary. JSON may hold text that UTF-8 cannot, and 50 of any length would not fit into an item.
    if not isinstance(value, str) or not value.isascii() or len(value) > _LONGEST_TEXT:
        raise Unusable("IncompleteEvent", f"The event's {key} is no ASCII text of {_LONGEST_TEXT} characters at most.")
    return value
