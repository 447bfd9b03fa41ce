"""What each request of CloudFormation does to the active rule set, and what it leaves to others."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from custom_resources import ses
from custom_resources.rule_sets import ActiveReceiptRuleSets
from ses_common.lifecycle import Refused, Request
from ses_constructs.lab import Lab

pytestmark = pytest.mark.lab

Json = dict[str, Any]
KIND = ActiveReceiptRuleSets()
NAMES = ("ours", "ours-renamed", "theirs")


def properties(name: str, *, take_over: bool = False, owned: bool = True) -> Json:
    return {"RuleSetName": name, "TakeOver": str(take_over).lower(), "Owned": str(owned).lower()}


def request(wanted: Json, *, physical_id: str = "", old: Json | None = None) -> Request:
    kind = "Update" if physical_id else "Create"
    return Request(kind, physical_id, wanted, old or {}, time.monotonic() + 10)


@pytest.fixture
def v1(ses_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    client = ses_lab.session().client("ses")
    monkeypatch.setattr(ses, "v1", lambda: client)
    client.set_active_receipt_rule_set()
    for name in NAMES:
        client.create_receipt_rule_set(RuleSetName=name)
    yield client
    client.set_active_receipt_rule_set()
    for name in NAMES:
        client.delete_receipt_rule_set(RuleSetName=name)


def active(v1: Any) -> str | None:
    name: str | None = v1.describe_active_receipt_rule_set().get("Metadata", {}).get("Name")
    return name


def test_where_none_is_active_ours_becomes_it_and_none_is_left(v1: Any) -> None:
    first, second = (KIND.create(request(properties("ours"))) for _ in range(2))
    assert first == second
    assert active(v1) == "ours"
    for _ in range(2):
        KIND.delete(request(properties("ours"), physical_id=first.physical_id))
        assert active(v1) is None


def test_anothers_active_set_is_not_displaced_and_the_error_names_it(v1: Any) -> None:
    v1.set_active_receipt_rule_set(RuleSetName="theirs")
    with pytest.raises(Refused, match="the receipt rule set theirs is active"):
        KIND.create(request(properties("ours")))
    assert active(v1) == "theirs"


def test_a_take_over_puts_the_former_set_back_in_the_end(v1: Any) -> None:
    v1.set_active_receipt_rule_set(RuleSetName="theirs")
    made = KIND.create(request(properties("ours", take_over=True)))
    assert active(v1) == "ours"
    KIND.delete(request(properties("ours", take_over=True), physical_id=made.physical_id))
    assert active(v1) == "theirs"


def test_a_former_set_that_is_gone_leaves_none(v1: Any) -> None:
    v1.set_active_receipt_rule_set(RuleSetName="theirs")
    made = KIND.create(request(properties("ours", take_over=True)))
    v1.delete_receipt_rule_set(RuleSetName="theirs")
    KIND.delete(request(properties("ours", take_over=True), physical_id=made.physical_id))
    assert active(v1) is None


def test_what_somebody_made_active_since_then_stays(v1: Any) -> None:
    made = KIND.create(request(properties("ours")))
    v1.set_active_receipt_rule_set(RuleSetName="theirs")
    unchanged = KIND.update(request(properties("ours"), physical_id=made.physical_id, old=properties("ours")))
    assert unchanged.physical_id == made.physical_id
    KIND.delete(request(properties("ours"), physical_id=made.physical_id))
    assert active(v1) == "theirs"


def test_an_existing_set_that_was_active_before_stays_so(v1: Any) -> None:
    v1.set_active_receipt_rule_set(RuleSetName="theirs")
    wanted = properties("theirs", owned=False)
    made = KIND.create(request(wanted))
    KIND.delete(request(wanted, physical_id=made.physical_id))
    assert active(v1) == "theirs"


def test_an_existing_set_that_was_not_active_is_so_for_as_long_as_the_stack_lives(v1: Any) -> None:
    wanted = properties("theirs", owned=False)
    made = KIND.create(request(wanted))
    assert active(v1) == "theirs"
    KIND.delete(request(wanted, physical_id=made.physical_id))
    assert active(v1) is None


def test_a_set_of_another_name_replaces_ours_and_a_rollback_takes_that_back(v1: Any) -> None:
    v1.set_active_receipt_rule_set(RuleSetName="theirs")
    old, new = (properties(name, take_over=True) for name in ("ours", "ours-renamed"))
    made = KIND.create(request(old))
    replaced, again = (KIND.update(request(new, physical_id=made.physical_id, old=old)) for _ in range(2))
    assert replaced == again
    assert active(v1) == "ours-renamed"
    rolled_back = KIND.update(request(old, physical_id=replaced.physical_id, old=new))
    assert rolled_back == made
    KIND.delete(request(new, physical_id=replaced.physical_id))
    assert active(v1) == "ours"
    KIND.delete(request(old, physical_id=rolled_back.physical_id))
    assert active(v1) == "theirs"


def test_a_rollback_that_deletes_what_replaced_ours_brings_ours_back_as_long_as_it_is_there(v1: Any) -> None:
    v1.set_active_receipt_rule_set(RuleSetName="theirs")
    old, new = (properties(name, take_over=True) for name in ("ours", "ours-renamed"))
    made = KIND.create(request(old))
    replaced = KIND.update(request(new, physical_id=made.physical_id, old=old))
    KIND.delete(request(new, physical_id=replaced.physical_id))
    assert active(v1) == "ours"
    KIND.update(request(new, physical_id=made.physical_id, old=old))
    v1.delete_receipt_rule_set(RuleSetName="ours")
    KIND.delete(request(new, physical_id=replaced.physical_id))
    assert active(v1) == "theirs"


def test_a_set_that_is_not_there_is_refused_by_name(v1: Any) -> None:
    with pytest.raises(Refused, match="there is no receipt rule set missing"):
        KIND.create(request(properties("missing")))
