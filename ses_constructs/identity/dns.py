"""Where the DNS records of an identity are published.

Route 53: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-route53-recordsetgroup.html.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from aws_cdk import CfnOutput, CfnResource, RemovalPolicy
from aws_cdk import aws_route53 as route53

from ses_constructs._kit.checks import fail, is_token, is_within
from ses_constructs._kit.records import record_sets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

    from ses_constructs._kit.records import DnsRecord
    from ses_constructs.identity.spf import Spf


class Dns(ABC):
    """A place for DNS records. Use a factory, or derive from it to publish somewhere else."""

    @abstractmethod
    def publish(
        self, scope: Construct, *, domain: str, records: Sequence[DnsRecord], removal_policy: RemovalPolicy
    ) -> None:
        """Define what publishes the records.

        :param scope: the construct to define it in; its child ids are free.
        :param domain: the identity's domain: every record name is this domain or lies below it.
        :param records: all records of the identity, names and values possibly tokens.
        :param removal_policy: what happens to them when the stack is deleted.
        """

    def merge_spf(self, scope: Construct, *, domain: str, spf: Spf, removal_policy: RemovalPolicy) -> None:
        """Define what adds the terms of *spf* to the SPF record of *domain*, and loses nothing of what is there.

        A publisher that cannot do so need not define this.

        :raises ValueError: then.
        """
        fail(
            scope, "spf", "cannot be merged into existing records by this publisher; leave it out", type(self).__name__
        )

    def adopting(self) -> Dns:
        """Return a publisher to the same place that takes over records which are there already and say the same.

        For an identity with ``existing="adopt"``. One that cannot do so, or does it anyway, returns itself.
        """
        return self

    @property
    def hosted_zone(self) -> route53.IHostedZone | None:
        """The Route 53 zone of this account that records go to: ACM proves a domain there by itself. Default: None."""
        return None

    @staticmethod
    def route53(zone: route53.IHostedZone) -> Dns:
        """Publish in a Route 53 hosted zone of the same account.

        All records of one identity are one ``AWS::Route53::RecordSetGroup``: one atomic change, so DNS never holds
        half of them. A record that is already there stops the deployment and is left as it is.

        :param zone: the domain's own zone or the zone of any parent domain; a public one, with its name:
            ``HostedZone.from_lookup`` or ``from_hosted_zone_attributes``, for ``from_hosted_zone_id`` knows no name.
        :raises ValueError: for a zone without a name, and for one that is known to be private, which neither SES nor
            any receiver can see.
        """
        return _Route53(zone)

    @staticmethod
    def route53_cross_account(*, zone_name: str, hosted_zone_id: str, role_arn: str) -> Dns:
        """Publish in a Route 53 hosted zone of another account, through a role there.

        All records of one identity are one atomic change, made by a function in this stack. A record that is already
        there stops the deployment and is left as it is; one that somebody has changed since is left when the rest goes.

        :param zone_name: name of the zone, such as ``example.com``.
        :param hosted_zone_id: its id.
        :param role_arn: the role that this account may assume; make it with :class:`CrossAccountDnsRole`.
        """
        from ses_constructs.identity.cross_account import Route53ByFunction

        return Route53ByFunction(zone_name=zone_name, hosted_zone_id=hosted_zone_id, role_arn=role_arn)

    @staticmethod
    def manual() -> Dns:
        """Publish nothing: the stack's outputs say which records to make by hand, wherever the domain's DNS is.

        One output a record, and one that holds all of them as lines of a zone file (RFC 1035, section 5).
        """
        return _Manual()


def check_dns(scope: Construct, dns: Any) -> None:
    """Refuse what is no publisher: a hosted zone, as a rule."""
    if not isinstance(dns, Dns):
        fail(scope, "dns", "must be a Dns, such as Dns.route53(zone)", dns)


def check_zone(scope: Construct, domain: str, zone_name: str) -> None:
    """Refuse a zone that is not the domain's or one of its parents'; tokens are let through."""
    if is_token(zone_name) or is_token(domain):
        return
    if not is_within(domain, zone_name.rstrip(".").lower()):
        fail(scope, "dns", f"must be the hosted zone of {domain} or of one of its parents", zone_name)


def public_zone(where: str, zone: route53.IHostedZone) -> tuple[str, str]:
    """Return id and name of a zone that the world can see.

    :param where: what is called, for the error.
    """
    if isinstance(zone, route53.HostedZone) and zone._vpcs:  # what the CDK shows to derived classes alone
        raise ValueError(f"{where}: zone must be public; nobody outside of its VPC sees {zone.node.path}")
    try:
        return zone.hosted_zone_id, zone.zone_name
    except RuntimeError as error:  # what is imported by its id alone, as private zones are
        rule = "zone must be a public hosted zone with its name, as from_hosted_zone_attributes imports it"
        raise ValueError(f"{where}: {rule}, got {zone.node.path}") from error
    except AttributeError as error:
        raise ValueError(f"{where}: zone must be a hosted zone, got {zone!r}") from error


class _Route53(Dns):
    def __init__(self, zone: route53.IHostedZone) -> None:
        self._zone = zone
        # Read once: each property is a call into the CDK, and many domains share a zone.
        self._zone_id, self._zone_name = public_zone("Dns.route53", zone)

    @property
    def hosted_zone(self) -> route53.IHostedZone:
        return self._zone

    def publish(
        self, scope: Construct, *, domain: str, records: Sequence[DnsRecord], removal_policy: RemovalPolicy
    ) -> None:
        check_zone(scope, domain, self._zone_name)
        # The names of Easy DKIM records are complete host names known only at deploy time. The L2 record classes
        # cannot see that and append the zone's name a second time; and the class of the group takes texts alone, each
        # of which costs a call into the CDK where the name is an attribute.
        group = CfnResource(
            scope,
            "Records",
            type="AWS::Route53::RecordSetGroup",
            properties={"HostedZoneId": self._zone_id, "RecordSets": record_sets(records)},
        )
        group.apply_removal_policy(removal_policy)

    def adopting(self) -> Dns:
        # CloudFormation cannot import record sets, so a function makes them that looks at what is there.
        from ses_constructs.identity.cross_account import Route53ByFunction

        return Route53ByFunction(zone_name=self._zone_name, hosted_zone_id=self._zone_id, role_arn=None, adopts=True)

    def merge_spf(self, scope: Construct, *, domain: str, spf: Spf, removal_policy: RemovalPolicy) -> None:
        from ses_constructs.identity.shared_spf import spf_terms

        spf_terms(
            scope, "Spf", zone_id=self._zone_id, role_arn=None, domain=domain, spf=spf, removal_policy=removal_policy
        )


class _Manual(Dns):
    def publish(
        self, scope: Construct, *, domain: str, records: Sequence[DnsRecord], removal_policy: RemovalPolicy
    ) -> None:
        for number, record in enumerate(records, start=1):
            CfnOutput(
                scope,
                f"Record{number}",
                description=record.purpose,
                value=f"{record.name} {record.type} {' | '.join(record.presentation())}",
            )
        lines = [line for record in records for line in record.lines()]
        CfnOutput(scope, "ZoneFile", description=f"The records of {domain} for a zone file", value="\n".join(lines))

    def merge_spf(self, scope: Construct, *, domain: str, spf: Spf, removal_policy: RemovalPolicy) -> None:
        CfnOutput(
            scope,
            "Spf",
            description=f"To add to the SPF record of {domain}, before its end; a new record ends in {spf.qualifier}",
            value=" ".join(spf.terms),
        )
