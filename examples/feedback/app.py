#!/usr/bin/env python3
"""Two streams of mail from one subdomain, one suppression ledger, a program that may send and may ask the ledger, and a
support desk that may lift suppressions.

The hosted zone is the one of the parent domain: -c hosted_zone_id=... -c hosted_zone_name=example.com -c domain=...
"""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53

from ses_constructs import (
    Dkim,
    Dmarc,
    Dns,
    DomainIdentity,
    EventType,
    FeedbackPipeline,
    SendingConfigurationSet,
    SoftBounces,
)

app = cdk.App()
stack = cdk.Stack(app, "FeedbackExample")

zone_name = app.node.try_get_context("hosted_zone_name") or "example.com"
zone = route53.HostedZone.from_hosted_zone_attributes(
    stack,
    "Zone",
    hosted_zone_id=app.node.try_get_context("hosted_zone_id") or "Z00000000000000000000",
    zone_name=zone_name,
)

receipts = SendingConfigurationSet(stack, "Receipts", removal_policy=cdk.RemovalPolicy.DESTROY)
news = SendingConfigurationSet(stack, "News", removal_policy=cdk.RemovalPolicy.DESTROY)
# Besides the feedback, a topic of its own for whoever wants to know what was delivered.
delivered = news.publish_to_sns("Delivered", events=[EventType.DELIVERY, EventType.DELIVERY_DELAY])

identity = DomainIdentity(
    stack,
    "Identity",
    domain=app.node.try_get_context("domain") or f"mail.{zone_name}",
    dns=Dns.route53(zone),
    dkim=Dkim.easy(key_length=2048),
    mail_from="bounces",
    dmarc=Dmarc(policy="quarantine", testing=True, aggregate_reports=[f"dmarc@{zone_name}"]),
    configuration_set=receipts,
    removal_policy=cdk.RemovalPolicy.DESTROY,  # an example should leave nothing behind
)
feedback = FeedbackPipeline(
    stack,
    "Feedback",
    sources=[receipts, news],
    max_receive_count=3,
    soft_bounces=SoftBounces(threshold=3, window=cdk.Duration.days(14)),
    removal_policy=cdk.RemovalPolicy.DESTROY,
)

program = iam.Role(stack, "Program", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
identity.grant_send(program, from_addresses=[f"*@{identity.domain}"], configuration_sets=[news])
feedback.grant_read_suppressions(program)

support = iam.Role(stack, "Support", assumed_by=iam.AccountRootPrincipal())
feedback.grant_read_suppressions(support)
feedback.grant_lift(support)
feedback.grant_erase(support)

cdk.CfnOutput(stack, "Domain", value=identity.domain)
cdk.CfnOutput(stack, "ReceiptsName", value=receipts.configuration_set_name)
cdk.CfnOutput(stack, "NewsName", value=news.configuration_set_name)
cdk.CfnOutput(stack, "SuppressionTableName", value=feedback.table.table_name)
cdk.CfnOutput(stack, "DeliveredTopicArn", value=delivered.topic.topic_arn)
app.synth()
