"""The custom resources that add to an SPF record in Route 53. Apart, because they load the Lambda part of the CDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from ses_constructs._kit.checks import is_token
from ses_constructs._kit.custom_resources import custom_resource

if TYPE_CHECKING:
    from aws_cdk import RemovalPolicy

    from ses_constructs.identity.spf import Spf


def spf_terms(scope: Construct, id: str, *, zone_id: str, domain: str, spf: Spf, removal_policy: RemovalPolicy) -> None:
    """Define one resource for each term; each depends on the one before, so the first to come is the last to go."""
    home = Construct(scope, id)
    zone_arn = Stack.of(scope).format_arn(
        service="route53", region="", account="", resource="hostedzone", resource_name=zone_id
    )
    statements = [
        iam.PolicyStatement(actions=["route53:ListResourceRecordSets"], resources=[zone_arn]),
        # https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-rrset-conditions.html
        iam.PolicyStatement(
            actions=["route53:ChangeResourceRecordSets"],
            resources=[zone_arn],
            conditions={
                "ForAllValues:StringEquals": {
                    "route53:ChangeResourceRecordSetsNormalizedRecordNames": [domain],
                    "route53:ChangeResourceRecordSetsRecordTypes": ["TXT"],
                    "route53:ChangeResourceRecordSetsActions": ["CREATE", "DELETE"],
                }
            },
        ),
    ]
    previous = None
    for number, term in enumerate(spf.terms):
        resource = custom_resource(
            home,
            f"Term{number}" if is_token(term) else term,
            kind="SesSpfTerm",
            properties={"HostedZoneId": zone_id, "Name": domain, "Term": term, "Qualifier": spf.qualifier},
            statements=statements if previous is None else (),
            removal_policy=removal_policy,
        )
        if previous is not None:
            resource.node.add_dependency(previous)
        previous = resource
