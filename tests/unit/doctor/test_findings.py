"""Each kind of finding is found where it belongs, and none of them on a domain that is all right."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ses_constructs.doctor.account import Account, SesView
from ses_constructs.doctor.check import Check
from ses_constructs.doctor.examination import Claims, examine, exit_status
from ses_constructs.doctor.findings import KINDS
from ses_constructs.doctor.resolver import Resolver
from ses_constructs.doctor.transport import Fetched
from tests.unit.doctor import healthy
from tests.unit.doctor.healthy import DOMAIN, MAIL_FROM, POLICY, TOKENS, public_key
from tests.unit.doctor.server import REFUSED, SERVFAIL, SILENCE, serving

APEX, SENDER = (DOMAIN, "TXT"), (MAIL_FROM, "TXT")
DMARC, PARENT_DMARC = (f"_dmarc.{DOMAIN}", "TXT"), ("_dmarc.example.com", "TXT")
CNAME, KEY = (f"aaa._domainkey.{DOMAIN}", "CNAME"), ("aaa.dkim.amazonses.com", "TXT")
STS, TLS, BIMI = (f"_mta-sts.{DOMAIN}", "TXT"), (f"_smtp._tls.{DOMAIN}", "TXT"), (f"default._bimi.{DOMAIN}", "TXT")
LOGO = "v=BIMI1; l=https://example.com/l.svg; a=https://example.com/c.pem"


@dataclass(frozen=True)
class Case:
    """What is different from the healthy domain; a value of None takes a record away."""

    code: str
    zone: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    source: SesView | Claims | str = field(default_factory=healthy.view)
    fetched: Fetched = field(default_factory=lambda: Fetched(body=POLICY))
    line: str | None = None
    also: tuple[str, ...] = ()


def spf(*mechanisms: str, end: str = "~all") -> list[str]:
    return [" ".join(["v=spf1", *mechanisms, end]).strip()]


def dmarc(text: str) -> dict[tuple[str, str], Any]:
    return {DMARC: [text]}


def policy(old: str, new: str) -> Fetched:
    return Fetched(body=POLICY.replace(old, new))


NAMES = [f"h{number}.example.com" for number in range(11)]
HOSTS = {(name, "A"): ["192.0.2.9"] for name in NAMES}
RUA = "rua=mailto:dmarc@example.com"
OWN_KEY = healthy.view(dkim_tokens=("s1",), has_own_key=True)
OWN = (f"s1._domainkey.{DOMAIN}", "TXT")
# By hand, as no library makes such a key any more: RFC 8017, appendix A.1.1.
KEY_OF_512_BITS = base64.b64encode(b"\x30\x48\x02\x41\x00" + b"\xff" * 64 + b"\x02\x03\x01\x00\x01").decode()
ADD_MX = f"{MAIL_FROM}. 1800 IN MX 10 feedback-smtp.eu-west-1.amazonses.com."
ADD_SPF = f'{MAIL_FROM}. 1800 IN TXT "v=spf1 include:amazonses.com ~all"'
ADD_CNAME = f"aaa._domainkey.{DOMAIN}. 1800 IN CNAME aaa.dkim.amazonses.com."

CASES = [
    Case("aws-unavailable", source="there are no AWS credentials"),
    Case("aws-unavailable", source=SesView(region="eu-west-1", account=Account(), failures=("AccessDenied",))),
    Case("ses-identity-missing", source=SesView(region="eu-west-1", account=Account())),
    Case("ses-identity-unverified", source=healthy.view(is_verified=False, problem="HOST_NOT_FOUND")),
    Case("ses-sending-paused", source=healthy.view(account=Account(may_send=False))),
    Case("ses-sending-paused", source=healthy.view(account=Account(enforcement="SHUTDOWN"))),
    Case("ses-under-review", source=healthy.view(account=Account(enforcement="PROBATION"))),
    Case("ses-sandbox", source=healthy.view(account=Account(is_out_of_sandbox=False))),
    Case("smtp-not-offered", {("email-smtp.eu-west-1.amazonaws.com", "A"): None}),
    Case("dkim-disabled", source=healthy.view(signs=False)),
    Case("dkim-not-set-up", source=healthy.view(dkim_tokens=())),
    Case("dkim-failed", source=healthy.view(dkim_status="FAILED")),
    Case("dkim-pending", source=healthy.view(dkim_status="TEMPORARY_FAILURE")),
    Case("dkim-not-checked", source=Claims(mail_from=MAIL_FROM, region="eu-west-1")),
    Case("dkim-cname-missing", {CNAME: None}, line=ADD_CNAME),
    Case("dkim-cname-wrong", {CNAME: ["aaa.dkim.example.net"]}, line=ADD_CNAME),
    Case(
        "dkim-cname-wrong",
        source=healthy.view(dkim_tokens=("aaa",), dkim_zone="dkim.eu-south-1.amazonses.com"),
        line=f"aaa._domainkey.{DOMAIN}. 1800 IN CNAME aaa.dkim.eu-south-1.amazonses.com.",
    ),
    Case("dkim-key-pending", {KEY: None}),
    Case("dkim-key-missing", source=OWN_KEY),
    Case("dkim-key-several", {OWN: [f"p={public_key()}", "p="]}, OWN_KEY),
    Case("dkim-key-malformed", {OWN: [f"k=rsa; p={public_key()[:-40]}"]}, OWN_KEY),
    Case("dkim-key-malformed", {OWN: ["v=DKIM1; k=rsa"]}, OWN_KEY),
    Case("dkim-key-malformed", {OWN: [f"v=DKIM2; p={public_key()}"]}, OWN_KEY),
    Case("dkim-key-revoked", {OWN: ["v=DKIM1; p="]}, OWN_KEY),
    Case("dkim-key-too-short", {OWN: [f"p={KEY_OF_512_BITS}"]}, OWN_KEY),
    Case("dkim-key-short", {KEY: [f"p={public_key(1024)}"]}),
    Case("dkim-key-testing", {OWN: [f"v=DKIM1; t=s:y; p={public_key()}"]}, OWN_KEY),
    Case("mail-from-missing", source=healthy.view(mail_from=None), line=ADD_MX),
    Case("mail-from-not-checked", {OWN: [f"p={public_key()}"]}, Claims(selectors=["s1"])),
    Case("mail-from-failed", source=healthy.view(mail_from_status="FAILED")),
    Case("mail-from-pending", source=healthy.view(mail_from_status="PENDING")),
    Case("mail-from-mx-missing", {(MAIL_FROM, "MX"): None}, line=ADD_MX),
    Case("mail-from-mx-wrong", {(MAIL_FROM, "MX"): ["10 feedback-smtp.us-east-1.amazonses.com"]}, line=ADD_MX),
    Case(
        "mail-from-mx-several",
        {(MAIL_FROM, "MX"): ["10 feedback-smtp.eu-west-1.amazonses.com", "20 mx.example.com"]},
    ),
    Case("mail-from-spf-missing", {SENDER: ["other"]}, line=ADD_SPF),
    Case("mail-from-spf-without-ses", {SENDER: spf("ip4:192.0.2.0/24")}, line=ADD_SPF),
    Case("mail-from-spf-without-ses", {SENDER: spf("?include:amazonses.com")}, line=ADD_SPF),
    Case("spf-missing", {APEX: None}),
    Case("spf-several", {APEX: [*spf(), *spf("mx")]}),
    Case("spf-several", {SENDER: [*spf("include:amazonses.com"), *spf("mx")]}),
    Case("spf-malformed", {APEX: spf("ip4:192.0.2.300")}),
    Case("spf-malformed", {APEX: spf("inlcude:amazonses.com")}),
    Case("spf-malformed", {APEX: spf("include:_spf.example.com"), ("_spf.example.com", "TXT"): spf("a:/99")}),
    Case("spf-lookups", {APEX: spf(*(f"a:{name}" for name in NAMES)), **HOSTS}),
    Case(
        "spf-lookups",
        {APEX: spf("mx"), (DOMAIN, "MX"): [f"10 {name}" for name in NAMES], **HOSTS},
        fetched=policy("mx: mx.example.com", "mx: *.example.com"),
    ),
    Case("spf-lookups-near", {APEX: spf(*(f"a:{name}" for name in NAMES[:9])), **HOSTS}),
    Case("spf-lookups-near", {APEX: spf(*(f"a:{name}" for name in NAMES[:10])), **HOSTS}),
    Case("spf-voids", {APEX: spf("a:v1.example.com", "mx:v2.example.com", "exists:v3.example.com")}),
    Case("spf-include-broken", {APEX: spf("include:none.example.com")}),
    Case("spf-include-broken", {APEX: spf("redirect=none.example.com", end="")}),
    Case("spf-loop", {APEX: spf("include:_spf.example.com"), ("_spf.example.com", "TXT"): spf(f"include:{DOMAIN}")}),
    Case("spf-pass-all", {APEX: spf(end="all")}),
    Case("spf-neutral", {APEX: spf("mx", end="")}),
    Case("spf-neutral", {APEX: spf(end="?all")}),
    Case("spf-ignored-terms", {APEX: spf("-all", "mx", end="")}),
    Case("spf-ignored-terms", {APEX: spf("redirect=none.example.com")}),
    Case("spf-ptr", {APEX: spf("ptr")}),
    Case(
        "dmarc-missing",
        {DMARC: None, PARENT_DMARC: None},
        line=f'_dmarc.{DOMAIN}. 3600 IN TXT "v=DMARC1; p=none"',
        also=("bimi-not-enforced",),
    ),
    Case("dmarc-several", {DMARC: ["v=DMARC1; p=reject", "v=DMARC1; p=none"]}),
    Case("dmarc-ignored", dmarc("v=dmarc1; p=reject")),
    Case("dmarc-ignored", dmarc(f"p=reject; v=DMARC1; {RUA}")),
    Case("dmarc-bad-policy", dmarc(f"v=DMARC1; p=blcok; {RUA}"), also=("dmarc-policy-none", "bimi-not-enforced")),
    Case("dmarc-bad-policy", dmarc(f"v=DMARC1; p=reject; np=; {RUA}")),
    Case("dmarc-policy-missing", dmarc(f"v=DMARC1; {RUA}"), also=("dmarc-policy-none", "bimi-not-enforced")),
    Case("dmarc-malformed", dmarc(f"v=DMARC1; p=reject; whatever; {RUA}")),
    Case("dmarc-malformed", dmarc(f"v=DMARC1; p=reject; p=none; {RUA}")),
    Case("dmarc-bad-value", dmarc(f"v=DMARC1; p=reject; adkim=strict; {RUA}")),
    Case("dmarc-bad-value", dmarc(f"v=DMARC1; p=reject; fo=0:1; ruf=mailto:d@example.com; {RUA}")),
    Case("dmarc-policy-none", dmarc(f"v=DMARC1; p=none; {RUA}"), also=("bimi-not-enforced",)),
    Case("dmarc-testing", dmarc(f"v=DMARC1; p=reject; t=y; {RUA}")),
    Case("dmarc-no-reports", dmarc("v=DMARC1; p=reject")),
    Case("dmarc-unknown-tag", dmarc(f"v=DMARC1; p=reject; policy=none; {RUA}")),
    Case("dmarc-removed-tag", dmarc(f"v=DMARC1; p=reject; pct=50; {RUA}")),
    Case("dmarc-removed-tag", dmarc(f"v=DMARC1; p=reject; ri=3600; {RUA}")),
    Case("dmarc-removed-tag", dmarc(f"v=DMARC1; p=reject; {RUA}!10m")),
    Case("dmarc-fo-without-ruf", dmarc(f"v=DMARC1; p=reject; fo=1; {RUA}")),
    Case("dmarc-sp-ignored", dmarc(f"v=DMARC1; p=reject; sp=none; {RUA}")),
    Case("dmarc-spf-strict", dmarc(f"v=DMARC1; p=reject; aspf=s; {RUA}")),
    Case(
        "dmarc-dkim-strict",
        {
            **dmarc(f"v=DMARC1; p=reject; adkim=s; {RUA}"),
            ("aaa._domainkey.example.com", "CNAME"): ["aaa.dkim.amazonses.com"],
        },
        healthy.view(name="example.com", dkim_tokens=("aaa",)),
    ),
    Case("dmarc-bad-report-uri", dmarc("v=DMARC1; p=reject; rua=dmarc@example.com")),
    Case("dmarc-bad-report-uri", dmarc("v=DMARC1; p=reject; rua=mailto:dmarc@[example.com")),
    Case(
        "dmarc-report-unauthorised",
        {**dmarc("v=DMARC1; p=reject; rua=mailto:d@reports.example.net"), ("reports.example.net", "A"): ["192.0.2.3"]},
        line=f'{DOMAIN}._report._dmarc.reports.example.net. 1800 IN TXT "v=DMARC1"',
    ),
    Case("dmarc-report-unreachable", dmarc("v=DMARC1; p=reject; rua=mailto:d@gone.example.com")),
    Case("dmarc-report-swallowed", dmarc(f"v=DMARC1; p=reject; rua=mailto:d@{MAIL_FROM}")),
    Case("mx-missing", {(DOMAIN, "MX"): None}),
    Case("mx-null", {(DOMAIN, "MX"): ["0 ."]}),
    Case(
        "mx-unresolvable",
        {(DOMAIN, "MX"): ["10 gone.example.com"]},
        fetched=policy("mx.example.com", "gone.example.com"),
    ),
    Case("mx-unresolvable", {(DOMAIN, "MX"): ["10 192.0.2.7"]}, fetched=policy("mx.example.com", "192.0.2.7")),
    Case(
        "mx-alias",
        {
            ("mx.example.com", "CNAME"): ["real.example.com"],
            ("mx.example.com", "A"): None,
            ("real.example.com", "A"): ["192.0.2.2"],
        },
    ),
    Case(
        "mx-feedback",
        {(DOMAIN, "MX"): ["10 feedback-smtp.eu-west-1.amazonses.com"]},
        fetched=policy("mx.example.com", "feedback-smtp.eu-west-1.amazonses.com"),
    ),
    Case("mta-sts-missing", {STS: None}, line=f'_mta-sts.{DOMAIN}. 1800 IN TXT "v=STSv1; id=1;"'),
    Case("mta-sts-several", {STS: ["v=STSv1; id=1;", "v=STSv1; id=2;"]}),
    Case("mta-sts-malformed", {STS: ["v=STSv1; id=2026-11-24;"]}),
    Case("mta-sts-malformed", {STS: ["v=STSv1 id=1"]}),
    Case("mta-sts-policy-unreachable", fetched=Fetched(refusal="the server answers 404")),
    Case("mta-sts-policy-malformed", fetched=policy("STSv1", "STSv2")),
    Case("mta-sts-policy-malformed", fetched=policy("604800", "forever")),
    Case("mta-sts-policy-malformed", fetched=policy("mx: mx.example.com\r\n", "")),
    Case("mta-sts-policy-mismatch", fetched=policy("mx.example.com", "*.mx.example.com")),
    Case("mta-sts-not-enforced", fetched=policy("enforce", "testing")),
    Case("mta-sts-max-age", fetched=policy("604800", "3600")),
    Case("https-failed", fetched=Fetched(failure="timed out")),
    Case(
        "tls-rpt-missing",
        {TLS: None},
        line=f'_smtp._tls.{DOMAIN}. 1800 IN TXT "v=TLSRPTv1; rua=mailto:tls-reports@{DOMAIN}"',
    ),
    Case("tls-rpt-several", {TLS: ["v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1; rua=mailto:b@example.com"]}),
    Case("tls-rpt-malformed", {TLS: ["v=TLSRPTv1; rua=a@example.com"]}),
    Case("bimi-missing", {BIMI: None}),
    Case("bimi-several", {BIMI: [LOGO, "v=BIMI1; l="]}),
    Case("bimi-malformed", {BIMI: ["v=BIMI1; a=https://example.com/c.pem"]}),
    Case("bimi-malformed", {BIMI: ["v=bimi1; l=https://example.com/l.svg"]}),
    Case("bimi-bad-url", {BIMI: [LOGO.replace("https://example.com/l", "http://example.com/l")]}),
    Case("bimi-bad-url", {BIMI: [LOGO.replace("l.svg", "l.png")]}),
    Case("bimi-not-enforced", dmarc(f"v=DMARC1; p=quarantine; t=y; {RUA}"), also=("dmarc-testing",)),
    Case("bimi-no-certificate", {BIMI: ["v=BIMI1; l=https://example.com/l.svg"]}),
    Case("dns-servfail", {APEX: SERVFAIL}),
    Case("dns-refused", {APEX: REFUSED}),
    Case("dns-timeout", {APEX: SILENCE}),
]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[dict[tuple[str, str], Any], tuple[str, int]]]:
    zone: dict[tuple[str, str], Any] = {}
    with serving(zone) as server:
        yield zone, server


def examined(served: Any, case: Case) -> list[Check]:
    zone, server = served
    zone.clear()
    zone.update({key: value for key, value in {**healthy.zone(), **case.zone}.items() if value is not None})
    lookup = Resolver(server, timeout=0.5)
    return examine(DOMAIN, lookup=lookup, fetch=lambda host, path: case.fetched, source=case.source)


def test_a_healthy_domain_has_nothing_of_any_kind(served: Any) -> None:
    checks = examined(served, Case(""))
    assert [finding for check in checks for finding in check.findings] == []
    assert [check.subject for check in checks] == [
        "SES",
        "DKIM",
        "MAIL FROM",
        "SPF",
        "DMARC",
        "MX",
        "MTA-STS",
        "TLS-RPT",
        "BIMI",
    ]
    assert {check.result for check in checks} == {"ok"}
    assert exit_status(checks) == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_what_is_wrong_is_found_and_nothing_else(served: Any, case: Case) -> None:
    checks = examined(served, case)
    findings = [finding for check in checks for finding in check.findings]
    assert {finding.code for finding in findings} == {case.code, *case.also}
    severities = {finding.severity.value for finding in findings}
    assert exit_status(checks) == (1 if "error" in severities else 2 if "unchecked" in severities else 0)
    if case.line is not None:
        assert case.line in [line for finding in findings for record in finding.records for line in record.lines()]


def test_every_kind_has_a_case_and_a_row_in_the_documentation() -> None:
    text = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text()
    documented = dict(re.findall(r"^\| `([a-z-]+)` \| (\w+) \|", text, flags=re.MULTILINE))
    assert documented == {code: severity.value for code, severity in KINDS.items()}
    assert {case.code for case in CASES} == set(KINDS)


def test_a_name_that_was_entered_with_the_zone_appended_twice_is_recognised(served: Any) -> None:
    doubled = {CNAME: None, (f"aaa._domainkey.{DOMAIN}.{DOMAIN}", "CNAME"): [f"{TOKENS[0]}.dkim.amazonses.com"]}
    checks = examined(served, Case("", doubled))
    (finding,) = [finding for check in checks for finding in check.findings]
    assert finding.code == "dkim-cname-missing"
    assert "appended twice" in finding.message
