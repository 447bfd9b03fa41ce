"""The order, number and grouping of messages make no difference to the ledger."""

import random
from functools import reduce
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.core import MOST_EVENTS, Item, join, merge, read
from tests.handlers.samples import Json, bounce, complaint, raw

ADDRESS = "ann@example.com"
SPELLINGS = (ADDRESS, "Ann <ANN@example.com>", "Ann@Example.com")
BOUNCES = ("General", "NoEmail", "Suppressed", "OnAccountSuppressionList", "UnsubscribedRecipient", "New")
COMPLAINTS = (("abuse", None), (None, None), ("fraud", None), (None, "OnAccountSuppressionList"), ("new", "New"))


def observe(document: Json) -> Item:
    (observation,) = read(raw(document), "2026-03-02T08:15:35.123Z").observations
    return observation


def _all() -> list[Item]:
    """All kinds of feedback, few messages and moments, so that the same fact also comes with another time."""
    found = []
    for number, minute, spelling in product(range(7), range(3), SPELLINGS):
        id, at = f"0100-{number}", f"2026-03-02T08:{minute:02}:00.000Z"
        found += [observe(bounce("Permanent", sub_type, spelling, message_id=id, at=at)) for sub_type in BOUNCES]
        found += [observe(complaint(type, spelling, sub_type=sub, message_id=id, at=at)) for type, sub in COMPLAINTS]
    return found


OBSERVATIONS = st.lists(st.sampled_from(_all()), min_size=1, max_size=12)
# Enough of them that events fall out: there are 77 different ones.
MANY = st.integers(0, 2**32).map(lambda seed: random.Random(seed).sample(_all(), 120))


def item(observations: list[Item]) -> Item:
    return merge(None, observations)


@given(OBSERVATIONS, OBSERVATIONS, OBSERVATIONS)
@settings(deadline=None)
def test_join_is_commutative_associative_and_idempotent(one: list[Item], two: list[Item], three: list[Item]) -> None:
    a, b, c = item(one), item(two), item(three)
    assert join(a, b) == join(b, a)
    assert join(a, join(b, c)) == join(join(a, b), c)
    assert join(a, a) == a
    assert join(join(a, b), b) == join(a, b)


@given(MANY, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_interleavings_duplicates_and_splits_leave_one_item(observations: list[Item], chance: random.Random) -> None:
    expected = item(observations)
    again = observations + chance.sample(observations, 20)
    chance.shuffle(again)
    stored: Item | None = None
    while again:
        size = chance.randint(1, 30)
        batch, again = again[:size], again[size:]
        stored = merge(stored, batch)
    assert stored == expected


@given(MANY)
@settings(deadline=None, max_examples=20)
def test_batches_that_are_merged_apart_can_be_joined(observations: list[Item]) -> None:
    parts = [item(observations[start : start + 40]) for start in range(0, len(observations), 40)]
    assert reduce(join, reversed(parts)) == item(observations)


def test_the_newest_events_are_kept() -> None:
    observations = [
        observe(
            bounce(
                "Permanent",
                "General",
                ADDRESS,
                message_id=f"0100-{n:03}",
                at=f"2026-03-{n // 24 + 1:02}T{n % 24:02}:00:00Z",
            )
        )
        for n in range(80)
    ]
    kept = item(observations[::-1])
    assert MOST_EVENTS == 50
    assert {event["message_id"] for event in kept["events"].values()} == {f"0100-{n:03}" for n in range(30, 80)}
    assert kept["first_seen_at"] == "2026-03-01T00:00:00.000Z", "what fell out still counts"


def test_a_complaint_outweighs_a_bounce_and_a_bounce_an_opt_out() -> None:
    opt_out = observe(bounce("Permanent", "UnsubscribedRecipient", ADDRESS))
    hard = observe(bounce("Permanent", "General", ADDRESS))
    complained = observe(complaint("abuse", ADDRESS))
    both = item([hard, opt_out])
    assert (both["status"], both["reason"], both["bounce_sub_type"]) == ("SUPPRESSED", "BOUNCE", "General")
    everything = item([opt_out, complained, hard])
    assert (everything["status"], everything["reason"]) == ("SUPPRESSED", "COMPLAINT")
    assert (everything["bounce_sub_type"], everything["complaint_feedback_type"]) == ("General", "abuse")


def test_one_fresh_event_makes_more_of_an_echo() -> None:
    echo = observe(bounce("Permanent", "OnAccountSuppressionList", ADDRESS, message_id="echo"))
    fresh = observe(bounce("Permanent", "General", ADDRESS, message_id="fresh"))
    assert item([echo])["echo"] is True
    assert item([echo, fresh])["echo"] is False
    assert item([echo, fresh])["bounce_sub_type"] == "General"


def test_the_address_stays_as_it_was_reported_first() -> None:
    later = observe(bounce("Permanent", "General", "ANN@example.com", at="2026-03-02T10:00:00Z"))
    first = observe(bounce("Permanent", "General", "Ann <ann@example.com>", at="2026-03-02T09:00:00Z"))
    assert item([later, first])["original_address"] == "Ann <ann@example.com>"
