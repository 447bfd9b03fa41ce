"""Mail through the example of EventBridge: its events on the bus of another team, and in a queue."""

import json
from pathlib import Path
from typing import Any

import pytest

from ses_constructs.lab import Lab

EXAMPLE = Path(__file__).parents[2] / "examples" / "event_bridge"
STACK = "EventBridgeExample"

pytestmark = pytest.mark.lab


def test_a_bounce_crosses_the_default_bus_to_the_other_teams_queue_and_another_sets_does_not(ses_lab: Lab) -> None:
    outputs = ses_lab.deploy(EXAMPLE)[STACK]
    ses, sqs = ses_lab.session().client("sesv2"), ses_lab.session().client("sqs")
    ses.create_email_identity(EmailIdentity="bus.example.com")
    ses.create_configuration_set(ConfigurationSetName="another")
    bus_arn = f"arn:aws:events:{ses_lab.region}:{ses_lab.account}:event-bus/default"
    ses.create_configuration_set_event_destination(
        ConfigurationSetName="another",
        EventDestinationName="bus",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ["BOUNCE"],
            "EventBridgeDestination": {"EventBusArn": bus_arn},
        },
    )

    def send(configuration_set: str) -> str:
        sent = ses.send_email(
            FromEmailAddress="news@bus.example.com",
            Destination={"ToAddresses": ["bounce@simulator.amazonses.com"]},
            Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
            ConfigurationSetName=configuration_set,
        )
        return str(sent["MessageId"])

    def received(url: str) -> list[dict[str, Any]]:
        messages = ses_lab.wait_for(
            lambda: sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"),
            timeout=15,
            describe="an event",
        )
        return [json.loads(message["Body"]) for message in messages]

    send("another")
    message_id = send(outputs["NewsName"])
    for url in (outputs["BouncesUrl"], outputs["EverythingUrl"]):
        (event,) = received(url)
        assert (event["source"], event["detail-type"]) == ("aws.ses", "Email Bounced")
        assert event["detail"]["mail"]["messageId"] == message_id
    ses_lab.destroy(EXAMPLE)
