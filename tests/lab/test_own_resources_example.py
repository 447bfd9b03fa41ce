"""The pipeline around the user's own topic, queues, table and key, deployed by the real CDK CLI, through an outage."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ses_constructs.lab import Lab

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_resources"

pytestmark = pytest.mark.lab


class Deployment:
    """The example's two stacks in the lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        deployed = lab.deploy(EXAMPLE)
        self.outputs = {**deployed["OwnResourcesData"], **deployed["OwnResourcesMail"]}
        session = lab.session()
        self.sqs, self.ses, self.lambda_ = session.client("sqs"), session.client("sesv2"), session.client("lambda")
        self.table = session.resource("dynamodb").Table(self.outputs["TableName"])
        resources = session.client("cloudformation").describe_stack_resources(StackName="OwnResourcesMail")
        (self.function,) = [
            it["PhysicalResourceId"]
            for it in resources["StackResources"]
            if it["ResourceType"] == "AWS::Lambda::Function"
        ]

    def bounce(self, label: str) -> str:
        address = f"bounce+{label}@simulator.amazonses.com"
        self.ses.send_email(
            FromEmailAddress="news@example.com",
            Destination={"ToAddresses": [address]},
            Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
            ConfigurationSetName=self.outputs["NewsName"],
        )
        return address

    def wait_until_recorded(self, address: str) -> None:
        key = {"address": address, "scope": "account"}
        self.lab.wait_for(lambda: self.table.get_item(Key=key).get("Item"), timeout=40, describe=f"{address} on record")

    def use_table(self, name: str) -> None:
        """Point the function to a table, perhaps one that does not exist."""
        variables = self.lambda_.get_function_configuration(FunctionName=self.function)["Environment"]["Variables"]
        self.lambda_.update_function_configuration(
            FunctionName=self.function, Environment={"Variables": {**variables, "TABLE_NAME": name}}
        )

    def dead_letter(self) -> dict[str, Any]:
        def received() -> dict[str, Any] | None:
            answer = self.sqs.receive_message(
                QueueUrl=self.outputs["DeadLetterQueueUrl"], MessageAttributeNames=["All"], VisibilityTimeout=5
            )
            return dict(answer["Messages"][0]) if answer.get("Messages") else None

        return self.lab.wait_for(received, timeout=60, describe="the dead letter")

    def move_back(self, letter: dict[str, Any]) -> None:
        """What `aws sqs start-message-move-task` does with a message; the emulator does not have it."""
        self.sqs.send_message(
            QueueUrl=self.outputs["QueueUrl"],
            MessageBody=letter["Body"],
            MessageAttributes=letter["MessageAttributes"],
        )
        self.sqs.delete_message(QueueUrl=self.outputs["DeadLetterQueueUrl"], ReceiptHandle=letter["ReceiptHandle"])

    def dead_letters(self) -> int:
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.outputs["DeadLetterQueueUrl"], AttributeNames=["All"])
        found = attributes["Attributes"]
        return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Lab() as lab:
        yield Deployment(lab)


def test_a_bounce_gets_on_the_users_own_ledger(deployment: Deployment) -> None:
    deployment.wait_until_recorded(deployment.bounce("own"))
    assert deployment.dead_letters() == 0


def test_a_dead_letter_that_is_moved_back_after_an_outage_gets_on_record(deployment: Deployment) -> None:
    deployment.sqs.set_queue_attributes(
        QueueUrl=deployment.outputs["QueueUrl"], Attributes={"VisibilityTimeout": "1"}
    )  # so that three receives take no twelve minutes
    deployment.use_table("no-such-table")
    address = deployment.bounce("outage")
    letter = deployment.dead_letter()
    assert letter["MessageAttributes"]["Reason"]["StringValue"] == "NotRecorded"
    assert "Item" not in deployment.table.get_item(Key={"address": address, "scope": "account"})

    deployment.use_table(deployment.outputs["TableName"])
    deployment.move_back(letter)
    deployment.wait_until_recorded(address)
    assert deployment.dead_letters() == 0
