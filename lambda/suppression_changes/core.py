"""From a record of the ledger's stream to the event that tells of it.

A record holds an item as it was and as it is (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html).
What matters of the two is whether the address may be mailed, and why not. Everything else, a bounce more of an address
that is suppressed already above all, is no change that anybody is told of.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    Image = Mapping[str, Mapping[str, Any]]

SOURCE = "ses-constructs.feedback"
SUPPRESSED = "Address Suppressed"
RESTORED = "Address Restored"

_VERSION = "1"  # of the detail's schema, docs/suppression-change.schema.json
_NOT_TO_BE_MAILED = frozenset({"SUPPRESSED", "UNSUBSCRIBED"})
_LONGEST_TEXT = 1024  # what people write into an item must not make an event that EventBridge refuses
_TTL = "dynamodb.amazonaws.com"  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html


class Change(NamedTuple):
    """An event for EventBridge."""

    detail_type: str
    at: datetime
    ledger: str
    """The ARN of the table."""
    detail: dict[str, Any]


def read(record: Mapping[str, Any]) -> Change | None:
    """Return what *record* tells, or None if nothing changed for whoever sends mail."""
    content = record["dynamodb"]
    old, new = content.get("OldImage") or {}, content.get("NewImage") or {}
    before, after = _verdict(old), _verdict(new)
    if before == after:
        return None
    return Change(
        detail_type=RESTORED if after is None else SUPPRESSED,
        at=datetime.fromtimestamp(content["ApproximateCreationDateTime"], UTC),
        ledger=record["eventSourceARN"].partition("/stream/")[0],
        detail={
            "version": _VERSION,
            "id": record["eventID"],
            "sequence": content["SequenceNumber"],
            **_facts(old if after is None else new),
            "status": _text(new, "status"),
            "cause": _cause(record, new),
            "previous": {"status": _text(old, "status"), "reason": _text(old, "reason")} if old else None,
        },
    )


def _verdict(image: Image) -> tuple[str | None, str | None, bool] | None:
    """Why the address must not be mailed, or None if it may be. An echo that turns into a fresh bounce is another."""
    status = _text(image, "status")
    return (status, _text(image, "reason"), _is_echo(image)) if status in _NOT_TO_BE_MAILED else None


def _facts(image: Image) -> dict[str, Any]:
    scope = _text(image, "scope") or ""
    kind, _, tenant = scope.partition("/")
    return {
        "address": _text(image, "address"),
        "originalAddress": _text(image, "original_address"),
        "scope": scope,
        "tenant": tenant if kind == "tenant" else None,
        "reason": _text(image, "reason"),
        "bounceType": _text(image, "bounce_type"),
        "bounceSubType": _text(image, "bounce_sub_type"),
        "complaintFeedbackType": _text(image, "complaint_feedback_type"),
        "echo": _is_echo(image),
        "firstSeenAt": _text(image, "first_seen_at"),
        "lastSeenAt": _text(image, "last_seen_at"),
        "expiresAt": _moment(image),
    }


def _cause(record: Mapping[str, Any], new: Image) -> str:
    if not new:
        return "EXPIRED" if (record.get("userIdentity") or {}).get("principalId") == _TTL else "ERASED"
    return "LIFTED" if _text(new, "status") == "LIFTED" else "RECORDED"


def _text(image: Image, name: str) -> str | None:
    value = image.get(name, {}).get("S")
    return value[:_LONGEST_TEXT] if value else None


def _is_echo(image: Image) -> bool:
    return image.get("echo", {}).get("BOOL") is True


def _moment(image: Image) -> str | None:
    try:
        return datetime.fromtimestamp(int(image["expires_at"]["N"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (KeyError, ValueError, OverflowError, OSError):  # none, or nothing that is a time
        return None
