"""An item that somebody damaged, or that shows a defect, holds up nobody else's."""

from typing import Any

import pytest

from feedback.items import Event, merge
from tests.handlers.conftest import MAX_RECEIVES, Pipeline
from tests.handlers.samples import Json, bounce, raw


def hard(number: int) -> str:
    return raw(bounce("Permanent", "General", f"u{number}@example.com", message_id=f"0100-{number}"))


@pytest.mark.parametrize(
    "damage",
    [
        {"soft_bounces": {"x": {**dict.fromkeys(Event.__annotations__, ""), "at": "yesterday"}}},
        {"reasons": {"BOUNCE": {"first_at": 1, "last_at": 2, "type": "", "sub_type": ""}}},
        {"events": {"x": dict.fromkeys(Event.__annotations__, 1)}},
    ],
    ids=["no time", "numbers for times", "numbers for texts"],
)
def test_what_somebody_damaged_in_an_item_holds_up_nobody(pipeline: Pipeline, damage: Json) -> None:
    """What makes no sense in an item is left out of account, and the event is recorded."""
    pipeline.table.put_item(Item={"address": "ann@example.com", "scope": "account", **damage})
    soft = raw(bounce("Transient", "MailboxFull", "ann@example.com"))
    assert pipeline.handle(soft, hard(1), raw(bounce("Permanent", "General", "ann@example.com", message_id="2"))) == []
    ann = pipeline.ledger()["ann@example.com", "account"]
    assert (ann["status"], ann["bounce_count"], ann["soft_bounce_count"]) == ("SUPPRESSED", 1, 1)
    assert ("u1@example.com", "account") in pipeline.ledger()


def test_a_defect_with_one_item_does_not_hold_up_the_others(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(item: Any, facts: Any, soft_bounces: Any) -> Any:
        if facts[0].key[0] == "u2@example.com":
            raise KeyError("u2@example.com")
        return merge(item, facts, soft_bounces)

    monkeypatch.setattr("feedback.ledger.merge", defective)
    assert pipeline.handle(hard(1), hard(2), hard(3)) == ["m1"]
    assert sorted(address for address, _ in pipeline.ledger()) == ["u1@example.com", "u3@example.com"]
    assert pipeline.handle(hard(2), receives=MAX_RECEIVES) == []
    ((_, attributes),) = pipeline.dead_letters()
    assert (attributes["Reason"], "KeyError" in attributes["ReasonDetail"]) == ("NotRecorded", True)
    assert "@" not in attributes["ReasonDetail"]
