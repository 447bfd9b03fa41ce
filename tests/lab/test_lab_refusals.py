"""What the lab's SES refuses, as AWS does."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ses_constructs.lab import LabError
from tests.lab.stage import Stage, allow_ses, create_stack

pytestmark = pytest.mark.lab


def test_an_unverified_sender_is_refused(stage: Stage) -> None:
    with pytest.raises(
        ClientError, match=r"Email address is not verified\..*US-EAST-1: who@elsewhere.example"
    ) as refused:
        stage.send("somebody@example.net", sender="who@elsewhere.example")
    assert refused.value.response["Error"]["Code"] == "MessageRejected"


def test_an_unknown_configuration_set_is_refused_by_both_apis(stage: Stage) -> None:
    with pytest.raises(ClientError, match="Configuration set <nowhere> does not exist") as refused:
        stage.send("somebody@example.net", ConfigurationSetName="nowhere")
    assert refused.value.response["Error"]["Code"] == "NotFoundException"
    with pytest.raises(ClientError) as by_v1:
        stage.client("ses").send_email(
            Source=stage.sender,
            Destination={"ToAddresses": ["somebody@example.net"]},
            Message={"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}},
            ConfigurationSetName="nowhere",
        )
    assert by_v1.value.response["Error"]["Code"] == "ConfigurationSetDoesNotExist"


@pytest.mark.parametrize(
    "options", [{"EmailTags": [{"Name": "a b", "Value": "1"}]}, {"EmailTags": [{"Name": "a", "Value": "ä"}]}]
)
def test_tags_that_ses_refuses_are_refused(stage: Stage, options: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="only alphanumeric ASCII"):
        stage.send("somebody@example.net", **options)


def test_a_fifty_first_recipient_is_refused(stage: Stage) -> None:
    stage.send(*(f"r{number}@example.net" for number in range(50)))
    with pytest.raises(ClientError, match="exceeds 50"):
        stage.send(*(f"r{number}@example.net" for number in range(51)))


def test_a_topic_whose_policy_does_not_let_ses_in_cannot_be_a_destination(stage: Stage) -> None:
    closed = stage.client("sns").create_topic(Name=f"closed-{stage.configuration_set}")["TopicArn"]
    with pytest.raises(LabError, match="its policy does not allow it"):
        stage.publish("SEND", topic_arn=closed)


@pytest.mark.parametrize(
    ("key_id", "reason"),
    [("alias/aws/sns", "no customer managed key"), (None, "its policy does not allow kms:GenerateDataKey")],
)
def test_an_encrypted_topic_needs_a_customer_key_that_lets_ses_in(
    stage: Stage, key_id: str | None, reason: str
) -> None:
    session = stage.lab.session()
    if key_id is None:
        key_id = session.client("kms").create_key()["KeyMetadata"]["KeyId"]
    session.client("sns").set_topic_attributes(
        TopicArn=stage.topic_arn, AttributeName="KmsMasterKeyId", AttributeValue=key_id
    )
    with pytest.raises(LabError, match=reason):
        stage.publish("SEND")


def test_a_policy_for_another_configuration_set_does_not_let_this_one_in(stage: Stage) -> None:
    policy = allow_ses(stage.topic_arn, "sns:Publish", AWS_SourceArn=f"{stage.source_arn()}-other")
    sns = stage.client("sns")
    sns.set_topic_attributes(TopicArn=stage.topic_arn, AttributeName="Policy", AttributeValue=policy)
    with pytest.raises(LabError, match="its policy does not allow it"):
        stage.publish("SEND")


def test_a_permission_that_is_lost_later_drops_events_and_says_so(stage: Stage) -> None:
    stage.publish("SEND")
    sns = stage.client("sns")
    policy = allow_ses(stage.topic_arn, "sns:Publish", AWS_SourceAccount="111122223333")
    sns.set_topic_attributes(TopicArn=stage.topic_arn, AttributeName="Policy", AttributeValue=policy)
    message_id = stage.send("somebody@example.net")
    stage.types(message_id, 2)
    (event,) = [it for it in stage.lab.events() if it.message_id == message_id and it.event_type == "Send"]
    assert event.delivered is False
    assert "its policy does not allow it" in str(event.error)


def test_an_identity_that_exists_is_not_taken_over_by_a_stack(stage: Stage) -> None:
    identity = {"Type": "AWS::SES::EmailIdentity", "Properties": {"EmailIdentity": stage.domain}}
    with pytest.raises(LabError, match="already exists"):
        create_stack(stage.lab, {"Identity": identity})


def test_a_record_that_is_in_the_way_stops_a_record_set_group_and_nothing_is_written(stage: Stage) -> None:
    zone = f"{uuid.uuid4().hex[:8]}.example.com"
    zone_id = stage.lab.create_hosted_zone(zone)
    route53 = stage.client("route53")
    record = {"Name": f"taken.{zone}", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"mine"'}]}
    route53.change_resource_record_sets(
        HostedZoneId=zone_id, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    )
    before = route53.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
    sets = [
        {"Name": f"{name}.{zone}", "Type": "TXT", "TTL": "60", "ResourceRecords": ['"theirs"']}
        for name in ("free", "taken")
    ]
    group = {"Type": "AWS::Route53::RecordSetGroup", "Properties": {"HostedZoneId": zone_id, "RecordSets": sets}}
    with pytest.raises(LabError, match=rf"name='taken\.{zone}\.', type='TXT'\] but it already exists"):
        create_stack(stage.lab, {"Records": group})
    assert route53.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"] == before
