"""What becomes of each kind of destination when it is added, changed, renamed and taken away, with mail between."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events

from ses_constructs import Dimension, Dns, DomainIdentity, EventLake, SendingConfigurationSet
from ses_constructs.lab import Lab, LabError

STACK = "Changes"
KINDS = {
    "CloudWatchDestination": "cloud_watch",
    "SnsDestination": "sns",
    "EventBridgeDestination": "event_bridge",
    "KinesisFirehoseDestination": "firehose",
}

pytestmark = pytest.mark.lab


class Changing:
    """A stack that is deployed again and again, each time with other destinations."""

    def __init__(self, lab: Lab, place: Path) -> None:
        self._lab, self._place = lab, place
        self.domain = f"c{uuid.uuid4().hex[:8]}.example.com"
        self.ses: Any = lab.session().client("sesv2")

    def deploy(self, ids: Mapping[str, str], *, faulty: bool = False) -> dict[str, Any]:
        """Deploy with a destination of each kind under its id; return what SES has then, by kind."""
        out = self._place / uuid.uuid4().hex
        app = cdk.App(outdir=str(out))
        stack = cdk.Stack(app, STACK)
        news = SendingConfigurationSet(stack, "News", removal_policy=cdk.RemovalPolicy.DESTROY)
        gone = cdk.RemovalPolicy.DESTROY
        DomainIdentity(
            stack, "Identity", domain=self.domain, dns=Dns.manual(), configuration_set=news, removal_policy=gone
        )
        lake = EventLake(stack, "Lake", removal_policy=gone)
        bus = events.EventBus(stack, "Bus")
        made: dict[str, Any] = {}
        if "cloud_watch" in ids:
            tags = [Dimension.message_tag("campaign")]
            made["cloud_watch"] = news.publish_to_cloud_watch(ids["cloud_watch"], events=["SEND"], dimensions=tags)
        if "sns" in ids:
            made["sns"] = news.publish_to_sns(ids["sns"], events=["SEND"])
        if "event_bridge" in ids:
            made["event_bridge"] = news.publish_to_event_bridge(ids["event_bridge"], events=["SEND"])
            made["event_bridge"].rule.forward_to(bus)
        if "firehose" in ids:
            made["firehose"] = news.publish_to_firehose(ids["firehose"], events=["SEND"], lake=lake)
        if faulty:
            # Not to be had: an identity that is there already. It is tried when all else has changed.
            wrong = cdk.CfnResource(
                stack, "Wrong", type="AWS::SES::EmailIdentity", properties={"EmailIdentity": "taken.example.com"}
            )
            wrong.node.add_dependency(*made.values())
        cdk.CfnOutput(stack, "NewsName", value=news.configuration_set_name)
        app.synth()
        self.news = self._lab.deploy_assembly(out)[STACK]["NewsName"]
        return self.found()

    def found(self) -> dict[str, Any]:
        answer = self.ses.get_configuration_set_event_destinations(ConfigurationSetName=self.news)
        destinations = answer.get("EventDestinations", [])
        assert all(it["Enabled"] for it in destinations)
        return {KINDS[kind]: it for it in destinations for kind in KINDS if kind in it}

    def told(self) -> dict[str, str | None]:
        """Send a mail, and return which kinds of destinations heard of it; with the error of those that could not."""
        before = max((it.sequence for it in self._lab.events()), default=0)
        sent = self.ses.send_email(
            FromEmailAddress=f"hello@{self.domain}",
            Destination={"ToAddresses": ["somebody@example.net"]},
            Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
        )["MessageId"]

        names = {it["Name"]: kind for kind, it in self.found().items()}

        def heard() -> dict[str, str | None] | None:
            events = [it for it in self._lab.events(before) if (it.message_id, it.event_type) == (sent, "Send")]
            found = {names[it.destination["name"]]: it.error for it in events if it.destination}
            return found if events and len(found) >= len(names) else None

        return self._lab.wait_for(heard, timeout=10, describe=f"the event at {set(names.values())}") if names else {}


def test_every_kind_is_added_renamed_and_taken_away_and_the_others_never_notice(ses_lab: Lab, tmp_path: Path) -> None:
    changing = Changing(ses_lab, tmp_path)
    ids = {"cloud_watch": "CloudWatch", "sns": "Sns", "event_bridge": "EventBridge", "firehose": "Firehose"}
    assert changing.deploy({}) == {}
    given: dict[str, str] = {}
    for kind, id in ids.items():  # one by one
        before = changing.found()
        given[kind] = id
        found = changing.deploy(given)
        assert set(found) == set(given)
        assert {other: found[other] for other in before} == before
        assert changing.told() == dict.fromkeys(given)
    for kind in ids:
        before = changing.found()
        given[kind] = f"Renamed{given[kind]}"
        found = changing.deploy(given)
        assert found[kind]["Name"] != before[kind]["Name"]
        assert {other: it for other, it in found.items() if other != kind} == {
            other: it for other, it in before.items() if other != kind
        }
        assert changing.told() == dict.fromkeys(given)
    for kind in ids:
        del given[kind]
        assert set(changing.deploy(given)) == set(given)
        assert changing.told() == dict.fromkeys(given)
    ses_lab.delete_stack(STACK)


def test_a_failing_update_brings_every_destination_back(ses_lab: Lab, tmp_path: Path) -> None:
    changing = Changing(ses_lab, tmp_path)
    if "taken.example.com" not in [
        it["IdentityName"] for it in changing.ses.list_email_identities()["EmailIdentities"]
    ]:
        changing.ses.create_email_identity(EmailIdentity="taken.example.com")
    ids = {kind: kind.title().replace("_", "") for kind in KINDS.values()}
    before = changing.deploy(ids)
    renamed = {kind: f"Renamed{id}" for kind, id in ids.items()}
    with pytest.raises(LabError, match=r"taken\.example\.com"):
        changing.deploy(renamed, faulty=True)
    assert changing.found() == before
    assert changing.told() == dict.fromkeys(ids)
    assert set(changing.deploy(renamed)) == set(ids)  # and the next update goes through
    assert changing.told() == dict.fromkeys(ids)
    with pytest.raises(LabError, match=r"taken\.example\.com"):
        changing.deploy({}, faulty=True)
    assert changing.told() == dict.fromkeys(ids)
    ses_lab.delete_stack(STACK)
