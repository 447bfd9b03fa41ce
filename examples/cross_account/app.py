#!/usr/bin/env python3
"""Send from a domain whose hosted zone is in another account, through one role there that may do nothing else.

Two stacks, which in earnest are deployed into two accounts: first the role where the zone is, then the sender.
-c hosted_zone_id=... -c hosted_zone_name=example.com -c sender_account=111122223333
"""

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53

from ses_constructs import CrossAccountDnsRole, Dns, DomainIdentity, Spf

app = cdk.App()
context = app.node.try_get_context
zone_name = context("hosted_zone_name") or "example.com"
zone_id = context("hosted_zone_id") or "Z00000000000000000000"
domain = f"mail.{zone_name}"

dns_stack = cdk.Stack(app, "CrossAccountExampleDns")
access = CrossAccountDnsRole(
    dns_stack,
    "Sender",
    zone=route53.HostedZone.from_hosted_zone_attributes(dns_stack, "Zone", hosted_zone_id=zone_id, zone_name=zone_name),
    domains=[domain],
    accounts=[context("sender_account") or "000000000000"],
)

sender_stack = cdk.Stack(app, "CrossAccountExampleSender")
DomainIdentity(
    sender_stack,
    "Identity",
    domain=domain,
    # Across accounts, write the ARN of the role here.
    dns=Dns.route53_cross_account(
        zone_name=zone_name, hosted_zone_id=zone_id, role_arn=context("role_arn") or access.role.role_arn
    ),
    spf=Spf.include_ses(),
    removal_policy=cdk.RemovalPolicy.DESTROY,  # an example should leave nothing behind
)
app.synth()
