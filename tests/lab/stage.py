"""What the tests of the lab's SES share: something to send with, and somewhere to look."""

import json
import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any

from ses_constructs.lab import Lab, LabError


@dataclass(frozen=True)
class Stage:
    """A domain that may send, a configuration set, and a topic that SES may publish to, with a queue behind it."""

    lab: Lab
    domain: str
    configuration_set: str
    topic_arn: str
    queue_url: str

    def client(self, service: str) -> Any:
        """One client a service: making another one takes longer than most calls."""
        return client(self.lab, service)

    @property
    def sender(self) -> str:
        return f"hello@{self.domain}"

    def source_arn(self, kind: str = "configuration-set") -> str:
        name = self.configuration_set if kind == "configuration-set" else self.domain
        return f"arn:aws:ses:{self.lab.region}:{self.lab.account}:{kind}/{name}"

    def publish(self, *events: str, topic_arn: str | None = None) -> None:
        """Add a destination the way a stack does, through CloudFormation."""
        destination = {
            "Type": "AWS::SES::ConfigurationSetEventDestination",
            "Properties": {
                "ConfigurationSetName": self.configuration_set,
                "EventDestination": {
                    "Enabled": True,
                    "MatchingEventTypes": list(events),
                    "SnsDestination": {"TopicARN": topic_arn or self.topic_arn},
                },
            },
        }
        create_stack(self.lab, {"Destination": destination})

    def send(self, *recipients: str, **options: Any) -> str:
        options.setdefault("ConfigurationSetName", self.configuration_set)
        sent = self.client("sesv2").send_email(
            FromEmailAddress=options.pop("sender", self.sender),
            Destination={"ToAddresses": list(recipients)},
            Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
            **options,
        )
        return str(sent["MessageId"])

    def received(self, count: int) -> list[dict[str, Any]]:
        """The SNS envelopes that reached the queue."""
        sqs = self.client("sqs")
        found: list[dict[str, Any]] = []

        def enough() -> bool:
            answer = sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
            found.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
            return len(found) >= count

        self.lab.wait_for(enough, timeout=10, describe=f"{count} messages in the queue")
        assert len(found) == count
        return found

    def types(self, message_id: str, expected: int) -> list[str]:
        def seen() -> list[str] | None:
            types = [event.event_type for event in self.lab.events() if event.message_id == message_id]
            return types if len(types) >= expected else None

        return self.lab.wait_for(seen, timeout=10, describe="events")


@cache
def client(lab: Lab, service: str) -> Any:
    session: Any = lab.session()  # its types want the service's name as a literal
    return session.client(service)


def create_stack(
    lab: Lab, resources: dict[str, Any], *, name: str | None = None, outputs: dict[str, Any] | None = None
) -> dict[str, str]:
    """Create a stack; its failure is an error with the reason."""
    name = name if name is not None else f"T{uuid.uuid4().hex[:8]}"
    template = {"Resources": resources, "Outputs": outputs or {}}
    client(lab, "cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
    return _physical_ids(lab, name, "CREATE_COMPLETE")


def update_stack(lab: Lab, name: str, resources: dict[str, Any]) -> dict[str, str]:
    """Update a stack; its failure is an error with the reason."""
    template = {"Resources": resources}
    client(lab, "cloudformation").update_stack(StackName=name, TemplateBody=json.dumps(template))
    return _physical_ids(lab, name, "UPDATE_COMPLETE")


def _physical_ids(lab: Lab, name: str, wanted: str) -> dict[str, str]:
    cloudformation = client(lab, "cloudformation")

    def ended() -> str | None:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack["StackStatus"]

    if lab.wait_for(ended, timeout=20, describe="the stack") != wanted:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        raise LabError(str([it.get("ResourceStatusReason") for it in events if "FAILED" in it["ResourceStatus"]]))
    found = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in found}


def allow_ses(resource: str, action: str | list[str], **equal: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "ses.amazonaws.com"},
        "Action": action,
        "Resource": resource,
        "Condition": {"StringEquals": {name.replace("_", ":"): value for name, value in equal.items()}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
