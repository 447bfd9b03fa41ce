"""The example of EventBridge, deployed by the real CDK CLI: what is wired to what, and which events pass."""

import json
from pathlib import Path
from typing import Any

import pytest

from ses_constructs.lab import Lab

EXAMPLE = Path(__file__).parents[2] / "examples" / "event_bridge"
STACK = "EventBridgeExample"

pytestmark = pytest.mark.lab


def event(detail_type: str, **detail: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": detail_type,
        "source": "aws.ses",
        "account": "123456789012",
        "time": "2026-11-24T12:00:00Z",
        "region": "us-east-1",
        "resources": ["arn:aws:ses:us-east-1:123456789012:identity/mail.example.com"],
        "detail": detail,
    }


def mail_event(detail_type: str, configuration_set: str) -> dict[str, Any]:
    tags = {"ses:configuration-set": [configuration_set], "ses:from-domain": ["mail.example.com"]}
    return event(detail_type, mail={"messageId": "1", "tags": tags})


def test_events_of_the_set_alone_go_to_the_bus_and_the_queue_and_nothing_is_left_behind(ses_lab: Lab) -> None:
    outputs = ses_lab.deploy(EXAMPLE)[STACK]
    session = ses_lab.session()
    events, sqs = session.client("events"), session.client("sqs")

    def arn_of(url: str) -> str:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return str(attributes["QueueArn"])

    def passes(rule_name: str, example: dict[str, Any]) -> bool:
        pattern = events.describe_rule(Name=rule_name)["EventPattern"]
        answer = events.test_event_pattern(EventPattern=pattern, Event=json.dumps(example))
        return bool(answer["Result"])

    ours, news = outputs["RuleName"], outputs["NewsName"]
    assert passes(ours, mail_event("Email Bounced", news))
    assert not passes(ours, mail_event("Email Bounced", "another"))
    assert not passes(ours, mail_event("Email Sent", news))
    assert not passes(
        ours, event("Advisor Recommendation Status Open", version="1.0.0", data="SPF record was not found.")
    )

    (destination,) = session.client("sesv2").get_configuration_set_event_destinations(ConfigurationSetName=news)[
        "EventDestinations"
    ]
    assert destination["Enabled"] is True
    assert destination["EventBridgeDestination"]["EventBusArn"].endswith(":event-bus/default")

    bus_arn = events.describe_event_bus(Name=outputs["BusName"])["Arn"]
    targets = {it["Arn"]: it for it in events.list_targets_by_rule(Rule=ours)["Targets"]}
    assert set(targets) == {bus_arn, arn_of(outputs["EverythingUrl"])}
    assert all("DeadLetterConfig" in target for target in targets.values())
    assert "RoleArn" in targets[bus_arn]

    findings = arn_of(outputs["FindingsUrl"])
    (account_rule,) = events.list_rule_names_by_target(TargetArn=findings)["RuleNames"]
    finding = event("Advisor Recommendation Status Open", version="1.0.0", data="SPF record was not found.")
    assert passes(account_rule, finding)
    assert not passes(account_rule, mail_event("Email Bounced", news))

    (archive,) = [it for it in events.list_archives()["Archives"] if it["ArchiveName"].startswith(STACK)]
    assert archive["RetentionDays"] == 7
    kept = json.loads(events.describe_archive(ArchiveName=archive["ArchiveName"])["EventPattern"])
    assert kept == json.loads(events.describe_rule(Name=ours)["EventPattern"])

    ses_lab.destroy(EXAMPLE)
    assert archive["ArchiveName"] not in [it["ArchiveName"] for it in events.list_archives()["Archives"]]
    assert ours not in [rule["Name"] for rule in events.list_rules()["Rules"]]
