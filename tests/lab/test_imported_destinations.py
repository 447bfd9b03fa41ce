"""Destinations whose resources the user made elsewhere: topic, key, queues, bus and role, by their ARNs alone."""

import json
import uuid
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from ses_constructs import SendingConfigurationSet
from ses_constructs.lab import Lab
from tests.lab.stage import allow_ses

pytestmark = pytest.mark.lab


def test_a_stack_of_imported_resources_deploys_and_events_arrive(ses_lab: Lab, tmp_path: Path) -> None:
    session = ses_lab.session()
    unique = uuid.uuid4().hex[:8]
    set_name, domain = f"imported-{unique}", f"i{unique}.example.com"
    session.client("sesv2").create_email_identity(EmailIdentity=domain)

    policy = allow_ses("*", ["kms:GenerateDataKey", "kms:Decrypt"])
    key_arn = session.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
    topic_arn = session.client("sns").create_topic(Name=f"t-{unique}", Attributes={"KmsMasterKeyId": key_arn})[
        "TopicArn"
    ]
    session.client("sns").set_topic_attributes(
        TopicArn=topic_arn, AttributeName="Policy", AttributeValue=allow_ses(topic_arn, "sns:Publish")
    )
    bus_arn = session.client("events").create_event_bus(Name=f"b-{unique}")["EventBusArn"]
    urls = {
        name: session.client("sqs").create_queue(QueueName=f"{name}-{unique}")["QueueUrl"]
        for name in ("q", "dlq", "far")
    }
    # What another team has behind its bus.
    pattern = json.dumps({"source": ["aws.ses"]})
    session.client("events").put_rule(Name=f"far-{unique}", EventBusName=f"b-{unique}", EventPattern=pattern)
    far_arn = f"arn:aws:sqs:{ses_lab.region}:{ses_lab.account}:far-{unique}"
    session.client("events").put_targets(
        Rule=f"far-{unique}", EventBusName=f"b-{unique}", Targets=[{"Id": "queue", "Arn": far_arn}]
    )
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "events.amazonaws.com"}}
        ],
    }
    role_arn = session.client("iam").create_role(RoleName=f"r-{unique}", AssumeRolePolicyDocument=json.dumps(trust))[
        "Role"
    ]["Arn"]

    app = cdk.App(outdir=str(tmp_path / "cdk.out"))
    stack = cdk.Stack(app, "ImportedDestinations")
    queue_arns = {name: f"arn:aws:sqs:{ses_lab.region}:{ses_lab.account}:{name}-{unique}" for name in urls}
    queues = {name: sqs.Queue.from_queue_arn(stack, name, arn) for name, arn in queue_arns.items()}
    configuration_set = SendingConfigurationSet(stack, "Set", configuration_set_name=set_name)
    to_sns = configuration_set.publish_to_sns(
        events=["BOUNCE", "SEND"],
        topic=sns.Topic.from_topic_arn(stack, "Topic", topic_arn),
        encryption_key=kms.Key.from_key_arn(stack, "Key", key_arn),
    )
    to_sns.subscribe_queue("Queue", queues["q"], events=["BOUNCE"], dead_letter_queue=queues["dlq"])
    rule = configuration_set.publish_to_event_bridge(events=["BOUNCE"]).rule
    rule.forward_to(
        events.EventBus.from_event_bus_arn(stack, "Bus", bus_arn),
        role=iam.Role.from_role_arn(stack, "Role", role_arn),
        dead_letter_queue=queues["dlq"],
    )
    cdk.CfnOutput(stack, "RuleName", value=rule.rule_name)
    app.synth()
    outputs = ses_lab.deploy_assembly(tmp_path / "cdk.out")["ImportedDestinations"]

    made = session.client("cloudformation").describe_stack_resources(StackName="ImportedDestinations")["StackResources"]
    ours = {"AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::KMS::Key", "AWS::Events::EventBus", "AWS::IAM::Role"}
    assert not ours & {it["ResourceType"] for it in made}
    (target,) = session.client("events").list_targets_by_rule(Rule=outputs["RuleName"])["Targets"]
    assert (target["Arn"], target["RoleArn"]) == (bus_arn, role_arn)
    assert target["DeadLetterConfig"]["Arn"] == queue_arns["dlq"]

    sent = session.client("sesv2").send_email(
        FromEmailAddress=f"hello@{domain}",
        Destination={"ToAddresses": ["bounce@simulator.amazonses.com"]},
        Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
        ConfigurationSetName=set_name,
    )
    received = ses_lab.wait_for(
        lambda: session.client("sqs").receive_message(QueueUrl=urls["q"]).get("Messages"),
        timeout=15,
        describe="the bounce",
    )
    (event,) = [json.loads(message["Body"]) for message in received]
    assert (event["eventType"], event["mail"]["messageId"]) == ("Bounce", sent["MessageId"])
    received = ses_lab.wait_for(
        lambda: session.client("sqs").receive_message(QueueUrl=urls["far"]).get("Messages"),
        timeout=15,
        describe="the bounce behind the other bus",
    )
    (forwarded,) = [json.loads(message["Body"]) for message in received]
    assert (forwarded["detail-type"], forwarded["detail"]) == ("Email Bounced", event)
    ses_lab.delete_stack("ImportedDestinations")
    assert session.client("sns").get_topic_attributes(TopicArn=topic_arn)["Attributes"]["KmsMasterKeyId"] == key_arn
    assert session.client("events").describe_event_bus(Name=f"b-{unique}")["Arn"] == bus_arn


def test_topic_keys_and_queues_of_another_stack_take_events_and_both_stacks_can_go(
    ses_lab: Lab, tmp_path: Path
) -> None:
    session = ses_lab.session()
    domain = f"t{uuid.uuid4().hex[:8]}.example.com"
    session.client("sesv2").create_email_identity(EmailIdentity=domain)

    app = cdk.App(outdir=str(tmp_path / "cdk.out"))
    data, mail = cdk.Stack(app, "OtherData"), cdk.Stack(app, "OtherMail")
    key = kms.Key(data, "Key", removal_policy=cdk.RemovalPolicy.DESTROY)
    topic = sns.Topic(data, "Topic", master_key=key, enforce_ssl=True)
    queues = {name: sqs.Queue(data, name, encryption_master_key=key) for name in ("Told", "Forwarded")}
    news = SendingConfigurationSet(mail, "News", removal_policy=cdk.RemovalPolicy.DESTROY)
    news.publish_to_sns(events=["SEND"], topic=topic).subscribe_queue("Told", queues["Told"])
    news.publish_to_event_bridge(events=["SEND"], encryption_key=key).rule.add_queue(queues["Forwarded"])
    cdk.CfnOutput(mail, "NewsName", value=news.configuration_set_name)
    for name, queue in queues.items():
        cdk.CfnOutput(data, f"{name}Url", value=queue.queue_url)
    app.synth()
    outputs = ses_lab.deploy_assembly(tmp_path / "cdk.out")

    sent = session.client("sesv2").send_email(
        FromEmailAddress=f"hello@{domain}",
        Destination={"ToAddresses": ["somebody@example.net"]},
        Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
        ConfigurationSetName=outputs["OtherMail"]["NewsName"],
    )["MessageId"]
    for name in queues:
        url = outputs["OtherData"][f"{name}Url"]

        def event(url: str = url) -> dict[str, Any] | None:
            for message in session.client("sqs").receive_message(QueueUrl=url).get("Messages", []):
                if message["Body"].startswith("{"):  # the topic has been told that SES knows it, in plain text
                    body = json.loads(message["Body"])
                    return dict(body.get("detail", body))
            return None

        found = ses_lab.wait_for(event, timeout=15, describe=f"the event in {name}")
        assert (found["eventType"], found["mail"]["messageId"]) == ("Send", sent)
    ses_lab.delete_stack("OtherMail")
    ses_lab.delete_stack("OtherData")
