#!/usr/bin/env python3
"""Everything that can happen when an address is suppressed or restored, all at once.

Whoever sends must be verified already: -c webhook=https://... -c contact_list=...
"""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs

from ses_constructs import FeedbackPipeline, SendingConfigurationSet

# Says what changed, and of nobody. A function that raises is called again.
CODE = """
import json

def handler(event, context):
    for record in event["Records"]:
        change = json.loads(record["body"])
        print(change["detail-type"], change["detail"]["reason"])
"""

app = cdk.App()
stack = cdk.Stack(app, "ReactionsExample")

mail = SendingConfigurationSet(stack, "Mail")
feedback = FeedbackPipeline(stack, "Feedback", sources=[mail], removal_policy=cdk.RemovalPolicy.DESTROY)
changes = feedback.publish_changes()

log_group = logs.LogGroup(stack, "CounterLogs", removal_policy=cdk.RemovalPolicy.DESTROY)
role = iam.Role(stack, "CounterRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
log_group.grant_write(role)
counter = lambda_.Function(
    stack,
    "Counter",
    runtime=lambda_.Runtime.PYTHON_3_14,
    handler="index.handler",
    code=lambda_.Code.from_inline(CODE),
    role=role,
    log_group=log_group,
)
changes.invoke("Counting", counter)
webhook = changes.call_webhook("Partner", url=app.node.try_get_context("webhook") or "https://partner.example.com/ses")
changes.keep_account_suppression_list()
changes.remove_from_contact_list(app.node.try_get_context("contact_list") or "Customers")

# A rule of one's own on the same bus: bounces alone, for a program that polls.
bounces = sqs.Queue(stack, "Bounces", encryption=sqs.QueueEncryption.SQS_MANAGED, enforce_ssl=True)
cdk.Validations.of(bounces).acknowledge(
    cdk.Acknowledgment(
        id="AwsSolutions::AwsSolutions-SQS3", reason="Whoever polls it leaves in it what cannot be dealt with yet"
    )
)
rule = events.CfnRule(
    stack,
    "BouncesRule",
    event_bus_name=changes.bus.event_bus_arn,
    event_pattern={
        "source": ["ses-constructs.feedback"],
        "detail-type": ["Address Suppressed"],
        "detail": {"reason": ["BOUNCE"]},
    },
    targets=[events.CfnRule.TargetProperty(id="Bounces", arn=bounces.queue_arn)],
)
bounces.add_to_resource_policy(
    iam.PolicyStatement(
        actions=["sqs:SendMessage"],
        principals=[iam.ServicePrincipal("events.amazonaws.com")],
        resources=[bounces.queue_arn],
        conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
    )
)

assert webhook.signing_secret is not None
cdk.CfnOutput(stack, "ConfigurationSetName", value=mail.configuration_set_name)
cdk.CfnOutput(stack, "SuppressionTableName", value=feedback.table.table_name)
cdk.CfnOutput(stack, "BouncesQueueUrl", value=bounces.queue_url)
cdk.CfnOutput(stack, "SigningSecretArn", value=webhook.signing_secret.secret_arn)
app.synth()
