"""Public mail and our own, mutated, on its whole way: taken apart, announced, and forwarded."""

import importlib.util
import json
import tracemalloc
from email import message_from_bytes
from email.policy import compat32
from pathlib import Path
from typing import Any

from hypothesis import given
from jsonschema import Draft202012Validator

from inbound.core import StoredAttachment, describe, fit
from inbound.mime import Mail, take_apart
from inbound.names import safe_name
from inbound.receipt import Receipt
from mail_forwarder import core, header
from ses_common.envelope import Unusable
from tests.fuzz.mutations import mutated

SCHEMA = Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "docs" / "email-received.schema.json").read_text())
)
VERDICTS = dict.fromkeys(("spam", "virus", "spf", "dkim", "dmarc"), "PASS")
TO = ("info@example.com",)
RECEIPT = Receipt("id", "2026-03-02T08:15:30Z", "ann@example.net", TO, (), VERDICTS, "none", "mailbox", "mail/id")
OWN = [
    b"From: Ann <ann@example.net>\r\nReply-To: =?utf-8?q?J=C3=B6rg?= <j@example.net>\r\nSubject: =?x?b?QQ==?=\r\n"
    b"Message-ID: <1@example.net>\r\nReferences: <0@example.net>\r\n"
    b"Content-Type: multipart/mixed; boundary=m\r\n\r\n"
    b"--m\r\nContent-Type: text/html; charset=utf-7\r\n\r\n+ZeVnLIqe-\r\n"
    b"--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx\r\n--m\r\n"
    b"Content-Type: application/pdf\r\n"
    b"Content-Disposition: attachment; filename*0*=utf-8''%2E%2E/; filename*1=a.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--m--\r\n"
]
PIECES = [
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\0", b"--", b"--m", b"--m--", b";", b'"', b"<", b">", b"(", b"=?", b"?="),
    *(b"\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n", b"\r\nContent-Type: message/partial\r\n\r\n"),
    *(b"\r\nContent-Transfer-Encoding: base64", b"\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 666 x\r\n"),
    *(b"charset=utf-16", b"charset=idna", b"charset*=x'y'z", b"filename*9999999999=x", b"filename*1*=%ff"),
    *(b"=?utf-8?q?=0D=0AX-SES-A:b?=", b"=?unicode_escape?q?=5Cud800?=", b"\r\nBcc: eve@example.org", b"a" * 2000),
    *(b"\r\nX-SES-CONFIGURATION-SET: theirs", b"\r\n From: x@y", b"../", b"\xe2\x80\xae", b"\xff\xfe"),
]


def _public() -> list[bytes]:
    found = importlib.util.find_spec("test.test_email") if importlib.util.find_spec("test") else None
    locations = found.submodule_search_locations if found is not None else None
    data = Path(next(iter(locations))) / "data" if locations else Path("/nonexistent")
    return [path.read_bytes() for path in sorted(data.glob("msg_*.txt"))]


MAILS = mutated([*OWN, *_public()], PIECES)


def _described(raw: bytes) -> tuple[Mail, dict[str, Any]]:
    mail = take_apart(raw[at : at + 100] for at in range(0, len(raw), 100))
    attachments: list[StoredAttachment] = []
    for number, it in enumerate(mail.attachments):
        content = it.take()
        attachments.append(
            {
                "name": it.name,
                "safeName": safe_name(it.name),
                "contentType": it.content_type,
                "contentId": it.content_id,
                "inline": it.inline,
                "key": f"parsed/id/{number}-{safe_name(it.name)}",
                "size": len(content) if content is not None else None,
                "sha256": "0" * 64 if content is not None else None,
            }
        )
    return mail, describe(RECEIPT, mail, attachments, mailbox="Mail/Box", document_key="d", thread=None)


@given(MAILS)
def test_any_mail_becomes_an_event_that_the_schema_describes_and_that_fits(raw: bytes) -> None:
    _, description = _described(raw)
    whole = json.dumps(description, ensure_ascii=False).encode()
    SCHEMA.validate(json.loads(whole))
    detail = fit(description, 5_000)  # much less than an event has, or nothing would have to be shortened
    SCHEMA.validate(json.loads(detail.encode()))
    assert len(detail.encode()) <= 250_000
    for attachment in description["attachments"]:
        name = attachment["safeName"]
        assert name
        assert not set(name) & set("/\\\r\n\0<>\"'&%?#:*|`$;")
        assert name not in (".", "..")
        assert len(attachment["key"].encode()) < 1024


@given(MAILS)
def test_any_mail_is_forwarded_with_our_from_alone_or_refused_with_a_reason(raw: bytes) -> None:
    _, description = _described(raw)
    mail = core.read(json.dumps({"detail": description}))
    try:
        head = header.read(raw)
    except Unusable:  # too long
        assert len(raw) > header.MOST_BYTES
        return
    if core.why_not(mail, head, "mark") is not None:
        return
    written = core.rewrite(raw, head, mail, via="info@example.com", from_address="f@example.com", mark="mark")
    again = header.read(written)
    assert written[again.body_at :] == raw[head.body_at :]
    assert len(again.values(b"from")) == 1
    assert b"f@example.com" in again.values(b"from")[0]
    names = {field.name for field in again.fields}
    assert not names & {b"bcc", b"sender", b"return-path"}
    assert not [name for name in names if name.startswith(b"x-ses-")]
    # As another parser sees it, nothing has been smuggled in either.
    seen = message_from_bytes(written, policy=compat32)
    assert [name for name in seen if name.lower() in ("from", "bcc", "sender")] == ["From"]
    assert core.why_not(mail, again, "mark") in ("Loop", "TooManyHops")


@given(MAILS)
def test_no_mail_takes_memory_out_of_proportion(raw: bytes) -> None:
    tracemalloc.start()
    try:
        mail = take_apart([raw])
        for attachment in mail.attachments:
            attachment.take()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A part is a few objects however short it is, and there are at most a thousand.
    assert peak < 20 * len(raw) + 6_000_000
