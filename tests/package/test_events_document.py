"""The code blocks of docs/events.md do what they show."""

import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.package.test_documents import block_with


def test_the_stack_publishes_to_everyone_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_VALIDATION", "false")
    namespace: dict[str, Any] = {}
    exec(block_with("docs/events.md", "AnymailSubscription(stack"), namespace)
    template = namespace["app"].synth().get_stack_by_name("Mail").template
    types = [resource["Type"] for resource in template["Resources"].values()]
    assert types.count("AWS::SNS::Subscription") == 2
    assert types.count("AWS::Events::Rule") == 2
    assert types.count("AWS::Events::Archive") == 1


@mock_aws
def test_the_webhook_secret_is_what_anymail_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    secret = json.dumps({"username": "anymail", "password": "correct-horse"})
    arn = boto3.client("secretsmanager").create_secret(Name="webhook", SecretString=secret)["ARN"]
    namespace: dict[str, Any] = {}
    exec(block_with("docs/events.md", "def webhook_secret"), namespace)
    assert SimpleNamespace(**namespace).webhook_secret(arn) == "anymail:correct-horse"
