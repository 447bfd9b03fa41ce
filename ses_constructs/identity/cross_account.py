"""Records in a hosted zone of another account, through one role that may do nothing else.

See https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-rrset-conditions.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from ses_constructs._kit.checks import domain_name, fail, is_token, items
from ses_constructs.identity.dns import Dns, check_zone, public_zone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import RemovalPolicy
    from aws_cdk import aws_route53 as route53

    from ses_constructs._kit.records import DnsRecord
    from ses_constructs.identity.spf import Spf

_ACCOUNT = re.compile(r"[0-9]{12}")
_TYPES = ("CNAME", "MX", "TXT")


class CrossAccountDnsRole(Construct):
    """In the account that has the hosted zone: the role for ``Dns.route53_cross_account`` in another account.

    Defines: one role that may change CNAME, MX and TXT records of the domains named, and read the zone.
    """

    def __init__(
        self, scope: Construct, id: str, *, zone: route53.IHostedZone, domains: Sequence[str], accounts: Sequence[str]
    ) -> None:
        """:param zone: the hosted zone.

        :param domains: whose records may be changed, with everything below them, such as ``mail.example.com``.
        :param accounts: numbers of the accounts whose stacks send from the domains.
        :raises ValueError: for empty or malformed lists, a domain that is not in the zone, or a zone without a
            name or known to be private.
        """
        super().__init__(scope, id)
        zone_id, zone_name = public_zone(self.node.path, zone)
        names: list[str] = []
        for domain in items(self, "domains", domains, what="domains"):
            checked = domain_name(self, "domains", domain)
            check_zone(self, checked, zone_name)
            names += [checked, f"*.{checked}"]
        for account in items(self, "accounts", accounts, what="account numbers"):
            if not is_token(account) and not _ACCOUNT.fullmatch(account):
                fail(self, "accounts", "must be numbers of twelve digits", account)
        self.role: iam.Role = iam.Role(
            self,
            "Role",
            description="Lets stacks of other accounts publish the records of their SES identities",
            assumed_by=iam.CompositePrincipal(*(iam.AccountPrincipal(account) for account in accounts)),
        )
        """The role; its ARN goes to the other account."""
        for statement in zone_statements(self, zone_id, names=names, types=_TYPES, exactly=False):
            self.role.add_to_policy(statement)


class Route53ByFunction(Dns):
    """Made by :meth:`Dns.route53_cross_account`, and by :meth:`Dns.adopting` of what publishes in Route 53."""

    def __init__(self, *, zone_name: str, hosted_zone_id: str, role_arn: str | None, adopts: bool = False) -> None:
        """For most parameters see :meth:`Dns.route53_cross_account`.

        :param role_arn: None for a zone of this account.
        :param adopts: whether records that are there already and say the same are taken over.
        """
        self._zone_name = zone_name
        self._zone_id = hosted_zone_id
        self._role_arn = role_arn
        self._adopts = adopts

    def adopting(self) -> Dns:
        """Return the same with *adopts*."""
        return Route53ByFunction(
            zone_name=self._zone_name, hosted_zone_id=self._zone_id, role_arn=self._role_arn, adopts=True
        )

    def publish(
        self, scope: Construct, *, domain: str, records: Sequence[DnsRecord], removal_policy: RemovalPolicy
    ) -> None:
        """Define the custom resource that makes the records."""
        # Loaded here, since it brings the Lambda part of the CDK.
        from ses_constructs._kit.custom_resources import custom_resource

        check_zone(scope, domain, self._zone_name)
        properties: dict[str, Any] = {
            "HostedZoneId": self._zone_id,
            "Domain": domain,
            "Records": [
                {"Name": record.name, "Type": record.type, "TTL": str(record.ttl), "Values": record.presentation()}
                for record in records
            ],
        }
        if self._adopts:
            properties["Existing"] = "adopt"
        if self._role_arn is not None:
            properties["RoleArn"] = self._role_arn
            statements = [iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[self._role_arn])]
        else:
            names = [domain, f"*.{domain}"]
            statements = zone_statements(scope, self._zone_id, names=names, types=_TYPES, exactly=False)
        custom_resource(
            scope,
            "Records",
            kind="SesRecords",
            properties=properties,
            statements=statements,
            removal_policy=removal_policy,
        )

    def merge_spf(self, scope: Construct, *, domain: str, spf: Spf, removal_policy: RemovalPolicy) -> None:
        """Define the custom resources that add the terms."""
        from ses_constructs.identity.shared_spf import spf_terms

        spf_terms(
            scope,
            "Spf",
            zone_id=self._zone_id,
            role_arn=self._role_arn,
            domain=domain,
            spf=spf,
            removal_policy=removal_policy,
        )


def zone_statements(
    scope: Construct, zone_id: str, *, names: Sequence[str], types: Sequence[str], exactly: bool
) -> list[iam.PolicyStatement]:
    """Return what is needed to read a zone and to change records of these names and types in it.

    :param exactly: whether the names are to be compared as they are; else ``*`` stands for anything.
    """
    zone_arn = Stack.of(scope).format_arn(
        service="route53", region="", account="", resource="hostedzone", resource_name=zone_id
    )
    conditions = {
        "ForAllValues:StringEquals" if exactly else "ForAllValues:StringLike": {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": list(names),
        },
    }
    equals = conditions.setdefault("ForAllValues:StringEquals", {})
    equals["route53:ChangeResourceRecordSetsRecordTypes"] = list(types)
    equals["route53:ChangeResourceRecordSetsActions"] = ["CREATE", "DELETE"]
    return [
        iam.PolicyStatement(actions=["route53:ListResourceRecordSets"], resources=[zone_arn]),
        iam.PolicyStatement(actions=["route53:ChangeResourceRecordSets"], resources=[zone_arn], conditions=conditions),
    ]
