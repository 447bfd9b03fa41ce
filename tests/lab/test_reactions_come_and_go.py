"""Reactions are added to a pipeline that is deployed already, taken away, and added again; the ledger stays."""

from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from ses_constructs import FeedbackPipeline
from ses_constructs.lab import Lab
from tests.lab.test_feedback_sources import GONE, bounce, deploy, wait_until_recorded

pytestmark = pytest.mark.lab

# A function of another stack, which passes on what it is told.
CODE = """
import boto3, os

def handler(event, context):
    for record in event["Records"]:
        boto3.client("sqs").send_message(QueueUrl=os.environ["TOLD"], MessageBody=record["body"])
"""


def test_reactions_come_and_go_without_a_change_to_the_ledger(ses_lab: Lab, tmp_path: Path) -> None:
    session = ses_lab.session()
    addresses = [f"come-and-go-{number}@example.com" for number in range(4)]

    def with_reactions(number: int, reactions: bool) -> dict[str, str]:
        def define(app: cdk.App) -> None:
            mail, crm = cdk.Stack(app, "ComeAndGo"), cdk.Stack(app, "ComeAndGoCrm")
            told = sqs.Queue(crm, "Told")
            function = lambda_.Function(
                crm,
                "Function",
                runtime=lambda_.Runtime.PYTHON_3_14,
                handler="index.handler",
                code=lambda_.Code.from_inline(CODE),
                environment={"TOLD": told.queue_url},
            )
            told.grant_send_messages(function)
            topic = sns.Topic(mail, "Topic")
            feedback = FeedbackPipeline(mail, "Feedback", sources=[topic], removal_policy=GONE)
            if reactions:
                changes = feedback.publish_changes()
                changes.invoke("Crm", function)
                changes.keep_account_suppression_list()
            cdk.CfnOutput(mail, "Table", value=feedback.table.table_name)
            cdk.CfnOutput(mail, "TopicArn", value=topic.topic_arn)
            cdk.CfnOutput(crm, "ToldUrl", value=told.queue_url)

        outputs = deploy(ses_lab, tmp_path / str(number), define)
        return {**outputs["ComeAndGo"], **outputs["ComeAndGoCrm"]}

    def listed() -> set[str]:
        found = session.client("sesv2").list_suppressed_destinations()["SuppressedDestinationSummaries"]
        return {it["EmailAddress"] for it in found if it["EmailAddress"].startswith("come-and-go")}

    def wait_until_told(address: str, queue_url: str) -> None:
        ses_lab.wait_for(lambda: address in listed(), timeout=90, describe=f"{address} on SES's list")
        receive = session.client("sqs").receive_message
        told = ses_lab.wait_for(
            lambda: receive(QueueUrl=queue_url).get("Messages"), timeout=90, describe="the function of the other stack"
        )
        assert address in told[0]["Body"]

    try:
        tables = set()
        for number, reactions in enumerate((False, True, False, True)):
            outputs = with_reactions(number, reactions)
            tables.add(outputs["Table"])
            address = addresses[number]
            session.client("sns").publish(TopicArn=outputs["TopicArn"], Message=bounce(address))
            wait_until_recorded(ses_lab, outputs["Table"], address)
            if reactions:
                wait_until_told(address, outputs["ToldUrl"])
        (table,) = tables
        for address in addresses:
            wait_until_recorded(ses_lab, table, address)
        assert listed() == set(addresses[1::2]), "what was on the ledger before is not told"
    finally:
        ses_lab.delete_stack("ComeAndGo")
        ses_lab.delete_stack("ComeAndGoCrm")
        for address in listed():
            session.client("sesv2").delete_suppressed_destination(EmailAddress=address)
