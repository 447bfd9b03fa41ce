"""The MX record that brings a domain's mail to SES.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-mx-record.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy, Stack
from constructs import Construct

from ses_constructs._kit.checks import domain_name
from ses_constructs._kit.records import DnsRecord
from ses_constructs.receiving.regions import warn_where_nothing_is_received

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs.identity.dns import Dns
    from ses_constructs.receiving.rule_set import ActiveReceiptRuleSet


class InboundMx(Construct):
    """Bring the mail of *domain* to SES in this region. The domain must be a verified identity here.

    Defines: through *dns* the domain's one MX record. MX records that are there, of whichever provider, stop the
    deployment and stay as they are: take them away first, and mail that comes in between waits with its sender.
    """

    def __init__(
        self, scope: Construct, id: str, *, domain: str, dns: Dns, rule_set: ActiveReceiptRuleSet | None = None
    ) -> None:
        """:param domain: the domain whose mail it is, for example ``example.com`` or ``tickets.example.com``.

        :param dns: where the record goes, for example ``Dns.route53(zone)``.
        :param rule_set: the rules for that mail: the record is made after they are active, and taken away before they
            go. Default: you see to it that there are rules, for SES refuses mail that no rule wants.
        :raises ValueError: for a malformed domain, or a zone that is not the domain's.
        """
        super().__init__(scope, id)
        self.domain = domain_name(self, "domain", domain)
        warn_where_nothing_is_received(self)
        stack = Stack.of(self)
        self.records: Sequence[DnsRecord] = (
            DnsRecord(
                name=self.domain,
                type="MX",
                values=(f"10 inbound-smtp.{stack.region}.{stack.url_suffix}",),
                purpose="mail to the domain comes to SES",
            ),
        )
        """The record."""
        dns.publish(self, domain=self.domain, records=self.records, removal_policy=RemovalPolicy.DESTROY)
        if rule_set is not None:
            self.node.add_dependency(rule_set)
