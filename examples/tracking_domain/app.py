#!/usr/bin/env python3
"""Links and pixels in mail that lead through a domain of one's own, over HTTPS.

-c hosted_zone_id=... -c hosted_zone_name=example.com

The stack has to be in us-east-1, the only region that CloudFront takes certificates from. If mail is sent elsewhere,
split it: the tracking domain, with its parameter region, in a stack there, and the rest where mail is sent from.
"""

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53

from ses_constructs import Dns, DomainIdentity, SendingConfigurationSet, TrackingDomain

app = cdk.App()
stack = cdk.Stack(app, "TrackingDomainExample")

zone_name = app.node.try_get_context("hosted_zone_name") or "example.com"
zone = route53.HostedZone.from_hosted_zone_attributes(
    stack,
    "Zone",
    hosted_zone_id=app.node.try_get_context("hosted_zone_id") or "Z00000000000000000000",
    zone_name=zone_name,
)
dns = Dns.route53(zone)

# SES takes the tracking domain because it lies below a domain that is verified; configuration sets wait for that.
identity = DomainIdentity(
    stack, "Identity", domain=f"mail.{zone_name}", dns=dns, removal_policy=cdk.RemovalPolicy.DESTROY
)
tracking = TrackingDomain(
    stack,
    "Tracking",
    domain=f"click.mail.{zone_name}",
    dns=dns,
    identity=identity,
    removal_policy=cdk.RemovalPolicy.DESTROY,  # an example should leave nothing behind
)

news = SendingConfigurationSet(stack, "News", tracking_domain=tracking)

# For those who check their stacks with cdk-nag.
cdk.Validations.of(tracking.distribution).acknowledge(
    cdk.Acknowledgment(id="AwsSolutions-CFR1", reason="Recipients of mail are everywhere"),
    cdk.Acknowledgment(id="AwsSolutions-CFR2", reason="SES answers every request, with a pixel or a redirect"),
    cdk.Acknowledgment(id="AwsSolutions-CFR3", reason="Each request is an event of SES already"),
)

cdk.CfnOutput(stack, "NewsName", value=news.configuration_set_name)
cdk.CfnOutput(stack, "TrackingDomainName", value=tracking.domain)
cdk.CfnOutput(stack, "DistributionId", value=tracking.distribution.distribution_id)
app.synth()
