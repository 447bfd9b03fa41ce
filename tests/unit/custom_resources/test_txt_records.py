"""The function's own resolver against a DNS server that dnspython writes the answers of."""

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_resources import txt_records
from custom_resources.txt_records import TxtRecords
from tests.unit.doctor.server import SERVFAIL, serving

ZONE: dict[tuple[str, str], Any] = {
    ("example.com", "TXT"): [b"v=spf1 include:amazonses.com -all", b"unrelated"],
    ("long.example.com", "TXT"): [b"v=spf1 " + b" ".join(b"ip4:192.0.2.%d" % number for number in range(100))],
    ("large.example.com", "TXT"): [b"%03d" % number + b"x" * 200 for number in range(40)],
    ("broken.example.com", "TXT"): SERVFAIL,
}


def test_the_texts_of_a_name_are_read() -> None:
    with serving(ZONE) as server:
        records = TxtRecords(server)
        assert sorted(records.texts("Example.com.") or []) == ["unrelated", "v=spf1 include:amazonses.com -all"]
        (long,) = records.texts("long.example.com") or []
        assert long.endswith("ip4:192.0.2.99")
        assert records.texts("nothing.example.com") == []


def test_an_answer_too_large_for_a_datagram_is_fetched_over_tcp() -> None:
    with serving(ZONE) as server:
        assert len(TxtRecords(server).texts("large.example.com") or []) == 40


@pytest.mark.parametrize("name", ["broken.example.com", "a..b", f"{'x' * 64}.example.com", "ümlaut.example", ""])
def test_what_cannot_be_known_is_not_known(name: str) -> None:
    with serving(ZONE) as server:
        assert TxtRecords(server).texts(name) is None


def test_a_resolver_that_does_not_answer_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(txt_records, "_TIMEOUT", 0.1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        records = TxtRecords(silent.getsockname())
        assert [records.texts(f"{name}.example.com") for name in "abc"] == [None, None, None]
        silent.settimeout(1)
        assert b"\x01a\x07example" in silent.recv(500)
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.recv(500)


@given(st.binary(max_size=100))
def test_any_answer_is_read_without_failing(answer: bytes) -> None:
    records = TxtRecords(("127.0.0.1", 1))
    records._over_udp = lambda question: answer  # type: ignore[method-assign]  # what a resolver might answer
    records._over_tcp = lambda question: answer  # type: ignore[method-assign]
    found = records.texts("example.com")
    assert found is None or all(isinstance(it, str) for it in found)
