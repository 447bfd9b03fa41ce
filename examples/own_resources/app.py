#!/usr/bin/env python3
"""A pipeline around what a team has already: its own topic, queue, dead-letter queue, table and key, on its dashboard.

Also from a stack of its own, for the mail and the data of a team are seldom deployed together.
"""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from ses_constructs import EmailAddressIdentity, FeedbackPipeline, SendingConfigurationSet

app = cdk.App()
gone = cdk.RemovalPolicy.DESTROY  # an example should leave nothing behind

data = cdk.Stack(app, "OwnResourcesData")
key = kms.Key(data, "Key", enable_key_rotation=True, removal_policy=gone)
table = dynamodb.Table(
    data,
    "Ledger",
    partition_key=dynamodb.Attribute(name="address", type=dynamodb.AttributeType.STRING),
    sort_key=dynamodb.Attribute(name="scope", type=dynamodb.AttributeType.STRING),
    billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
    encryption_key=key,
    point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True),
    removal_policy=gone,
)

mail = cdk.Stack(app, "OwnResourcesMail")
news = SendingConfigurationSet(mail, "News")
identity = EmailAddressIdentity(
    mail, "Identity", address="news@example.com", configuration_set=news, removal_policy=gone
)
topic = sns.Topic(mail, "Topic", master_key=key, enforce_ssl=True)
dead_letters = sqs.Queue(
    mail, "DeadLetters", encryption_master_key=key, enforce_ssl=True, retention_period=cdk.Duration.days(14)
)
queue = sqs.Queue(
    mail,
    "Queue",
    encryption_master_key=key,
    enforce_ssl=True,
    visibility_timeout=cdk.Duration.minutes(4),
    dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=3, queue=dead_letters),
)

feedback = FeedbackPipeline(
    mail,
    "Feedback",
    sources=[news],
    topic=topic,
    queue=queue,
    dead_letter_queue=dead_letters,
    table=table,
    encryption_key=key,
    max_receive_count=3,
    max_concurrency=10,
    batching_window=cdk.Duration.seconds(5),
)
cloudwatch.Dashboard(mail, "Dashboard", widgets=feedback.widgets())

cdk.CfnOutput(mail, "NewsName", value=news.configuration_set_name)
cdk.CfnOutput(mail, "QueueUrl", value=queue.queue_url)
cdk.CfnOutput(mail, "DeadLetterQueueUrl", value=dead_letters.queue_url)
cdk.CfnOutput(data, "TableName", value=table.table_name)
app.synth()
