import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ses_constructs import Dkim, DnsRecord

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=2000)


def read_txt(value: str) -> str:
    """What a resolver makes of one TXT value of a zone file: quoted strings of at most 255 octets, joined."""
    strings = re.findall(r'"((?:[^"\\]|\\.)*)"', value)
    assert " ".join(f'"{string}"' for string in strings) == value
    unescaped = [re.sub(r"\\(.)", r"\1", string) for string in strings]
    assert all(len(string) <= 255 for string in unescaped)
    return "".join(unescaped)


@given(PRINTABLE)
def test_a_txt_text_of_any_length_is_one_value_that_reads_back(text: str) -> None:
    (value,) = DnsRecord("example.com", "TXT", (text,), "test").presentation()
    assert read_txt(value) == text


def test_two_txt_texts_are_two_records() -> None:
    record = DnsRecord("example.com", "TXT", ("v=spf1 -all", "x" * 300), "test")
    assert [read_txt(value) for value in record.presentation()] == ["v=spf1 -all", "x" * 300]


def test_other_types_are_written_as_they_are() -> None:
    assert DnsRecord("example.com", "MX", ("10 mx.example.com",), "test").presentation() == ["10 mx.example.com"]


@pytest.mark.parametrize("key_length", [0, 512, 4096, "2048"])
def test_easy_dkim_knows_two_key_lengths(key_length: int) -> None:
    with pytest.raises(ValueError, match="key_length must be 1024 or 2048, got"):
        Dkim.easy(key_length)
