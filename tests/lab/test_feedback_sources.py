"""Feedback keeps arriving while sources come and go, and from one stack to another."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sns as sns

from ses_constructs import EmailAddressIdentity, FeedbackPipeline, SendingConfigurationSet
from ses_constructs.lab import Lab

pytestmark = pytest.mark.lab

GONE = cdk.RemovalPolicy.DESTROY


def deploy(lab: Lab, out: Path, define: Callable[[cdk.App], object]) -> dict[str, dict[str, str]]:
    app = cdk.App(outdir=str(out))
    define(app)
    app.synth()
    outputs: dict[str, dict[str, str]] = lab.deploy_assembly(out)
    return outputs


def wait_until_recorded(lab: Lab, table: str, address: str) -> None:
    ledger = lab.session().resource("dynamodb").Table(table)
    key = {"address": address, "scope": "account"}
    lab.wait_for(lambda: ledger.get_item(Key=key).get("Item"), timeout=30, describe=f"{address} on record")


def bounce(address: str) -> str:
    """An event of SES, as it publishes it to a topic."""
    return json.dumps(
        {
            "eventType": "Bounce",
            "mail": {"messageId": str(uuid.uuid4()), "timestamp": "2026-03-01T10:00:00.000Z"},
            "bounce": {
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [{"emailAddress": address}],
                "timestamp": "2026-03-01T10:00:01.000Z",
                "feedbackId": str(uuid.uuid4()),
            },
        }
    )


def test_no_topic_falls_silent_when_another_is_added_or_removed(ses_lab: Lab, tmp_path: Path) -> None:
    publish = ses_lab.session().client("sns").publish

    def with_sources(*names: str) -> dict[str, str]:
        def define(app: cdk.App) -> None:
            stack = cdk.Stack(app, "Sources")
            topics = {name: sns.Topic(stack, name) for name in ("One", "Two", "Three")}
            sources: list[Any] = [topics[name] for name in names]
            own = SendingConfigurationSet(stack, "Set")
            feedback = FeedbackPipeline(stack, "Feedback", sources=[*sources, own], removal_policy=GONE)
            assert feedback.topic is not None
            cdk.CfnOutput(stack, "Table", value=feedback.table.table_name)
            cdk.CfnOutput(stack, "Own", value=feedback.topic.topic_arn)
            for name, topic in topics.items():
                cdk.CfnOutput(stack, f"Topic{name}", value=topic.topic_arn)

        return deploy(ses_lab, tmp_path / "-".join(names), define)["Sources"]

    try:
        for number, names in enumerate((["One", "Two"], ["Three", "One", "Two"], ["Two"])):
            outputs = with_sources(*names)
            for output in [*(f"Topic{name}" for name in names), "Own"]:
                address = f"{output.lower()}.{number}@example.com"
                publish(TopicArn=outputs[output], Message=bounce(address))
                wait_until_recorded(ses_lab, outputs["Table"], address)
    finally:
        ses_lab.delete_stack("Sources")


def test_a_pipeline_in_a_stack_of_its_own_records_the_bounces_of_another_stack(ses_lab: Lab, tmp_path: Path) -> None:
    sender = f"sender-{uuid.uuid4().hex[:8]}@example.com"

    def define(app: cdk.App) -> None:
        mail, data = cdk.Stack(app, "CrossMail"), cdk.Stack(app, "CrossFeedback")
        news = SendingConfigurationSet(mail, "News")
        EmailAddressIdentity(mail, "Identity", address=sender, removal_policy=GONE)
        feedback = FeedbackPipeline(data, "Feedback", sources=[news], removal_policy=GONE)
        cdk.CfnOutput(mail, "Set", value=news.configuration_set_name)
        cdk.CfnOutput(data, "Table", value=feedback.table.table_name)

    outputs = deploy(ses_lab, tmp_path / "cdk.out", define)
    try:
        ses_lab.session().client("sesv2").send_email(
            FromEmailAddress=sender,
            Destination={"ToAddresses": ["bounce+across@simulator.amazonses.com"]},
            Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
            ConfigurationSetName=outputs["CrossMail"]["Set"],
        )
        wait_until_recorded(ses_lab, outputs["CrossFeedback"]["Table"], "bounce+across@simulator.amazonses.com")
    finally:
        ses_lab.delete_stack("CrossMail")
        ses_lab.delete_stack("CrossFeedback")


def test_a_bounce_by_event_bridge_and_by_sns_is_one(ses_lab: Lab, tmp_path: Path) -> None:
    recipient = "bounce+bridged@simulator.amazonses.com"

    def define(app: cdk.App) -> None:
        stack = cdk.Stack(app, "Bridged")
        own = SendingConfigurationSet(stack, "Set", removal_policy=GONE)
        EmailAddressIdentity(stack, "Sender", address="bridged@example.com", removal_policy=GONE)
        bridge = own.publish_to_event_bridge(events=["BOUNCE", "COMPLAINT"])
        feedback = FeedbackPipeline(stack, "Feedback", sources=[own, bridge], removal_policy=GONE)
        cdk.CfnOutput(stack, "Table", value=feedback.table.table_name)
        cdk.CfnOutput(stack, "SetName", value=own.configuration_set_name)
        cdk.CfnOutput(stack, "QueueUrl", value=feedback.queue.queue_url)

    outputs = deploy(ses_lab, tmp_path, define)["Bridged"]
    try:
        ses_lab.session().client("sesv2").send_email(
            FromEmailAddress="bridged@example.com",
            Destination={"ToAddresses": [recipient]},
            Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
            ConfigurationSetName=outputs["SetName"],
        )
        wait_until_recorded(ses_lab, outputs["Table"], recipient)
        told = [it for it in ses_lab.events() if it.event_type == "Bounce"]
        kinds = {it.destination["kind"] for it in told if it.destination}
        assert {"sns", "event-bridge"} <= kinds
        sqs = ses_lab.session().client("sqs")

        def done() -> bool:
            counts = sqs.get_queue_attributes(
                QueueUrl=outputs["QueueUrl"],
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
            return set(counts.values()) == {"0"}

        ses_lab.wait_for(done, timeout=60, describe="both tellings of the bounce to be read")
        table = ses_lab.session().resource("dynamodb").Table(outputs["Table"])
        item: Any = table.get_item(Key={"address": recipient, "scope": "account"})["Item"]
        assert len(item["events"]) == 1
    finally:
        ses_lab.delete_stack("Bridged")
