from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_route53 as route53

from ses_constructs import CrossAccountDnsRole, Dns, DomainIdentity
from tests.constructs.support import Synthesised, hosted_zone, synthesise, text

ROLE = "arn:aws:iam::111122223333:role/dns"


def test_the_role_may_change_only_records_of_its_domains_and_only_for_the_accounts_named() -> None:
    def define(stack: cdk.Stack) -> None:
        zone = hosted_zone(stack)
        CrossAccountDnsRole(stack, "Dns", zone=zone, domains=["mail.example.com"], accounts=["111122223333"])

    synthesised = synthesise(define)
    trust = synthesised.properties("AWS::IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    assert [text(it["Principal"]["AWS"]) for it in trust] == ["arn:${AWS::Partition}:iam::111122223333:root"]
    statements = synthesised.properties("AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    zone_arn = "arn:${AWS::Partition}:route53:::hostedzone/Z0123456789EXAMPLE"
    assert {text(it["Resource"]) for it in statements} == {zone_arn}
    (change,) = [it for it in statements if it["Action"] == "route53:ChangeResourceRecordSets"]
    names = change["Condition"]["ForAllValues:StringLike"]["route53:ChangeResourceRecordSetsNormalizedRecordNames"]
    assert names == ["mail.example.com", "*.mail.example.com"]
    equals = change["Condition"]["ForAllValues:StringEquals"]
    assert equals["route53:ChangeResourceRecordSetsRecordTypes"] == ["CNAME", "MX", "TXT"]


@pytest.fixture(scope="module")
def published() -> Synthesised:
    def define(stack: cdk.Stack) -> None:
        dns = Dns.route53_cross_account(zone_name="example.com", hosted_zone_id="Z1", role_arn=ROLE)
        DomainIdentity(stack, "Identity", domain="mail.example.com", dns=dns)

    return synthesise(define)


def test_the_function_may_assume_that_role_and_touch_no_zone_itself(published: Synthesised) -> None:
    statements = published.properties("AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    beyond_logs = [it for it in statements if "logs:PutLogEvents" not in it["Action"]]
    assert beyond_logs == [{"Action": "sts:AssumeRole", "Effect": "Allow", "Resource": ROLE}]


def test_the_records_outlive_the_stack_like_the_identity(published: Synthesised) -> None:
    records = published.only("Custom::SesRecords")
    assert len(records["Properties"]["Records"]) == 6
    assert records["DeletionPolicy"] == "RetainExceptOnCreate"


def test_a_zone_that_is_not_the_domains_is_refused(stack: cdk.Stack) -> None:
    dns = Dns.route53_cross_account(zone_name="example.org", hosted_zone_id="Z1", role_arn=ROLE)
    with pytest.raises(ValueError, match=r"Mail/Identity: dns must be the hosted zone of .* got 'example\.org'"):
        DomainIdentity(stack, "Identity", domain="mail.example.com", dns=dns)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"domains": []}, "domains must name at least one"),
        ({"domains": "example.com"}, "domains must be a list"),
        ({"domains": ["example.org"]}, "dns must be the hosted zone of example.org"),
        ({"accounts": "111122223333"}, "accounts must be a list"),
        ({"accounts": ["1111"]}, "accounts must be numbers of twelve digits, got '1111'"),
    ],
)
def test_a_malformed_role_is_refused(
    stack: cdk.Stack, zone: route53.IHostedZone, arguments: dict[str, Any], rule: str
) -> None:
    given = {"domains": ["example.com"], "accounts": ["111122223333"], **arguments}
    with pytest.raises(ValueError, match=f"Mail/Dns: {rule}"):
        CrossAccountDnsRole(stack, "Dns", zone=zone, **given)


def test_a_zone_that_only_its_own_network_sees_is_refused(stack: cdk.Stack) -> None:
    zone = route53.PrivateHostedZone.from_private_hosted_zone_id(stack, "Private", "Z1")
    with pytest.raises(ValueError, match="Mail/Dns: zone must be a public hosted zone with its name"):
        CrossAccountDnsRole(stack, "Dns", zone=zone, domains=["mail.example.com"], accounts=["111122223333"])
