"""A MIME message as SES takes it, and as it leaves.

See https://docs.aws.amazon.com/ses/latest/dg/header-fields.html and
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-send-email.html.
"""

import email.charset
import email.policy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.utils import format_datetime, getaddresses, parseaddr

from ses_constructs.lab.server.errors import invalid

# Long headers stay as they are: folding is the next server's right, and changes what DKIM has signed.
LEAVING = email.policy.compat32.clone(linesep="\r\n", max_line_length=0)
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_SET_HEADER = "X-SES-CONFIGURATION-SET"
_TAGS_HEADER = "X-SES-MESSAGE-TAGS"
_LIST_HEADER = "X-SES-LIST-MANAGEMENT-OPTIONS"
_TENANT_HEADER = "X-SES-TENANT"
# SES acts on these and takes them out before it sends.
_TAKEN_OUT = (
    _SET_HEADER,
    _TAGS_HEADER,
    _TENANT_HEADER,
    _LIST_HEADER,
    "X-SES-SOURCE-ARN",
    "X-SES-FROM-ARN",
    "X-SES-RETURN-PATH-ARN",
)
# https://www.eicar.org/download-anti-malware-testfile/, in two parts so that no scanner takes this file for it
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@dataclass(frozen=True)
class Mime:
    """What SES reads out of a message."""

    message: Message
    from_header: str
    recipients: Sequence[str]
    """Of To, Cc and Bcc, in the order of the headers."""
    configuration_set: str | None
    tags: dict[str, str] = field(default_factory=dict)
    contact_list: tuple[str, str | None] | None = None
    """Name and topic, for list management."""
    tenant: str | None = None

    @property
    def has_virus(self) -> bool:
        """Whether any part is the EICAR test file, which SES rejects as it would a virus."""
        return any(EICAR in _payload(part) for part in self.message.walk() if not part.is_multipart())

    def headers(self) -> list[dict[str, str]]:
        """Return the headers as events list them: those of the sender, in their order."""
        return [{"name": name, "value": unfolded(value)} for name, value in self.message.items()]

    def change_text(self, subtype: str, change: Callable[[str], str]) -> None:
        """Change the text of every part of a kind, such as ``html``, that is no attachment."""
        for part in self.message.walk():
            if part.get_content_type() != f"text/{subtype}" or part.get_content_disposition() == "attachment":
                continue
            charset = part.get_content_charset() or "utf-8"
            try:
                text = _payload(part).decode(charset)
            except (LookupError, UnicodeDecodeError):
                continue  # what cannot be read is left as it is
            changed = change(text)
            if changed != text:
                # Whatever it was before, it holds long links now.
                encoded = email.charset.Charset("utf-8")
                encoded.body_encoding = email.charset.QP
                del part["Content-Transfer-Encoding"]
                part.set_payload(changed, encoded)

    def leaving(self, message_id_header: str, now: datetime) -> bytes:
        """Return the message as it leaves: Date and Message-ID are SES's, and Bcc and SES's own headers are gone."""
        for name in ("Bcc", "Date", "Message-ID"):
            del self.message[name]
        self.message["Date"] = format_datetime(now)
        self.message["Message-ID"] = message_id_header
        return self.message.as_bytes(policy=LEAVING)


def read(raw: bytes) -> Mime:
    """Read a message and take SES's own headers out of it."""
    message = BytesParser(policy=email.policy.compat32).parsebytes(raw)
    configuration_set = message.get(_SET_HEADER)
    contact_list = _contact_list(str(message.get(_LIST_HEADER, "")))
    tenant = str(message.get(_TENANT_HEADER, "")).strip() or None
    tags = parse_tags(str(message.get(_TAGS_HEADER, "")))
    for name in _TAKEN_OUT:
        del message[name]
    fields = [str(value) for name in ("To", "Cc", "Bcc") for value in message.get_all(name, [])]
    return Mime(
        message=message,
        from_header=unfolded(message.get("From", "")),
        recipients=[address for _, address in getaddresses(fields) if address],
        configuration_set=str(configuration_set).strip() if configuration_set else None,
        tags=tags,
        contact_list=contact_list,
        tenant=tenant,
    )


def compose(
    *,
    source: str,
    to: Sequence[str],
    cc: Sequence[str],
    reply_to: Sequence[str],
    subject: str,
    text: str | None,
    html: str | None,
    headers: Sequence[tuple[str, str]] = (),
) -> bytes:
    """Build the message of a send that gives its parts."""
    message = EmailMessage(policy=email.policy.SMTP)
    if source:
        message["From"] = source
    for name, addresses in (("To", to), ("Cc", cc), ("Reply-To", reply_to)):
        if addresses:
            message[name] = ", ".join(addresses)
    message["Subject"] = subject
    for name, value in headers:
        message[name] = value
    if text is not None:
        message.set_content(text)
        if html is not None:
            message.add_alternative(html, subtype="html")
    else:
        message.set_content(html or "", subtype="html")
    return message.as_bytes()


def compose_parts(
    parts: Mapping[str, str],
    *,
    source: str,
    to: Sequence[str],
    cc: Sequence[str],
    reply_to: Sequence[str],
    headers: Sequence[tuple[str, str]] = (),
) -> bytes:
    """Build a message of ``Subject``, ``Text`` and ``Html``; an empty part is left out."""
    return compose(
        source=source,
        to=to,
        cc=cc,
        reply_to=reply_to,
        subject=parts["Subject"],
        text=parts["Text"] or None,
        html=parts["Html"] or None,
        headers=headers,
    )


def parse_tags(header: str) -> dict[str, str]:
    """Read ``a=1, b=2``."""
    tags = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = pair.partition("=")
        tags[name.strip()] = value.strip()
    return tags


def _contact_list(header: str) -> tuple[str, str | None] | None:
    """Read ``list; topic=name``."""
    name, _, rest = (part.strip() for part in header.partition(";"))
    topic = rest.partition("=")[2].strip()
    return (name.removeprefix("contactListName=").strip(), topic or None) if name else None


def check_tags(tags: dict[str, str]) -> None:
    """Refuse names and values that SES refuses."""
    for name, value in tags.items():
        for text in (name, value):
            if not _TAG.fullmatch(text):
                raise invalid(f"Invalid tag <{text}>: only alphanumeric ASCII characters, '_', and '-' are allowed.")


def bare(address: str) -> str:
    """Return the address without a display name."""
    return parseaddr(address)[1]


def now() -> datetime:
    """Return the time, to the millisecond that SES reports."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def unfolded(value: object) -> str:
    """Return the value of a header field in one line."""
    return re.sub(r"\r?\n[ \t]*", " ", str(value)).strip()
