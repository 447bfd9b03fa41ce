"""The whole trail: all ten events of a configuration set at all four kinds of destinations, read back through boto3."""

import importlib
import io
import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from ses_constructs.lab import Lab
from tests.lab.stage import Stage, allow_ses
from tests.lab.test_lab_destinations import add, bodies, counted, default_bus, dimension, make_role, make_stream, rule
from tests.lab.test_lab_events import EICAR, shape
from tests.lab.test_lab_tracking import event, html_of, links, sent_message

pytestmark = pytest.mark.lab

TYPES = {
    "Send": "Email Sent",
    "Delivery": "Email Delivered",
    "Bounce": "Email Bounced",
    "Complaint": "Email Complaint Received",
    "Reject": "Email Rejected",
    "Open": "Email Opened",
    "Click": "Email Clicked",
    "Rendering Failure": "Email Rendering Failed",
    "DeliveryDelay": "Email Delivery Delayed",
    "Subscription": "Email Subscribed",
}
ALL = [
    *("SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "OPEN", "CLICK"),
    *("RENDERING_FAILURE", "DELIVERY_DELAY", "SUBSCRIPTION"),
]
HTML = '<html>{{ses:openTracker}}<a href="https://www.example.com/" ses:tags="button:top;">{{name}}</a></html>'
COLUMNS = {
    "eventType": "string",
    "mail": "struct<messageid:string,destination:array<string>,tags:map<string,array<string>>>",
    "click": "struct<link:string,linktags:map<string,array<string>>>",
}


@pytest.fixture(scope="module")
def trail(ses_lab: Lab) -> "Trail":
    return Trail(ses_lab)


class Trail:
    """A set with all destinations for all events, through which each event has gone once at least."""

    def __init__(self, lab: Lab) -> None:
        unique = uuid.uuid4().hex[:8]
        self.stage = stage = Stage(lab, f"d{unique}.example.com", f"set-{unique}", "", "")
        stage.client("sesv2").create_email_identity(EmailIdentity=stage.domain)
        stage.client("sesv2").create_configuration_set(ConfigurationSetName=stage.configuration_set)
        self.topic_queue = self._topic()
        self.bus_queue = self._custom_bus()
        self.bucket = self._lake()
        dimensions = [dimension("campaign", "MESSAGE_TAG"), dimension("button", "LINK_TAG")]
        add(stage, "metrics", events=ALL, CloudWatchDestination={"DimensionConfigurations": dimensions})
        self.message_ids = self._send()
        self.documents = {name: event(stage, id, name) for name, id in self.message_ids.items()}

    def _topic(self) -> str:
        stage, name = self.stage, f"trail-{self.stage.configuration_set}"
        topic = stage.client("sns").create_topic(Name=name)["TopicArn"]
        policy = allow_ses(topic, "sns:Publish", AWS_SourceArn=stage.source_arn())
        stage.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        queue_url = str(stage.client("sqs").create_queue(QueueName=name)["QueueUrl"])
        attributes = stage.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
        endpoint = attributes["Attributes"]["QueueArn"]
        add(stage, "topic", events=ALL, SnsDestination={"TopicArn": topic})
        raw = {"RawMessageDelivery": "true"}
        stage.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint, Attributes=raw)
        return queue_url

    def _custom_bus(self) -> str:
        """A rule on the default bus hands on to a bus of one's own, and a rule there to a queue."""
        stage, events = self.stage, self.stage.client("events")
        bus = f"bus-{stage.configuration_set}"
        arn = events.create_event_bus(Name=bus)["EventBusArn"]
        forward = f"forward-{stage.configuration_set}"
        events.put_rule(Name=forward, EventPattern=json.dumps({"source": ["aws.ses"]}))
        events.put_targets(Rule=forward, Targets=[{"Id": "bus", "Arn": arn, "RoleArn": "arn:aws:iam::0:role/bus"}])
        add(stage, "bus", events=ALL, EventBridgeDestination={"EventBusArn": default_bus(stage)})
        return rule(stage, {"source": ["aws.ses"]}, bus=bus)

    def _lake(self) -> str:
        """A stream that writes Parquet by a table of Glue."""
        stage, name = self.stage, self.stage.configuration_set
        glue = stage.client("glue")
        glue.create_database(DatabaseInput={"Name": name})
        columns = [{"Name": column.lower(), "Type": kind} for column, kind in COLUMNS.items()]
        glue.create_table(DatabaseName=name, TableInput={"Name": "events", "StorageDescriptor": {"Columns": columns}})
        conversion = {
            "Enabled": True,
            "SchemaConfiguration": {"DatabaseName": name, "TableName": "events", "RoleARN": "arn:aws:iam::0:role/glue"},
            "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
            "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
        }
        bucket, stream = make_stream(stage, DataFormatConversionConfiguration=conversion)
        target = {"IamRoleArn": make_role(stage, stream), "DeliveryStreamArn": stream}
        add(stage, "lake", events=ALL, KinesisFirehoseDestination=target)
        return bucket

    def _send(self) -> dict[str, str]:
        """Make each event happen, and return the message that it is about."""
        stage, ses = self.stage, self.stage.client("sesv2")
        name = f"t-{stage.configuration_set}"
        ses.create_email_template(TemplateName=name, TemplateContent={"Subject": "Hello, {{name}}", "Html": HTML})
        templated = {"Template": {"TemplateName": name, "TemplateData": '{"name": "Ann"}'}}
        tags = {"EmailTags": [{"Name": "campaign", "Value": "autumn"}]}
        to = {"ToAddresses": ["somebody@example.net"]}
        options: Any = {"FromEmailAddress": stage.sender, "ConfigurationSetName": stage.configuration_set, **tags}
        mail = ses.send_email(Content=templated, Destination=to, **options)["MessageId"]
        html = html_of(stage, mail)
        stage.lab.visit(html.partition('src="')[2].partition('"')[0])
        stage.lab.visit(links(html)[0])
        failed = {"Template": {"TemplateName": name, "TemplateData": "{}"}}
        virus = f"From: {stage.sender}\r\nTo: a@example.net\r\nSubject: s\r\n\r\n{EICAR}"
        delayed = stage.send("slow@example.net", **tags)
        stage.lab.emit_delivery_delay(delayed, "slow@example.net")
        contact_list = f"l-{stage.configuration_set}"
        topic = {"TopicName": "News", "DisplayName": "News", "DefaultSubscriptionStatus": "OPT_IN"}
        ses.create_contact_list(ContactListName=contact_list, Topics=[topic])
        management = {"ContactListName": contact_list, "TopicName": "News"}
        listed = stage.send("reader@example.net", ListManagementOptions=management, **tags)
        stage.lab.visit(sent_message(stage, listed)["List-Unsubscribe"].strip("<>"), method="POST")
        event(stage, listed, "Subscription")
        ses.delete_contact_list(ContactListName=contact_list)
        return {
            **dict.fromkeys(("Send", "Delivery", "Open", "Click"), mail),
            "Bounce": stage.send("bounce@simulator.amazonses.com", **tags),
            "Complaint": stage.send("complaint@simulator.amazonses.com", **tags),
            "Reject": ses.send_email(Content={"Raw": {"Data": virus.encode()}}, **options)["MessageId"],
            "Rendering Failure": ses.send_email(Content=failed, Destination=to, **options)["MessageId"],
            "DeliveryDelay": delayed,
            "Subscription": listed,
        }

    def count(self, destination: str) -> int:
        """How many events went to a destination."""
        tag = [self.stage.configuration_set]
        events = [it for it in self.stage.lab.events() if it.destination and it.destination["name"] == destination]
        return len([it for it in events if it.document["mail"]["tags"].get("ses:configuration-set") == tag])

    def seen(self, documents: list[dict[str, Any]]) -> set[tuple[str, str]]:
        return {(it["eventType"], it["mail"]["messageId"]) for it in documents} & set(self.message_ids.items())


def test_every_event_reaches_the_queue_behind_the_topic(trail: Trail) -> None:
    found = bodies(trail.stage, trail.topic_queue, trail.count("topic"))
    assert trail.seen(found) == set(trail.message_ids.items())


def test_every_event_reaches_the_target_of_a_custom_bus(trail: Trail) -> None:
    found = bodies(trail.stage, trail.bus_queue, trail.count("bus"))
    assert {it["detail"]["eventType"]: it["detail-type"] for it in found} == TYPES
    assert trail.seen([it["detail"] for it in found]) == set(trail.message_ids.items())


def test_every_event_is_a_data_point_under_its_dimensions(trail: Trail) -> None:
    for event_type in TYPES:
        values = {"campaign": "autumn", "button": "top" if event_type == "Click" else "none"}
        assert counted(trail.stage, event_type.replace(" ", ""), values) >= 1, event_type


def test_every_event_is_a_row_of_a_parquet_object_and_says_what_was_sent(trail: Trail) -> None:
    s3 = trail.stage.client("s3")
    keys = [it["Key"] for it in s3.list_objects_v2(Bucket=trail.bucket)["Contents"]]
    parquet: Any = importlib.import_module("pyarrow.parquet")  # has no types
    rows: list[dict[str, Any]] = []
    for key in keys:
        body = s3.get_object(Bucket=trail.bucket, Key=key)["Body"].read()
        rows += parquet.read_table(io.BytesIO(body)).to_pylist()
    assert {(it["eventtype"], it["mail"]["messageid"]) for it in rows} >= set(trail.message_ids.items())
    (click,) = [it for it in rows if it["eventtype"] == "Click"]
    assert dict(click["click"]["linktags"]) == {"button": ["top"]}
    assert dict(click["mail"]["tags"])["campaign"] == ["autumn"]
    assert click["mail"]["destination"] == ["somebody@example.net"]


@pytest.mark.skipif("SES_EVENT_CORPUS" not in os.environ, reason="needs the event corpus")
@pytest.mark.parametrize(
    ("sample", "event_type"),
    [
        ("doc-open", "Open"),
        ("doc-click", "Click"),
        ("doc-rendering-failure", "Rendering Failure"),
        ("doc-delivery-delay", "DeliveryDelay"),
        ("doc-subscription", "Subscription"),
    ],
)
def test_events_have_the_keys_and_types_of_the_documentation(trail: Trail, sample: str, event_type: str) -> None:
    documented = json.loads((Path(os.environ["SES_EVENT_CORPUS"]) / "event-publishing" / f"{sample}.json").read_text())
    document = json.loads(json.dumps(trail.documents[event_type]))
    for it in (documented, document):
        del it["mail"]["tags"]  # whatever was given
        it["mail"].pop("headers", None)
        if event_type == "Click":
            it["click"]["linkTags"] = list(it["click"]["linkTags"].values())
    document.get("deliveryDelay", {}).pop("reportingMTA", None)  # in some samples only
    if event_type == "Subscription":
        # The sample has no one who never said anything.
        for side in (documented, document):
            del side["subscription"]["oldTopicPreferences"]["topicSubscriptionStatus"]
    assert shape(document) == shape(documented)
