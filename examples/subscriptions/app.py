#!/usr/bin/env python3
"""One topic, and for each who listens what he wants: a queue, a function, a web hook, and django-anymail.

-c site=https://www.example.com
"""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs

from ses_constructs import AnymailSubscription, EventType, SendingConfigurationSet

app = cdk.App()
stack = cdk.Stack(app, "SubscriptionsExample")
site = app.node.try_get_context("site") or "https://www.example.com"

news = SendingConfigurationSet(stack, "News")
published = news.publish_to_sns(events=list(EventType))

key = kms.Key(stack, "Key", enable_key_rotation=True, removal_policy=cdk.RemovalPolicy.DESTROY)
dead_letters = sqs.Queue(stack, "DeadLetters", encryption_master_key=key, enforce_ssl=True)
campaign = sqs.Queue(
    stack,
    "Campaign",
    encryption_master_key=key,
    enforce_ssl=True,
    dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=3),
)
published.subscribe_queue(
    "Campaign", campaign, events=[EventType.DELIVERY, EventType.BOUNCE], tags={"campaign": ["spring", "summer"]}
)

alert = lambda_.Function(
    stack,
    "Alert",
    runtime=lambda_.Runtime.PYTHON_3_14,
    handler="index.handler",
    code=lambda_.Code.from_inline("def handler(event, context):\n    print(len(event['Records']))\n"),
)
published.subscribe_function("Alert", alert, events=[EventType.RENDERING_FAILURE, EventType.REJECT])

published.subscribe_url("Hook", f"{site}/hooks/ses", events=[EventType.COMPLAINT], dead_letter_queue=dead_letters)

# User name and password that the Django program has already, as its ANYMAIL_WEBHOOK_SECRET.
credentials = secretsmanager.Secret(
    stack,
    "WebhookSecret",
    encryption_key=key,
    generate_secret_string=secretsmanager.SecretStringGenerator(
        secret_string_template='{"username": "anymail"}', generate_string_key="password", exclude_punctuation=True
    ),
)
AnymailSubscription(stack, "Anymail", topic=published.topic, anymail_url=f"{site}/anymail", credentials=credentials)

# For those who check their stacks with cdk-nag.
cdk.Validations.of(credentials).acknowledge(
    cdk.Acknowledgment(id="AwsSolutions-SMG4", reason="Changed together with credentials_version of the subscription")
)
basic_execution = "arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
cdk.Validations.of(alert).acknowledge(
    cdk.Acknowledgment(
        id=f"AwsSolutions::AwsSolutions-IAM4[Policy::{basic_execution}]", reason="The function writes logs, and no more"
    )
)

cdk.CfnOutput(stack, "NewsName", value=news.configuration_set_name)
cdk.CfnOutput(stack, "TopicArn", value=published.topic.topic_arn)
cdk.CfnOutput(stack, "CampaignUrl", value=campaign.queue_url)
cdk.CfnOutput(stack, "CredentialsArn", value=credentials.secret_arn)
app.synth()
