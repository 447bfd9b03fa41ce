#!/usr/bin/env python3
"""Send from a subdomain whose records are in the zone of its parent.

-c hosted_zone_id=... -c hosted_zone_name=example.com
"""

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53

from ses_constructs import Dns, DomainIdentity

app = cdk.App()
stack = cdk.Stack(app, "SubdomainExample")

parent = app.node.try_get_context("hosted_zone_name") or "example.com"
zone = route53.HostedZone.from_hosted_zone_attributes(
    stack,
    "Zone",
    hosted_zone_id=app.node.try_get_context("hosted_zone_id") or "Z00000000000000000000",
    zone_name=parent,
)
DomainIdentity(
    stack,
    "Identity",
    domain=f"news.{parent}",
    dns=Dns.route53(zone),
    removal_policy=cdk.RemovalPolicy.DESTROY,  # an example should leave nothing behind
)
app.synth()
