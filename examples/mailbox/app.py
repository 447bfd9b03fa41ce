#!/usr/bin/env python3
"""A support mailbox on a subdomain of its own: mail becomes events in a queue that a program reads.

The hosted zone is the one of the parent domain: -c hosted_zone_id=... -c hosted_zone_name=example.com -c domain=...
"""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sqs as sqs

from ses_constructs import (
    ActiveReceiptRuleSet,
    Dns,
    DomainIdentity,
    InboundMailbox,
    InboundMx,
    VerdictPolicy,
)

app = cdk.App()
stack = cdk.Stack(app, "MailboxExample")

zone_name = app.node.try_get_context("hosted_zone_name") or "example.com"
zone = route53.HostedZone.from_hosted_zone_attributes(
    stack,
    "Zone",
    hosted_zone_id=app.node.try_get_context("hosted_zone_id") or "Z00000000000000000000",
    zone_name=zone_name,
)
domain = app.node.try_get_context("domain") or f"tickets.{zone_name}"
identity = DomainIdentity(
    stack, "Identity", domain=domain, dns=Dns.route53(zone), removal_policy=cdk.RemovalPolicy.DESTROY
)

rules = ActiveReceiptRuleSet(stack, "Rules")
support = InboundMailbox(
    stack,
    "Support",
    rule_set=rules,
    recipients=[f"support@{domain}"],
    spam=VerdictPolicy.FLAG,
    retention=cdk.Duration.days(30),
    removal_policy=cdk.RemovalPolicy.DESTROY,  # an example should leave nothing behind
)
# Mail to any other address is refused by SES, for no rule wants it.
InboundMx(stack, "Mx", domain=domain, dns=Dns.route53(zone), rule_set=rules)

key = kms.Key(stack, "Key", enable_key_rotation=True, removal_policy=cdk.RemovalPolicy.DESTROY)
missed = sqs.Queue(stack, "Missed", encryption_master_key=key, enforce_ssl=True)
tickets = sqs.Queue(
    stack,
    "Tickets",
    encryption_master_key=key,
    enforce_ssl=True,
    dead_letter_queue=sqs.DeadLetterQueue(queue=missed, max_receive_count=5),
)
support.on_received().add_queue(tickets)

desk = iam.Role(stack, "Desk", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
tickets.grant_consume_messages(desk)
support.grant_read_mail(desk)

cdk.Validations.of(support.bucket).acknowledge(
    cdk.Acknowledgment(id="AwsSolutions-S1", reason="Nobody but the function and the desk may read it")
)
for name, value in {"TicketsUrl": tickets.queue_url, "BucketName": support.bucket.bucket_name}.items():
    cdk.CfnOutput(stack, name, value=value)

app.synth()
