from email import message_from_bytes

import pytest

from inbound.headers import Fields


def fields(raw: bytes) -> Fields:
    return Fields(message_from_bytes(raw + b"\n\n"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= aus =?iso-8859-1?b?S/ZsbiA=?=", "Grüße aus Köln"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
        ("roh café".encode(), "roh café"),
        (b"=?utf-8?q?split over?=\n =?utf-8?q?_lines?=", "split over lines"),
        (b"=?klingon?b?w6k=?=", "é"),
        (b"=?utf-8?q?a=0D=0ABcc:_victim@example.com?=", "a Bcc: victim@example.com"),
        (b"=?utf-8?b?4oCuZ25wLmV4ZQ==?=", "gnp.exe"),
    ],
)
def test_a_subject_is_read_in_one_line_without_what_cannot_be_seen(value: bytes, text: str) -> None:
    assert fields(b"Subject: " + value).text("subject") == text


def test_of_doubled_fields_the_topmost_counts() -> None:
    assert fields(b"Subject: one\nSubject: two").text("subject") == "one"


@pytest.mark.parametrize(
    ("value", "mailboxes"),
    [
        (
            b'"Doe, Jane" <jane@example.com>, bob@example.com',
            [("Doe, Jane", "jane@example.com"), ("", "bob@example.com")],
        ),
        (
            b"=?utf-8?q?Evil=2C_ceo=40example=2Ecom?= <x@attacker.example>",
            [("Evil, ceo@example.com", "x@attacker.example")],
        ),
        (b"undisclosed-recipients:;", []),
        (b"", []),
        (b"(" * 5000, []),
    ],
)
def test_mailboxes_are_what_their_commas_separate(value: bytes, mailboxes: list[tuple[str, str]]) -> None:
    found = fields(b"From: " + value).mailboxes("from")
    assert [(it["name"], it["address"]) for it in found] == mailboxes


def test_message_ids_are_found_among_other_things() -> None:
    assert fields(b"References: <a@x> junk\n <b@y>,<c@z>").message_ids("references") == ["a@x", "b@y", "c@z"]


@pytest.mark.parametrize(
    ("value", "date"),
    [
        (b"Tue, 24 Nov 2026 10:00:00 +0100", "2026-11-24T10:00:00+01:00"),
        (b"yesterday", None),
        (b"Tue, 24 Nov 99999 10:00:00 +0100", None),
        (b"Tue, 24 Nov 2026 10:00:00 +9999999", None),
    ],
)
def test_a_date_is_read_or_there_is_none(value: bytes, date: str | None) -> None:
    assert fields(b"Date: " + value).date("date") == date
