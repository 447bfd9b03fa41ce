"""The code of docs/reactions.md does what it shows."""

import json
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_cdk.assertions import Template
from moto import mock_aws

from tests.handlers.changes.streams import event, messages
from tests.handlers.changes.test_publishing import SCHEMA, conforms
from tests.package.test_documents import ROOT, block_with, blocks
from webhook import signature

DOCUMENT = "docs/reactions.md"


def run(marker: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(block_with(DOCUMENT, marker), namespace)
    return namespace


def test_the_stack_has_all_reactions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CDK_VALIDATION", "false")
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path))
    stack = run("feedback.publish_changes()")["stack"]
    Template.from_stack(stack).resource_count_is("AWS::Events::Rule", 4)


def test_the_event_shown_conforms_to_the_schema() -> None:
    (shown,) = blocks(ROOT / DOCUMENT, "json")
    assert conforms(json.loads(shown), SCHEMA)


def test_the_function_is_told_whom_not_to_mail() -> None:
    namespace = run("def stop_mail")
    stopped: list[tuple[str, str]] = []
    namespace["stop_mail"] = lambda address, because: stopped.append((address, because))
    namespace["handler"](messages(event(reason="BOUNCE"), event("Address Restored", reason="BOUNCE")), None)
    assert stopped == [("ann@example.com", "BOUNCE")]


@pytest.mark.parametrize(
    ("secret", "age", "genuine"), [("A" * 44, 0, True), ("B" * 44, 0, False), ("A" * 44, 400, False)]
)
def test_the_receiver_knows_a_genuine_webhook(secret: str, age: int, genuine: bool) -> None:
    keys = [signature.key("C" * 44), signature.key("whsec_" + "A" * 44)]
    headers = signature.headers(keys, id="1f0c", timestamp=int(time.time()) - age, body=b"{}")
    assert run("def is_genuine")["is_genuine"](secret, headers, b"{}") is genuine


@mock_aws
def test_what_could_not_be_told_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    sqs, events = boto3.client("sqs"), boto3.client("events")
    dead_letters, listening = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "listening"))
    arn = sqs.get_queue_attributes(QueueUrl=listening, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus = events.create_event_bus(Name="bus")["EventBusArn"]
    events.put_rule(Name="rule", EventBusName="bus", EventPattern=json.dumps({"source": ["ses-constructs.feedback"]}))
    events.put_targets(Rule="rule", EventBusName="bus", Targets=[{"Id": "queue", "Arn": arn}])
    for body in (event(), {"requestContext": "Lambda's note"}):
        sqs.send_message(QueueUrl=dead_letters, MessageBody=json.dumps(body))

    tell_again = run("def tell_again")["tell_again"]
    assert (tell_again(dead_letters, bus), tell_again(dead_letters, bus)) == (1, 0)
    (message,) = sqs.receive_message(QueueUrl=listening, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(message["Body"])["detail"] == event()["detail"]
