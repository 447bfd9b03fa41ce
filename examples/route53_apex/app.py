#!/usr/bin/env python3
"""Send from the domain of a Route 53 zone itself, where mail of others is at home too.

The SPF record of the domain is shared: the include of SES is added to it, and nothing else is touched.
-c hosted_zone_id=... -c hosted_zone_name=example.com
"""

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53

from ses_constructs import Dmarc, Dns, DomainIdentity, Spf

app = cdk.App()
stack = cdk.Stack(app, "ApexExample")

domain = app.node.try_get_context("hosted_zone_name") or "example.com"
zone = route53.HostedZone.from_hosted_zone_attributes(
    stack,
    "Zone",
    hosted_zone_id=app.node.try_get_context("hosted_zone_id") or "Z00000000000000000000",
    zone_name=domain,
)
DomainIdentity(
    stack,
    "Identity",
    domain=domain,
    dns=Dns.route53(zone),
    spf=Spf.include_ses(),
    dmarc=Dmarc(policy="none", aggregate_reports=[f"dmarc@{domain}"]),
    removal_policy=cdk.RemovalPolicy.DESTROY,  # an example should leave nothing behind
)
app.synth()
