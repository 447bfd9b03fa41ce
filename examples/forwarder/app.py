#!/usr/bin/env python3
"""Addresses of a subdomain, forwarded to the people behind them, who need no mailbox of their own there.

The hosted zone is the one of the parent domain: -c hosted_zone_id=... -c hosted_zone_name=example.com -c domain=...
Who is behind the addresses: -c owner=you@example.net
"""

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53

from ses_constructs import (
    ActiveReceiptRuleSet,
    Dns,
    DomainIdentity,
    InboundMx,
    MailForwarder,
    SendingConfigurationSet,
)

app = cdk.App()
stack = cdk.Stack(app, "ForwarderExample")

zone_name = app.node.try_get_context("hosted_zone_name") or "example.com"
zone = route53.HostedZone.from_hosted_zone_attributes(
    stack,
    "Zone",
    hosted_zone_id=app.node.try_get_context("hosted_zone_id") or "Z00000000000000000000",
    zone_name=zone_name,
)
domain = app.node.try_get_context("domain") or f"people.{zone_name}"
owner = app.node.try_get_context("owner") or "ann@example.net"

forwarded = SendingConfigurationSet(stack, "Forwarded", removal_policy=cdk.RemovalPolicy.DESTROY)
identity = DomainIdentity(
    stack,
    "Identity",
    domain=domain,
    dns=Dns.route53(zone),
    configuration_set=forwarded,
    removal_policy=cdk.RemovalPolicy.DESTROY,  # an example should leave nothing behind
)
rules = ActiveReceiptRuleSet(stack, "Rules")
forwarder = MailForwarder(
    stack,
    "Forwarder",
    rule_set=rules,
    aliases={
        f"info@{domain}": owner,
        f"sales-*@{domain}": [owner, "bob@example.net"],
        f"*@{domain}": "postmaster@example.net",
    },
    from_address=f"forwarder@{domain}",
    identity=identity,
    removal_policy=cdk.RemovalPolicy.DESTROY,
)
InboundMx(stack, "Mx", domain=domain, dns=Dns.route53(zone), rule_set=rules)

for name, value in {
    "Domain": domain,
    "BucketName": forwarder.mailbox.bucket.bucket_name,
    "MailTopicArn": forwarder.mailbox.topic.topic_arn,
    "DeadLetterQueueUrl": forwarder.dead_letter_queue.queue_url,
}.items():
    cdk.CfnOutput(stack, name, value=value)
cdk.Validations.of(forwarder.mailbox.bucket).acknowledge(
    cdk.Acknowledgment(id="AwsSolutions-S1", reason="Nobody but the functions may read it")
)
app.synth()
