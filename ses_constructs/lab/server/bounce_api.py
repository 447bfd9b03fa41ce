"""SendBounce, by which a program returns a mail that SES took.

See https://docs.aws.amazon.com/ses/latest/APIReference/API_SendBounce.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ses_constructs.lab.server.bounces import Failure, bounce
from ses_constructs.lab.server.errors import SesError

if TYPE_CHECKING:
    from ses_constructs.lab.server.engine import Engine
    from ses_constructs.lab.server.query import Actions, Query
    from ses_constructs.lab.server.receiving import Receiver

# https://docs.aws.amazon.com/ses/latest/APIReference/API_BouncedRecipientInfo.html
_TYPES = {
    "DoesNotExist": ("550", "5.1.1", "Mailbox does not exist"),
    "MessageTooLarge": ("552", "5.3.4", "Message too large"),
    "ExceededQuota": ("552", "5.2.2", "Mailbox full"),
    "ContentRejected": ("500", "5.6.1", "Message content rejected"),
    "Undefined": ("554", "5.0.0", "Unknown failure"),
    "TemporaryFailure": ("450", "4.0.0", "Temporary failure"),
}


class BounceApi:
    """Bounces that programs ask for."""

    def __init__(self, engine: Engine, receiver: Receiver) -> None:
        self._engine = engine
        self._receiver = receiver

    def actions(self) -> Actions:
        """Return what API v1 answers about it."""
        return {"SendBounce": self._send}

    def _send(self, query: Query) -> str:
        sender, original_id = query.text("BounceSender"), query.text("OriginalMessageId")
        problem = self._receiver.access.sender(sender)
        if problem is not None:
            raise SesError("MessageRejected", problem.message)
        original = self._receiver.received(original_id)
        if original is None:
            raise SesError("MessageRejected", f"No message {original_id} was received in the last 24 hours.")
        failures = [_failure(it) for it in query.groups("BouncedRecipientInfoList.member")]
        if not failures:
            raise SesError("ValidationError", "bouncedRecipientInfoList: Member must not be null")
        message_id = bounce(
            self._engine, original, failures, sender=sender, via="v1", explanation=query.text("Explanation")
        )
        return f"<MessageId>{message_id}</MessageId>"


def _failure(about: Query) -> Failure:
    kind = about.optional("BounceType") or "Undefined"
    if kind not in _TYPES:
        raise SesError("ValidationError", f"bounceType must satisfy enum value set: [{', '.join(_TYPES)}]")
    code, status, text = _TYPES[kind]
    fields = "RecipientDsnFields"
    return Failure(
        recipient=about.text("Recipient"),
        reply_code=code,
        status=about.optional(f"{fields}.Status") or status,
        text=about.optional(f"{fields}.DiagnosticCode") or text,
    )
