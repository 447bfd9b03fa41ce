import json
import os
import re
import subprocess
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_certificatemanager as acm
from hypothesis import given, settings
from hypothesis import strategies as st

from ses_constructs import Dns, MtaSts
from tests.constructs.published import Published, tags
from tests.constructs.support import Synthesised, hosted_zone, synthesise, text

CERTIFICATE_ARN = "arn:aws:acm:us-east-1:123456789012:certificate/0123abcd"
WELL_KNOWN = "/.well-known/mta-sts.txt"
HOSTS = st.from_regex(r"(\*\.)?[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?\.example\.(com|net)", fullmatch=True)
POLICIES = st.one_of(
    st.tuples(st.sampled_from(["testing", "enforce"]), st.lists(HOSTS, min_size=1, max_size=4)),
    st.tuples(st.just("none"), st.lists(HOSTS, max_size=2)),
)
MAX_AGES = st.integers(0, 31_557_600)


def read(policy: str) -> tuple[str, list[str], int]:
    """Mode, hosts and lifetime of a policy, by the grammar of RFC 8461, section 3.2, written apart from the writer."""
    assert policy.endswith("\r\n")
    fields = [line.split(": ") for line in policy.removesuffix("\r\n").split("\r\n")]
    assert fields[0] == ["version", "STSv1"]
    values = {name: value for name, value in fields if name != "mx"}
    assert sorted(values) == ["max_age", "mode", "version"]
    assert re.fullmatch(r"\d{1,10}", values["max_age"])
    return values["mode"], [value for name, value in fields if name == "mx"], int(values["max_age"])


def mta_sts(stack: cdk.Stack, dns: Dns | None = None, **options: Any) -> MtaSts:
    options = {"domain": "example.com", "mx": ["mx.example.com"], **options}
    return MtaSts(stack, "MtaSts", dns=dns if dns is not None else Dns.route53(hosted_zone(stack)), **options)


def certificate(stack: cdk.Stack, arn: str = CERTIFICATE_ARN) -> acm.ICertificate:
    return acm.Certificate.from_certificate_arn(stack, "Certificate", arn)


def ask(code: str, uri: str) -> dict[str, Any]:
    """What the CloudFront function answers to a request: it is JavaScript, so Node runs it."""
    event = json.dumps({"request": {"method": "GET", "uri": uri, "headers": {}}})
    program = f"{code}\nconsole.log(JSON.stringify(handler({event})));"
    run = subprocess.run([os.environ["JSII_NODE"], "-e", program], check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


@pytest.fixture(scope="module")
def served() -> Synthesised:
    """The policy of example.com, whose mail SES receives, in a stack without a fixed region."""
    return synthesise(lambda stack: mta_sts(stack, mx=[f"inbound-smtp.{cdk.Aws.REGION}.amazonaws.com"]))


@given(POLICIES, MAX_AGES)
@settings(max_examples=25, deadline=None)
def test_whatever_is_given_can_be_read_back(policy: tuple[Any, list[str]], max_age: int) -> None:
    stack, (mode, mx) = cdk.Stack(), policy
    made = mta_sts(
        stack, Published(), mode=mode, mx=mx, max_age=cdk.Duration.seconds(max_age), certificate=certificate(stack)
    )
    assert read(made.policy) == (mode, mx, max_age)


@given(POLICIES, POLICIES)
@settings(max_examples=25, deadline=None)
def test_the_id_changes_exactly_when_the_policy_does(one: tuple[Any, list[str]], other: tuple[Any, list[str]]) -> None:
    ids = []
    for mode, mx in (one, one, other):
        stack, dns = cdk.Stack(), Published()
        mta_sts(stack, dns, mode=mode, mx=mx, certificate=certificate(stack))
        record = dns.records["TXT", "_mta-sts.example.com"]
        assert record.startswith("v=STSv1;")
        (_, (name, policy_id)) = tags(record)
        assert name == "id"
        assert re.fullmatch("[a-zA-Z0-9]{1,32}", policy_id)
        ids.append(policy_id)
    assert ids[0] == ids[1]
    assert (ids[0] == ids[2]) == (one == other)


def test_the_policy_is_served_as_plain_text_and_nothing_else_is(served: Synthesised) -> None:
    code = text(served.properties("AWS::CloudFront::Function")["FunctionCode"])
    answer = ask(code, WELL_KNOWN)
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, {"value": "text/plain"})
    assert read(answer["body"]) == ("testing", ["inbound-smtp.${AWS::Region}.amazonaws.com"], 14 * 24 * 3600)
    assert ask(code, "/")["statusCode"] == 404


def test_the_distribution_takes_https_only_with_tls_1_2_for_the_policys_host(served: Synthesised) -> None:
    config = served.properties("AWS::CloudFront::Distribution")["DistributionConfig"]
    (certificate_id,) = served.resources("AWS::CertificateManager::Certificate")
    assert config["Aliases"] == ["mta-sts.example.com"]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert text(config["ViewerCertificate"]["AcmCertificateArn"]) == f"${{{certificate_id}}}"
    behavior = config["DefaultCacheBehavior"]
    assert behavior["ViewerProtocolPolicy"] == "https-only"
    assert [it["EventType"] for it in behavior["FunctionAssociations"]] == ["viewer-request"]


def test_the_certificate_is_proven_in_the_domains_zone(served: Synthesised) -> None:
    properties = served.properties("AWS::CertificateManager::Certificate")
    assert (properties["DomainName"], properties["ValidationMethod"]) == ("mta-sts.example.com", "DNS")
    (option,) = properties["DomainValidationOptions"]
    assert option["HostedZoneId"] == "Z0123456789EXAMPLE"


def test_a_new_policy_is_served_before_it_is_announced(served: Synthesised) -> None:
    (distribution,) = served.resources("AWS::CloudFront::Distribution")
    (function,) = served.resources("AWS::CloudFront::Function")
    records = served.properties("AWS::Route53::RecordSetGroup")["RecordSets"]
    assert [(it["Type"], it["Name"]) for it in records] == [
        ("TXT", "_mta-sts.example.com"),
        ("CNAME", "mta-sts.example.com"),
    ]
    assert text(records[1]["ResourceRecords"][0]) == f"${{{distribution}.DomainName}}"
    assert f'"{function}"' in json.dumps(served.only("AWS::CloudFront::Distribution"))


def test_a_policy_with_the_stacks_region_in_it_has_an_id_of_its_own() -> None:
    ids = {mta_sts(cdk.Stack(), mx=[f"{name}.{cdk.Aws.REGION}.amazonaws.com"]).policy_id for name in ("a", "b")}
    assert len(ids) == 2


@pytest.mark.parametrize("unknown", ["mx", "max_age"])
def test_a_policy_known_only_at_deployment_needs_an_id_from_the_user(unknown: str) -> None:
    def define(stack: cdk.Stack, **options: Any) -> None:
        parameter = cdk.CfnParameter(stack, "Given", type="String" if unknown == "mx" else "Number")
        if unknown == "mx":
            options["mx"] = [parameter.value_as_string]
        else:
            options["max_age"] = cdk.Duration.seconds(parameter.value_as_number)
        mta_sts(stack, **options)

    with pytest.raises(ValueError, match="policy_id must be given, for the policy holds a value"):
        define(cdk.Stack())
    code = text(
        synthesise(lambda stack: define(stack, policy_id="20261124")).properties("AWS::CloudFront::Function")[
            "FunctionCode"
        ]
    )
    policy = ask(code.replace("${Given}", "1234"), WELL_KNOWN)["body"]
    assert read(policy) == (
        ("testing", ["1234"], 1_209_600) if unknown == "mx" else ("testing", ["mx.example.com"], 1234)
    )


def test_with_records_by_hand_ones_own_certificate_serves_the_policy() -> None:
    synthesised = synthesise(lambda stack: mta_sts(stack, Dns.manual(), certificate=certificate(stack)))
    assert not any("Certificate" in it["Type"] for it in synthesised.template["Resources"].values())
    config = synthesised.properties("AWS::CloudFront::Distribution")["DistributionConfig"]
    assert config["ViewerCertificate"]["AcmCertificateArn"] == CERTIFICATE_ARN
    (zone_file,) = [text(it["Value"]) for name, it in synthesised.template["Outputs"].items() if "ZoneFile" in name]
    (txt, cname) = zone_file.splitlines()
    assert re.fullmatch(r'_mta-sts\.example\.com\. 1800 IN TXT "v=STSv1; id=[0-9a-f]{32};"', txt)
    assert re.fullmatch(r"mta-sts\.example\.com\. 1800 IN CNAME \$\{\w+\.DomainName\}\.", cname)


@pytest.mark.parametrize(
    ("region", "options", "rule"),
    [
        ("eu-west-1", {}, "must be given, one of us-east-1"),
        (
            "us-east-1",
            {"dns": Dns.manual()},
            "must be given, for ACM proves a domain by itself only in a Route 53 zone",
        ),
        ("us-east-1", {"domain": f"{'a' * 60}.example.com"}, "must be given, for ACM makes none for a name above 64"),
    ],
)
def test_a_certificate_that_can_not_be_made_must_be_given(region: str, options: dict[str, Any], rule: str) -> None:
    stack = cdk.Stack(cdk.App(), "Mail", env=cdk.Environment(region=region))
    with pytest.raises(ValueError, match=f"Mail/MtaSts: certificate {rule}"):
        mta_sts(stack, **options)
    given = cdk.Stack(cdk.App(), "Mail", env=cdk.Environment(region=region))
    mta_sts(given, certificate=certificate(given), **options)


def test_a_certificate_of_another_region_is_refused(stack: cdk.Stack) -> None:
    elsewhere = certificate(stack, CERTIFICATE_ARN.replace("us-east-1", "eu-west-1"))
    with pytest.raises(ValueError, match=r"certificate must be one of ACM in us-east-1.*eu-west-1"):
        mta_sts(stack, certificate=elsewhere)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"domain": "example"}, "domain must have at least two labels"),
        ({"domain": ".".join(["a" * 60] * 4 + ["com"])}, "domain must be at most 253 characters"),
        ({"mode": "enforced"}, "mode must be one of testing, enforce, none, got 'enforced'"),
        ({"mode": None}, "mode must be one of"),
        ({"mx": []}, "mx must name at least one"),
        ({"mx": "mx.example.com"}, "mx must be a list of hosts"),
        ({"mx": "mx.example.com", "mode": "none"}, "mx must be a list of hosts"),
        ({"mx": ["*"]}, "mx must be host names"),
        ({"mx": ["mx.*.example.com"]}, "mx must be host names"),
        ({"mx": ["*.*.example.com"]}, "mx must be host names"),
        ({"mx": ["10 mx.example.com"]}, "mx must be host names"),
        ({"mx": ["mx.example.com."]}, "mx must be host names"),
        ({"mx": [None]}, "mx must be host names"),
        ({"mx": [f"{'a' * 60}.{'b' * 60}.example.com"] * 90}, "mx must fit with the policy"),
        ({"max_age": cdk.Duration.seconds(31_557_601)}, "max_age must be at most 31,557,600 seconds"),
        ({"policy_id": ""}, "policy_id must be 1 to 32 letters and digits"),
        ({"policy_id": "2026-11-24"}, "policy_id must be 1 to 32 letters and digits"),
        ({"policy_id": "a" * 33}, "policy_id must be 1 to 32 letters and digits"),
        ({"policy_id": 5}, "policy_id must be 1 to 32 letters and digits"),
    ],
)
def test_values_outside_of_the_standard_are_refused(stack: cdk.Stack, options: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=f"Mail/MtaSts: {rule}"):
        mta_sts(stack, **options)


def test_a_zone_that_is_not_the_domains_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match=r"Mail/MtaSts: dns must be the hosted zone of example\.org"):
        mta_sts(stack, domain="example.org")
