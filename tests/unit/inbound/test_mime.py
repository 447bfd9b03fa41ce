import importlib.util
import tracemalloc
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbound.mime import MOST_PARTS, Mail, take_apart


def take(raw: bytes, chunk: int = 64 * 1024) -> Mail:
    return take_apart(raw[start : start + chunk] for start in range(0, len(raw), chunk))


def contents(mail: Mail) -> list[bytes | None]:
    return [attachment.take() for attachment in mail.attachments]


def nested(depth: int) -> bytes:
    opening = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level) for level in range(depth)
    )
    closing = b"".join(b"--b%d--\r\n" % level for level in reversed(range(depth)))
    return b"Subject: deep\r\n" + opening + b"\r\nthe bottom\r\n" + closing


def test_text_html_and_attachments_come_out_as_they_went_in() -> None:
    message = EmailMessage()
    message["Subject"] = "Rechnung für März"
    message["From"] = "Jörg Müller <joerg@example.com>"
    message.set_content("Grüße\n")
    message.add_alternative("<p>Grüße <img src='cid:logo@example.com'></p>\n", subtype="html")
    message.add_attachment(b"%PDF-1.7 \x00\xff", maintype="application", subtype="pdf", filename="März.pdf")
    message.add_attachment("a,b\n", subtype="csv", filename="liste.csv")
    mail = take(message.as_bytes())
    assert mail.fields.text("subject") == "Rechnung für März"
    assert mail.fields.mailboxes("from") == [{"name": "Jörg Müller", "address": "joerg@example.com"}]
    assert (mail.text, mail.problem) == ("Grüße\n", None)
    assert mail.html is not None
    assert "Grüße" in mail.html
    assert [(it.name, it.content_type) for it in mail.attachments] == [
        ("März.pdf", "application/pdf"),
        ("liste.csv", "text/csv"),
    ]
    assert contents(mail) == [b"%PDF-1.7 \x00\xff", b"a,b\n"]


def test_an_image_of_the_html_is_told_by_its_content_id() -> None:
    raw = (
        b"Content-Type: multipart/related; boundary=r\n\n--r\nContent-Type: text/html\n\n<img src=cid:logo@x>\n"
        b"--r\nContent-Type: image/png\nContent-ID: <logo@x>\nContent-Transfer-Encoding: base64\n\niVBORw==\n--r--\n"
    )
    (image,) = take(raw).attachments
    assert (image.content_id, image.inline, image.take()) == ("logo@x", True, b"\x89PNG")


def test_a_text_with_a_name_or_a_second_text_is_an_attachment_and_nothing_is_lost() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=m\n\n--m\n\nfirst\n"
        b"--m\nContent-Type: text/plain; name=notes.txt\n\nnamed\n--m\n\nsecond\n--m--\n"
    )
    mail = take(raw)
    assert mail.text == "first"
    assert [it.name for it in mail.attachments] == ["notes.txt", ""]
    assert contents(mail) == [b"named", b"second"]


def test_a_mail_inside_the_mail_is_one_attachment() -> None:
    inner = b"Subject: inner\n\nhello\n"
    raw = b"Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: message/rfc822\n\n" + inner + b"--m--\n"
    (attached,) = take(raw).attachments
    assert attached.content_type == "message/rfc822"
    assert attached.take() == inner.rstrip(b"\n")


@pytest.mark.parametrize(
    ("header", "body", "text"),
    [
        (b"text/plain; charset=iso-8859-1", b"caf\xe9", "café"),
        (b"text/plain; charset=us-ascii", "café".encode(), "café"),
        (b"text/plain; charset=utf-8", b"caf\xe9", "caf\N{REPLACEMENT CHARACTER}"),
        (b"text/plain; charset=klingon", "café".encode(), "café"),
        (b"text/plain; charset=utf-16", b"x", "x"),
        (b"text/plain; charset=idna", b"xn--caf-dma", "xn--caf-dma"),
        (b"text/plain; charset=unicode_escape", rb"\u0041", r"\u0041"),
        (b"text/plain; charset=utf-7", b"+2AA-", "?"),
        (b"text/plain", b"nul\x00byte", "nulbyte"),
    ],
)
def test_a_charset_that_lies_costs_characters_and_not_the_mail(header: bytes, body: bytes, text: str) -> None:
    mail = take(b"Content-Type: " + header + b"\n\n" + body)
    assert (mail.text, mail.problem) == (text, None)


def test_broken_base64_gives_what_can_be_read() -> None:
    raw = b"Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\naGVs bG8*hd29ybGQ"
    (attachment,) = take(raw).attachments
    assert attachment.take() is not None


def test_parameters_that_cannot_be_read_do_not_cost_the_content() -> None:
    raw = (
        b"Content-Type: text/plain; charset*0*=utf-8''%E4; name*1*=x; name*=y''z\n"
        b"Content-Transfer-Encoding: base64\n\naGVsbG8=\x80"
    )
    mail = take(raw)
    assert mail.text == "hello" or contents(mail) == [b"hello"]


def test_a_hundred_levels_are_read() -> None:
    mail = take(nested(100))
    assert (mail.text, mail.problem) == ("the bottom", None)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (nested(5000), "NestedTooDeep"),
        (b"Subject: deep\nContent-Type: message/rfc822\n\n" * 5000, "NestedTooDeep"),
        (
            b"Subject: deep\nContent-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\nx\n" * (MOST_PARTS + 1),
            "TooManyParts",
        ),
        (b"Subject: deep\n\n" + b"\n" * 5_000_000, "TooManyLines"),
        (b"Subject: deep\n" + b"a:b\n" * 1_000_000, "HeaderTooLong"),
    ],
)
def test_what_is_too_much_is_told_by_its_header_alone(raw: bytes, code: str) -> None:
    mail = take(raw)
    assert mail.problem is not None
    assert mail.problem.code == code
    assert (mail.text, mail.html, mail.attachments, mail.size) == (None, None, [], len(raw))
    assert mail.fields.text("subject") == "deep"


def test_an_error_of_the_source_is_no_property_of_the_mail() -> None:
    def broken() -> Iterator[bytes]:
        yield b"Subject: x\n\n"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        take_apart(broken())


def test_a_large_mail_is_never_in_memory_more_than_three_times() -> None:
    raw = b"Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n" + b"QUJD" * 18 + b"\n"
    size = 20_000_000
    tracemalloc.start()
    mail = take_apart(raw[-73:] * 1000 if start else raw for start in range(size // 73_000))
    (attachment,) = mail.attachments
    content = attachment.take()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert content is not None
    assert len(content) > 0.7 * size
    # Lines, their join, and the content.
    assert peak < 5 * size


def public_mails() -> list[Path]:
    found = importlib.util.find_spec("test.test_email") if importlib.util.find_spec("test") else None
    locations = found.submodule_search_locations if found is not None else None
    return sorted((Path(next(iter(locations))) / "data").glob("msg_*.txt")) if locations else []


@pytest.mark.skipif(not public_mails(), reason="this Python comes without the tests of its standard library")
def test_the_mails_of_the_standard_librarys_own_tests_are_read() -> None:
    for path in public_mails():
        mail = take(path.read_bytes(), chunk=100)
        assert mail.problem is None, path.name
        assert None not in contents(mail), path.name


LINES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=a",
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        b"Content-Type: message/rfc822",
        b"Content-Type: message/delivery-status",
        b"Content-Type: text/plain; charset*0*=utf-8''%E4; name*1*=x; name*=y''z",
        b"Content-Type: text/html; charset=\xff",
        b"Content-Type: ;;;=",
        b'Content-Disposition: attachment; filename="=?utf-8?q?=E4?="',
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: quoted-printable",
        b"Content-Transfer-Encoding: x-uuencode",
        b"From: =?x?b?!!?= <a@b>, ((((, \xff <",
        b"References: <a@b> <<c@d> >",
        b"Date: Tue, 99 Foo 0 25:61 +9999",
        b"begin 666 x",
        b"--a",
        b"--a--",
        b"--b",
        b"--b--",
        b"",
        b" continued",
        b"QUJD=",
        b"=E4=\xe4",
    ]
)


@settings(deadline=None, max_examples=400)
@given(st.lists(st.one_of(LINES, st.binary(max_size=20)), max_size=60), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_whatever_comes_is_read_without_failing(lines: list[bytes], end: bytes) -> None:
    mail = take(end.join(lines), chunk=7)
    assert mail.problem is None
    for text in (mail.text, mail.html, mail.fields.text("subject"), *(it.name for it in mail.attachments)):
        assert text is None or text.encode() is not None  # no lone surrogates, which no event can carry
    mail.fields.mailboxes("from")
    mail.fields.message_ids("references")
    mail.fields.date("date")
    contents(mail)
