import json

from inbound.core import StoredAttachment, describe, fit
from inbound.mime import take_apart
from inbound.receipt import VERDICTS, Receipt

MOST_BYTES = 250_000


def test_a_mail_made_to_burst_the_event_is_announced_all_the_same() -> None:
    """Every list as long as it can be, of characters that take four bytes, and a mail to hundreds of addresses."""
    wide = "\U0001f600"
    name, identifier = wide * 255, wide * 990
    fields = [
        *(
            f"{field}: {name} <{wide * 300}@example.net>"
            for field in ("From", "Reply-To", "To", "Cc")
            for _ in range(12)
        ),
        *(f"{field}: " + f"<{identifier}>" * 10 for field in ("In-Reply-To", "References")),
        f"Subject: {wide * 2000}",
        f"Message-ID: <{identifier}>",
        f"Sender: {name} <{wide * 300}@example.net>",
        "Content-Type: multipart/mixed; boundary=b",
    ]
    part = f'--b\r\nContent-Disposition: attachment; filename="{name}"\r\nContent-ID: <{identifier}>\r\n\r\nx\r\n'
    raw = ("\r\n".join(fields) + "\r\n\r\n" + part * 20 + "--b--\r\n").encode()
    to = tuple(f"{number:03}{'a' * 61}@{'b' * 200}.example.com" for number in range(500))
    verdicts = dict.fromkeys(VERDICTS, "PASS")
    receipt = Receipt("id", "2026-03-02T08:15:30Z", "a@example.net", to, (), verdicts, "", "mailbox", "mail/id")
    mail = take_apart([raw])
    attachments: list[StoredAttachment] = [
        {
            "name": it.name,
            "safeName": it.name[:100],
            "contentType": it.content_type,
            "contentId": it.content_id,
            "inline": it.inline,
            "key": f"parsed/id/1-{it.name[:100]}",
            "size": 1,
            "sha256": "0" * 64,
        }
        for it in mail.attachments
    ]
    description = describe(
        receipt,
        mail,
        attachments,
        mailbox="Mail/Box",
        document_key="d",
        thread=None,
    )
    detail = fit(description, MOST_BYTES)
    assert len(detail.encode()) <= MOST_BYTES
    assert json.loads(detail)["envelope"]["to"] == list(to)
