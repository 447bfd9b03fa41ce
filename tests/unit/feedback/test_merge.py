"""The order, number and grouping of messages and lifts make no difference to the ledger."""

import random
from itertools import product
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.core import read
from feedback.items import MOST_EVENTS, MOST_SOFT_BOUNCES, Fact, Item, SoftBounces, merge
from tests.handlers.samples import Json, bounce, complaint, raw

ADDRESS = "ann@example.com"
SPELLINGS = (ADDRESS, "Ann <ANN@example.com>", "Ann@Example.com")
BOUNCES = ("General", "NoEmail", "Suppressed", "OnAccountSuppressionList", "UnsubscribedRecipient", "New")
SOFT = (("Transient", "General"), ("Transient", "MailboxFull"), ("Undetermined", "Undetermined"))
COMPLAINTS = (("abuse", None), (None, None), ("fraud", None), (None, "OnAccountSuppressionList"), ("new", "New"))
RULE = SoftBounces(threshold=4, window=4 * 86_400)


def observe(document: Json) -> Fact:
    (fact,) = read(raw(document), "2026-03-02T08:15:35.123Z", soft_bounces_count=True).facts
    return fact


def _all() -> list[Fact]:
    """All kinds of feedback, few messages and days, so that the same fact also comes with another time."""
    found = []
    for number, day, spelling in product(range(7), range(1, 8), SPELLINGS):
        id, at = f"0100-{number}", f"2026-03-{day:02}T08:00:00.000Z"
        found += [observe(bounce("Permanent", sub_type, spelling, message_id=id, at=at)) for sub_type in BOUNCES]
        found += [observe(bounce(*soft, spelling, message_id=id, at=at)) for soft in SOFT]
        found += [observe(complaint(type, spelling, sub_type=sub, message_id=id, at=at)) for type, sub in COMPLAINTS]
    return found


ALL = _all()
SOFT_ONLY = [fact for fact in ALL if fact.reason == "SOFT_BOUNCE"]
FEW = st.lists(st.sampled_from(ALL), min_size=1, max_size=12)
# Enough of them that events fall out: of the hard ones there are 77 different, of the soft ones 21.
MANY = st.integers(0, 2**32).map(lambda seed: random.Random(seed).sample(ALL, 300))
ANY = st.one_of(FEW, st.lists(st.sampled_from(SOFT_ONLY), min_size=1, max_size=40), MANY)


def item(facts: list[Fact], rule: SoftBounces | None = RULE) -> Item:
    return merge(None, facts, rule)


def lift(stored: Item, at: str) -> Item:
    """What the UpdateItem of docs/ledger.md does to an item."""
    gone = {"reason", "bounce_type", "bounce_sub_type", "complaint_feedback_type", "listed_under", "expires_at"}
    kept = {name: value for name, value in stored.items() if name not in gone}
    return cast("Item", kept | {"status": "LIFTED", "lifted_at": at})


def in_batches(stored: Item | None, facts: list[Fact], chance: random.Random) -> Item:
    left = list(facts)
    while left:
        size = chance.randint(1, 30)
        stored = merge(stored, left[:size], RULE)
        left = left[size:]
    assert stored is not None
    return stored


@given(ANY, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_interleavings_duplicates_and_splits_leave_one_item(facts: list[Fact], chance: random.Random) -> None:
    again = facts + chance.choices(facts, k=20)
    chance.shuffle(again)
    assert in_batches(None, again, chance) == item(facts)


@given(ANY)
@settings(deadline=None)
def test_what_is_known_changes_nothing(facts: list[Fact]) -> None:
    known = item(facts)
    for fact in facts:
        assert merge(known, [fact], RULE) == known


@given(ANY, st.integers(1, 8), st.integers(1, 8), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_lifts_may_come_before_or_after_what_they_lift(
    facts: list[Fact], one: int, two: int, chance: random.Random
) -> None:
    """All that is older than a lift comes once before it, and any of it again, or for the first time, after it."""
    days = sorted({one, two})
    lifts = [f"2026-03-{day:02}T23:00:00.000Z" for day in days]
    first = observe(bounce("Permanent", "General", ADDRESS, message_id="first", at="2026-03-01T00:00:00Z"))
    facts = [first, *facts]

    def after_lifts(early: bool) -> Item:
        stored: Item | None = None
        late: list[Fact] = []
        begin = ""
        for end in [*lifts, "~"]:
            due = [fact for fact in facts if begin < fact.event["at"] <= end]
            at_once = [fact for fact in due if early or fact is first or chance.random() < 0.5]
            late += [fact for fact in due if fact not in at_once or chance.random() < 0.3]
            chance.shuffle(at_once)
            stored = in_batches(stored, at_once, chance) if at_once else stored
            assert stored is not None
            if end != "~":
                stored = lift(stored, end)
                assert merge(stored, [*due], RULE)["status"] == "LIFTED", "what is older than the lift does not count"
            begin = end
        chance.shuffle(late)
        assert stored is not None
        return in_batches(stored, late, chance) if late else stored

    expected = after_lifts(early=True)
    assert after_lifts(early=False) == expected
    standing = {fact.reason.removesuffix("_ECHO") for fact in facts if fact.event["at"] > lifts[-1]} - {"SOFT_BOUNCE"}
    if standing:
        assert expected.get("reason") in standing
    else:
        assert expected["status"] == "LIFTED" or expected.get("reason") == "SOFT_BOUNCE"


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30, unique=True), st.integers(1, 6), st.integers(1, 10))
@settings(deadline=None)
def test_soft_bounces_suppress_by_the_newest_of_them(hours: list[int], threshold: int, days: int) -> None:
    rule = SoftBounces(threshold, days * 86_400)
    facts = [
        observe(bounce("Transient", "MailboxFull", ADDRESS, message_id=f"0100-{it}", at=at))
        for it in hours
        for at in [f"2026-03-{1 + it // 4:02}T{it % 4 * 6:02}:00:00.000Z"]
    ]
    newest = sorted(hours)[-threshold:]
    expected = len(newest) == threshold and (newest[-1] - newest[0]) * 6 <= days * 24
    assert (item(facts, rule)["status"] == "SUPPRESSED") is expected


def test_the_newest_events_are_kept_and_soft_ones_apart() -> None:
    def at(number: int) -> str:
        return f"2026-03-{number // 24 + 1:02}T{number % 24:02}:00:00Z"

    hard = [observe(bounce("Permanent", "General", ADDRESS, message_id=f"0100-{n:03}", at=at(n))) for n in range(80)]
    soft = [observe(bounce("Transient", "MailboxFull", ADDRESS, message_id=f"s{n:03}", at=at(n))) for n in range(80)]
    kept = item([*hard[::-1], *soft[::-1]])
    assert (MOST_EVENTS, MOST_SOFT_BOUNCES) == (50, 20)
    assert {event["message_id"] for event in kept["events"].values()} == {f"0100-{n:03}" for n in range(30, 80)}
    assert {event["message_id"] for event in kept["soft_bounces"].values()} == {f"s{n:03}" for n in range(60, 80)}
    assert (kept["bounce_count"], kept["soft_bounce_count"]) == (50, 20)
    assert kept["first_seen_at"] == "2026-03-01T00:00:00.000Z", "what fell out still counts"
    assert kept["listed_under"] == "BOUNCE#2026-03-01"


def test_a_complaint_outweighs_a_bounce_and_a_bounce_an_opt_out() -> None:
    opt_out = observe(bounce("Permanent", "UnsubscribedRecipient", ADDRESS))
    hard = observe(bounce("Permanent", "General", ADDRESS))
    complained = observe(complaint("abuse", ADDRESS))
    both = item([hard, opt_out])
    assert (both["status"], both["reason"], both["bounce_sub_type"]) == ("SUPPRESSED", "BOUNCE", "General")
    everything = item([opt_out, complained, hard])
    assert (everything["status"], everything["reason"]) == ("SUPPRESSED", "COMPLAINT")
    assert (everything["bounce_sub_type"], everything["complaint_feedback_type"]) == ("General", "abuse")
    assert (everything["bounce_count"], everything["complaint_count"]) == (1, 1)


def test_one_fresh_event_makes_more_of_an_echo() -> None:
    echo = observe(bounce("Permanent", "OnAccountSuppressionList", ADDRESS, message_id="echo", at="2026-03-05T00:00Z"))
    fresh = observe(bounce("Permanent", "General", ADDRESS, message_id="fresh"))
    assert (item([echo])["echo"], item([echo])["bounce_count"]) == (True, 0), "nothing was delivered, nothing bounced"
    assert item([echo, fresh])["echo"] is False
    assert item([echo, fresh])["bounce_sub_type"] == "General"


def test_the_address_stays_as_it_was_reported_first() -> None:
    later = observe(bounce("Permanent", "General", "ANN@example.com", at="2026-03-02T10:00:00Z"))
    first = observe(bounce("Permanent", "General", "Ann <ann@example.com>", at="2026-03-02T09:00:00Z"))
    assert item([later, first])["original_address"] == "Ann <ann@example.com>"


def test_of_two_soft_bounces_at_one_moment_always_the_same_is_shown() -> None:
    one, two = (observe(bounce("Transient", sub_type, ADDRESS)) for sub_type in ("General", "MailboxFull"))
    assert item([one, two]) == item([two, one])


@pytest.mark.parametrize(
    ("lifted", "status"), [("2026-03-02T09:00:00.000Z", "LIFTED"), ("2026-03-02T08:59:59.999Z", "SUPPRESSED")]
)
def test_what_happened_at_the_moment_of_a_lift_or_before_is_lifted(lifted: str, status: str) -> None:
    known = observe(bounce("Permanent", "General", ADDRESS, message_id="known", at="2026-03-01T00:00:00Z"))
    late = observe(complaint("abuse", ADDRESS, message_id="late", at="2026-03-02T09:00:00Z"))
    assert merge(lift(item([known]), lifted), [late], RULE)["status"] == status


def test_after_a_lift_the_day_is_that_of_the_first_new_fact() -> None:
    def hard(day: int) -> Fact:
        at = f"2026-03-{day:02}T00:00:00Z"
        return observe(bounce("Permanent", "General", ADDRESS, message_id=f"{day}", at=at))

    lifted = lift(item([hard(1), hard(2)]), "2026-03-03T00:00:00.000Z")
    assert merge(lifted, [hard(6), hard(5), hard(3)], RULE)["listed_under"] == "BOUNCE#2026-03-05"
