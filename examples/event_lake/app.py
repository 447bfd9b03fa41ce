#!/usr/bin/env python3
"""Two streams of mail, every event of both kept in one lake, and an analyst who may ask it.

-c domain=mail.example.com
"""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from ses_constructs import Dns, DomainIdentity, EventLake, EventType, SendingConfigurationSet

app = cdk.App()
stack = cdk.Stack(app, "EventLakeExample")

key = kms.Key(stack, "Key", enable_key_rotation=True, removal_policy=cdk.RemovalPolicy.DESTROY)
trouble = sns.Topic(stack, "Trouble", master_key=key, enforce_ssl=True)
# With a policy of its own a topic is closed to CloudWatch, and so is its key.
trouble.grant_publish(
    iam.ServicePrincipal("cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}})
)

lake = EventLake(
    stack,
    "Lake",
    encryption_key=key,
    retention=cdk.Duration.days(90),
    keep_raw=True,
    buffering_interval=cdk.Duration.minutes(1),  # to see something soon; in earnest the default is cheaper
    scan_limit=cdk.Size.gibibytes(1),
    alarm_actions=[actions.SnsAction(trouble)],
    removal_policy=cdk.RemovalPolicy.DESTROY,  # an example should leave nothing behind
)

receipts = SendingConfigurationSet(stack, "Receipts")
receipts.publish_to_firehose(events=list(EventType), lake=lake)
news = SendingConfigurationSet(stack, "News")
news.publish_to_firehose(events=list(EventType), lake=lake)
identity = DomainIdentity(
    stack,
    "Identity",
    domain=app.node.try_get_context("domain") or "mail.example.com",
    dns=Dns.manual(),
    configuration_set=receipts,
    removal_policy=cdk.RemovalPolicy.DESTROY,
)

analyst = iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal())
lake.grant_query(analyst)

cdk.Validations.of(lake.bucket).acknowledge(
    cdk.Acknowledgment(
        id="AwsSolutions-S1", reason="Athena keeps who asked what; a log of the reads would tell no more"
    ),
)

cdk.CfnOutput(stack, "Domain", value=identity.domain)
cdk.CfnOutput(stack, "ReceiptsName", value=receipts.configuration_set_name)
cdk.CfnOutput(stack, "NewsName", value=news.configuration_set_name)
cdk.CfnOutput(stack, "StreamName", value=lake.stream.delivery_stream_name)
cdk.CfnOutput(stack, "BucketName", value=lake.bucket.bucket_name)
cdk.CfnOutput(stack, "WorkgroupName", value=lake.workgroup_name)
cdk.CfnOutput(stack, "DatabaseName", value=lake.database_name)
app.synth()
