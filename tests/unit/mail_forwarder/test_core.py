"""What becomes of a mail on its way to the people behind an address."""

import json
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound.core import describe
from inbound.mime import take_apart
from inbound.receipt import Receipt
from mail_forwarder import core, header
from mail_forwarder.aliases import Aliases
from ses_common.envelope import Unusable

FROM = "forwarder@example.com"
MARK = "c8f3"
MAIL = (
    b"Return-Path: <bounce@example.net>\r\nReceived: from a by b\r\nDKIM-Signature: v=1; d=example.net;\r\n\tb=abc\r\n"
    b"ARC-Seal: i=1\r\nX-SES-CONFIGURATION-SET: theirs\r\nX-SES-SOURCE-ARN: arn\r\nX-SES-Spam-Verdict: PASS\r\n"
    b"Sender: list@example.net\r\nFrom: Ann <ann@example.net>\r\nTo: info@example.com\r\nBcc: eve@example.org\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nSubject: twice\r\nDate: Mon, 2 Mar 2026 08:15:30 +0000\r\n"
    b"Message-ID: <2@example.net>\r\nIn-Reply-To: <1@example.com>\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"
    b"--m\r\nContent-Type: text/plain; charset=latin1\n\nGr\xfc\xdfe\n\r--m\r\nFrom: in the body\r\n\0--m--\r\n"
)


def announced(raw: bytes, *, sender: str = "ann@example.net", to: tuple[str, ...] = ("info@example.com",)) -> core.Mail:
    """As the mailbox's own parser tells of it."""
    receipt = Receipt("3eh6", "2026-03-02T08:15:30.000Z", sender, to, (), {}, "", "mailbox", "mail/3eh6")
    detail = describe(receipt, take_apart([raw]), [], mailbox="Mail/Box", document_key="d", thread=None)
    return core.read(json.dumps({"detail-type": "Email Received", "detail": detail}))


def forwarded(raw: bytes, **options: Any) -> Any:
    return message_from_bytes(rewritten(raw, **options), policy=default)


def rewritten(raw: bytes, **options: Any) -> bytes:
    mail = announced(raw, **options)
    return core.rewrite(raw, header.read(raw), mail, via=mail.recipients[0], from_address=FROM, mark=MARK)


def reason(raw: bytes, **options: Any) -> str | None:
    return core.why_not(announced(raw, **options), header.read(raw), MARK)


def with_field(field: bytes) -> bytes:
    return field + b"\r\n" + MAIL


def test_the_from_is_one_that_may_send_and_says_who_wrote_and_to_whom() -> None:
    mail = forwarded(MAIL)
    assert mail.get_all("from") == ['"Ann (ann@example.net) via info@example.com" <forwarder@example.com>']
    assert mail.get_all("reply-to") == ["Ann <ann@example.net>"]


def test_a_reply_to_of_the_senders_own_is_kept() -> None:
    mail = forwarded(with_field(b"Reply-To: Desk <desk@example.net>, ann@example.net"))
    assert [it.addr_spec for it in mail["reply-to"].addresses] == ["desk@example.net", "ann@example.net"]
    assert mail["reply-to"].addresses[0].display_name == "Desk"


def test_nothing_of_the_body_changes_by_a_byte() -> None:
    body = MAIL.partition(b"\r\n\r\n")[2]
    assert rewritten(MAIL).partition(b"\r\n\r\n")[2] == body


def test_what_ses_refuses_or_would_obey_and_what_does_not_verify_any_more_is_left_out() -> None:
    mail = forwarded(MAIL)
    assert sorted({name.lower() for name in mail}) == [
        "content-type",
        "date",
        "from",
        "in-reply-to",
        "message-id",
        "received",
        "references",
        "reply-to",
        "subject",
        "to",
        "x-forwarded-by",
    ]
    assert mail.get_all("subject") == ["Grüße"]


def test_answers_belong_to_the_senders_conversation() -> None:
    assert forwarded(MAIL)["references"] == "<1@example.com> <2@example.net>"
    assert forwarded(with_field(b"References: <0@example.com>\r\n <1@example.com>"))["references"] == (
        "<0@example.com> <1@example.com> <2@example.net>"
    )
    many = b"References:" + b"".join(b"\r\n <%d@example.com>" % number for number in range(500))
    ids = forwarded(with_field(many))["references"].split()
    assert (ids[0], ids[-2:], len(ids)) == ("<0@example.com>", ["<499@example.com>", "<2@example.net>"], 52)
    assert "references" not in forwarded(b"From: ann@example.net\r\n\r\n")


@pytest.mark.parametrize(
    ("field", "display"),
    [
        (b"From: ann@example.net", "ann@example.net via info@example.com"),
        (b"From: Ann", "Ann via info@example.com"),
        (b"From: ", "ann@example.net via info@example.com"),
        (b"Subject: hello", "ann@example.net via info@example.com"),
        (b"From: =?utf-8?q?J=C3=B6rg?= <j@example.net>", "Jörg (j@example.net) via info@example.com"),
        (b"From: a@example.net, b@example.net", "a@example.net via info@example.com"),
        (b"From: a@example.net\r\nFrom: b@example.net", "a@example.net via info@example.com"),
        (b"From: =?utf-8?q?A=0D=0ABcc:_x@example.org?= <a@example.net>", None),
    ],
)
def test_a_strange_from_makes_a_good_one(field: bytes, display: str | None) -> None:
    mail = forwarded(field + b"\r\nTo: info@example.com\r\n\r\nhello")
    (address,) = mail["from"].addresses
    assert address.addr_spec == FROM
    assert "bcc" not in mail
    if display is not None:
        assert address.display_name == display


def test_there_is_no_reply_to_where_ses_could_not_read_it() -> None:
    for author in ("From: jörg@example.net", "From: nobody", "From: <>"):
        assert "reply-to" not in forwarded(author.encode() + b"\r\n\r\nhello")
    mail = forwarded("From: Ann <ann@bücher.example>\r\n\r\n".encode())
    assert mail["reply-to"].addresses[0].addr_spec == "ann@xn--bcher-kva.example"


def test_what_a_person_or_a_newsletter_sends_is_forwarded() -> None:
    for field in (b"X-Any: 1", b"List-Id: <news.example.net>\r\nPrecedence: bulk", b"Auto-Submitted: auto-generated"):
        assert reason(with_field(field)) is None
    assert reason(with_field(b"X-Forwarded-By: ses-constructs another")) is None


@pytest.mark.parametrize(
    ("field", "why"),
    [
        (b"X-Forwarded-By: ses-constructs c8f3", "Loop"),
        (b"x-forwarded-by: somebody\r\nX-Forwarded-By:\r\n ses-constructs c8f3", "Loop"),
        (b"Received: from a by b\r\n" * 50 + b"X-A: 1", "TooManyHops"),
        (b"Auto-Submitted: auto-replied (vacation)", "AutoReply"),
        (b"Precedence: auto_reply", "AutoReply"),
        (b"X-Autoreply: yes", "AutoReply"),
        (b"Content-Type: Multipart/Report; report-type=anything; boundary=m", "Report"),
    ],
)
def test_loops_and_automatic_replies_are_stopped(field: bytes, why: str) -> None:
    assert reason(with_field(field)) == why


def test_mail_without_a_sender_is_stopped() -> None:
    assert [reason(MAIL, sender=sender) for sender in ("", "<>", "MAILER-DAEMON@example.net")] == ["Report"] * 3


def test_what_was_forwarded_here_is_known_again() -> None:
    once = rewritten(MAIL)
    assert reason(once) == "Loop"
    assert core.why_not(announced(once), header.read(once), "another") is None


def test_everybody_behind_any_recipient_gets_it_once() -> None:
    aliases = Aliases({"info@example.com": ["a@example.net", "b@example.net"], "boss@example.com": ["b@example.net"]})
    recipients = ("nobody@example.com", "info+x@example.com", "boss@example.com")
    via, targets = core.targets(announced(MAIL, to=recipients), aliases)
    assert (via, targets) == ("info+x@example.com", ["a@example.net", "b@example.net"])
    assert core.targets(announced(MAIL, to=("nobody@example.com",)), aliases) == ("", [])


def test_a_mail_that_is_too_large_with_its_new_header_is_refused() -> None:
    raw = MAIL + b"x" * core.MOST_BYTES
    with pytest.raises(Unusable) as refused:
        rewritten(raw)
    assert refused.value.code == "TooLarge"


_WORDS = rb"""From:|Reply-To:|Message-ID:|References:|To:|Subject:|X-SES-A: b|<ann@example.net>|<1@example.net>
=?utf-8?q?=0D=0A?=|=?x?b?|"|(|,|;|Ann|@|example.net|:|=?utf-8?q?=C3?=""".replace(b"\n", b"|").split(b"|")
_PIECES = st.one_of(
    st.binary(max_size=8), st.sampled_from([*_WORDS, b" ", b"\r\n", b"\n", b"\r", b"\xff", b"\xc3\xbc"])
)


@given(raw=st.lists(_PIECES, max_size=40).map(b"".join))
def test_whatever_comes_leaves_with_one_good_from_and_the_body_as_it_was(raw: bytes) -> None:
    head = header.read(raw)
    written = rewritten(raw)
    again = header.read(written)
    assert written[again.body_at :] == raw[head.body_at :]
    (author,) = message_from_bytes(b"From: " + again.values(b"from")[0] + b"\r\n\r\n", policy=default)["from"].addresses
    assert author.addr_spec == FROM
    ours = [field for field in again.fields if field.name in (b"from", b"reply-to", b"x-forwarded-by")]
    assert all(line.isascii() and len(line) < 998 for field in ours for line in field.lines)
    once = {field.name for field in again.fields if field.name != b"to" and not field.name.startswith(b"x-")}
    assert all(len(again.values(name)) == 1 for name in once & {b"from", b"reply-to", b"subject", b"references"})
    assert not [field for field in again.fields if field.name.startswith(b"x-ses-") or field.name == b"sender"]
    assert reason(written) == "Loop"


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"detail": 1}', '{"detail": {"from": [1]}}', "[" * 100_000])
def test_what_is_no_mail_event_cannot_be_used(body: str) -> None:
    with pytest.raises(Unusable) as refused:
        core.read(body)
    assert refused.value.code == "NotAMail"
