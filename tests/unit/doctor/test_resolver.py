from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ses_constructs.doctor.check import Answer, Status
from ses_constructs.doctor.examination import Claims, examine, exit_status
from ses_constructs.doctor.resolver import Resolver
from tests.unit.doctor.server import GARBAGE, REFUSED, SERVFAIL, SILENCE, serving

LONG = "v=spf1 " + " ".join(f"ip4:192.0.2.{number}" for number in range(200)) + " ~all"
ZONE: dict[tuple[str, str], Any] = {
    ("here.example", "A"): ["192.0.2.1"],
    ("strings.example", "TXT"): [b"v=spf1 " + b"x" * 300],
    ("bytes.example", "TXT"): [b"caf\xe9\x00"],
    ("long.example", "TXT"): [LONG],
    ("null.example", "MX"): ["0 ."],
    ("mail.example", "MX"): ["10 MX.Example"],
    ("broken.example", "TXT"): SERVFAIL,
    ("closed.example", "TXT"): REFUSED,
    ("slow.example", "TXT"): SILENCE,
    ("noise.example", "TXT"): GARBAGE,
}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int]]:
    with serving(ZONE) as address:
        yield address


@pytest.mark.parametrize(
    ("name", "type", "answer"),
    [
        ("here.example", "A", Answer(Status.FOUND, ("192.0.2.1",))),
        ("here.example", "TXT", Answer(Status.EMPTY)),
        ("gone.example", "A", Answer(Status.ABSENT)),
        ("broken.example", "TXT", Answer(Status.SERVFAIL)),
        ("closed.example", "TXT", Answer(Status.REFUSED)),
        ("slow.example", "TXT", Answer(Status.TIMEOUT)),
        ("null.example", "MX", Answer(Status.FOUND, ("0 .",))),
        ("mail.example", "MX", Answer(Status.FOUND, ("10 mx.example",))),
        ("strings.example", "TXT", Answer(Status.FOUND, ("v=spf1 " + "x" * 300,))),
        ("bytes.example", "TXT", Answer(Status.FOUND, ("caf\\xe9\0",))),
        ("long.example", "TXT", Answer(Status.FOUND, (LONG,))),
        (f"{'x' * 64}.example", "A", Answer(Status.ABSENT)),
        ("a..example", "A", Answer(Status.ABSENT)),
        ("münchen.example", "A", Answer(Status.ABSENT)),
    ],
)
def test_every_kind_of_answer_is_told_apart(server: tuple[str, int], name: str, type: str, answer: Answer) -> None:
    assert Resolver(server, timeout=0.5)(name, type) == answer


def test_an_answer_that_is_none_is_not_taken_for_one(server: tuple[str, int]) -> None:
    assert not Resolver(server, timeout=0.5)("noise.example", "TXT").is_known


def test_a_resolver_that_never_answers_is_asked_twice_and_no_more() -> None:
    asked: list[str] = []

    class Silent(dict[tuple[str, str], Any]):
        def get(self, key: Any, default: Any = None) -> Any:
            asked.append(key[0])
            return SILENCE

    with serving(Silent()) as address:
        checks = examine(
            "mail.example.com", lookup=Resolver(address, timeout=0.2), fetch=None, source=Claims(selectors=["s1"])
        )
    assert len(set(asked)) == 2
    assert exit_status(checks) == 2


def test_after_the_budget_nothing_is_asked(server: tuple[str, int]) -> None:
    resolver = Resolver(server, budget=0)
    assert resolver("here.example", "A") == Answer(Status.TIMEOUT)
