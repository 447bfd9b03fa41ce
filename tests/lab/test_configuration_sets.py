"""The example of configuration sets: its options, templates and destinations as SES has them, and its metrics."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from ses_constructs import Dimension, SendingConfigurationSet
from ses_constructs.lab import Lab

EXAMPLE = Path(__file__).parents[2] / "examples" / "configuration_sets"
STACK = "ConfigurationSetsExample"
ORDER = {"id": "A-17", "tracking": "T1", "items": [{"count": 2, "title": "lamps"}, {"count": 1, "title": "chair"}]}

pytestmark = pytest.mark.lab


class Deployed:
    """The example, deployed by the real CDK CLI beside a set that was there before."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.ses = lab.session().client("sesv2")
        self.cloudwatch = lab.session().client("cloudwatch")
        self.ses.create_configuration_set(ConfigurationSetName="made-elsewhere")
        self.context = {
            "hosted_zone_id": lab.create_hosted_zone("sets.example.com"),
            "hosted_zone_name": "sets.example.com",
            "existing_set": "made-elsewhere",
        }
        self.outputs = lab.deploy(EXAMPLE, context=self.context)[STACK]

    def send(self, content: Any, configuration_set: str, **options: Any) -> str:
        sent = self.ses.send_email(
            FromEmailAddress=f"shop@{self.outputs['Domain']}",
            Destination={"ToAddresses": ["somebody@example.net"]},
            Content=content,
            ConfigurationSetName=configuration_set,
            **options,
        )
        return str(sent["MessageId"])

    def send_receipt(self, **data: Any) -> str:
        template = {"TemplateName": self.outputs["TemplateName"], "TemplateData": json.dumps(data)}
        return self.send({"Template": template}, self.outputs["ReceiptsName"])

    def counted(self, metric: str, **dimensions: str) -> float:
        now = datetime.now(UTC)
        found = self.cloudwatch.get_metric_statistics(
            Namespace="AWS/SES",
            MetricName=metric,
            Dimensions=[
                {"Name": name.replace("__", ":").replace("_", "-"), "Value": it} for name, it in dimensions.items()
            ],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=5),
            Period=3600,
            Statistics=["Sum"],
        )
        return sum(it["Sum"] for it in found["Datapoints"])

    def wait_for_count(self, count: int, metric: str, **dimensions: str) -> None:
        self.lab.wait_for(
            lambda: self.counted(metric, **dimensions) >= count or None, timeout=20, describe=f"{metric} in CloudWatch"
        )
        assert self.counted(metric, **dimensions) == count


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    with Lab() as lab:
        deployed = Deployed(lab)
        yield deployed
        lab.destroy(EXAMPLE, context=deployed.context)
        assert destinations(deployed, "made-elsewhere") == {}
        left = set(deployed.ses.list_configuration_sets()["ConfigurationSets"])
        assert not left & {deployed.outputs["ReceiptsName"], deployed.outputs["NewsName"]}
        assert deployed.ses.list_email_templates()["TemplatesMetadata"] == []


def test_ses_has_the_options(deployed: Deployed) -> None:
    receipts = deployed.ses.get_configuration_set(ConfigurationSetName=deployed.outputs["ReceiptsName"])
    assert receipts["DeliveryOptions"]["TlsPolicy"] == "REQUIRE"
    assert receipts["DeliveryOptions"]["MaxDeliverySeconds"] == 3600
    assert receipts["SuppressionOptions"]["SuppressedReasons"] == ["BOUNCE"]
    assert receipts["VdmOptions"]["DashboardOptions"] == {"EngagementMetrics": "DISABLED"}


def test_a_receipt_is_rendered_from_the_files_and_counted(deployed: Deployed) -> None:
    message_id = deployed.send_receipt(name="Ann", order=ORDER)
    (message,) = [it for it in deployed.lab.messages() if it.message_id == message_id]
    assert b"Your order A-17" in message.raw
    assert b"- 2 x lamps" in message.raw
    deployed.wait_for_count(1, "Delivery", ses__configuration_set=deployed.outputs["ReceiptsName"])


def test_a_receipt_with_too_little_data_is_counted_as_a_failure(deployed: Deployed) -> None:
    deployed.send_receipt(order={"id": "A-18"})
    deployed.wait_for_count(1, "RenderingFailure", ses__configuration_set=deployed.outputs["ReceiptsName"])


def test_the_newsletter_is_counted_by_campaign(deployed: Deployed) -> None:
    text = {"Simple": {"Subject": {"Data": "Spring"}, "Body": {"Text": {"Data": "It is here"}}}}
    news = deployed.outputs["NewsName"]
    deployed.send(text, news, EmailTags=[{"Name": "campaign", "Value": "spring"}])
    deployed.send(text, news)
    deployed.wait_for_count(1, "Delivery", campaign="spring", button="none")
    deployed.wait_for_count(1, "Delivery", campaign="none", button="none")


def destinations(deployed: Deployed, name: str) -> dict[str, Any]:
    found = deployed.ses.get_configuration_set_event_destinations(ConfigurationSetName=name)
    return {it["Name"]: it for it in found.get("EventDestinations", [])}


def test_a_destination_of_another_id_takes_the_place_of_the_old_one(deployed: Deployed, tmp_path: Path) -> None:
    def deploy(id: str, tag: str) -> set[str]:
        app = cdk.App(outdir=str(tmp_path / f"{id}-{tag}"))
        stack = cdk.Stack(app, "Renamed")
        news = SendingConfigurationSet.from_configuration_set_name(stack, "News", "made-elsewhere")
        news.publish_to_cloud_watch(id, events=["SEND"], dimensions=[Dimension.message_tag(tag)])
        app.synth()
        deployed.lab.deploy_assembly(tmp_path / f"{id}-{tag}")
        return set(destinations(deployed, "made-elsewhere")) - before

    before = set(destinations(deployed, "made-elsewhere"))
    first = deploy("First", "campaign")
    assert len(first) == 1
    assert deploy("First", "team") == first
    second = deploy("Second", "team")
    assert len(second) == 1
    assert first.isdisjoint(second)
    deployed.lab.delete_stack("Renamed")
    assert set(destinations(deployed, "made-elsewhere")) == before


def test_a_set_that_is_kept_lets_its_identity_go_on_and_is_in_nobodys_way(deployed: Deployed, tmp_path: Path) -> None:
    def names() -> set[str]:
        return set(deployed.ses.list_configuration_sets()["ConfigurationSets"])

    app = cdk.App(outdir=str(tmp_path / "kept"))
    stack = cdk.Stack(app, "Kept")
    news = SendingConfigurationSet(stack, "News")
    news.publish_to_cloud_watch(events=["SEND"])
    app.synth()
    before = names()
    deployed.lab.deploy_assembly(tmp_path / "kept")
    deployed.lab.delete_stack("Kept")
    (kept,) = names() - before
    assert destinations(deployed, kept) == {}
    deployed.lab.deploy_assembly(tmp_path / "kept")
    deployed.lab.delete_stack("Kept")
    assert len(names() - before) == 2
