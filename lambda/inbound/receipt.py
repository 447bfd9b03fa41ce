"""What SES says of a mail that it received: envelope, verdicts, and where it was stored. Pure.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html. Nothing is taken from header
fields that the sender could have written.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from ses_common.envelope import Unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

# SES writes this object, and tells of it, when the action is made:
# https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-s3.html
_SETUP = "AMAZON_SES_SETUP_NOTIFICATION"
VERDICTS = ("spam", "virus", "spf", "dkim", "dmarc")
PASS = "PASS"
MISSING = "MISSING"
"""Our word for a verdict that SES does not give."""


class Policy(StrEnum):
    """What becomes of a mail without a PASS for a verdict, from mild to strict."""

    FLAG = "FLAG"
    QUARANTINE = "QUARANTINE"
    DROP = "DROP"


class Receipt(NamedTuple):
    """A mail as SES received it."""

    message_id: str
    """SES's, which is not the Message-ID of the header."""
    received_at: str
    sender: str
    """Of the envelope; empty for bounces."""
    recipients: tuple[str, ...]
    """Of the envelope, those that the rule took."""
    other_recipients: tuple[str, ...]
    """Of the envelope, all others that SES knows of."""
    verdicts: dict[str, str]
    """``PASS``, ``FAIL``, ``GRAY``, ``PROCESSING_FAILED``, ``DISABLED``, :data:`MISSING`, or what SES may add."""
    dmarc_policy: str
    """``none``, ``quarantine`` or ``reject``, of the sender's domain; empty if SES does not say."""
    bucket: str
    key: str


def read_receipt(document: Mapping[str, Any]) -> Receipt | None:
    """Read SES's notification of a mail stored by an S3 action; None if it is about no mail.

    :raises Unusable: if it is of another kind, or something is missing.
    """
    if document.get("notificationType") == "AmazonSnsSubscriptionSucceeded":
        return None
    if document.get("notificationType") != "Received":
        raise Unusable("NotAReceipt", "The message is of SES, but not about mail that was received.")
    mail, receipt = _object(document, "mail"), _object(document, "receipt")
    action = _object(receipt, "action")
    bucket, key = _text(action, "bucketName"), _text(action, "objectKey")
    message_id = _text(mail, "messageId")
    if _SETUP in (message_id, key.rpartition("/")[2]):
        return None
    if not bucket or not key:
        raise Unusable("NotStored", "The notification is not of an S3 action, so there is no mail to read.")
    if not message_id:
        raise Unusable("MissingMessageId", "The notification has no mail.messageId.")
    recipients = _texts(receipt, "recipients")
    return Receipt(
        message_id=message_id,
        received_at=_text(receipt, "timestamp") or _text(mail, "timestamp"),
        sender=_text(mail, "source"),
        recipients=recipients,
        other_recipients=tuple(it for it in _texts(mail, "destination") if it not in recipients),
        verdicts={name: _text(_object(receipt, f"{name}Verdict"), "status").upper() or MISSING for name in VERDICTS},
        dmarc_policy=_text(receipt, "dmarcPolicy").lower(),
        bucket=bucket,
        key=key,
    )


def judge(receipt: Receipt, policies: Mapping[str, Policy]) -> Policy | None:
    """Return the strictest policy among those whose verdict is anything but PASS; None if all passed.

    :param policies: by name of a verdict.
    """
    broken = [policy for name, policy in policies.items() if receipt.verdicts[name] != PASS]
    return max(broken, key=list(Policy).index, default=None)


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = document.get(name)
    return tuple(it for it in value if isinstance(it, str)) if isinstance(value, list) else ()
