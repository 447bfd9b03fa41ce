"""Mail that goes back to whoever sent what was received: the Bounce action, and SendBounce.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-bounce.html and RFC 3464.
"""

from __future__ import annotations

import email.policy
from dataclasses import dataclass
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.parser import BytesHeaderParser
from email.utils import format_datetime
from typing import TYPE_CHECKING

from ses_constructs.lab.server.errors import SesError
from ses_constructs.lab.server.mime import LEAVING, now, unfolded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs.lab.server.engine import Engine
    from ses_constructs.lab.server.inbound import Inbound


@dataclass(frozen=True)
class Failure:
    """What a sender is told of one recipient.

    :param status: as in RFC 3463; empty if there is none.
    """

    recipient: str
    reply_code: str
    status: str
    text: str


def bounce(
    engine: Engine, original: Inbound, failures: Sequence[Failure], *, sender: str, via: str, explanation: str = ""
) -> str:
    """Send a bounce, and return its message id.

    :param explanation: for people. Default: that the message could not be delivered.
    :raises SesError: if the mail came without a sender, as bounces do: they are not bounced (RFC 5321, section 4.5.5).
    """
    to = original.envelope.sender
    if not to:
        raise SesError("MessageRejected", "The original message has no envelope sender to bounce it to.")
    at = now()
    message_id = engine.new_id(at)
    header = BytesHeaderParser(policy=email.policy.compat32).parsebytes(original.raw)
    message = MIMEMultipart("report", report_type="delivery-status")
    message["From"], message["To"] = sender, to
    message["Subject"] = "Delivery Status Notification (Failure)"
    message["Auto-Submitted"] = "auto-replied"
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{message_id}@email.amazonses.com>"
    original_id = unfolded(header.get("Message-ID", "")).encode("ascii", "replace").decode()
    if original_id:
        message["In-Reply-To"] = message["References"] = original_id
    lines = [f"{it.recipient}: {it.text}" for it in failures]
    text = explanation or "The message could not be delivered."
    message.attach(MIMEText("\n".join([text, "", *lines, ""])))
    message.attach(_status(failures, original.region))
    original_header = Message()
    original_header["Content-Type"] = "text/rfc822-headers"
    original_header.set_payload(original.raw.partition(b"\r\n\r\n")[0].decode("ascii", "surrogateescape"))
    message.attach(original_header)
    engine.publisher.record.message(
        message_id=message_id,
        source=sender,
        recipients=[to],
        configuration_set=None,
        tags={},
        via=via,
        raw=message.as_bytes(policy=LEAVING),
    )
    return message_id


def _status(failures: Sequence[Failure], region: str) -> Message:
    about_mail = Message()
    about_mail["Reporting-MTA"] = f"dns; inbound-smtp.{region}.amazonaws.com"
    blocks: list[Message | str] = [about_mail]
    for failure in failures:
        block = Message()
        block["Final-Recipient"] = f"rfc822; {failure.recipient}"
        block["Action"] = "failed"
        block["Status"] = failure.status or f"{failure.reply_code[0]}.0.0"
        block["Diagnostic-Code"] = f"smtp; {' '.join(filter(None, [failure.reply_code, failure.status, failure.text]))}"
        blocks.append(block)
    status = Message()
    status["Content-Type"] = "message/delivery-status"
    status.set_payload(blocks)
    return status
