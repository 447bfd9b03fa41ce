"""What the lab's SES has seen."""

import base64
import email.policy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class LabEvent:
    """One event, once for each destination that it was published to; once without, if nobody listened."""

    sequence: int
    message_id: str
    event_type: str
    """As in the document: ``Send``, ``Delivery``, ``Bounce``, ``Complaint``, ``Reject``, ..."""
    schema: str
    """``event-publishing`` or ``identity-notification``."""
    destination: Mapping[str, str] | None
    """``kind``, ``name`` and ``arn``; None if nobody listened."""
    delivered: bool
    error: str | None
    """Why it could not be delivered, such as a policy that does not let SES in."""
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LabMessage:
    """One message that SES accepted."""

    sequence: int
    message_id: str
    source: str
    recipients: Sequence[str]
    configuration_set: str | None
    tags: Mapping[str, Sequence[str]]
    via: str
    """``smtp``, ``v1``, ``v2``, or ``receiving`` for a bounce of what was received."""
    raw: bytes
    """The MIME message as it would leave SES."""

    @property
    def html(self) -> str:
        """The HTML text, with its links as they would be fetched; empty if there is none."""
        return self._text("html")

    @property
    def text(self) -> str:
        """The plain text; empty if there is none."""
        return self._text("plain")

    def _text(self, kind: Literal["html", "plain"]) -> str:
        message = BytesParser(EmailMessage, policy=email.policy.default).parsebytes(self.raw)
        part = message.get_body((kind,))
        return str(part.get_content()) if part is not None else ""


@dataclass(frozen=True, slots=True)
class LabAction:
    """One action of a receipt rule on one message."""

    rule: str
    action: Mapping[str, Any]
    """As in notifications: ``type`` and what belongs to it, such as ``objectKey``."""
    error: str | None
    """Why it did not come true, such as a policy that does not let SES in."""
    flow: str
    """What went on after it: ``CONTINUE``, ``STOP_RULE`` or ``STOP_RULE_SET``."""


@dataclass(frozen=True, slots=True)
class LabReceived:
    """One message that came in, after all that the rules said was done."""

    sequence: int
    message_id: str
    """SES's, which is not the Message-ID of the header."""
    at: str
    source: str
    """Of the envelope; empty for bounces."""
    recipients: Sequence[str]
    """Of the envelope, those that were accepted."""
    client_address: str
    tls: bool
    verdicts: Mapping[str, str]
    """``spam``, ``virus``, ``spf``, ``dkim`` and ``dmarc``; a rule that does not scan says ``DISABLED``."""
    actions: Sequence[LabAction]
    raw: bytes
    """With the header fields that SES and the rules have added."""

    @classmethod
    def read(cls, message: Mapping[str, Any]) -> "LabReceived":
        """Read what the server says."""
        actions = [LabAction(**action) for action in message["actions"]]
        return cls(**{**message, "actions": actions, "raw": base64.b64decode(message["raw"])})
