"""Whatever is in DNS or behind HTTPS, the doctor ends with a report that can be printed and parsed."""

from __future__ import annotations

import io
import json
from typing import Any

import dns.zone
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ses_constructs import DnsRecord
from ses_constructs.doctor.check import Answer, Status
from ses_constructs.doctor.dmarc_record import is_dmarc, read_dmarc
from ses_constructs.doctor.examination import Claims, examine, exit_status
from ses_constructs.doctor.findings import KINDS
from ses_constructs.doctor.report import as_json, show
from ses_constructs.doctor.resolver import Resolver
from ses_constructs.doctor.transport import Fetched, parse_policy
from tests.unit.doctor import healthy
from tests.unit.doctor.server import serving

BEGINNINGS = ["", "v=spf1 ", "v=DMARC1; ", "v=STSv1; ", "v=TLSRPTv1; ", "v=BIMI1; ", "v=DKIM1; p="]
PIECES = [
    "p=reject", "p=", "rua=mailto:", "rua=mailto:a@", "@[::1", "%{", "%00", "a/", "//", "include:", "redirect=", "all",
    "ip6:::", "l=https://[", "a=http://[::", "fo=", "t=y:", "t=", ";", "=", " ", "\\", '"', "mailto:x@y.example",
    "!10m", "MIGf", "MA==", "psd=y", "[bold]", "[/]", "\x1b[2J", "id=", "np=", "münchen", "\\xff",
]  # fmt: skip
TEXTS = st.builds(str.__add__, st.sampled_from(BEGINNINGS), st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
STATUSES = st.sampled_from([status for status in Status if status is not Status.FOUND])
VALUES = {
    "TXT": st.lists(TEXTS, min_size=1, max_size=3),
    "MX": st.lists(st.sampled_from(["0 .", "10 mx.example.com", "0 192.0.2.1", "10 \\000\\;.example"]), min_size=1),
    "CNAME": st.just(["somewhere.example.net"]),
    "A": st.just(["192.0.2.1"]),
    "AAAA": st.just(["2001:db8::1"]),
}
SOURCES = st.sampled_from([healthy.view(), Claims(selectors=["s1"], mail_from="b.example.com", region="r"), "because"])
FETCHED = st.text().map(lambda text: Fetched(body=f"version: STSv1\n{text}"))


@given(st.data(), SOURCES, FETCHED)
def test_any_answer_gives_a_report(data: st.DataObject, source: Any, fetched: Fetched) -> None:
    known: dict[tuple[str, str], Answer] = {}

    def lookup(name: str, type: str) -> Answer:
        if (name, type) not in known:
            found = VALUES[type].map(lambda values: Answer(Status.FOUND, tuple(values)))
            known[name, type] = data.draw(found | STATUSES.map(Answer))
        return known[name, type]

    checks = examine(healthy.DOMAIN, lookup=lookup, fetch=lambda host, path: fetched, source=source)
    assert exit_status(checks) in (0, 1, 2)
    assert {finding.code for check in checks for finding in check.findings} <= set(KINDS)
    json.loads(as_json(healthy.DOMAIN, checks))
    output = io.StringIO()
    show(Console(file=output, width=80), healthy.DOMAIN, checks)
    assert "\x1b" not in output.getvalue()


@given(st.lists(st.binary(max_size=600), min_size=1, max_size=3))
def test_any_octets_of_a_txt_record_arrive_as_text(records: list[bytes]) -> None:
    with serving({(healthy.DOMAIN, "TXT"): records}) as server:
        answer = Resolver(server)(healthy.DOMAIN, "TXT")
    assert answer.status is Status.FOUND
    assert sorted(set(answer.values)) == sorted({it.decode("ascii", "backslashreplace") for it in records})


@given(TEXTS)
def test_any_dmarc_record_can_be_read(text: str) -> None:
    record = read_dmarc("example.com", f"v=DMARC1; {text}")
    assert is_dmarc(f"v=DMARC1; {text}")
    assert record.policy("p") in ("none", "quarantine", "reject")
    record.report_hosts()


@given(st.text())
def test_any_policy_can_be_read(body: str) -> None:
    parse_policy(body)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=700))
def test_a_line_to_paste_is_read_back_by_a_name_server_as_the_text_it_was_made_from(text: str) -> None:
    (line,) = DnsRecord("a.example", "TXT", (text,), "test").lines()
    zone = dns.zone.from_text(line, origin="example.", check_origin=False)
    (record,) = zone.find_rdataset("a", "TXT")
    assert b"".join(record.strings).decode() == text
