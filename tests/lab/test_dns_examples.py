"""The examples of where records go, deployed by the real CDK CLI, and what is in DNS then."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ses_constructs.lab import Lab

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.lab


class Deployed:
    """An example in a zone of its own."""

    def __init__(self, lab: Lab, example: str) -> None:
        self.lab = lab
        self.place = EXAMPLES / example
        self.zone_name = f"{example.replace('_', '-')}.example.net"
        self.zone_id = lab.create_hosted_zone(self.zone_name)
        self.context = {
            "hosted_zone_id": self.zone_id,
            "hosted_zone_name": self.zone_name,
            "domain": f"mail.{self.zone_name}",
            "sender_account": lab.account,
        }
        self.before = self.records()
        self.outputs = lab.deploy(self.place, context=self.context)

    def records(self) -> list[Any]:
        route53 = self.lab.session().client("route53")
        found = route53.list_resource_record_sets(HostedZoneId=self.zone_id)["ResourceRecordSets"]
        return sorted(found, key=lambda it: (it["Name"], it["Type"]))

    def kinds(self) -> set[tuple[str, str]]:
        added = [it for it in self.records() if it not in self.before]
        return {(it["Name"].removesuffix(f"{self.zone_name}."), it["Type"]) for it in added if it["Type"] != "CNAME"}


@pytest.fixture
def deployed(ses_lab: Lab, request: pytest.FixtureRequest) -> Iterator[Deployed]:
    deployed = Deployed(ses_lab, request.param)
    yield deployed
    ses_lab.destroy(deployed.place, context=deployed.context)
    assert deployed.records() == deployed.before


@pytest.mark.parametrize("deployed", ["route53_apex"], indirect=True)
def test_the_apex_of_a_zone(deployed: Deployed) -> None:
    assert deployed.kinds() == {("bounce.", "MX"), ("bounce.", "TXT"), ("_dmarc.", "TXT"), ("", "TXT")}


@pytest.mark.parametrize("deployed", ["subdomain"], indirect=True)
def test_a_subdomain_in_the_zone_of_its_parent(deployed: Deployed) -> None:
    assert deployed.kinds() == {("bounce.news.", "MX"), ("bounce.news.", "TXT"), ("_dmarc.news.", "TXT")}


@pytest.mark.parametrize("deployed", ["cross_account"], indirect=True)
def test_a_zone_of_another_account(deployed: Deployed) -> None:
    expected = {("bounce.mail.", "MX"), ("bounce.mail.", "TXT"), ("_dmarc.mail.", "TXT"), ("mail.", "TXT")}
    assert deployed.kinds() == expected


@pytest.mark.parametrize("deployed", ["by_hand"], indirect=True)
def test_records_by_hand(deployed: Deployed) -> None:
    assert deployed.kinds() == set()
    (outputs,) = deployed.outputs.values()
    (zone_file,) = [value for name, value in outputs.items() if "ZoneFile" in name]
    assert len(zone_file.splitlines()) == 6
    assert all(f".mail.{deployed.zone_name}. " in line for line in zone_file.splitlines())


@pytest.mark.parametrize("deployed", ["custom_publisher"], indirect=True)
def test_a_publisher_of_ones_own(deployed: Deployed) -> None:
    session = deployed.lab.session()
    resources = session.client("cloudformation").describe_stack_resources(StackName="CustomPublisherExample")
    names = [
        it["PhysicalResourceId"] for it in resources["StackResources"] if it["ResourceType"] == "AWS::SSM::Parameter"
    ]
    ssm = session.client("ssm")
    lines = [ssm.get_parameter(Name=name)["Parameter"]["Value"].split("\t") for name in names]
    assert sorted(line[2] for line in lines) == ["CNAME", "CNAME", "CNAME", "MX", "TXT", "TXT"]
    assert all(line[0].endswith(f".mail.{deployed.zone_name}") for line in lines)
