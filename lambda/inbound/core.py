"""From a receipt and a mail to the event "Email Received". Pure: no I/O, no environment, no clock.

The event is described for consumers by the JSON Schema ``docs/email-received.schema.json``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypedDict

from inbound.receipt import PASS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inbound.headers import Fields
    from inbound.mime import Mail
    from inbound.receipt import Receipt
    from inbound.threads import Thread

VERSION = "1"
_MOST_ATTACHMENTS = 100  # in the event; the document has all
_SHORTEST_TEXT = 1_000  # characters, below which shortening text and HTML does not help any more
# RFC 3834 and what is seen besides: https://www.rfc-editor.org/rfc/rfc3834#section-5
_BULK = frozenset({"bulk", "junk", "list", "autoReply"})
_AUTOMATIC_FIELDS = ("x-autoreply", "x-autorespond", "x-auto-response-suppress")
_BOUNCE_REPORTS = frozenset({"delivery-status", "feedback-report", "disposition-notification"})


class StoredAttachment(TypedDict):
    """An attachment, and where its content is."""

    name: str
    safeName: str
    contentType: str
    contentId: str
    inline: bool
    key: str | None
    size: int | None
    sha256: str | None


def describe(
    receipt: Receipt,
    mail: Mail,
    attachments: Sequence[StoredAttachment],
    *,
    mailbox: str,
    document_key: str,
    thread: Thread | None,
) -> dict[str, Any]:
    """Return all that is known of a mail.

    :param mailbox: whose it is.
    :param document_key: where this description will be stored, in the bucket of the mail.
    :param thread: in which the mail answers, by the reply address that it was sent to.
    """
    fields = mail.fields
    return {
        "version": VERSION,
        "mailbox": mailbox,
        "sesMessageId": receipt.message_id,
        "receivedAt": receipt.received_at,
        "envelope": {
            "from": receipt.sender,
            "to": list(receipt.recipients),
            "alsoTo": list(receipt.other_recipients),
        },
        "from": fields.mailboxes("from"),
        "sender": _first(fields.mailboxes("sender")),
        "replyTo": fields.mailboxes("reply-to"),
        "to": fields.mailboxes("to"),
        "cc": fields.mailboxes("cc"),
        "date": fields.date("date"),
        "subject": fields.text("subject"),
        "messageId": _first(fields.message_ids("message-id")),
        "inReplyTo": fields.message_ids("in-reply-to"),
        "references": fields.message_ids("references"),
        "thread": thread,
        "text": mail.text,
        "html": mail.html,
        "shortened": False,
        "attachments": list(attachments),
        "size": mail.size,
        "verdicts": {**receipt.verdicts, "passed": all(it == PASS for it in receipt.verdicts.values())},
        "dmarcPolicy": receipt.dmarc_policy or None,
        "automatic": {
            "bounce": is_bounce(receipt, mail),
            "autoReply": is_automatic(fields),
            "mailingList": "list-id" in fields or "list-post" in fields,
        },
        "problem": mail.problem._asdict() if mail.problem is not None else None,
        "stored": {"bucket": receipt.bucket, "mailKey": receipt.key, "documentKey": document_key},
    }


def is_automatic(fields: Fields) -> bool:
    """Whether a machine wrote the mail, so that no machine may answer it (RFC 3834, section 2)."""
    return (
        fields.word("auto-submitted") not in ("", "no")
        or fields.word("precedence") in _BULK
        or any(name in fields for name in _AUTOMATIC_FIELDS)
    )


def is_bounce(receipt: Receipt, mail: Mail) -> bool:
    """Whether the mail tells what became of another mail."""
    local = receipt.sender.partition("@")[0].lower()
    return receipt.sender in ("", "<>") or local == "mailer-daemon" or mail.report_type in _BOUNCE_REPORTS


def fit(document: Mapping[str, Any], most_bytes: int) -> str:
    """Return *document* as JSON for an event, with text, HTML and the list of attachments shortened until it fits.

    What was shortened says so in ``shortened``, and the whole is in the document that ``stored`` names.
    """
    fitted = dict(document)
    if len(fitted["attachments"]) > _MOST_ATTACHMENTS:
        fitted |= {"attachments": fitted["attachments"][:_MOST_ATTACHMENTS], "shortened": True}
    detail = _json(fitted)
    # The longest text is halved until all fit: each round takes away at least a quarter of what is too much.
    while len(detail.encode()) > most_bytes:
        longest = max(("text", "html"), key=lambda name: len(fitted[name] or ""))
        length = len(fitted[longest] or "")
        if length >= _SHORTEST_TEXT:
            fitted |= {longest: fitted[longest][: length // 2], "shortened": True}
        else:
            return next((it for it in map(_json, _least(fitted)) if len(it.encode()) <= most_bytes), detail)
        detail = _json(fitted)
    return detail


def _least(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what is left when even lists of a hundred addresses are too long, less each time."""
    lists = ("from", "replyTo", "to", "cc", "inReplyTo", "references", "attachments")
    for most in (10, 1, 0):
        short = {name: document[name][:most] for name in lists}
        yield {**document, **short, "text": None, "html": None, "shortened": True}


def _first(values: Sequence[Any]) -> Any:
    return values[0] if values else None


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
