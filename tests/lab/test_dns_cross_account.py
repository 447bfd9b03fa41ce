"""Records in a zone that only a role may change: what is made, what is left alone, and the zone before and after."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_route53 as route53

from ses_constructs import CrossAccountDnsRole, Dmarc, Dns, DomainIdentity, Spf
from ses_constructs.lab import LabError
from tests.lab.zones import APEX, MERGED, SPF, VERIFICATION, Zone, fail

pytestmark = pytest.mark.lab


def identity(zone: Zone, role_arn: str | None = None, **options: Any) -> Callable[[cdk.Stack], object]:
    """The role and the identity; in the lab both accounts are one, and the way is the same."""

    def define(stack: cdk.Stack) -> None:
        hosted_zone = route53.HostedZone.from_hosted_zone_attributes(
            stack, "Zone", hosted_zone_id=zone.id, zone_name=zone.name
        )
        role = CrossAccountDnsRole(stack, "Role", zone=hosted_zone, domains=[zone.name], accounts=[zone.lab.account])
        made = DomainIdentity(
            stack,
            "Identity",
            domain=zone.name,
            dns=Dns.route53_cross_account(
                zone_name=zone.name, hosted_zone_id=zone.id, role_arn=role_arn or role.role.role_arn
            ),
            removal_policy=cdk.RemovalPolicy.DESTROY,
            **options,
        )
        made.node.add_dependency(role)

    return define


def kinds(zone: Zone) -> set[tuple[str, str]]:
    return {(it["Name"].removesuffix(f"{zone.name}."), it["Type"]) for it in zone.records()}


def test_all_records_are_made_and_the_zone_ends_as_it_was(zone: Zone) -> None:
    zone.write(*APEX)
    before = zone.records()
    zone.deploy(identity(zone, spf=Spf.include_ses()))
    assert {("bounce.", "MX"), ("bounce.", "TXT"), ("_dmarc.", "TXT")} <= kinds(zone)
    assert len([kind for kind in kinds(zone) if kind[1] == "CNAME"]) == 3
    assert zone.txt() == [VERIFICATION, MERGED]
    zone.destroy()
    assert zone.records() == before


def test_changes_are_made_in_place_and_a_second_deployment_changes_nothing(zone: Zone) -> None:
    zone.deploy(identity(zone))
    first = zone.records()
    zone.deploy(identity(zone))
    assert zone.records() == first
    zone.deploy(identity(zone, dmarc=Dmarc(policy="reject"), mail_from="returns"))
    texts = {it["Name"]: it["ResourceRecords"][0]["Value"] for it in zone.records() if it["Type"] == "TXT"}
    assert texts[f"_dmarc.{zone.name}."] == '"v=DMARC1; p=reject"'
    assert ("returns.", "MX") in kinds(zone)
    assert not {kind for kind in kinds(zone) if kind[0] == "bounce."}


def test_a_record_in_the_way_is_named_and_left_and_nothing_is_made(zone: Zone) -> None:
    zone.write({"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"v=DMARC1; p=reject"'}]}, name="_dmarc.")
    before = zone.records()
    with pytest.raises(
        LabError, match=r"there is a record _dmarc\..* TXT already .*p=reject.* delete it or leave it out"
    ):
        zone.deploy(identity(zone))
    assert zone.records() == before


def test_a_record_that_somebody_has_changed_is_left_when_the_rest_goes(zone: Zone) -> None:
    zone.deploy(identity(zone))
    theirs = {"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"v=DMARC1; p=reject"'}]}
    zone.write(theirs, name="_dmarc.")
    zone.destroy()
    assert {kind for kind in kinds(zone) if kind[1] in ("CNAME", "MX", "TXT")} == {("_dmarc.", "TXT")}


def test_a_record_that_is_gone_already_does_not_stop_the_rest_from_going(zone: Zone) -> None:
    before = zone.records()
    zone.deploy(identity(zone))
    mx = next(it for it in zone.records() if it["Type"] == "MX")
    zone.write({name: mx[name] for name in ("Type", "TTL", "ResourceRecords")}, action="DELETE", name="bounce.")
    zone.destroy()
    assert zone.records() == before


def test_a_role_that_cannot_be_assumed_is_named_with_what_to_do(zone: Zone) -> None:
    # The emulator gives out roles that do not exist, but none whose ARN is malformed.
    nobody = "arn:aws:iam::12:role/there-is-no-such-account"
    with pytest.raises(LabError, match=f"the role {nobody} cannot be assumed: let its trust policy name this account"):
        zone.deploy(identity(zone, role_arn=nobody))


def test_a_failed_change_is_rolled_back_record_by_record(zone: Zone) -> None:
    zone.write(*APEX)
    zone.deploy(identity(zone, spf=Spf.include_ses()))
    before = zone.records()
    with pytest.raises(LabError, match="Broken"):
        zone.deploy(identity(zone, dmarc=Dmarc(policy="reject"), mail_from="returns"), fail)
    assert zone.records() == before
    zone.destroy()
    assert zone.txt() == [VERIFICATION, SPF]
