#!/usr/bin/env python3
"""The whole trail of a mail: a template, sent with tags, and what becomes of it at all four kinds of destinations.

-c hosted_zone_id=... -c hosted_zone_name=example.com
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from ses_constructs import (
    Dimension,
    Dns,
    DomainIdentity,
    EmailTemplate,
    EventLake,
    EventType,
    MessageTag,
    SendingConfigurationSet,
)

TEMPLATES = Path(__file__).parent / "templates"
EVERY_EVENT = list(EventType)

app = cdk.App()
stack = cdk.Stack(app, "MailTrailExample")
keep_nothing = cdk.RemovalPolicy.DESTROY  # an example should leave nothing behind

key = kms.Key(stack, "Key", enable_key_rotation=True, removal_policy=keep_nothing)

# Where alarms are heard. A topic with a policy of its own is closed to CloudWatch, and so is its key, until told so.
trouble = sns.Topic(stack, "Trouble", master_key=key, enforce_ssl=True)
alarms = iam.ServicePrincipal(
    "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
)
trouble.grant_publish(alarms)
on_trouble = [actions.SnsAction(trouble)]

news = SendingConfigurationSet(stack, "News", removal_policy=keep_nothing)

dead_letters = sqs.Queue(stack, "DeadLetters", encryption_master_key=key, enforce_ssl=True)
worker_failed = sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=3)

# 1. CloudWatch: how many, by campaign and by the button that was clicked.
news.publish_to_cloud_watch(
    events=EVERY_EVENT, dimensions=[Dimension.message_tag(MessageTag.CAMPAIGN), Dimension.link_tag("button")]
)

# 2. SNS: each event as it happens, to whoever subscribes.
published = news.publish_to_sns(events=EVERY_EVENT, encryption_key=key, alarm_actions=on_trouble)
trail = sqs.Queue(stack, "Trail", encryption_master_key=key, enforce_ssl=True, dead_letter_queue=worker_failed)
published.subscribe_queue("Trail", trail)

# 3. EventBridge: to the bus where the events of a company meet, and there to a team that wants to know of clicks.
bus = events.EventBus(stack, "Bus")
news.publish_to_event_bridge(events=EVERY_EVENT, encryption_key=key, alarm_actions=on_trouble).rule.forward_to(bus)
clicks = sqs.Queue(stack, "Clicks", enforce_ssl=True, dead_letter_queue=worker_failed)
events.Rule(
    stack,
    "ClicksOnly",
    event_bus=bus,
    event_pattern=events.EventPattern(source=["aws.ses"], detail_type=["Email Clicked"]),
    targets=[targets.SqsQueue(clicks)],
)

# 4. Firehose: for good, and to be asked.
lake = EventLake(
    stack,
    "Lake",
    encryption_key=key,
    retention=cdk.Duration.days(90),
    buffering_interval=cdk.Duration.minutes(1),  # to see something soon; in earnest the default is cheaper
    alarm_actions=on_trouble,
    removal_policy=keep_nothing,
)
news.publish_to_firehose(events=EVERY_EVENT, lake=lake)

zone_name = app.node.try_get_context("hosted_zone_name") or "example.com"
zone = route53.HostedZone.from_hosted_zone_attributes(
    stack,
    "Zone",
    hosted_zone_id=app.node.try_get_context("hosted_zone_id") or "Z00000000000000000000",
    zone_name=zone_name,
)
identity = DomainIdentity(
    stack,
    "Identity",
    domain=f"news.{zone_name}",
    dns=Dns.route53(zone),
    configuration_set=news,  # so that a program need not name it
    removal_policy=keep_nothing,
)
offer = EmailTemplate(
    stack, "Offer", subject="For you, {{name}}", html=TEMPLATES / "offer.html", text=TEMPLATES / "offer.txt"
)
newsletter = iam.Role(stack, "Newsletter", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
identity.grant_send(newsletter, from_addresses=[f"offers@{identity.domain}"], templates=[offer])

cdk.Validations.of(lake.bucket).acknowledge(
    cdk.Acknowledgment(
        id="AwsSolutions-S1", reason="Athena keeps who asked what; a log of the reads would tell no more"
    ),
)

for name, value in {
    "Domain": identity.domain,
    "NewsName": news.configuration_set_name,
    "TemplateName": offer.template_name,
    "TrailUrl": trail.queue_url,
    "ClicksUrl": clicks.queue_url,
    "BucketName": lake.bucket.bucket_name,
    "WorkgroupName": lake.workgroup_name,
}.items():
    cdk.CfnOutput(stack, name, value=value)
app.synth()
