#!/usr/bin/env python3
"""A support desk: a mail becomes a ticket, its sender gets an address to answer to, and answers join the ticket.

The hosted zone is the one of the parent domain: -c hosted_zone_id=... -c hosted_zone_name=example.com -c domain=...
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sqs as sqs

from ses_constructs import (
    ActiveReceiptRuleSet,
    Dns,
    DomainIdentity,
    InboundMailbox,
    InboundMx,
    ReplyAddresses,
)

app = cdk.App()
stack = cdk.Stack(app, "TicketDeskExample")

zone_name = app.node.try_get_context("hosted_zone_name") or "example.com"
zone = route53.HostedZone.from_hosted_zone_attributes(
    stack,
    "Zone",
    hosted_zone_id=app.node.try_get_context("hosted_zone_id") or "Z00000000000000000000",
    zone_name=zone_name,
)
domain = app.node.try_get_context("domain") or f"desk.{zone_name}"
identity = DomainIdentity(
    stack, "Identity", domain=domain, dns=Dns.route53(zone), removal_policy=cdk.RemovalPolicy.DESTROY
)

rules = ActiveReceiptRuleSet(stack, "Rules")
mailbox = InboundMailbox(
    stack,
    "Mailbox",
    rule_set=rules,
    recipients=[f"support@{domain}", f"reply@{domain}"],  # and with them reply+TOKEN@
    removal_policy=cdk.RemovalPolicy.DESTROY,  # an example should leave nothing behind
)
InboundMx(stack, "Mx", domain=domain, dns=Dns.route53(zone), rule_set=rules)
replies = ReplyAddresses(stack, "Replies", domain=domain, mailbox=mailbox, lifetime=cdk.Duration.days(90))

key = kms.Key(stack, "Key", enable_key_rotation=True, removal_policy=cdk.RemovalPolicy.DESTROY)
tickets = dynamodb.Table(
    stack,
    "Tickets",
    partition_key=dynamodb.Attribute(name="ticket", type=dynamodb.AttributeType.STRING),
    sort_key=dynamodb.Attribute(name="message", type=dynamodb.AttributeType.STRING),
    billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
    encryption_key=key,
    point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True),
    removal_policy=cdk.RemovalPolicy.DESTROY,
)
missed = sqs.Queue(stack, "Missed", encryption_master_key=key, enforce_ssl=True)
mails = sqs.Queue(
    stack,
    "Mails",
    encryption_master_key=key,
    enforce_ssl=True,
    visibility_timeout=cdk.Duration.minutes(3),
    dead_letter_queue=sqs.DeadLetterQueue(queue=missed, max_receive_count=5),
)
mailbox.on_received().add_queue(mails)

desk_logs = logs.LogGroup(
    stack, "DeskLogs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=cdk.RemovalPolicy.DESTROY
)
desk_role = iam.Role(stack, "DeskRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
desk_logs.grant_write(desk_role)
desk = lambda_.Function(
    stack,
    "Desk",
    runtime=lambda_.Runtime.PYTHON_3_14,
    code=lambda_.Code.from_asset(str(Path(__file__).resolve().parent / "desk"), exclude=["__pycache__"]),
    handler="desk.handler",
    timeout=cdk.Duration.seconds(30),
    role=desk_role,
    log_group=desk_logs,
    environment={
        "TABLE_NAME": tickets.table_name,
        "REPLY_FUNCTION": replies.function.function_name,
        "FROM_ADDRESS": f"Support <support@{domain}>",
    },
)
tickets.grant(desk, "dynamodb:PutItem", "dynamodb:UpdateItem")
replies.grant_make(desk)
identity.grant_send(desk, from_addresses=[f"support@{domain}"])
mails.grant_consume_messages(desk)
desk.add_event_source_mapping("Mails", event_source_arn=mails.queue_arn, batch_size=1)

for name, value in {
    "Domain": domain,
    "TableName": tickets.table_name,
    "BucketName": mailbox.bucket.bucket_name,
    "MailTopicArn": mailbox.topic.topic_arn,
    "ReplyFunctionName": replies.function.function_name,
}.items():
    cdk.CfnOutput(stack, name, value=value)
cdk.Validations.of(mailbox.bucket).acknowledge(
    cdk.Acknowledgment(id="AwsSolutions-S1", reason="Nobody but the function of the mailbox may read it")
)
app.synth()
