"""From a message to what is to be recorded, and how records are merged. Pure: no I/O, no environment, no clock.

An observation is a ledger item that knows of one event. Items of one address and scope are joined, and `join` is
commutative, associative and idempotent, so that messages may come in any order, more than once, and in any batches:
the item is the same. Every attribute is therefore a least, a greatest or a union, and none depends on what was first.
"""

from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple, NotRequired, TypedDict

from feedback import decisions
from feedback.decisions import Action, Decision
from ses_common.addresses import normalise
from ses_common.envelope import Unusable, document
from ses_common.events import Feedback, read_feedback, word

MOST_EVENTS = 50
"""Events kept in an item, the newest. An item stays far below DynamoDB's limit of 400 KB."""

_SEVERITY = {"": 0, "UNSUBSCRIBE": 1, "BOUNCE": 2, "COMPLAINT": 3}
_BY_HAND = 4  # a reason that is not one of ours was written by somebody who had one, and stands

Key = tuple[str, str]
"""Address and scope."""


class Event(TypedDict):
    """A fact behind an item, in SES's words; texts are empty where SES says nothing."""

    message_id: str
    feedback_id: str
    kind: str
    type: str
    sub_type: str
    at: str


class Item(TypedDict):
    """What the ledger says of one address in one scope."""

    address: str
    scope: str
    original_address: str
    status: str
    reason: str
    bounce_type: NotRequired[str]
    bounce_sub_type: NotRequired[str]
    complaint_feedback_type: NotRequired[str]
    echo: bool
    first_seen_at: str
    last_seen_at: str
    events: dict[str, Event]


class Reading(NamedTuple):
    """What a message says."""

    feedback: Feedback | None = None
    """None if the message is about something else, or cannot be used."""
    decision: Decision | None = None
    observations: tuple[Item, ...] = ()
    problem: Unusable | None = None
    """Why the message cannot be used, or not in full."""


def read(body: str, sent_at: str) -> Reading:
    """Read the body of an SQS message.

    :param sent_at: when the message was queued; the time of an event that tells none itself.
    """
    try:
        content = document(body)
        feedback = read_feedback(content) if content is not None else None
    except Unusable as problem:
        return Reading(problem=problem)
    if feedback is None:
        return Reading()
    if feedback.kind == "Complaint":
        decision = decisions.on_complaint(feedback.type, feedback.sub_type)
    else:
        known = decisions.on_bounce(feedback.type, feedback.sub_type)
        if known is None:
            detail = f"SES's bounce type is not known: {word(feedback.type)}."
            return Reading(feedback, problem=Unusable("UnknownBounceType", detail))
        decision = known
    if decision.action is Action.KEEP:
        return Reading(feedback, decision)
    return _observe(feedback, decision, sent_at)


def merge(item: Item | None, observations: Iterable[Item]) -> Item:
    """Return *item* with *observations* of the same address and scope added.

    :param item: what is on the ledger; None if nothing is.
    :param observations: at least one if there is no item.
    """
    return reduce(join, observations, item) if item is not None else reduce(join, observations)


def join(one: Item, other: Item) -> Item:
    """Return the item that knows what both know."""
    if one == other:
        return one
    first = min(one, other, key=_beginning)
    graver = max(one, other, key=_gravity)
    joined: Item = {
        "address": one["address"],
        "scope": one["scope"],
        "original_address": first["original_address"],
        "status": graver["status"],
        "reason": graver["reason"],
        "echo": one["echo"] and other["echo"],
        "first_seen_at": first["first_seen_at"],
        "last_seen_at": max(one["last_seen_at"], other["last_seen_at"]),
        "events": _join_events(one["events"], other["events"]),
    }
    bounce = max(_bounce(one), _bounce(other))
    if bounce != _NO_BOUNCE:
        joined["bounce_type"], joined["bounce_sub_type"] = bounce[2:]
    complaint = max(one.get("complaint_feedback_type", ""), other.get("complaint_feedback_type", ""))
    if complaint:
        joined["complaint_feedback_type"] = complaint
    return joined


def _observe(feedback: Feedback, decision: Decision, sent_at: str) -> Reading:
    """Make an observation for each recipient whose address can be read."""
    if not feedback.recipients and decision.recipients_expected:
        detail = f"The {feedback.kind.lower()} names no recipient."
        return Reading(feedback, decision, problem=Unusable("NoRecipients", detail))
    if decision.tenant_only and feedback.tenant is None:
        detail = "It holds for one tenant, but no tag ses:tenant-name says for which."
        return Reading(feedback, decision, problem=Unusable("MissingTenant", detail))
    scope = f"tenant/{feedback.tenant}" if decision.tenant_only else "account"
    observations: dict[str, Item] = {}
    unreadable = 0
    for reported in feedback.recipients:
        try:
            address = normalise(reported)
        except ValueError:
            unreadable += 1
            continue
        observation = _observation(feedback, decision, reported, (address, scope), sent_at)
        known = observations.get(address)
        observations[address] = observation if known is None else join(known, observation)
    problem = None
    if unreadable:
        detail = f"{unreadable} of {len(feedback.recipients)} recipients have no address that can be read."
        problem = Unusable("BadRecipient", detail)
    return Reading(feedback, decision, tuple(observations.values()), problem)


def _observation(feedback: Feedback, decision: Decision, reported: str, key: Key, sent_at: str) -> Item:
    kind, message_id, feedback_id, type_, sub_type, happened_at, *_ = feedback
    at = happened_at or sent_at
    opted_out = decision.action is Action.UNSUBSCRIBE
    event: Event = {
        "message_id": message_id,
        "feedback_id": feedback_id,
        "kind": kind,
        "type": type_,
        "sub_type": sub_type,
        "at": at,
    }
    item: Item = {
        "address": key[0],
        "scope": key[1],
        # A display name is no reason to fail, though JSON can hold text there that DynamoDB cannot.
        "original_address": reported if reported.isascii() else reported.encode(errors="replace").decode(),
        "status": "UNSUBSCRIBED" if opted_out else "SUPPRESSED",
        "reason": "UNSUBSCRIBE" if opted_out else kind.upper(),
        "echo": decision.echo,
        "first_seen_at": at,
        "last_seen_at": at,
        # The id is made of what both schemas and all transports have in common, so that a fact counts once.
        "events": {f"{message_id}/{kind}/{type_}/{sub_type}": event},
    }
    if kind == "Bounce":
        item["bounce_type"] = type_
        item["bounce_sub_type"] = sub_type
    elif type_:
        item["complaint_feedback_type"] = type_
    return item


def _beginning(item: Item) -> tuple[str, str]:
    return item["first_seen_at"], item["original_address"]


def _gravity(item: Item) -> tuple[int, str, str]:
    return _SEVERITY.get(item["reason"], _BY_HAND), item["reason"], item["status"]


_Bounce = tuple[bool, bool, str, str]
_NO_BOUNCE: _Bounce = (False, False, "", "")


def _bounce(item: Item) -> _Bounce:
    """Order bounces by what they tell: a hard one before an opt-out, a fresh one before an echo, then by name."""
    if "bounce_type" not in item:
        return _NO_BOUNCE
    type_, sub_type = item["bounce_type"], item.get("bounce_sub_type", "")
    decision = decisions.on_bounce(type_, sub_type)
    if decision is None:
        return False, False, type_, sub_type
    return decision.action is Action.SUPPRESS, not decision.echo, type_, sub_type


def _join_events(one: dict[str, Event], other: dict[str, Event]) -> dict[str, Event]:
    """Keep the newest of the union.

    Of two tellings of one event the later one is kept: with the earlier one, the order of joins would decide which
    other events fall out.
    """
    events = one | other
    for id in one.keys() & other.keys():
        events[id] = max(one[id], other[id], key=_moment)
    if len(events) <= MOST_EVENTS:
        return events
    newest = sorted(events, key=lambda id: (events[id]["at"], id), reverse=True)
    return {id: events[id] for id in newest[:MOST_EVENTS]}


def _moment(event: Event) -> tuple[str, str]:
    return event["at"], event["feedback_id"]
