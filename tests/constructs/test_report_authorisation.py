from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_route53 as route53
from hypothesis import given, settings
from hypothesis import strategies as st

from ses_constructs import Dmarc, DmarcReportAuthorisation, Dns, DomainIdentity
from tests.constructs.published import Published
from tests.constructs.support import Synthesised, hosted_zone, synthesise

LABELS = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?", fullmatch=True)
DOMAINS = st.builds("{}.{}".format, LABELS, st.sampled_from(["example.com", "example.org"]))


def identity(stack: cdk.Stack, *addresses: str, domain: str = "example.com") -> None:
    DomainIdentity(
        stack,
        "Identity",
        domain=domain,
        dns=Dns.route53(hosted_zone(stack, domain)),
        dmarc=Dmarc(aggregate_reports=addresses),
    )


def authorise(stack: cdk.Stack, *policy_domains: str) -> None:
    DmarcReportAuthorisation(
        stack,
        "Reports",
        policy_domains=policy_domains,
        report_domain="example.net",
        dns=Dns.route53(hosted_zone(stack, "example.net")),
    )


def warnings_of(synthesised: Synthesised) -> list[str]:
    return [warning for warning in synthesised.warnings() if "DMARC report" in warning]


@given(st.lists(DOMAINS, min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_each_domain_gets_its_record_where_receivers_look_for_it(policy_domains: list[str]) -> None:
    dns = Published()
    DmarcReportAuthorisation(
        cdk.Stack(), "Reports", policy_domains=policy_domains, report_domain="Reports.Example.net", dns=dns
    )
    assert dns.records == {
        ("TXT", f"{domain.lower()}._report._dmarc.reports.example.net"): "v=DMARC1" for domain in policy_domains
    }


def test_the_records_are_made_in_the_zone_of_the_report_domain() -> None:
    group = synthesise(lambda stack: authorise(stack, "example.com", "example.org")).only(
        "AWS::Route53::RecordSetGroup"
    )
    assert group["DeletionPolicy"] == "Delete"
    assert {record["Name"]: record["ResourceRecords"] for record in group["Properties"]["RecordSets"]} == {
        "example.com._report._dmarc.example.net": ['"v=DMARC1"'],
        "example.org._report._dmarc.example.net": ['"v=DMARC1"'],
    }


def test_everybodys_reports_can_be_welcome(stack: cdk.Stack) -> None:
    dns = Published()
    DmarcReportAuthorisation(stack, "Reports", policy_domains=["*"], report_domain="example.net", dns=dns)
    assert dns.records == {("TXT", "*._report._dmarc.example.net"): "v=DMARC1"}


@pytest.mark.parametrize("report_domain", ["reports.example.net", "example-reports.com"])
def test_an_identity_warns_of_reports_that_another_organisation_has_to_agree_to(report_domain: str) -> None:
    (warning,) = warnings_of(synthesise(lambda stack: identity(stack, "d@example.com", f"d@{report_domain.upper()}")))
    assert f"example.com._report._dmarc.{report_domain} is a TXT record with the text v=DMARC1" in warning


@pytest.mark.parametrize("address", ["d@example.com", "d@reports.example.com"])
def test_within_one_organisation_there_is_no_warning(address: str) -> None:
    assert not warnings_of(synthesise(lambda stack: identity(stack, address)))
    assert not warnings_of(synthesise(lambda stack: identity(stack, address, domain="mail.example.com")))


@pytest.mark.parametrize("authorised_first", [True, False])
def test_the_warning_goes_when_the_same_stack_authorises(authorised_first: bool) -> None:
    def define(stack: cdk.Stack) -> None:
        if authorised_first:
            authorise(stack, "example.com")
        identity(stack, "d@example.net")
        if not authorised_first:
            authorise(stack, "example.com")

    assert not warnings_of(synthesise(define))


def test_the_warning_goes_when_another_stack_authorises_later() -> None:
    def define(stack: cdk.Stack) -> None:
        identity(stack, "d@example.net")
        app = cdk.Stage.of(stack)
        assert app is not None
        authorise(cdk.Stack(app, "Reports"), "example.com")

    assert not warnings_of(synthesise(define))


def test_the_warning_stays_when_another_domain_is_authorised() -> None:
    def define(stack: cdk.Stack) -> None:
        authorise(stack, "example.org")
        identity(stack, "d@example.net")

    assert len(warnings_of(synthesise(define))) == 1


@pytest.mark.parametrize(
    ("policy_domains", "rule"),
    [
        ([], "must name at least one"),
        ("example.com", "must be a list of domains"),
        (["example.com", "*"], "must not name other domains"),
        (["example"], "must have at least two labels"),
        (["d@example.com"], "must consist of labels"),
        ([None], "must be a domain name"),
        ([".".join(["a" * 60] * 4)], "must leave the record's name within 253 characters"),
    ],
)
def test_what_can_not_be_authorised_is_refused(stack: cdk.Stack, policy_domains: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=f"Mail/Reports: policy_domains {rule}"):
        DmarcReportAuthorisation(
            stack, "Reports", policy_domains=policy_domains, report_domain="example.net", dns=Published()
        )


def test_the_dns_of_the_policy_domain_is_the_wrong_place(stack: cdk.Stack, zone: route53.IHostedZone) -> None:
    with pytest.raises(ValueError, match=r"Mail/Reports: dns must be the hosted zone of example\.net"):
        DmarcReportAuthorisation(
            stack, "Reports", policy_domains=["example.com"], report_domain="example.net", dns=Dns.route53(zone)
        )
