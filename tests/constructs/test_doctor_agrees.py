"""What the doctor tells to add is what the constructs publish: for a domain without records, line by line."""

from collections.abc import Sequence

import aws_cdk as cdk
from constructs import Construct

from ses_constructs import Dmarc, DmarcReportAuthorisation, Dns, DnsRecord, DomainIdentity
from ses_constructs.doctor.account import Account, Identity, SesView
from ses_constructs.doctor.check import Answer, Status
from ses_constructs.doctor.examination import examine

REGION = "eu-south-1"
DOMAIN = "mail.example.com"
TOKENS = ("aaa", "bbb", "ccc")


class Collected(Dns):
    def __init__(self) -> None:
        self.lines: set[str] = set()

    def publish(
        self, scope: Construct, *, domain: str, records: Sequence[DnsRecord], removal_policy: cdk.RemovalPolicy
    ) -> None:
        for record in records:
            self.lines |= {line.replace(cdk.Aws.REGION, REGION) for line in record.lines()}


def advised(zone: dict[tuple[str, str], tuple[str, ...]]) -> set[str]:
    def lookup(name: str, type: str) -> Answer:
        values = zone.get((name, type), ())
        return Answer(Status.FOUND if values else Status.ABSENT, values)

    zone_of_keys = f"dkim.{REGION}.amazonses.com"
    identity = Identity(name=DOMAIN, dkim_tokens=TOKENS, dkim_zone=zone_of_keys, mail_from=f"bounce.{DOMAIN}")
    view = SesView(region=REGION, identity=identity, account=Account())
    checks = examine(DOMAIN, lookup=lookup, fetch=None, source=view)
    return {
        line for check in checks for finding in check.findings for record in finding.records for line in record.lines()
    }


def test_for_an_identity(stack: cdk.Stack) -> None:
    dns = Collected()
    DomainIdentity(stack, "Identity", domain=DOMAIN, dns=dns)
    published = {line for line in dns.lines if " IN CNAME " not in line}
    keys = {f"{it}._domainkey.{DOMAIN}. 1800 IN CNAME {it}.dkim.{REGION}.amazonses.com." for it in TOKENS}
    assert len(published) == 3
    assert advised({}) == published | keys


def test_for_reports_that_go_to_another_organisation(stack: cdk.Stack) -> None:
    dns = Collected()
    DmarcReportAuthorisation(stack, "Consent", policy_domains=[DOMAIN], report_domain="example.net", dns=dns)
    text = Dmarc(aggregate_reports=["dmarc@example.net"]).text()
    assert dns.lines < advised({(f"_dmarc.{DOMAIN}", "TXT"): (text,), ("example.net", "MX"): ("10 mx.example.net",)})
