from typing import Any
from urllib.parse import unquote

import aws_cdk as cdk
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ses_constructs import Bimi, Dns
from tests.constructs.published import Published, tags
from tests.constructs.support import hosted_zone, synthesise

PATHS = st.text("abc019-._~/:@!$&'()*+,;=", max_size=30)
LOGOS = st.builds("https://www.example.com/{}{}".format, PATHS, st.sampled_from([".svg", ".svgz", ".SVG"]))
CERTIFICATES = st.builds("https://www.example.com/{}.pem".format, PATHS)
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@given(LOGOS, st.none() | CERTIFICATES, st.lists(LABELS, min_size=1, max_size=3).map(".".join))
@settings(max_examples=50, deadline=None)
def test_whatever_is_given_can_be_read_back(logo: str, certificate: str | None, selector: str) -> None:
    dns = Published()
    Bimi(cdk.Stack(), "Bimi", domain="example.com", dns=dns, logo=logo, certificate=certificate, selector=selector)
    record = dns.records["TXT", f"{selector}._bimi.example.com"]
    (version, location, evidence) = tags(record)
    assert version == ("v", "BIMI1")
    assert "," not in record
    assert (location[0], unquote(location[1])) == ("l", logo)
    assert (evidence[0], unquote(evidence[1])) == ("a", certificate or "")


def test_without_a_logo_the_domain_declines() -> None:
    group = synthesise(
        lambda stack: Bimi(stack, "Bimi", domain="example.com", dns=Dns.route53(hosted_zone(stack)), logo=None)
    ).only("AWS::Route53::RecordSetGroup")
    (record,) = group["Properties"]["RecordSets"]
    assert (record["Name"], record["ResourceRecords"]) == ("default._bimi.example.com", ['"v=BIMI1; l=; a=;"'])
    assert group["DeletionPolicy"] == "Delete"


def test_urls_known_only_at_deployment_are_let_through(stack: cdk.Stack) -> None:
    logo = cdk.CfnParameter(stack, "Logo").value_as_string
    dns = Published()
    Bimi(stack, "Bimi", domain="example.com", dns=dns, logo=logo, certificate=f"https://{logo}/mark.pem")
    assert dns.records["TXT", "default._bimi.example.com"] == f"v=BIMI1; l={logo}; a=https://{logo}/mark.pem;"


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"logo": "http://example.com/logo.svg"}, "logo must be an https URL"),
        ({"logo": "//example.com/logo.svg"}, "logo must be an https URL"),
        ({"logo": "https://localhost/logo.svg"}, "logo must be an https URL"),
        ({"logo": ""}, "logo must be an https URL"),
        ({"logo": 5}, "logo must be an https URL"),
        ({"logo": "https://example.com/logo.png"}, r"logo must end in \.svg or \.svgz"),
        ({"logo": "https://example.com/?logo.svg"}, r"logo must end in \.svg or \.svgz"),
        ({"certificate": "http://example.com/mark.pem"}, "certificate must be an https URL"),
        ({"logo": None, "certificate": "https://example.com/mark.pem"}, "certificate vouches for a logo"),
        ({"selector": ""}, "selector must be labels"),
        ({"selector": "-a"}, "selector must be labels"),
        ({"selector": "a..b"}, "selector must be labels"),
        ({"selector": "a" * 64}, "selector must be labels"),
        ({"selector": None}, "selector must be labels"),
        ({"domain": "example"}, "domain must have at least two labels"),
    ],
)
def test_what_the_draft_does_not_allow_is_refused(stack: cdk.Stack, arguments: dict[str, Any], rule: str) -> None:
    given: dict[str, Any] = {"domain": "example.com", "logo": "https://example.com/logo.svg", **arguments}
    with pytest.raises(ValueError, match=f"Mail/Bimi: {rule}"):
        Bimi(stack, "Bimi", dns=Published(), **given)
