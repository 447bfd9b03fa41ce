"""The SPF record of a name that others write to as well: before, with and after the stack, value by value."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_route53 as route53

from ses_constructs import Dns, DomainIdentity, Spf
from ses_constructs.lab import Lab, LabError

pytestmark = pytest.mark.lab

VERIFICATION = '"google-site-verification=aBcD-1234 \\"quoted\\""'
SPF = '"v=spf1 include:_spf.google.com include:mail.zendesk.com -all"'
MERGED = '"v=spf1 include:_spf.google.com include:mail.zendesk.com include:amazonses.com -all"'
APEX: list[dict[str, Any]] = [
    {"Type": "TXT", "TTL": 900, "ResourceRecords": [{"Value": VERIFICATION}, {"Value": SPF}]},
    {"Type": "MX", "TTL": 600, "ResourceRecords": [{"Value": "1 aspmx.l.google.com."}]},
]


class Zone:
    """A hosted zone with somebody else's records, and a stack with the identity in it."""

    def __init__(self, lab: Lab, workshop: Path) -> None:
        self.lab = lab
        self.name = f"{workshop.name.replace('_', '-').lower()[:50].strip('-')}.example.com"
        self.id = lab.create_hosted_zone(self.name)
        self._workshop = workshop
        self._count = 0
        self._route53 = lab.session().client("route53")

    def write(self, *record_sets: dict[str, Any], action: str = "UPSERT", name: str = "") -> None:
        changes = [{"Action": action, "ResourceRecordSet": {"Name": f"{name}{self.name}", **it}} for it in record_sets]
        self._route53.change_resource_record_sets(HostedZoneId=self.id, ChangeBatch={"Changes": changes})

    def records(self) -> list[Any]:
        found = self._route53.list_resource_record_sets(HostedZoneId=self.id)["ResourceRecordSets"]
        return sorted(found, key=lambda it: (it["Name"], it["Type"]))

    def txt(self) -> list[str]:
        (apex,) = [it for it in self.records() if (it["Name"], it["Type"]) == (f"{self.name}.", "TXT")] or [{}]
        return [record["Value"] for record in apex.get("ResourceRecords", [])]

    def deploy(self, spf: Spf | None, change: Callable[[cdk.Stack], object] = lambda stack: None) -> None:
        self._count += 1
        out = self._workshop / f"cdk.out.{self._count}"
        app = cdk.App(outdir=str(out))
        stack = cdk.Stack(app, f"Spf-{self.id}")
        zone = route53.HostedZone.from_hosted_zone_attributes(
            stack, "Zone", hosted_zone_id=self.id, zone_name=self.name
        )
        DomainIdentity(
            stack,
            "Identity",
            domain=self.name,
            dns=Dns.route53(zone),
            dmarc=None,
            spf=spf,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        change(stack)
        app.synth()
        self.lab.deploy_assembly(out)

    def destroy(self) -> None:
        self.lab.delete_stack(f"Spf-{self.id}")


@pytest.fixture
def zone(ses_lab: Lab, tmp_path: Path) -> Iterator[Zone]:
    zone = Zone(ses_lab, tmp_path)
    yield zone
    zone.destroy()


def fail(stack: cdk.Stack) -> None:
    """Something that cannot be deployed, after everything else."""
    broken = cdk.CfnResource(
        stack,
        "Broken",
        type="AWS::Route53::RecordSetGroup",
        properties={"HostedZoneId": "Z000000000000000", "RecordSets": []},
    )
    broken.node.add_dependency(stack.node.find_child("Identity"))


def test_a_realistic_apex_gets_the_include_and_ends_byte_for_byte_as_it_was(zone: Zone) -> None:
    zone.write(*APEX)
    zone.write({"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"v=DMARC1; p=none"'}]}, name="_dmarc.")
    before = zone.records()
    zone.deploy(Spf.include_ses())
    assert zone.txt() == [VERIFICATION, MERGED]
    zone.destroy()
    assert zone.records() == before


def test_a_name_without_spf_gets_a_record_and_loses_it_again(zone: Zone) -> None:
    before = zone.records()
    zone.deploy(Spf.include_ses(also=["ip4:192.0.2.0/24"], qualifier="-all"))
    assert zone.txt() == ['"v=spf1 include:amazonses.com ip4:192.0.2.0/24 -all"']
    zone.destroy()
    assert zone.records() == before


def test_terms_come_and_go_and_a_second_deployment_changes_nothing(zone: Zone) -> None:
    zone.write(*APEX)
    zone.deploy(Spf.include_ses(also=["ip4:192.0.2.1"]))
    with_both = zone.txt()
    zone.deploy(Spf.include_ses(also=["ip4:192.0.2.1"]))
    assert zone.txt() == with_both
    zone.deploy(Spf.include_ses())
    assert zone.txt() == [VERIFICATION, MERGED]
    zone.deploy(None)
    assert zone.txt() == [VERIFICATION, SPF]


def test_what_others_have_written_in_between_survives(zone: Zone) -> None:
    zone.write(*APEX)
    zone.deploy(Spf.include_ses())
    edited = '"v=spf1 include:amazonses.com include:spf.protection.outlook.com ~all"'
    zone.write({"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": edited}, {"Value": '"MS=ms1234"'}]})
    zone.destroy()
    assert zone.txt() == ['"v=spf1 include:spf.protection.outlook.com ~all"', '"MS=ms1234"']


def test_an_include_that_was_there_before_is_left_there(zone: Zone) -> None:
    zone.write({"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": MERGED}]})
    before = zone.records()
    zone.deploy(Spf.include_ses())
    zone.destroy()
    assert zone.records() == before


def test_two_spf_records_stop_the_deployment_with_what_to_do_and_nothing_is_changed(zone: Zone) -> None:
    zone.write({"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": SPF}, {"Value": '"v=spf1 mx -all"'}]})
    before = zone.records()
    with pytest.raises(LabError, match=r"there are 2 SPF records at this name.*make one of them"):
        zone.deploy(Spf.include_ses())
    assert zone.records() == before


def test_an_eleventh_look_up_stops_the_deployment_and_nothing_is_changed(zone: Zone) -> None:
    ten = " ".join(f"include:s{number}.example.net" for number in range(10))
    zone.write({"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": f'"v=spf1 {ten} -all"'}]})
    before = zone.records()
    with pytest.raises(LabError, match="would need 11 DNS look-ups"):
        zone.deploy(Spf.include_ses())
    assert zone.records() == before


def test_a_failed_first_deployment_leaves_the_zone_as_it_was(zone: Zone) -> None:
    zone.write(*APEX)
    before = zone.records()
    with pytest.raises(LabError, match="Broken"):
        zone.deploy(Spf.include_ses(also=["ip4:192.0.2.1"]), fail)
    assert zone.records() == before


def test_a_failed_change_is_rolled_back_record_by_record(zone: Zone) -> None:
    zone.write(*APEX)
    zone.deploy(Spf.include_ses())
    before = zone.records()
    with pytest.raises(LabError, match="Broken"):
        zone.deploy(Spf.include_ses(also=["ip4:192.0.2.1", "mx"]), fail)
    assert zone.records() == before
    zone.destroy()
    assert zone.txt() == [VERIFICATION, SPF]
