"""A user's function that fails for hours holds up neither the recording nor others, and is told of all in the end."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from ses_constructs import FeedbackPipeline
from ses_constructs.lab import Lab
from tests.handlers.samples import bounce, raw

pytestmark = pytest.mark.lab

ADDRESSES = [f"u{number}@example.com" for number in range(20)]
# Tells a queue whose change it was told of.
FUNCTION = """
import json, os
import boto3

def handler(event, context):
    if os.environ["DOWN"] == "yes":
        raise RuntimeError("the shop's database is down")
    for record in event["Records"]:
        address = json.loads(record["body"])["detail"]["address"]
        boto3.client("sqs").send_message(QueueUrl=os.environ["TOLD"], MessageBody=address)
"""


class Deployment:
    """A pipeline with two functions that are told of changes, of which one is down."""

    def __init__(self, lab: Lab, out: Path) -> None:
        app = cdk.App(outdir=str(out))
        stack = cdk.Stack(app, "Hooks")
        topic = sns.Topic(stack, "Events", enforce_ssl=True)
        pipeline = FeedbackPipeline(stack, "Feedback", sources=[topic], removal_policy=cdk.RemovalPolicy.DESTROY)
        changes = pipeline.publish_changes()
        outputs = {"Topic": topic.topic_arn, "Table": pipeline.table.table_name}
        for name, down in (("Failing", "yes"), ("Sound", "no")):
            told = sqs.Queue(stack, f"{name}Told")
            function = lambda_.Function(
                stack,
                f"{name}Function",
                runtime=lambda_.Runtime.PYTHON_3_14,
                handler="index.handler",
                code=lambda_.Code.from_inline(FUNCTION),
                environment={"DOWN": down, "TOLD": told.queue_url},
            )
            reaction = changes.invoke(name, function)
            outputs |= {
                f"{name}Name": function.function_name,
                f"{name}Url": told.queue_url,
                f"{name}Queue": reaction.queue.queue_url,
                f"{name}Dead": reaction.dead_letter_queue.queue_url,
            }
        for name, value in outputs.items():
            cdk.CfnOutput(stack, f"Output{name}", value=value)
        app.synth()
        deployed = lab.deploy_assembly(out)["Hooks"]
        self.lab = lab
        self.outputs = {name.removeprefix("Output"): value for name, value in deployed.items()}
        session = lab.session()
        self.sns, self.sqs, self.lambda_ = session.client("sns"), session.client("sqs"), session.client("lambda")
        self.table = session.resource("dynamodb").Table(self.outputs["Table"])
        # An hour of tries in seconds.
        self.sqs.set_queue_attributes(QueueUrl=self.outputs["FailingQueue"], Attributes={"VisibilityTimeout": "1"})

    def publish(self, address: str) -> None:
        document = bounce("Permanent", "General", address, message_id=f"0100-{uuid.uuid4()}")
        self.sns.publish(TopicArn=self.outputs["Topic"], Message=raw(document))

    def recorded(self) -> set[str]:
        return {str(item["address"]) for item in self.table.scan(ConsistentRead=True)["Items"]}

    def told(self, name: str) -> Iterator[str]:
        """Whose changes a function was told of since the last look."""
        url = self.outputs[f"{name}Url"]
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                yield message["Body"]
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def mend(self) -> None:
        function = self.outputs["FailingName"]
        variables = self.lambda_.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        self.lambda_.update_function_configuration(
            FunctionName=function, Environment={"Variables": {**variables, "DOWN": "no"}}
        )

    def waiting(self, name: str) -> int:
        attributes: Any = self.sqs.get_queue_attributes(QueueUrl=self.outputs[name], AttributeNames=["All"])
        found = attributes["Attributes"]
        return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])


def test_a_function_that_fails_holds_up_nobody_and_is_told_of_everything_once_it_is_mended(
    ses_lab: Lab, tmp_path: Path
) -> None:
    deployment = Deployment(ses_lab, tmp_path / "cdk.out")
    try:
        for address in ADDRESSES:
            deployment.publish(address)
        ses_lab.wait_for(lambda: deployment.recorded() == set(ADDRESSES), timeout=60, describe="the ledger")
        sound: set[str] = set()

        def sound_is_told() -> bool:
            sound.update(deployment.told("Sound"))
            return sound == set(ADDRESSES)

        ses_lab.wait_for(sound_is_told, timeout=60, describe="the other function to be told of all")
        ses_lab.wait_for(
            lambda: deployment.waiting("FailingQueue") == len(ADDRESSES), timeout=30, describe="the changes that wait"
        )
        assert list(deployment.told("Failing")) == []
        assert deployment.waiting("FailingDead") == 0

        deployment.mend()
        failing: set[str] = set()

        def failing_is_told() -> bool:
            failing.update(deployment.told("Failing"))
            return failing == set(ADDRESSES) and deployment.waiting("FailingQueue") == 0

        ses_lab.wait_for(failing_is_told, timeout=90, describe="the mended function to be told of all")
        assert deployment.waiting("FailingDead") == 0
    finally:
        ses_lab.delete_stack("Hooks")
