"""A mail that comes in: what SES adds to it, and the JSON that tells of it.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html and
https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda-event.html.
"""

from __future__ import annotations

import base64
import email.policy
import random
import string
from dataclasses import dataclass, field
from datetime import timedelta
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from email.utils import format_datetime, getaddresses
from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server.documents import timestamp
from ses_constructs.lab.server.mime import now, unfolded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ses_constructs.lab.server.verdicts import Verdicts

Json = dict[str, Any]

# Of the header in the JSON: https://docs.aws.amazon.com/ses/latest/dg/quotas.html
SNS_HEADER_BYTES, LAMBDA_HEADER_BYTES = 10 * 1024, 50 * 1024
_WORDS = {"PASS": "pass", "FAIL": "fail", "GRAY": "none", "PROCESSING_FAILED": "temperror"}
# Where SES lists several addresses in commonHeaders, and where a text.
_ADDRESS_LISTS = {"from": "From", "replyTo": "Reply-To", "to": "To", "cc": "Cc", "bcc": "Bcc"}
_COMMON = ("from", "replyTo", "date", "to", "cc", "bcc", "sender", "messageId", "subject")
_TEXTS = {"date": "Date", "sender": "Sender", "messageId": "Message-ID", "subject": "Subject"}


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What SMTP says of a mail.

    :param sender: empty for bounces and the like.
    :param recipients: those that were accepted.
    """

    sender: str
    recipients: Sequence[str]
    client_address: str
    helo: str
    tls: bool


@dataclass
class Inbound:
    """A mail on its way through the rules.

    :param raw: as it came.
    :param added: header fields that rules have added so far.
    """

    envelope: Envelope
    raw: bytes
    message_id: str
    at: datetime
    region: str
    added: list[tuple[str, str]] = field(default_factory=list)

    def content(self, verdicts: Verdicts) -> bytes:
        """Return the mail as copies have it: with SES's header fields, and those that rules have added, on top."""
        fields = [*self._ses_fields(verdicts), *self.added]
        return "".join(f"{name}: {value}\r\n" for name, value in fields).encode() + self.raw

    def mail(self, verdicts: Verdicts, header_bytes: int) -> Json:
        """Return the mail object. :param header_bytes: after how many of them the header is cut off."""
        # The rest of the mail may be large, and is not needed for this.
        header = self.content(verdicts).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        message = BytesHeaderParser(policy=email.policy.compat32).parsebytes(header)
        fields = [(name, unfolded(value)) for name, value in message.items()]
        kept, size = [], 0
        for name, value in fields:
            size += len(f"{name}: {value}\r\n".encode())
            if size > header_bytes:
                break
            kept.append({"name": name, "value": value})
        return {
            "timestamp": timestamp(self.at),
            "source": self.envelope.sender,
            "messageId": self.message_id,
            "destination": list(self.envelope.recipients),
            "headersTruncated": len(kept) < len(fields),
            "headers": kept,
            "commonHeaders": {"returnPath": self.envelope.sender, **_common_headers(fields)},
        }

    def receipt(self, verdicts: Verdicts, recipients: Sequence[str], action: Json) -> Json:
        """Return the receipt object. :param recipients: those that the rule is for."""
        return {
            "timestamp": timestamp(self.at),
            "processingTimeMillis": (now() - self.at) // timedelta(milliseconds=1),
            "recipients": list(recipients),
            **verdicts.written(),
            "action": action,
        }

    def _ses_fields(self, verdicts: Verdicts) -> list[tuple[str, str]]:
        envelope, client = self.envelope, self.envelope.client_address
        domain = envelope.sender.rpartition("@")[2] or envelope.helo
        spf, dkim, dmarc = (_WORDS[it] for it in (verdicts.spf, verdicts.dkim, verdicts.dmarc))
        allowed = "designates" if spf == "pass" else "does not designate"
        checked = (
            f"{spf} (spfCheck: domain of {domain} {allowed} {client} as permitted sender) client-ip={client}; "
            f"envelope-from={envelope.sender}; helo={envelope.helo};"
        )
        receipt = base64.b64encode(f"{self.message_id} {timestamp(self.at)}".encode()).decode()
        return [
            ("Return-Path", f"<{envelope.sender}>"),
            (
                "Received",
                f"from {envelope.helo} ({envelope.helo} [{client}])\r\n by inbound-smtp.{self.region}.amazonaws.com "
                f"with SMTP id {self.message_id}\r\n for {envelope.recipients[0]};\r\n "
                f"{format_datetime(self.at)} (UTC)",
            ),
            ("X-SES-Spam-Verdict", verdicts.spam),
            ("X-SES-Virus-Verdict", verdicts.virus),
            ("Received-SPF", checked),
            (
                "Authentication-Results",
                f"amazonses.com;\r\n spf={checked}\r\n dkim={dkim} header.i=@{domain};\r\n "
                f"dmarc={dmarc} header.from={domain};",
            ),
            ("X-SES-RECEIPT", receipt),
        ]


def arrival(envelope: Envelope, raw: bytes, region: str) -> Inbound:
    """Return a mail that has just come, with an id in the form of SES's ids for received mail."""
    message_id = "".join(random.choices(string.ascii_lowercase + string.digits, k=40))
    return Inbound(envelope, raw, message_id, now(), region)


def _common_headers(fields: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    # Of a field that is there twice, the first counts, but SES's own are not among these.
    first = {name.lower(): value for name, value in reversed(fields)}
    common: Json = {}
    for key in _COMMON:
        value = first.get((_ADDRESS_LISTS.get(key) or _TEXTS[key]).lower())
        if value is not None:
            common[key] = _addresses(value) if key in _ADDRESS_LISTS else _decoded(value)
    return common


def _addresses(value: str) -> list[str]:
    pairs = ((_decoded(name), address) for name, address in getaddresses([value]))
    return [f"{_quoted(name)} <{address}>" if name else address for name, address in pairs if name or address]


def _quoted(name: str) -> str:
    return f'"{name}"' if any(mark in name for mark in ',;<>@"') else name


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError):  # an unknown charset, or bytes that are none of it
        return value
