"""The trail of a mail by the example: sent, opened, clicked, and what that leaves at all four destinations."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ses_constructs import EventType
from ses_constructs.lab import Lab
from tests.lab.test_event_lake import ask, objects, rows
from tests.lab.test_lab_events import EICAR
from tests.unit.lake.parquet import leaves

EXAMPLE = Path(__file__).parents[2] / "examples" / "mail_trail"
STACK = "MailTrailExample"
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

pytestmark = pytest.mark.lab

Json = dict[str, Any]


class Deployed:
    """The example, deployed by the real CDK CLI, and what it is asked for."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._clients: dict[str, Any] = {}
        zone_id = lab.create_hosted_zone("trail.example.com")
        self.context = {"hosted_zone_id": zone_id, "hosted_zone_name": "trail.example.com"}
        self._read: dict[str, list[Json]] = {}
        self._rows: dict[str, list[Json]] = {}
        self.deploy()

    def deploy(self) -> None:
        self.outputs = self.lab.deploy(EXAMPLE, context=self.context)[STACK]

    def client(self, service: str) -> Any:
        session: Any = self.lab.session()  # its types want the service's name as a literal
        if service not in self._clients:
            self._clients[service] = session.client(service)
        return self._clients[service]

    def send(self, to: str, *, content: Json | None = None, **options: Any) -> str:
        """Send the offer, with the tags of a campaign; which set to use the identity says."""
        content = content if content is not None else self.offer(name="Ann", id="17")
        sent = self.client("sesv2").send_email(
            FromEmailAddress=f"offers@{self.outputs['Domain']}",
            Destination={"ToAddresses": [to]},
            Content=content,
            EmailTags=[{"Name": "campaign", "Value": "spring"}, {"Name": "stream", "Value": "news"}],
            **options,
        )
        return str(sent["MessageId"])

    def offer(self, **data: str) -> Json:
        return {"Template": {"TemplateName": self.outputs["TemplateName"], "TemplateData": json.dumps(data)}}

    def html(self, message_id: str) -> str:
        return next(it.html for it in self.lab.messages() if it.message_id == message_id)

    def told(self, message_id: str, *types: str) -> dict[str, Json]:
        """What SES told of a message, by event type, once it has told all of these."""

        def seen() -> dict[str, Json] | None:
            found = {it.event_type: dict(it.document) for it in self.lab.events() if it.message_id == message_id}
            return found if set(types) <= set(found) else None

        return self.lab.wait_for(seen, timeout=10, describe=f"{types} of {message_id}")

    def received(self, queue: str, message_id: str, count: int) -> list[Json]:
        """The bodies that reached a queue about a message, whoever else takes from it."""
        read = self._read.setdefault(queue, [])

        def enough() -> list[Json] | None:
            answer = self.client("sqs").receive_message(QueueUrl=self.outputs[queue], MaxNumberOfMessages=10)
            # When SES gets to know a topic it says so, in plain text.
            texts = [it["Body"] for it in answer.get("Messages", [])]
            read.extend(json.loads(text) for text in texts if text.startswith("{"))
            found = [it for it in read if it.get("detail", it)["mail"]["messageId"] == message_id]
            return found if len(found) >= count else None

        return self.lab.wait_for(enough, timeout=20, describe=f"{count} events of {message_id} in {queue}")

    def counted(self, metric: str, **values: str) -> float:
        now = datetime.now(UTC)
        found = self.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SES",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in values.items()],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=5),
            Period=7200,
            Statistics=["Sum"],
        )
        return float(sum(it["Sum"] for it in found["Datapoints"]))

    def in_lake(self, message_id: str, count: int) -> dict[str, Json]:
        """The rows about a message, back in SES's form, by event type; each in the folder of its type."""

        def enough() -> dict[str, Json] | None:
            found: dict[str, Json] = {}
            for key in objects(self.lab, self.outputs["BucketName"], "events/"):
                if key not in self._rows:  # Firehose never writes an object twice
                    self._rows[key] = rows(self.lab, self.outputs["BucketName"], key)
                for event in self._rows[key]:
                    if event["mail"]["messageId"] == message_id:
                        assert f"/event_type={event['eventType'].replace(' ', '')}/" in key
                        found[event["eventType"]] = event
            return found if len(found) >= count else None

        return self.lab.wait_for(enough, timeout=20, describe=f"{count} rows of {message_id}")

    def destinations(self) -> list[Json]:
        found = self.client("sesv2").get_configuration_set_event_destinations(
            ConfigurationSetName=self.outputs["NewsName"]
        )
        return sorted(found["EventDestinations"], key=lambda it: str(it["Name"]))


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    with Lab() as lab:
        yield Deployed(lab)


def open_and_click(deployed: Deployed, message_id: str) -> str:
    """Do what a recipient does, and return where the link leads."""
    html = deployed.html(message_id)
    (pixel,) = re.findall(r'<img[^>]* src="([^"]*)"', html)
    assert deployed.lab.visit(pixel) is None
    tracked, plain = re.findall(r'<a href="([^"]*)"', html)
    assert plain == "https://www.example.com/terms"
    target = deployed.lab.visit(tracked, ip_address="203.0.113.7")
    assert target is not None
    return target


def test_one_mail_leaves_data_points_messages_a_call_of_another_bus_rows_and_an_answer(deployed: Deployed) -> None:
    message_id = deployed.send("ann@example.net")
    assert open_and_click(deployed, message_id) == "https://www.example.com/spring?for=17"
    told = deployed.told(message_id, "Send", "Delivery", "Open", "Click")
    assert set(told) == {"Send", "Delivery", "Open", "Click"}

    for metric in ("Send", "Delivery", "Open"):
        assert deployed.counted(metric, campaign="spring", button="none") == 1
    assert deployed.counted("Click", campaign="spring", button="order") == 1
    assert deployed.counted("Click", campaign="spring", button="none") == 0

    received = deployed.received("TrailUrl", message_id, 4)
    assert {it["eventType"]: it for it in received} == told
    tags = told["Click"]["mail"]["tags"]
    assert (tags["campaign"], tags["stream"]) == (["spring"], ["news"])
    assert tags["ses:configuration-set"] == [deployed.outputs["NewsName"]]  # the identity's default
    assert tags["ses:from-domain"] == [deployed.outputs["Domain"]]

    (forwarded,) = deployed.received("ClicksUrl", message_id, 1)
    assert (forwarded["source"], forwarded["detail-type"]) == ("aws.ses", "Email Clicked")
    assert forwarded["detail"] == told["Click"]

    kept = deployed.in_lake(message_id, 4)
    # Every column of every row, against the JSON: `leaves` leaves out what is null, and that alone.
    assert {kind: dict(leaves(row)) for kind, row in kept.items()} == {
        kind: dict(leaves(document)) for kind, document in told.items()
    }

    history = ask(deployed.lab, deployed.outputs, "message_history", f"'{message_id}'")
    assert [row[0] for row in history] == sorted(str(row[0]) for row in history)  # oldest first
    assert {row[1] for row in history} == {"Send", "Delivery", "Open", "Click"}
    assert {row[2] for row in history} == {"ann@example.net"}
    assert {row[3] for row in history if row[1] == "Click"} == {"https://www.example.com/spring?for=17"}
    day = told["Send"]["mail"]["timestamp"][:10]
    (funnel,) = ask(deployed.lab, deployed.outputs, "delivery_funnel")
    sent, delivered, opened, clicked = (funnel[place] for place in (2, 5, 10, 11))
    assert (funnel[:2], sent, delivered, opened, clicked) == ([day, deployed.outputs["NewsName"]], "1", "1", "1", "1")


def make_all_ten(deployed: Deployed) -> dict[str, str]:
    """Let each event happen, and return which message each is about."""
    ses, lab = deployed.client("sesv2"), deployed.lab
    read = deployed.send("bob@example.net")
    open_and_click(deployed, read)
    delayed = deployed.send("slow@example.net")
    lab.emit_delivery_delay(delayed, "slow@example.net")
    topic = {"TopicName": "News", "DisplayName": "News", "DefaultSubscriptionStatus": "OPT_IN"}
    ses.create_contact_list(ContactListName="readers", Topics=[topic])
    listed = deployed.send("eve@example.net", ListManagementOptions={"ContactListName": "readers", "TopicName": "News"})
    raw = next(it.raw for it in lab.messages() if it.message_id == listed).decode()
    (unsubscribe,) = re.findall(r"^List-Unsubscribe:\s*<(http[^>]*)>", raw, re.MULTILINE)
    lab.visit(unsubscribe, method="POST")
    virus = f"From: offers@{deployed.outputs['Domain']}\r\nTo: a@example.net\r\nSubject: s\r\n\r\n{EICAR}"
    made = {
        **dict.fromkeys(("Send", "Delivery", "Open", "Click"), read),
        "Bounce": deployed.send("bounce@simulator.amazonses.com"),
        "Complaint": deployed.send("complaint@simulator.amazonses.com"),
        "Reject": deployed.send("a@example.net", content={"Raw": {"Data": virus.encode()}}),
        "Rendering Failure": deployed.send("ann@example.net", content=deployed.offer(name="Ann")),
        "DeliveryDelay": delayed,
        "Subscription": listed,
    }
    for kind, message_id in made.items():
        deployed.told(message_id, kind)
    ses.delete_contact_list(ContactListName="readers")
    return made


def test_all_ten_events_reach_all_four_destinations(deployed: Deployed) -> None:
    made = make_all_ten(deployed)
    assert set(made) == set(TYPES)
    for kind, message_id in made.items():
        told = deployed.told(message_id, kind)
        received = deployed.received("TrailUrl", message_id, len(told))
        assert {it["eventType"]: it for it in received} == told
        assert dict(leaves(deployed.in_lake(message_id, len(told))[kind])) == dict(leaves(told[kind]))
        button = "order" if kind == "Click" else "none"
        assert deployed.counted(kind.replace(" ", ""), campaign="spring", button=button) >= 1, kind
    (clicked,) = deployed.received("ClicksUrl", made["Click"], 1)
    assert clicked["detail-type"] == TYPES["Click"]
    events = [it for it in deployed.lab.events() if it.destination]
    assert [it.error for it in events if it.error] == []
    by_kind = {it.destination["kind"]: set[str]() for it in events if it.destination}
    for it in events:
        if it.destination:
            by_kind[it.destination["kind"]].add(it.event_type)
    assert len(by_kind) == 4
    assert all(types == set(TYPES) for types in by_kind.values())


def test_every_destination_is_enabled_for_every_event_and_the_second_deployment_changes_nothing(
    deployed: Deployed,
) -> None:
    before = deployed.destinations()
    assert len(before) == 4
    assert all(it["Enabled"] and set(it["MatchingEventTypes"]) == set(EventType) for it in before)
    cloudformation = deployed.client("cloudformation")
    told = len(cloudformation.describe_stack_events(StackName=STACK)["StackEvents"])
    deployed.deploy()
    assert len(cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]) == told
    assert deployed.destinations() == before


def test_an_update_that_fails_leaves_the_trail_as_it_was(deployed: Deployed) -> None:
    before = deployed.destinations()
    cloudformation = deployed.client("cloudformation")
    template = cloudformation.get_template(StackName=STACK)["TemplateBody"]
    template = json.loads(template) if isinstance(template, str) else template
    resources = template["Resources"]
    kind = "AWS::SES::ConfigurationSetEventDestination"
    destinations = {name: it for name, it in resources.items() if it["Type"] == kind}
    for name, it in destinations.items():
        it["Properties"]["EventDestination"]["MatchingEventTypes"] = ["bounce"]
        if "SnsDestination" in it["Properties"]["EventDestination"]:
            del resources[name]  # taken away, and another of the kind in its place that SES refuses
    wrong_bus = {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/other"}
    resources["Wrong"] = {
        "Type": kind,
        "DependsOn": [name for name in destinations if name in resources],
        "Properties": {
            "ConfigurationSetName": deployed.outputs["NewsName"],
            "EventDestination": {
                "Enabled": True,
                "MatchingEventTypes": ["send"],
                "EventBridgeDestination": {"EventBusArn": wrong_bus},
            },
        },
    }
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    given = [{"ParameterKey": it["ParameterKey"], "UsePreviousValue": True} for it in stack.get("Parameters", [])]
    # It is too long for the call itself, so it goes where the CDK puts its assets.
    bucket = f"cdk-hnb659fds-assets-{deployed.lab.account}-{deployed.lab.region}"
    deployed.client("s3").put_object(Bucket=bucket, Key="failing.json", Body=json.dumps(template))
    cloudformation.update_stack(
        StackName=STACK,
        TemplateURL=f"{deployed.lab.endpoint_url}/{bucket}/failing.json",
        Parameters=given,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )

    def status() -> str | None:
        (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else str(stack["StackStatus"])

    assert deployed.lab.wait_for(status, timeout=60, describe="the roll-back") == "UPDATE_ROLLBACK_COMPLETE"
    assert deployed.destinations() == before
    message_id = deployed.send("ann@example.net")
    open_and_click(deployed, message_id)
    deployed.told(message_id, "Send", "Delivery", "Open", "Click")
    assert len(deployed.received("TrailUrl", message_id, 4)) == 4
    assert len(deployed.received("ClicksUrl", message_id, 1)) == 1
    assert len(deployed.in_lake(message_id, 4)) == 4


def test_nothing_is_left_behind(deployed: Deployed) -> None:
    deployed.lab.destroy(EXAMPLE, context=deployed.context)
    ses = deployed.client("sesv2")
    assert deployed.outputs["NewsName"] not in ses.list_configuration_sets()["ConfigurationSets"]
    assert ses.list_email_identities()["EmailIdentities"] == []
    assert ses.list_email_templates()["TemplatesMetadata"] == []
    buckets = [it["Name"] for it in deployed.client("s3").list_buckets()["Buckets"]]
    assert deployed.outputs["BucketName"] not in buckets
    workgroups = [it["Name"] for it in deployed.client("athena").list_work_groups()["WorkGroups"]]
    assert deployed.outputs["WorkgroupName"] not in workgroups
    assert [it["Name"] for it in deployed.client("events").list_event_buses()["EventBuses"]] == ["default"]
    assert deployed.client("firehose").list_delivery_streams()["DeliveryStreamNames"] == []
