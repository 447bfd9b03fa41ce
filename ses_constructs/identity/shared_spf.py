"""The custom resources that add to an SPF record in Route 53. Apart, because they load the Lambda part of the CDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam
from constructs import Construct

from ses_constructs._kit.checks import is_token
from ses_constructs._kit.custom_resources import custom_resource
from ses_constructs.identity.cross_account import zone_statements

if TYPE_CHECKING:
    from aws_cdk import RemovalPolicy

    from ses_constructs.identity.spf import Spf


def spf_terms(
    scope: Construct,
    id: str,
    *,
    zone_id: str,
    role_arn: str | None,
    domain: str,
    spf: Spf,
    removal_policy: RemovalPolicy,
) -> None:
    """Define one resource for each term; each depends on the one before, so the first to come is the last to go.

    :param role_arn: of the role that may change the zone; None if the zone is in this account.
    """
    home = Construct(scope, id)
    previous = None
    for number, term in enumerate(spf.terms):
        properties = {"HostedZoneId": zone_id, "Name": domain, "Term": term, "Qualifier": spf.qualifier}
        if role_arn is not None:
            properties["RoleArn"] = role_arn
        resource = custom_resource(
            home,
            f"Term{number}" if is_token(term) else term,
            kind="SesSpfTerm",
            properties=properties,
            statements=_statements(scope, zone_id, role_arn, domain) if previous is None else (),
            removal_policy=removal_policy,
        )
        if previous is not None:
            resource.node.add_dependency(previous)
        previous = resource


def _statements(scope: Construct, zone_id: str, role_arn: str | None, domain: str) -> list[iam.PolicyStatement]:
    if role_arn is not None:
        return [iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[role_arn])]
    return zone_statements(scope, zone_id, names=[domain], types=["TXT"], exactly=True)
