from __future__ import annotations

import pytest

from ses_constructs.doctor.check import Answer, Check, Status
from ses_constructs.doctor.spf import examine_apex, examine_mail_from, parse_spf

DOMAIN = "example.com"


def check_of(**texts: str) -> Check:
    zone = {name.replace("_", "."): text for name, text in texts.items()}

    def lookup(name: str, type: str) -> Answer:
        if type == "TXT" and name in zone:
            return Answer(Status.FOUND, (zone[name],))
        return Answer(Status.FOUND, ("192.0.2.1",)) if type == "A" else Answer(Status.ABSENT)

    return Check("SPF", lookup)


@pytest.mark.parametrize(
    "term",
    [
        "ip4:192.0.2.1", "ip4:192.0.2.0/24", "ip6:2001:db8::/32", "a", "a/24", "a//64", "a/24//64", "a:example.com/24",
        "mx:_spf.example.com", "-exists:%{i}._spf.%{d2r}.example.com", "include:a_b.example.com.", "?ptr", "exp=%{d}",
        "redirect=_spf.example.com", "future=whatever", "A:EXAMPLE.com",
    ],
)  # fmt: skip
def test_what_the_grammar_allows_is_read(term: str) -> None:
    assert parse_spf(f"v=spf1 {term}  -all")[1] == []


@pytest.mark.parametrize(
    "term",
    [
        "ip4", "ip4:192.0.2.0/33", "ip4:2001:db8::1", "ip6:192.0.2.1", "a/33", "a//129", "mx:", "include", "include:",
        "exists:%{x}", "exists:%", "all:example.com", "ptr:a..b", "include:exa_mple:x", "-redirect=example.com",
        "redirect=", "~", "ipv4:192.0.2.1", "a:münchen.example",
    ],
)  # fmt: skip
def test_what_the_grammar_does_not_allow_is_named(term: str) -> None:
    problems = parse_spf(f"v=spf1 {term} -all")[1]
    assert [problem for problem in problems if problem.startswith(repr(term))]


def test_lookups_are_counted_through_every_include() -> None:
    check = check_of(
        example_com="v=spf1 include:one.example include:two.example a mx:a.example -all",
        one_example="v=spf1 a:b.example a:c.example a:d.example ~all",
        two_example="v=spf1 a:e.example a:f.example include:three.example -all",
        three_example="v=spf1 a:g.example -all a:h.example",
    )
    examine_apex(check, DOMAIN)
    (finding,) = [it for it in check.findings if it.code == "spf-lookups"]
    assert "needs 11 DNS look-ups" in finding.message


def test_ten_lookups_through_includes_are_allowed_and_one_more_in_an_include_is_not() -> None:
    hosts = " ".join(f"a:h{number}.example" for number in range(8))
    allowed = check_of(example_com="v=spf1 include:one.example mx -all", one_example=f"v=spf1 {hosts} -all")
    examine_apex(allowed, DOMAIN)
    assert [it.code for it in allowed.findings if it.code.startswith("spf-lookups")] == ["spf-lookups-near"]
    beyond = check_of(example_com="v=spf1 include:one.example mx -all", one_example=f"v=spf1 {hosts} a -all")
    examine_apex(beyond, DOMAIN)
    assert [it.code for it in beyond.findings if it.code.startswith("spf-lookups")] == ["spf-lookups"]


def test_two_lookups_that_find_nothing_are_allowed_and_a_third_in_an_include_is_not() -> None:
    own = "v=spf1 mx:gone1.example mx:gone2.example include:one.example -all"
    for included, expected in (("v=spf1 a -all", []), ("v=spf1 mx:gone3.example -all", ["spf-voids"])):
        check = check_of(example_com=own, one_example=included)
        examine_apex(check, DOMAIN)
        assert [finding.code for finding in check.findings] == expected


def test_a_record_that_includes_without_end_is_given_up() -> None:
    asked: list[str] = []

    def lookup(name: str, type: str) -> Answer:
        asked.append(name)
        return Answer(Status.FOUND, (f"v=spf1 include:a.{name} include:b.{name} -all",))

    check = Check("SPF", lookup)
    examine_apex(check, DOMAIN)
    assert "spf-lookups" in [finding.code for finding in check.findings]
    assert len(asked) < 50


def test_ses_may_be_let_in_through_another_record() -> None:
    check = check_of(
        bounce_example_com="v=spf1 redirect=spf.example.com",
        spf_example_com="v=spf1 include:amazonses.com -all",
        amazonses_com="v=spf1 ip4:192.0.2.0/24 -all",
    )
    examine_mail_from(check, "bounce.example.com")
    assert check.findings == []


def test_what_could_not_be_followed_to_the_end_is_not_said_to_leave_ses_out() -> None:
    def lookup(name: str, type: str) -> Answer:
        return Answer(Status.FOUND, ("v=spf1 include:slow.example -all",)) if name == DOMAIN else Answer(Status.TIMEOUT)

    check = Check("SPF", lookup)
    examine_mail_from(check, DOMAIN)
    assert [finding.code for finding in check.findings] == ["dns-timeout"]
