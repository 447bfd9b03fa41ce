"""Event destinations in the lab: what reaches CloudWatch, EventBridge and Firehose, and what SES refuses."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ses_constructs.lab import LabError
from tests.lab.stage import Stage, create_stack

pytestmark = pytest.mark.lab

ALL = ["SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "OPEN", "CLICK", "RENDERING_FAILURE", "DELIVERY_DELAY"]


def add(stage: Stage, name: str, *, events: list[str] | None = None, enabled: bool = True, **target: Any) -> None:
    definition = {"Enabled": enabled, "MatchingEventTypes": events or ALL, **target}
    stage.client("sesv2").create_configuration_set_event_destination(
        ConfigurationSetName=stage.configuration_set, EventDestinationName=name, EventDestination=definition
    )


def dimension(name: str, source: str, default: str = "none") -> dict[str, str]:
    return {"DimensionName": name, "DimensionValueSource": source, "DefaultDimensionValue": default}


def counted(stage: Stage, metric: str, dimensions: Mapping[str, str]) -> float:
    now = datetime.now(UTC)
    found = stage.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SES",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=600,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in found["Datapoints"]))


def default_bus(stage: Stage) -> str:
    return f"arn:aws:events:{stage.lab.region}:{stage.lab.account}:event-bus/default"


# CloudWatch


def test_metrics_have_the_dimensions_of_tags_headers_and_defaults(stage: Stage) -> None:
    dimensions = [
        dimension("campaign", "MESSAGE_TAG"),
        dimension("ses:configuration-set", "MESSAGE_TAG"),
        dimension("Subject", "EMAIL_HEADER"),
        dimension("button", "LINK_TAG", "nobutton"),
    ]
    add(stage, "metrics", CloudWatchDestination={"DimensionConfigurations": dimensions})
    message_id = stage.send("bounce@simulator.amazonses.com", EmailTags=[{"Name": "campaign", "Value": "autumn"}])
    stage.types(message_id, 2)
    values = {
        "campaign": "autumn",
        "ses:configuration-set": stage.configuration_set,
        "Subject": "Hello",
        "button": "nobutton",
    }
    assert (counted(stage, "Send", values), counted(stage, "Bounce", values)) == (1, 1)
    stage.types(stage.send("somebody@example.net"), 2)
    assert counted(stage, "Delivery", {**values, "campaign": "none"}) == 1


def test_a_value_that_is_not_ascii_makes_no_metric(stage: Stage) -> None:
    dimensions = [dimension("X-Place", "EMAIL_HEADER")]
    add(stage, "metrics", CloudWatchDestination={"DimensionConfigurations": dimensions})
    raw = f"From: {stage.sender}\r\nTo: a@example.net\r\nX-Place: Köln\r\nSubject: s\r\n\r\nHello".encode()
    ses = stage.client("sesv2")
    sent = ses.send_email(Content={"Raw": {"Data": raw}}, ConfigurationSetName=stage.configuration_set)
    stage.types(sent["MessageId"], 2)
    found = [it for it in stage.lab.events() if it.message_id == sent["MessageId"]]
    assert [it.delivered for it in found] == [False, False]
    assert "not ASCII" in str(found[0].error)


@pytest.mark.parametrize(
    ("dimensions", "reason"),
    [
        ([], "1 to 10 dimensions, got 0"),
        ([dimension(f"d{number}", "MESSAGE_TAG") for number in range(11)], "1 to 10 dimensions, got 11"),
        ([dimension("a b", "MESSAGE_TAG")], "Invalid dimension name <a b>"),
        ([dimension("a", "MESSAGE_TAG", "x y")], "Invalid default value <x y>"),
        ([dimension("Return-Path", "EMAIL_HEADER")], "header <Return-Path> cannot be a dimension"),
    ],
)
def test_dimensions_that_ses_refuses_are_refused(stage: Stage, dimensions: list[Any], reason: str) -> None:
    destination = {
        "Type": "AWS::SES::ConfigurationSetEventDestination",
        "Properties": {
            "ConfigurationSetName": stage.configuration_set,
            "EventDestination": {
                "MatchingEventTypes": ["send"],
                "CloudWatchDestination": {"DimensionConfigurations": dimensions},
            },
        },
    }
    with pytest.raises(LabError, match=reason):
        create_stack(stage.lab, {"Destination": destination})


# EventBridge


def test_a_rule_on_the_default_bus_gets_events_of_its_configuration_set(stage: Stage) -> None:
    add(stage, "bus", EventBridgeDestination={"EventBusArn": default_bus(stage)})
    queue_url = rule(stage, {"source": ["aws.ses"], "detail-type": ["Email Bounced"]})
    stage.types(stage.send("bounce@simulator.amazonses.com"), 2)
    (event,) = bodies(stage, queue_url, 1)
    assert event["source"] == "aws.ses"
    assert event["detail-type"] == "Email Bounced"
    assert event["resources"] == [stage.source_arn("identity")]
    assert event["detail"]["eventType"] == "Bounce"
    assert event["detail"]["bounce"]["bouncedRecipients"][0]["emailAddress"] == "bounce@simulator.amazonses.com"


def test_any_bus_but_the_default_one_is_refused(stage: Stage) -> None:
    other = default_bus(stage).replace("default", "other")
    with pytest.raises(ClientError, match="only the default event bus"):
        add(stage, "bus", EventBridgeDestination={"EventBusArn": other})


# Firehose


def test_a_stream_writes_one_document_and_a_newline_for_each_event(stage: Stage) -> None:
    bucket, stream = make_stream(stage)
    role = make_role(stage, stream)
    add(stage, "lake", KinesisFirehoseDestination={"IamRoleArn": role, "DeliveryStreamArn": stream})
    message_id = stage.send("complaint@simulator.amazonses.com")
    stage.types(message_id, 3)
    s3 = stage.client("s3")

    def objects() -> list[str] | None:
        keys = [it["Key"] for it in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return keys if len(keys) == 3 else None

    keys = stage.lab.wait_for(objects, timeout=10, describe="objects")
    texts = [s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys]
    assert all(text.endswith("}\n") and text.count("\n") == 1 for text in texts)
    assert {json.loads(text)["eventType"] for text in texts} == {"Send", "Delivery", "Complaint"}


def test_a_role_that_does_not_trust_ses_for_this_set_is_refused(stage: Stage) -> None:
    _, stream = make_stream(stage)
    role = make_role(stage, stream, configuration_set="another")
    with pytest.raises(ClientError, match="Could not assume IAM role"):
        add(stage, "lake", KinesisFirehoseDestination={"IamRoleArn": role, "DeliveryStreamArn": stream})


def test_a_role_that_may_not_write_is_refused_and_a_lost_permission_is_told(stage: Stage) -> None:
    _, stream = make_stream(stage)
    role = make_role(stage, stream)
    iam = stage.client("iam")
    name = role.rpartition("/")[2]
    target = {"IamRoleArn": role, "DeliveryStreamArn": stream}
    add(stage, "lake", KinesisFirehoseDestination=target)
    iam.delete_role_policy(RoleName=name, PolicyName="write")
    with pytest.raises(ClientError, match="does not allow firehose:PutRecordBatch"):
        add(stage, "again", KinesisFirehoseDestination=target)
    message_id = stage.send("somebody@example.net")
    stage.types(message_id, 2)
    errors = [it.error for it in stage.lab.events() if it.message_id == message_id]
    assert all("does not allow firehose:PutRecordBatch" in str(it) for it in errors)


def test_a_stream_that_is_not_there_is_refused(stage: Stage) -> None:
    stream = f"arn:aws:firehose:{stage.lab.region}:{stage.lab.account}:deliverystream/nowhere"
    role = make_role(stage, stream)
    with pytest.raises(ClientError, match="Could not find the Firehose stream"):
        add(stage, "lake", KinesisFirehoseDestination={"IamRoleArn": role, "DeliveryStreamArn": stream})


# All of them


def test_every_enabled_destination_gets_the_event_and_a_disabled_one_nothing(stage: Stage) -> None:
    add(stage, "topic", SnsDestination={"TopicArn": stage.topic_arn})
    add(stage, "bus", EventBridgeDestination={"EventBusArn": default_bus(stage)})
    dimensions = {"DimensionConfigurations": [dimension("campaign", "MESSAGE_TAG")]}
    add(stage, "metrics", CloudWatchDestination=dimensions)
    add(stage, "silent", CloudWatchDestination=dimensions, enabled=False)
    add(stage, "other", CloudWatchDestination=dimensions, events=["OPEN"])
    message_id = stage.send("somebody@example.net")
    stage.types(message_id, 6)
    sent = [it for it in stage.lab.events() if it.message_id == message_id and it.event_type == "Send"]
    assert {it.destination["kind"]: it.destination["name"] for it in sent if it.destination} == {
        "sns": "topic",
        "event-bridge": "bus",
        "cloud-watch": "metrics",
    }
    assert all(it.delivered for it in sent)


def test_an_eleventh_destination_is_refused(stage: Stage) -> None:
    target = {"EventBusArn": default_bus(stage)}
    for number in range(10):
        add(stage, f"d{number}", EventBridgeDestination=target)
    with pytest.raises(ClientError, match="at most 10") as refused:
        add(stage, "d10", EventBridgeDestination=target)
    assert refused.value.response["Error"]["Code"] == "LimitExceededException"


def test_api_v1_makes_describes_changes_and_deletes_destinations(stage: Stage) -> None:
    ses = stage.client("ses")
    name = f"v1-{stage.configuration_set}"
    ses.create_configuration_set(ConfigurationSet={"Name": name})
    configuration = {**dimension("campaign", "messageTag"), "DimensionValueSource": "messageTag"}
    destination = {
        "Name": "metrics",
        "Enabled": True,
        "MatchingEventTypes": ["send", "renderingFailure"],
        "CloudWatchDestination": {"DimensionConfigurations": [configuration]},
    }
    ses.create_configuration_set_event_destination(ConfigurationSetName=name, EventDestination=destination)
    with pytest.raises(ses.exceptions.EventDestinationAlreadyExistsException):
        ses.create_configuration_set_event_destination(ConfigurationSetName=name, EventDestination=destination)
    with pytest.raises(ses.exceptions.InvalidSNSDestinationException):
        ses.create_configuration_set_event_destination(
            ConfigurationSetName=name,
            EventDestination={
                "Name": "topic",
                "MatchingEventTypes": ["send"],
                "SNSDestination": {"TopicARN": f"{stage.topic_arn}-none"},
            },
        )
    asked = ["eventDestinations", "reputationOptions"]
    found = ses.describe_configuration_set(ConfigurationSetName=name, ConfigurationSetAttributeNames=asked)
    (described,) = found["EventDestinations"]
    assert described == {**destination, "MatchingEventTypes": ["renderingFailure", "send"]}
    assert found["ReputationOptions"]["SendingEnabled"] is True
    changed = {**destination, "Enabled": False}
    ses.update_configuration_set_event_destination(ConfigurationSetName=name, EventDestination=changed)
    v2 = stage.client("sesv2")
    (by_v2,) = v2.get_configuration_set_event_destinations(ConfigurationSetName=name)["EventDestinations"]
    assert by_v2["Enabled"] is False
    ses.delete_configuration_set_event_destination(ConfigurationSetName=name, EventDestinationName="metrics")
    with pytest.raises(ses.exceptions.EventDestinationDoesNotExistException):
        ses.delete_configuration_set_event_destination(ConfigurationSetName=name, EventDestinationName="metrics")
    ses.delete_configuration_set(ConfigurationSetName=name)
    with pytest.raises(ses.exceptions.ConfigurationSetDoesNotExistException):
        ses.describe_configuration_set(ConfigurationSetName=name)


def test_nothing_is_sent_with_a_set_whose_sending_is_off(stage: Stage) -> None:
    ses = stage.client("sesv2")
    ses.put_configuration_set_sending_options(ConfigurationSetName=stage.configuration_set, SendingEnabled=False)
    with pytest.raises(ses.exceptions.SendingPausedException):
        stage.send("somebody@example.net")
    ses.put_configuration_set_sending_options(ConfigurationSetName=stage.configuration_set, SendingEnabled=True)
    stage.send("somebody@example.net")


def rule(stage: Stage, pattern: dict[str, Any], *, bus: str = "default") -> str:
    """Let a rule write to a queue, and return the queue."""
    name = f"rule-{uuid.uuid4().hex[:8]}"
    sqs = stage.client("sqs")
    queue_url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events = stage.client("events")
    scope = {"detail": {"mail": {"tags": {"ses:configuration-set": [stage.configuration_set]}}}}
    arn = events.put_rule(Name=name, EventPattern=json.dumps({**pattern, **scope}), EventBusName=bus)["RuleArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": queue_arn}])
    return queue_url


def bodies(stage: Stage, queue_url: str, count: int) -> list[dict[str, Any]]:
    sqs = stage.client("sqs")
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
        found.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
        return len(found) >= count

    stage.lab.wait_for(enough, timeout=10, describe=f"{count} messages in the queue")
    return found


def make_stream(stage: Stage, **options: Any) -> tuple[str, str]:
    name = f"lake-{uuid.uuid4().hex[:8]}"
    stage.client("s3").create_bucket(Bucket=name)
    destination = {
        "BucketARN": f"arn:aws:s3:::{name}",
        "RoleARN": f"arn:aws:iam::{stage.lab.account}:role/firehose",
        **options,
    }
    made = stage.client("firehose").create_delivery_stream(
        DeliveryStreamName=name,
        DeliveryStreamType="DirectPut",
        ExtendedS3DestinationConfiguration=destination,
    )
    return name, str(made["DeliveryStreamARN"])


def make_role(stage: Stage, stream: str, *, configuration_set: str | None = None) -> str:
    """Make a role that SES may assume on behalf of one configuration set, and that may write to the stream."""
    iam = stage.client("iam")
    name = f"role-{uuid.uuid4().hex[:8]}"
    source_arn = stage.source_arn() if configuration_set is None else f"{stage.source_arn()}-{configuration_set}"
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "ses.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": stage.lab.account, "aws:SourceArn": source_arn}},
    }
    write = {"Effect": "Allow", "Action": "firehose:PutRecordBatch", "Resource": stream}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="write", PolicyDocument=json.dumps({"Statement": [write]}))
    return str(role)
