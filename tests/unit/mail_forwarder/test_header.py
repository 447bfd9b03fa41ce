"""The header of a mail: what is read there, and what is written."""

from email import message_from_bytes
from email.policy import compat32, default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_forwarder import header
from ses_common.envelope import Unusable


def names(raw: bytes) -> list[bytes]:
    return [field.name for field in header.read(raw).fields]


def body(raw: bytes) -> bytes:
    return raw[header.read(raw).body_at :]


def test_folded_fields_stay_in_one_piece_and_all_kinds_of_line_ends_are_known() -> None:
    for end in (b"\r\n", b"\n", b"\r"):
        raw = end.join([b"Subject: one", b"\ttwo", b"To: ann@example.net", b"", b"body", b""])
        read = header.read(raw)
        assert read.values(b"subject") == [b"one two"]
        assert names(raw) == [b"subject", b"to"]
        assert body(raw) == b"body" + end


def test_the_header_ends_at_the_first_line_that_is_no_field() -> None:
    assert (names(b"To: a\r\nhello\r\nBcc: b\r\n\r\n"), body(b"To: a\r\nhello\r\n")) == ([b"to"], b"hello\r\n")
    assert (names(b"\r\nTo: a\r\n"), body(b"\r\nTo: a\r\n")) == ([], b"To: a\r\n")
    assert names(b"From ann Tue Mar  3\nTo: a\n\n") == [b"to"]
    assert names(b"To: a") == [b"to"]
    assert names(b"") == []


def test_an_endless_header_is_refused_at_once_and_a_long_body_is_none() -> None:
    for line in (b"X-Filler: y\r\n", b"X-Filler:", b" ", b"\t\r\n"):
        with pytest.raises(Unusable) as refused:
            header.read(b"To: a\r\n" + line * (header.MOST_BYTES // len(line) + 1) + b"z" * header.MOST_BYTES)
        assert refused.value.code == "HeaderTooLong"
    assert names(b"To: a\r\n\r\n" + b"b" * 2 * header.MOST_BYTES) == [b"to"]


def test_single_fields_are_written_once_with_crlf_and_nameless_ones_not_at_all() -> None:
    raw = b"Subject: first\nReceived: a\nReceived: b\nsubject: second\n: nameless\nTo: x\n   \n\ty\n\n\nbody\n"
    read = header.read(raw)
    written = header.write(raw, read, read.fields)
    assert written == b"Subject: first\r\nReceived: a\r\nReceived: b\r\nTo: x\r\n\ty\r\n\r\n\nbody\n"


_LINES = st.lists(
    st.one_of(
        st.sampled_from([b"To: a", b"subject: b", b" folded", b"\t", b"", b"From x", b"no field", b": c", b"A b: c"]),
        st.binary(max_size=12),
    )
)


@given(lines=_LINES, end=st.sampled_from([b"\r\n", b"\n", b"\r"]))
def test_what_is_written_has_the_fields_that_were_read_and_the_body_as_it_was(lines: list[bytes], end: bytes) -> None:
    raw = end.join(lines)
    read = header.read(raw)
    written = header.write(raw, read, read.fields)
    again = header.read(written)
    assert written[again.body_at :] == raw[read.body_at :]
    for field in again.fields:
        assert field.value in read.values(field.name)
    parsed = message_from_bytes(written, policy=compat32)
    assert [name.lower().encode() for name, _ in parsed.items()] == [field.name for field in again.fields]


@pytest.mark.parametrize(
    ("display", "expected"),
    [
        ('Ann "A" \\ Lee', rb'To: "Ann \"A\" \\ Lee" <a@example.net>'),
        ("", b"To: <a@example.net>"),
        ("Ann\r\nBcc: eve@example.org", b'To: "Ann Bcc: eve@example.org" <a@example.net>'),
    ],
)
def test_display_names_are_quoted_and_bring_no_fields_with_them(display: str, expected: bytes) -> None:
    assert header.mailboxes("To", [(display, "a@example.net")]).lines == [expected]


def test_other_alphabets_are_encoded_in_words_of_75_characters() -> None:
    field = header.mailboxes("To", [("Άννα Παπαδοπούλου " * 8, "a@example.net"), ("\ud800", "b@example.net")])
    assert all(len(line) <= 78 and line.isascii() for line in field.lines)
    assert all(line.startswith(b" ") for line in field.lines[1:])
    parsed = message_from_bytes(b"\r\n".join(field.lines) + b"\r\n\r\n", policy=default)
    ann, nobody = parsed["to"].addresses
    assert (ann.display_name[:17], ann.addr_spec) == ("Άννα Παπαδοπούλου", "a@example.net")
    assert (nobody.display_name, nobody.addr_spec) == ("?", "b@example.net")
