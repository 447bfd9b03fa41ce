"""What is done with a mail: to whom it goes, why not, and how it is written. Pure: no I/O, no environment, no clock."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from mail_forwarder import header as headers
from ses_common.addresses import normalise
from ses_common.envelope import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mail_forwarder.aliases import Aliases
    from mail_forwarder.header import Field, Head

MARK = "X-Forwarded-By"
MOST_HOPS = 50
"""Received fields. RFC 5321, section 6.3, wants a large number; mail that is no loop has hardly a dozen."""
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html, https://docs.aws.amazon.com/ses/latest/dg/quotas.html
MOST_RECIPIENTS = 50
MOST_BYTES = 40 * 1024 * 1024
_MOST_REPLY_TO = 20
# What the sender's server says of a mail that is not this one any more, what names senders that SES would want to be
# verified, who is not to be seen, and what we write anew.
_LEFT_OUT = frozenset(
    b"from reply-to sender return-path bcc dkim-signature domainkey-signature "
    b"arc-seal arc-message-signature arc-authentication-results".split()
)
# With these a sender could choose our configuration set, tags and identities:
# https://docs.aws.amazon.com/ses/latest/dg/send-an-email-using-smtp.html
_FOR_SES = b"x-ses-"
_AUTO_REPLY_FIELDS = (b"x-autoreply", b"x-autorespond")
_MESSAGE_ID = re.compile(r"[!-;=?-~]{1,900}")
_MESSAGE_IDS = re.compile(rb"<[!-;=?-~]{1,900}>")
_MOST_REFERENCES = 50


class Mail(NamedTuple):
    """A mail as its mailbox announced it."""

    ses_message_id: str
    sender: str
    """Of the envelope."""
    recipients: tuple[str, ...]
    """Of the envelope."""
    author: tuple[str, str]
    """Display name and address; either may be empty."""
    reply_to: tuple[tuple[str, str], ...]
    message_id: str
    is_bounce: bool
    bucket: str
    key: str


def read(body: str) -> Mail:
    """Read an event "Email Received".

    :raises Unusable: for anything else.
    """
    try:
        detail = json.loads(body)["detail"]
        authors = list(_pairs(detail["from"]))
        return Mail(
            ses_message_id=str(detail["sesMessageId"]),
            sender=str(detail["envelope"]["from"]),
            recipients=tuple(str(it) for it in detail["envelope"]["to"]),
            author=authors[0] if authors else ("", ""),
            reply_to=tuple(_pairs(detail["replyTo"])) or tuple(authors),
            message_id=str(detail["messageId"] or ""),
            is_bounce=bool(detail["automatic"]["bounce"]),
            bucket=str(detail["stored"]["bucket"]),
            key=str(detail["stored"]["mailKey"]),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise Unusable("NotAMail", 'The message is no event "Email Received".') from None


def targets(mail: Mail, aliases: Aliases) -> tuple[str, list[str]]:
    """Return the first recipient that is an alias, and all whom the mail goes to, each once; nothing if none is one."""
    behind = {recipient: aliases.behind(recipient) for recipient in mail.recipients}
    everybody = dict.fromkeys(target for found in behind.values() for target in found)
    return next((recipient for recipient, found in behind.items() if found), ""), list(everybody)


def why_not(mail: Mail, header: Head, mark: str) -> str | None:
    """Say in a word why a mail is not forwarded; None if it is. Newsletters are, and mail that machines write."""
    if any(value.split(b" ")[-1] == mark.encode() for value in header.values(MARK.lower().encode())):
        return "Loop"
    if len(header.values(b"received")) > MOST_HOPS:
        return "TooManyHops"
    content_type = next(iter(header.values(b"content-type")), b"")
    if mail.is_bounce or mail.sender in ("", "<>") or content_type.lower().startswith(b"multipart/report"):
        return "Report"
    submitted = next(iter(header.values(b"auto-submitted")), b"").lower()
    if submitted.startswith(b"auto-replied") or b"auto_reply" in header.values(b"precedence"):
        return "AutoReply"
    return "AutoReply" if any(header.values(name) for name in _AUTO_REPLY_FIELDS) else None


def rewrite(raw: bytes, header: Head, mail: Mail, *, via: str, from_address: str, mark: str) -> bytes:
    """Return the mail with a From that may be sent from here, so that DMARC passes, and replies going where they went.

    Nothing but the header is changed. SES gives the mail a Message-ID of its own; that of the sender is added to the
    References, so that answers belong to the same conversation.

    :param via: address that the mail was sent to.
    :param from_address: address of an identity that may send.
    :param mark: by which this forwarder knows its own mail.
    :raises Unusable: if it is larger than what SES sends.
    """
    kept = [it for it in header.fields if it.name not in _LEFT_OUT and not it.name.startswith(_FOR_SES)]
    reply_to = list(_answerable(mail.reply_to))[:_MOST_REPLY_TO]
    written = headers.write(
        raw,
        header,
        [
            *_threaded(kept, mail.message_id),
            headers.mailboxes("From", [(_display(mail, via), from_address)]),
            *([headers.mailboxes("Reply-To", reply_to)] if reply_to else []),
            headers.unstructured(MARK, f"ses-constructs {mark}"),
        ],
    )
    if len(written) > MOST_BYTES:
        raise Unusable("TooLarge", f"The mail has more than {MOST_BYTES:,} bytes, the most that SES sends.")
    return written


def _display(mail: Mail, via: str) -> str:
    name, address = mail.author
    author = f"{name} ({address})" if name and address else name or address or mail.sender
    return f"{author[:120]} via {via}"


def _answerable(mailboxes: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the mailboxes whose addresses are such, and ASCII, as SES needs them."""
    for name, address in mailboxes:
        try:
            domain = normalise(address).rpartition("@")[2]
        except ValueError:
            continue
        local = address.strip().rpartition("@")[0]
        if f"{local}{domain}".isascii() and "<" not in local:
            yield name, f"{local}@{domain}"


def _threaded(fields: Sequence[Field], message_id: str) -> Iterator[Field]:
    if not _MESSAGE_ID.fullmatch(message_id):
        yield from fields
        return
    named = {field.name: field for field in reversed(fields)}
    parent = named.get(b"references") or named.get(b"in-reply-to")
    own = f"<{message_id}>".encode()
    before = [it for it in _MESSAGE_IDS.findall(parent.value) if it != own] if parent is not None else []
    ids = [*before[:1], *before[1:][-_MOST_REFERENCES:], own]
    yield from (field for field in fields if field.name != b"references")
    yield headers.Field(b"references", [b"References: " + ids[0], *(b" " + it for it in ids[1:])])


def _pairs(mailboxes: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for mailbox in mailboxes:
        yield str(mailbox["name"]), str(mailbox["address"])
