"""The custom resources for DNS, request by request and each of them twice, as CloudFormation may send them."""

import time
from typing import Any

import pytest

from custom_resources import txt_records
from custom_resources.records import IdentityRecords
from custom_resources.shared_spf import SpfTerms
from custom_resources.spf import merge
from ses_common.lifecycle import Refused, Request
from tests.lab.zones import APEX, MERGED, SPF, VERIFICATION, Zone

pytestmark = pytest.mark.lab


@pytest.fixture(autouse=True)
def in_the_lab(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions' clients take their endpoint from the environment, as in Lambda."""
    for name, value in zone.lab.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(txt_records, "_configured", lambda: None)  # what is in DNS elsewhere decides no test


def request(kind: str, properties: dict[str, Any], physical_id: str = "", old: dict[str, Any] | None = None) -> Request:
    return Request(kind, physical_id, properties, old or {}, time.monotonic() + 5)


def term(zone: Zone, **changed: str) -> dict[str, Any]:
    return {
        "HostedZoneId": zone.id,
        "Name": zone.name,
        "Term": "include:amazonses.com",
        "Qualifier": "~all",
        **changed,
    }


def records(zone: Zone, **texts: str) -> dict[str, Any]:
    return {
        "HostedZoneId": zone.id,
        "RoleArn": f"arn:aws:iam::{zone.lab.account}:role/dns",
        "Domain": zone.name,
        "Records": [
            {"Name": f"{label}.{zone.name}", "Type": "TXT", "TTL": "300", "Values": [f'"{text}"']}
            for label, text in texts.items()
        ],
    }


def test_a_term_is_added_once_and_taken_away_once(zone: Zone) -> None:
    zone.write(*APEX)
    first = SpfTerms().create(request("Create", term(zone)))
    assert zone.txt() == [VERIFICATION, MERGED]
    SpfTerms().create(request("Create", term(zone)))
    assert zone.txt() == [VERIFICATION, MERGED]

    for _ in range(2):
        kept = SpfTerms().update(request("Update", term(zone, Qualifier="-all"), first.physical_id, term(zone)))
        assert kept.physical_id == first.physical_id
        assert zone.txt() == [VERIFICATION, MERGED]

    for _ in range(2):
        SpfTerms().delete(request("Delete", term(zone), first.physical_id))
        assert zone.txt() == [VERIFICATION, SPF]


def test_another_term_is_another_resource_whose_predecessor_is_deleted_afterwards(zone: Zone) -> None:
    zone.write(*APEX)
    first = SpfTerms().create(request("Create", term(zone)))
    new = term(zone, Term="ip4:192.0.2.1")
    second = SpfTerms().update(request("Update", new, first.physical_id, term(zone)))
    assert second.physical_id != first.physical_id
    SpfTerms().delete(request("Delete", term(zone), first.physical_id))
    assert "ip4:192.0.2.1" in zone.txt()[1]
    assert "amazonses" not in zone.txt()[1]
    SpfTerms().delete(request("Delete", new, second.physical_id))
    assert zone.txt() == [VERIFICATION, SPF]


def test_a_zone_that_is_gone_needs_no_clearing_and_cannot_be_written_to(zone: Zone) -> None:
    gone = term(zone, HostedZoneId="Z00000000000000000GONE")
    SpfTerms().delete(request("Delete", gone, f"{gone['HostedZoneId']}/{zone.name}/include:amazonses.com/added"))
    IdentityRecords().delete(request("Delete", {**records(zone, a="1"), "HostedZoneId": gone["HostedZoneId"]}, "x"))
    with pytest.raises(Refused, match="there is no hosted zone Z00000000000000000GONE: deploy with the id"):
        SpfTerms().create(request("Create", gone))


def test_records_are_made_changed_and_taken_away_whole_and_each_request_may_come_twice(zone: Zone) -> None:
    before = zone.records()
    old, new = records(zone, a="1", b="2"), records(zone, a="one", c="3")
    for _ in range(2):
        made = IdentityRecords().create(request("Create", old))
    after_create = zone.records()
    assert len(after_create) == len(before) + 2

    for _ in range(2):
        changed = IdentityRecords().update(request("Update", new, made.physical_id, old))
        assert changed.physical_id == made.physical_id
    values = {it["Name"].partition(".")[0]: it["ResourceRecords"][0]["Value"] for it in zone.records()}
    assert (values["a"], values["c"]) == ('"one"', '"3"')
    assert "b" not in values

    # A rollback is an update back.
    IdentityRecords().update(request("Update", old, made.physical_id, new))
    assert zone.records() == after_create

    for _ in range(2):
        IdentityRecords().delete(request("Delete", old, made.physical_id))
        assert zone.records() == before


def test_what_says_the_same_is_adopted_whatever_its_ttl_and_left_behind(zone: Zone) -> None:
    theirs = [
        {"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"1"'}, {"Value": '"of others"'}]},
        {"Type": "TXT", "TTL": 300, "ResourceRecords": [{"Value": '"2"'}]},
    ]
    for label, record_set in zip(("a.", "b."), theirs, strict=True):
        zone.write(record_set, name=label)
    before = zone.records()
    wanted = {**records(zone, a="1", b="2", c="3"), "Existing": "adopt"}
    made = IdentityRecords().create(request("Create", wanted))
    assert len(zone.records()) == len(before) + 1
    more = {**records(zone, a="1", b="2", c="3", d="4"), "Existing": "adopt"}
    for _ in range(2):
        assert IdentityRecords().update(request("Update", more, made.physical_id, wanted)) == made
    assert [it for it in zone.records() if it in before] == before
    less = {**records(zone, c="3"), "Existing": "adopt"}
    IdentityRecords().update(request("Update", less, made.physical_id, more))
    assert len(zone.records()) == len(before) + 1
    for _ in range(2):
        IdentityRecords().delete(request("Delete", more, made.physical_id))
        assert zone.records() == before


def test_a_host_that_is_written_with_its_final_dot_is_the_same_host(zone: Zone) -> None:
    host = "feedback-smtp.eu-west-1.amazonses.com"
    zone.write({"Type": "MX", "TTL": 60, "ResourceRecords": [{"Value": f"10 {host.upper()}."}]}, name="bounce.")
    before = zone.records()
    record = {"Name": f"bounce.{zone.name}", "Type": "MX", "TTL": "1800", "Values": [f"10 {host}"]}
    wanted = {**records(zone), "Records": [record], "Existing": "adopt"}
    IdentityRecords().create(request("Create", wanted))
    assert zone.records() == before
    with pytest.raises(Refused, match="there is a record bounce"):
        IdentityRecords().create(request("Create", {**wanted, "Existing": ""}))
    other = {**wanted, "Records": [{**record, "Values": ["10 feedback-smtp.us-east-1.amazonses.com"]}]}
    with pytest.raises(Refused, match="there is a record bounce"):
        IdentityRecords().create(request("Create", other))


def test_a_writer_who_is_faster_loses_nothing(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else changes the record between our reading and our writing."""
    zone.write(*APEX)
    theirs = {"Type": "TXT", "TTL": 900, "ResourceRecords": [{"Value": SPF}, {"Value": '"MS=ms1234"'}]}
    calls = []

    def slow(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            zone.write(theirs)
        return merge(*arguments, **options)

    monkeypatch.setattr("custom_resources.shared_spf.merge", slow)
    SpfTerms().create(request("Create", term(zone)))
    assert len(calls) == 2
    assert zone.txt() == [MERGED, '"MS=ms1234"']
