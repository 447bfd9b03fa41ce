"""What the lab's SES has seen."""

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
    """``smtp``, ``v1`` or ``v2``."""
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
