"""The SPF record of a name that others write to as well: before, with and after the stack, value by value."""

from collections.abc import Callable

import aws_cdk as cdk
import pytest
from aws_cdk import aws_route53 as route53

from ses_constructs import Dns, DomainIdentity, Spf
from ses_constructs.lab import LabError
from tests.lab.zones import APEX, MERGED, SPF, VERIFICATION, Zone, fail

pytestmark = pytest.mark.lab


def identity(zone: Zone, spf: Spf | None) -> Callable[[cdk.Stack], object]:
    def define(stack: cdk.Stack) -> None:
        hosted_zone = route53.HostedZone.from_hosted_zone_attributes(
            stack, "Zone", hosted_zone_id=zone.id, zone_name=zone.name
        )
        DomainIdentity(
            stack,
            "Identity",
            domain=zone.name,
            dns=Dns.route53(hosted_zone),
            dmarc=None,
            spf=spf,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    return define


def test_a_realistic_apex_gets_the_include_and_ends_byte_for_byte_as_it_was(zone: Zone) -> None:
    zone.write(*APEX)
    zone.write({"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"v=DMARC1; p=none"'}]}, name="_dmarc.")
    before = zone.records()
    zone.deploy(identity(zone, Spf.include_ses()))
    assert zone.txt() == [VERIFICATION, MERGED]
    zone.destroy()
    assert zone.records() == before


def test_a_name_without_spf_gets_a_record_and_loses_it_again(zone: Zone) -> None:
    before = zone.records()
    zone.deploy(identity(zone, Spf.include_ses(also=["ip4:192.0.2.0/24"], qualifier="-all")))
    assert zone.txt() == ['"v=spf1 include:amazonses.com ip4:192.0.2.0/24 -all"']
    zone.destroy()
    assert zone.records() == before


def test_terms_come_and_go_and_a_second_deployment_changes_nothing(zone: Zone) -> None:
    zone.write(*APEX)
    zone.deploy(identity(zone, Spf.include_ses(also=["ip4:192.0.2.1"])))
    with_both = zone.txt()
    zone.deploy(identity(zone, Spf.include_ses(also=["ip4:192.0.2.1"])))
    assert zone.txt() == with_both
    zone.deploy(identity(zone, Spf.include_ses()))
    assert zone.txt() == [VERIFICATION, MERGED]
    zone.deploy(identity(zone, None))
    assert zone.txt() == [VERIFICATION, SPF]


def test_what_others_have_written_in_between_survives(zone: Zone) -> None:
    zone.write(*APEX)
    zone.deploy(identity(zone, Spf.include_ses()))
    edited = '"v=spf1 include:amazonses.com include:spf.protection.outlook.com ~all"'
    zone.write({"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": edited}, {"Value": '"MS=ms1234"'}]})
    zone.destroy()
    assert zone.txt() == ['"v=spf1 include:spf.protection.outlook.com ~all"', '"MS=ms1234"']


def test_an_include_that_was_there_before_is_left_there(zone: Zone) -> None:
    zone.write({"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": MERGED}]})
    before = zone.records()
    zone.deploy(identity(zone, Spf.include_ses()))
    zone.destroy()
    assert zone.records() == before


def test_two_spf_records_stop_the_deployment_with_what_to_do_and_nothing_is_changed(zone: Zone) -> None:
    zone.write({"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": SPF}, {"Value": '"v=spf1 mx -all"'}]})
    before = zone.records()
    with pytest.raises(LabError, match=r"there are 2 SPF records at this name.*make one of them"):
        zone.deploy(identity(zone, Spf.include_ses()))
    assert zone.records() == before


def test_an_eleventh_look_up_stops_the_deployment_and_nothing_is_changed(zone: Zone) -> None:
    ten = " ".join(f"include:s{number}.example.net" for number in range(10))
    zone.write({"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": f'"v=spf1 {ten} -all"'}]})
    before = zone.records()
    with pytest.raises(LabError, match="would need 11 DNS look-ups"):
        zone.deploy(identity(zone, Spf.include_ses()))
    assert zone.records() == before


def test_a_failed_first_deployment_leaves_the_zone_as_it_was(zone: Zone) -> None:
    zone.write(*APEX)
    before = zone.records()
    with pytest.raises(LabError, match="Broken"):
        zone.deploy(identity(zone, Spf.include_ses(also=["ip4:192.0.2.1"])), fail)
    assert zone.records() == before


def test_a_failed_change_is_rolled_back_record_by_record(zone: Zone) -> None:
    zone.write(*APEX)
    zone.deploy(identity(zone, Spf.include_ses()))
    before = zone.records()
    with pytest.raises(LabError, match="Broken"):
        zone.deploy(identity(zone, Spf.include_ses(also=["ip4:192.0.2.1", "mx"])), fail)
    assert zone.records() == before
    zone.destroy()
    assert zone.txt() == [VERIFICATION, SPF]
