import re
from typing import Any
from urllib.parse import unquote

import aws_cdk as cdk
import pytest
from aws_cdk import aws_route53 as route53
from hypothesis import given, settings
from hypothesis import strategies as st

from ses_constructs import Dns, TlsRpt
from tests.constructs.published import Published, tags
from tests.constructs.support import hosted_zone, synthesise

LOCAL_PARTS = st.text("abcXYZ019.!#$%&'*+/=?^_`{|}~-,", min_size=1, max_size=20)
ADDRESSES = st.builds("{}@{}".format, LOCAL_PARTS, st.sampled_from(["example.com", "reports.example.net"]))
PATHS = st.text("abc019-._~/:@!$&'()*+,;=", max_size=20)
URLS = st.builds("https://{}/{}".format, st.sampled_from(["example.com", "reports.example.net:8443"]), PATHS)
REPORTS = st.lists(ADDRESSES.filter(lambda it: not it.startswith("mailto:")) | URLS, min_size=1, max_size=5)


def read(record: str) -> list[str]:
    """The report URIs of a record, by the grammar of RFC 8460, section 3, written apart from the writer."""
    (version, fields) = tags(record)[0], tags(record)[1:]
    assert version == ("v", "TLSRPTv1")
    ((name, value),) = fields
    assert name == "rua"
    uris = value.split(",")
    assert all(re.fullmatch(r"(mailto:[^!,;@]+@|https://[^!,;/]+/)[^!,; ]*", uri) for uri in uris), uris
    return uris


@given(REPORTS)
@settings(max_examples=50, deadline=None)
def test_whatever_is_given_can_be_read_back(reports: list[str]) -> None:
    dns = Published()
    TlsRpt(cdk.Stack(), "TlsRpt", domain="Example.com", dns=dns, reports=reports)
    uris = read(dns.records["TXT", "_smtp._tls.example.com"])
    assert [unquote(uri.removeprefix("mailto:")) for uri in uris] == reports


def test_the_record_leaves_dns_with_the_construct() -> None:
    group = synthesise(
        lambda stack: TlsRpt(
            stack, "TlsRpt", domain="example.com", dns=Dns.route53(hosted_zone(stack)), reports=["t@example.com"]
        )
    ).only("AWS::Route53::RecordSetGroup")
    assert group["DeletionPolicy"] == "Delete"
    (record,) = group["Properties"]["RecordSets"]
    assert (record["Name"], record["Type"]) == ("_smtp._tls.example.com", "TXT")
    assert record["ResourceRecords"] == ['"v=TLSRPTv1; rua=mailto:t@example.com"']


def test_addresses_and_urls_known_only_at_deployment_are_let_through(stack: cdk.Stack) -> None:
    parameter = cdk.CfnParameter(stack, "Reports").value_as_string
    dns = Published()
    TlsRpt(stack, "TlsRpt", domain="example.com", dns=dns, reports=[parameter, f"https://{parameter}/reports"])
    assert dns.records["TXT", "_smtp._tls.example.com"].endswith(f"rua=mailto:{parameter},https://{parameter}/reports")


@pytest.mark.parametrize(
    "report",
    [
        "",
        "tls@example",
        "mailto:tls@example.com",
        "t;x@example.com",
        "http://example.com/reports",
        "HTTPS:example.com",
        "https://",
        "https://localhost/reports",
        "https://user@example.com/reports",
        "https://example.com:port/",
        "https://example.com/a b",
        'https://example.com/"',
        "https://example.com/100%",
        "https://exämple.com/",
        "https://[example.com/",
        None,
        5,
    ],
)
def test_what_is_neither_an_address_nor_an_https_url_is_refused(
    stack: cdk.Stack, zone: route53.IHostedZone, report: Any
) -> None:
    with pytest.raises(ValueError, match=r"Mail/TlsRpt: reports must be addresses .* and https URLs") as refused:
        TlsRpt(stack, "TlsRpt", domain="example.com", dns=Dns.route53(zone), reports=["t@example.com", report])
    assert repr(report) in str(refused.value)


@pytest.mark.parametrize("reports", [[], "tls@example.com", None])
def test_reports_that_are_no_list_are_refused(stack: cdk.Stack, zone: route53.IHostedZone, reports: Any) -> None:
    with pytest.raises(ValueError, match="Mail/TlsRpt: reports must"):
        TlsRpt(stack, "TlsRpt", domain="example.com", dns=Dns.route53(zone), reports=reports)


def test_a_zone_that_is_not_the_domains_is_refused(stack: cdk.Stack, zone: route53.IHostedZone) -> None:
    with pytest.raises(ValueError, match=r"Mail/TlsRpt: dns must be the hosted zone of example\.org"):
        TlsRpt(stack, "TlsRpt", domain="example.org", dns=Dns.route53(zone), reports=["t@example.org"])
