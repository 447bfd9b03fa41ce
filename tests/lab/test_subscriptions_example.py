"""The example of subscriptions, deployed by the real CDK CLI, with mail through it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ses_constructs.lab import Lab

EXAMPLE = Path(__file__).parents[2] / "examples" / "subscriptions"
STACK = "SubscriptionsExample"

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def outputs(ses_lab: Lab) -> Iterator[dict[str, str]]:
    yield ses_lab.deploy(EXAMPLE, context={"site": "https://www.example.com"})[STACK]
    ses_lab.delete_stack(STACK)


def test_only_the_events_and_tags_that_were_asked_for_reach_the_queue_as_they_are(
    ses_lab: Lab, outputs: dict[str, str]
) -> None:
    ses, sqs = ses_lab.session().client("sesv2"), ses_lab.session().client("sqs")
    ses.create_email_identity(EmailIdentity="subscriptions.example.com")

    def send(recipient: str, campaign: str) -> str:
        sent = ses.send_email(
            FromEmailAddress="news@subscriptions.example.com",
            Destination={"ToAddresses": [f"{recipient}@simulator.amazonses.com"]},
            Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
            ConfigurationSetName=outputs["NewsName"],
            EmailTags=[{"Name": "campaign", "Value": campaign}],
        )
        return str(sent["MessageId"])

    send("bounce", "autumn")  # another campaign
    send("complaint", "spring")  # its delivery is wanted, its complaint is not
    wanted = {("Bounce", send("bounce", "spring")), ("Delivery", send("success", "summer"))}
    seen: list[tuple[str, str]] = []

    def complete() -> bool:
        answer = sqs.receive_message(QueueUrl=outputs["CampaignUrl"], MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            body = json.loads(message["Body"])  # raw: the event itself
            seen.append((body["eventType"], body["mail"]["messageId"]))
        return wanted <= set(seen) and len(seen) >= 3

    ses_lab.wait_for(complete, timeout=15, describe="the events of the campaigns")
    assert sorted(kind for kind, _ in seen) == ["Bounce", "Delivery", "Delivery"]


def test_the_webhooks_user_name_and_password_are_those_of_the_secret(ses_lab: Lab, outputs: dict[str, str]) -> None:
    secrets = ses_lab.session().client("secretsmanager")
    secret = json.loads(secrets.get_secret_value(SecretId=outputs["CredentialsArn"])["SecretString"])
    sns = ses_lab.session().client("sns")
    endpoints = [
        it["Endpoint"] for it in sns.list_subscriptions_by_topic(TopicArn=outputs["TopicArn"])["Subscriptions"]
    ]
    expected = f"https://{secret['username']}:{secret['password']}@www.example.com/anymail/amazon_ses/tracking/"
    assert expected in endpoints
    assert secret["password"] not in json.dumps(
        ses_lab.session().client("cloudformation").get_template(StackName=STACK)["TemplateBody"]
    )
    assert secret["password"] not in json.dumps(outputs)
