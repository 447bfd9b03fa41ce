#!/usr/bin/env python3
"""Events of one stream of mail on a bus that other teams read, and what SES finds wrong with the account in a queue."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs

from ses_constructs import EventType, SendingConfigurationSet, SesAccountEvents

app = cdk.App()
stack = cdk.Stack(app, "EventBridgeExample")

news = SendingConfigurationSet(stack, "News")
published = news.publish_to_event_bridge(
    events=[EventType.DELIVERY, EventType.BOUNCE, EventType.COMPLAINT, EventType.CLICK]
)
published.rule.archive(retention=cdk.Duration.days(7))

# The bus where the events of a company meet.
bus = events.EventBus(stack, "Bus")
published.rule.forward_to(bus)

key = kms.Key(stack, "Key", enable_key_rotation=True, removal_policy=cdk.RemovalPolicy.DESTROY)
dead_letters = sqs.Queue(stack, "DeadLetters", encryption_master_key=key, enforce_ssl=True)


def queue(name: str) -> sqs.Queue:
    """Define a queue as one has them anyway."""
    return sqs.Queue(
        stack,
        name,
        encryption_master_key=key,
        enforce_ssl=True,
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=3),
    )


# Every event, read straight from the default bus.
everything = queue("Everything")
published.rule.add_queue(everything)

# What another team does, with the bus alone: it wants to know of bounces.
bounces = sqs.Queue(
    stack,
    "Bounces",
    enforce_ssl=True,
    dead_letter_queue=sqs.DeadLetterQueue(queue=sqs.Queue(stack, "LostBounces", enforce_ssl=True), max_receive_count=3),
)
events.Rule(
    stack,
    "Reader",
    event_bus=bus,
    event_pattern=events.EventPattern(source=["aws.ses"], detail_type=["Email Bounced"]),
    targets=[targets.SqsQueue(bounces)],
)

findings = queue("Findings")
SesAccountEvents(stack, "AccountEvents").add_queue(findings, dead_letter_queue=dead_letters)

cdk.CfnOutput(stack, "NewsName", value=news.configuration_set_name)
cdk.CfnOutput(stack, "RuleName", value=published.rule.rule_name)
cdk.CfnOutput(stack, "BusName", value=bus.event_bus_name)
cdk.CfnOutput(stack, "EverythingUrl", value=everything.queue_url)
cdk.CfnOutput(stack, "BouncesUrl", value=bounces.queue_url)
cdk.CfnOutput(stack, "FindingsUrl", value=findings.queue_url)
app.synth()
