"""What an SES event looks like, once, as data: the Glue table and its mapping from JSON are made from it.

Fields: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html.

Firehose reads JSON as the OpenX SerDe does: Glue's names are lower-case, so each name that is not is mapped to the JSON
key, at every depth. Case is not ignored, which would write the keys of maps, our message tags, in lower case.
See https://docs.aws.amazon.com/firehose/latest/APIReference/API_OpenXJsonSerDe.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

Type: TypeAlias = "str | Array | Map | Mapping[str, Type]"
"""A primitive of Glue, an array, a map, or a struct with its fields under their JSON keys. Everything may be null."""


@dataclass(frozen=True, slots=True)
class Array:
    """A JSON array."""

    of: Type


@dataclass(frozen=True, slots=True)
class Map:
    """A JSON object whose keys are data."""

    values: Type


_TEXT: Final = "string"
_TEXTS: Final = Array(_TEXT)
# Keys like `ses:from-domain`, which no Glue struct can have; each tag has a list of values.
_TAGS: Final = Map(_TEXTS)
_RECIPIENT: Final = {"emailAddress": _TEXT, "action": _TEXT, "status": _TEXT, "diagnosticCode": _TEXT}
_TOPICS: Final = Array({"topicName": _TEXT, "subscriptionStatus": _TEXT})
_PREFERENCES: Final[Mapping[str, Type]] = {
    "unsubscribeAll": "boolean",
    "topicSubscriptionStatus": _TOPICS,
    "topicDefaultSubscriptionStatus": _TOPICS,
}

# Points in time stay the texts that SES wrote: they differ in precision, and some have an offset, which a Glue
# timestamp would lose.
EVENT: Final[Mapping[str, Type]] = {
    "eventType": _TEXT,
    "mail": {
        "timestamp": _TEXT,
        "messageId": _TEXT,
        "source": _TEXT,
        "sourceArn": _TEXT,
        "sendingAccountId": _TEXT,
        "destination": _TEXTS,
        "headersTruncated": "boolean",
        "headers": Array({"name": _TEXT, "value": _TEXT}),
        "commonHeaders": {
            "from": _TEXTS,
            "to": _TEXTS,
            "cc": _TEXTS,
            "bcc": _TEXTS,
            "replyTo": _TEXTS,
            "sender": _TEXT,
            "returnPath": _TEXT,
            "date": _TEXT,
            "messageId": _TEXT,
            "subject": _TEXT,
        },
        "tags": _TAGS,
    },
    "send": Map(_TEXT),  # always {}, which no struct can be
    "reject": {"reason": _TEXT},
    "bounce": {
        "bounceType": _TEXT,
        "bounceSubType": _TEXT,
        "bouncedRecipients": Array(_RECIPIENT),
        "timestamp": _TEXT,
        "feedbackId": _TEXT,
        "remoteMtaIp": _TEXT,
        "reportingMTA": _TEXT,
    },
    "complaint": {
        "complainedRecipients": Array({"emailAddress": _TEXT}),
        "timestamp": _TEXT,
        "feedbackId": _TEXT,
        "complaintSubType": _TEXT,
        "userAgent": _TEXT,
        "complaintFeedbackType": _TEXT,
        "arrivalDate": _TEXT,
    },
    "delivery": {
        "timestamp": _TEXT,
        "processingTimeMillis": "bigint",
        "recipients": _TEXTS,
        "smtpResponse": _TEXT,
        "reportingMTA": _TEXT,
        "remoteMtaIp": _TEXT,
    },
    "open": {"ipAddress": _TEXT, "timestamp": _TEXT, "userAgent": _TEXT, "isBotEvent": _TEXT},
    "click": {
        "ipAddress": _TEXT,
        "timestamp": _TEXT,
        "userAgent": _TEXT,
        "isBotEvent": _TEXT,
        "link": _TEXT,
        "linkTags": _TAGS,
    },
    "failure": {"errorMessage": _TEXT, "templateName": _TEXT},
    "deliveryDelay": {
        "timestamp": _TEXT,
        "delayType": _TEXT,
        "expirationTime": _TEXT,
        "delayedRecipients": Array(_RECIPIENT),
        "reportingMTA": _TEXT,
    },
    "subscription": {
        "contactList": _TEXT,
        "timestamp": _TEXT,
        "source": _TEXT,
        "newTopicPreferences": _PREFERENCES,
        "oldTopicPreferences": _PREFERENCES,
    },
}

TABLE: Final = "ses_events"
"""Name of the Glue table."""

DAY: Final = "day"
"""Partition: the day (UTC) on which the event reached Firehose, ``2026-03-31``."""

EVENT_TYPE: Final = "event_type"
"""Partition: the event type, without the space that ``Rendering Failure`` has in the event itself."""

EVENT_TYPES: Final = (
    "Send",
    "Reject",
    "Bounce",
    "Complaint",
    "Delivery",
    "Open",
    "Click",
    "RenderingFailure",
    "DeliveryDelay",
    "Subscription",
)
"""The values of that partition."""


def columns() -> dict[str, str]:
    """Return the columns of the Glue table: name and type."""
    return {key.lower(): _glue(value) for key, value in EVENT.items()}


def key_mappings() -> dict[str, str]:
    """Return the JSON key of each column or field, where it is not the name itself."""
    return {key.lower(): key for key in sorted(set(_keys(EVENT))) if key != key.lower()}


def _glue(value: Type) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Array):
        return f"array<{_glue(value.of)}>"
    if isinstance(value, Map):
        return f"map<string,{_glue(value.values)}>"
    return f"struct<{','.join(f'{key.lower()}:{_glue(field)}' for key, field in value.items())}>"


def _keys(value: Type) -> Iterator[str]:
    if isinstance(value, Array):
        yield from _keys(value.of)
    elif isinstance(value, Map):
        yield from _keys(value.values)
    elif not isinstance(value, str):
        for key, field in value.items():
            yield key
            yield from _keys(field)
