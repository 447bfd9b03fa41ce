"""The life of the reference app in the lab: deployed, again, changed, rolled back, destroyed, and mailed through."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

import app as reference
from ses_constructs import FeedbackPipeline, SendingConfigurationSet
from ses_constructs.lab import Lab, LabError

ROOT = Path(__file__).parents[2]
ZONE = "example.com"
DOMAIN = "mail.example.com"

pytestmark = pytest.mark.lab

Change = Callable[[reference.EmailStack], object]


class Deployment:
    """The stack of stage dev in a lab of its own, changed by handing new templates to CloudFormation."""

    def __init__(self, lab: Lab, workshop: Path) -> None:
        self.lab = lab
        self._workshop = workshop
        self._count = 0
        self.zone_id = lab.create_hosted_zone(ZONE)
        session = lab.session()
        self.cloudformation = session.client("cloudformation")
        self.route53 = session.client("route53")
        self.ses = session.client("sesv2")
        self.sqs = session.client("sqs")
        self.dynamodb = session.resource("dynamodb")

    def deploy(self, change: Change | None = None, *, stage: str = "dev") -> dict[str, str]:
        self._count += 1
        out = self._workshop / f"cdk.out.{self._count}"
        context = json.loads((ROOT / "cdk.json").read_text())["context"]
        context |= {"stage": stage, "domain": DOMAIN, "hosted_zone_id": self.zone_id, "hosted_zone_name": ZONE}
        app = cdk.App(context=context, outdir=str(out))
        stack = reference.build(app)
        if change is not None:
            change(stack)
        app.synth()
        outputs: dict[str, str] = self.lab.deploy_assembly(out)[f"Email-{stage}"]
        return outputs

    def records(self) -> list[Any]:
        found = self.route53.list_resource_record_sets(HostedZoneId=self.zone_id)["ResourceRecordSets"]
        return sorted(found, key=lambda it: (it["Name"], it["Type"]))

    def physical_ids(self) -> dict[str, str]:
        found = self.cloudformation.describe_stack_resources(StackName="Email-dev")["StackResources"]
        return {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in found}

    def queue_arns(self) -> set[str]:
        urls = self.sqs.list_queues().get("QueueUrls", [])
        found = [self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"]) for url in urls]
        return {it["Attributes"]["QueueArn"] for it in found}

    def status(self) -> str:
        return str(self.cloudformation.describe_stacks(StackName="Email-dev")["Stacks"][0]["StackStatus"])

    def send(self, outputs: dict[str, str], recipient: str) -> str:
        sent = self.ses.send_email(
            FromEmailAddress=f"hello@{DOMAIN}",
            Destination={"ToAddresses": [recipient]},
            Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
            ConfigurationSetName=outputs["ConfigurationSetName"],
        )
        return str(sent["MessageId"])

    def ledger(self, outputs: dict[str, str], address: str) -> dict[str, Any] | None:
        table = self.dynamodb.Table(outputs["SuppressionTableName"])
        item = table.get_item(Key={"address": address, "scope": "account"}).get("Item")
        return dict(item) if item is not None else None


@pytest.fixture
def deployment(ses_lab: Lab, tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(ses_lab, tmp_path)
    yield deployment
    ses_lab.delete_stack("Email-dev")


def more_events(stack: reference.EmailStack) -> None:
    configuration_set = stack.node.find_child("ConfigurationSet")
    assert isinstance(configuration_set, SendingConfigurationSet)
    configuration_set.publish_to_sns("Deliveries", events=["DELIVERY"])


def a_change_that_fails(stack: reference.EmailStack) -> None:
    """One more destination, a shorter queue, and a topic that does not exist."""
    more_events(stack)
    feedback = stack.node.find_child("Feedback")
    assert isinstance(feedback, FeedbackPipeline)
    cfn_queue = feedback.queue.node.default_child
    assert isinstance(cfn_queue, cdk.CfnResource)
    cfn_queue.add_property_override("MessageRetentionPeriod", 3600)
    destination = cdk.CfnResource(
        stack,
        "Nowhere",
        type="AWS::SES::ConfigurationSetEventDestination",
        properties={
            "ConfigurationSetName": "there-is-no-such-set",
            "EventDestination": {
                "Enabled": True,
                "MatchingEventTypes": ["SEND"],
                "SnsDestination": {"TopicARN": "arn:aws:sns:us-east-1:000000000000:there-is-no-such-topic"},
            },
        },
    )
    destination.add_dependency(cfn_queue)


def test_a_bounced_address_gets_on_record_and_a_delivered_one_does_not(deployment: Deployment) -> None:
    outputs = deployment.deploy()
    message_id = deployment.send(outputs, "Bounce+First@simulator.amazonses.com")
    deployment.send(outputs, "somebody@example.net")

    item = deployment.lab.wait_for(
        lambda: deployment.ledger(outputs, "bounce+first@simulator.amazonses.com"),
        timeout=30,
        describe="the bounce on the ledger",
    )
    assert (item["status"], item["reason"], item["bounce_type"]) == ("SUPPRESSED", "BOUNCE", "Permanent")
    assert [event["message_id"] for event in item["events"].values()] == [message_id]
    assert deployment.ledger(outputs, "somebody@example.net") is None


def test_garbage_ends_in_the_dead_letter_queue_with_its_reason_and_holds_up_nothing(deployment: Deployment) -> None:
    outputs = deployment.deploy()
    topic = next(
        arn for arn in deployment.physical_ids().values() if arn.startswith("arn:aws:sns") and "FeedbackTopic" in arn
    )
    deployment.lab.session().client("sns").publish(TopicArn=topic.partition(":subscription")[0], Message="{not json")
    deployment.send(outputs, "bounce+behind@simulator.amazonses.com")

    queue_url = outputs["FeedbackDeadLetterQueueUrl"]
    attributes = deployment.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
    assert outputs["FeedbackDeadLetterQueueArn"] == attributes["QueueArn"]
    assert outputs["FeedbackQueueArn"] in deployment.queue_arns()

    def dead_letter() -> dict[str, Any] | None:
        received = deployment.sqs.receive_message(QueueUrl=queue_url, MessageAttributeNames=["All"])
        return dict(received["Messages"][0]) if received.get("Messages") else None

    message = deployment.lab.wait_for(dead_letter, timeout=30, describe="the dead letter")
    assert message["Body"] == "{not json"
    assert message["MessageAttributes"]["Reason"]["StringValue"] == "BrokenJson"
    deployment.lab.wait_for(
        lambda: deployment.ledger(outputs, "bounce+behind@simulator.amazonses.com"),
        timeout=30,
        describe="the bounce behind the garbage on the ledger",
    )


def test_a_second_deployment_changes_nothing(deployment: Deployment) -> None:
    outputs = deployment.deploy()
    before = deployment.physical_ids(), deployment.records()
    assert deployment.deploy() == outputs
    assert (deployment.physical_ids(), deployment.records()) == before


def test_a_new_destination_is_added_and_nothing_else_is_replaced(deployment: Deployment) -> None:
    outputs = deployment.deploy()
    before = deployment.physical_ids()
    assert deployment.deploy(more_events) == outputs
    after = deployment.physical_ids()
    assert before.items() <= after.items()
    destinations = deployment.ses.get_configuration_set_event_destinations(
        ConfigurationSetName=outputs["ConfigurationSetName"]
    )["EventDestinations"]
    assert sorted(it["MatchingEventTypes"] for it in destinations) == [["BOUNCE", "COMPLAINT"], ["DELIVERY"]]


def test_a_failed_change_is_rolled_back_and_mail_still_goes_on_record(deployment: Deployment) -> None:
    outputs = deployment.deploy()
    before = deployment.physical_ids(), deployment.records()
    queue = next(id for name, id in before[0].items() if name.startswith("FeedbackQueue") and "Policy" not in name)
    with pytest.raises(LabError, match="Nowhere"):
        deployment.deploy(a_change_that_fails)
    assert deployment.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert (deployment.physical_ids(), deployment.records()) == before
    attributes = deployment.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["MessageRetentionPeriod"] == str(14 * 24 * 3600)

    deployment.send(outputs, "bounce+after@simulator.amazonses.com")
    deployment.lab.wait_for(
        lambda: deployment.ledger(outputs, "bounce+after@simulator.amazonses.com"),
        timeout=30,
        describe="a bounce on the ledger after the rollback",
    )


def test_a_first_deployment_that_fails_in_production_can_be_done_again(deployment: Deployment) -> None:
    """The table is protected from deletion there, and the rollback must not stumble over it."""

    def broken(stack: reference.EmailStack) -> None:
        fault = cdk.CfnResource(
            stack,
            "Nowhere",
            type="AWS::Route53::RecordSetGroup",
            properties={"HostedZoneId": "Z000000000000000", "RecordSets": []},
        )
        fault.node.add_dependency(stack.node.find_child("Feedback"))

    before = deployment.records()
    with pytest.raises(LabError, match="ROLLBACK_COMPLETE: Nowhere"):
        deployment.deploy(broken, stage="prod")
    assert deployment.records() == before
    outputs = deployment.deploy(stage="prod")
    message_id = deployment.send(outputs, "success@simulator.amazonses.com")
    assert message_id
    cloudformation = deployment.cloudformation
    cloudformation.update_termination_protection(StackName="Email-prod", EnableTerminationProtection=False)
    deployment.lab.delete_stack("Email-prod")
    tables = [table.name for table in deployment.dynamodb.tables.all()]
    assert outputs["SuppressionTableName"] in tables
    deployment.ses.delete_email_identity(EmailIdentity=DOMAIN)


def test_destroying_the_stack_leaves_nothing(deployment: Deployment) -> None:
    before = deployment.records()
    outputs = deployment.deploy()
    assert deployment.records() != before
    deployment.lab.delete_stack("Email-dev")
    assert deployment.records() == before
    identities = deployment.ses.list_email_identities()["EmailIdentities"]
    assert DOMAIN not in [identity["IdentityName"] for identity in identities]
    assert outputs["ConfigurationSetName"] not in deployment.ses.list_configuration_sets()["ConfigurationSets"]
    assert outputs["SuppressionTableName"] not in [table.name for table in deployment.dynamodb.tables.all()]
