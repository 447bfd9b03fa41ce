"""What the ledger says of an address, made of facts that may come in any order. Pure: no I/O, no environment, no clock.

An item holds what is kept of its facts (the newest events, the newest soft bounces, and for each reason when it was
given first and last) and what follows from that (status, reason, day and so on). What is kept is a union, a least or a
greatest, so that no order, repetition or grouping of facts changes it; what follows is computed anew from it each time.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import ceil
from typing import Final, NamedTuple, NotRequired, TypedDict

from feedback import decisions
from feedback.decisions import Action, Decision

MOST_EVENTS = 50
"""Events kept in an item, the newest. An item stays far below DynamoDB's limit of 400 KB."""
MOST_SOFT_BOUNCES = 20
"""Soft bounces kept in an item, the newest, apart from the other events so that neither push the other out."""

SUPPRESSED, UNSUBSCRIBED, WATCHED, LIFTED = "SUPPRESSED", "UNSUBSCRIBED", "WATCHED", "LIFTED"

COMPLAINT, BOUNCE, UNSUBSCRIBE, SOFT_BOUNCE = "COMPLAINT", "BOUNCE", "UNSUBSCRIBE", "SOFT_BOUNCE"
_ECHO: Final = "_ECHO"
# The gravest first. Soft bounces are last because they heal: what does not heal must not go with them.
_GRAVITY = (COMPLAINT, BOUNCE, UNSUBSCRIBE)
_OUR_REASONS = frozenset({*_GRAVITY, SOFT_BOUNCE, ""})
_COUNT, _UNSUBSCRIBE = Action.COUNT, Action.UNSUBSCRIBE
_NEVER = "~"  # sorts after every time
_LONG_AGO = "1970-01-01T00:00:00.000Z"

Key = tuple[str, str]
"""Address and scope."""


class Event(TypedDict):
    """A bounce or complaint in SES's words; texts are empty where SES says nothing."""

    message_id: str
    feedback_id: str
    kind: str
    type: str
    sub_type: str
    at: str


class Seen(TypedDict):
    """When a reason was given for the first and for the last time, and SES's words the last time."""

    first_at: str
    last_at: str
    type: str
    sub_type: str


class Item(TypedDict):
    """What the ledger says of one address in one scope. ``docs/ledger.md`` describes the attributes."""

    address: str
    scope: str
    original_address: str
    status: str
    reason: NotRequired[str]
    bounce_type: NotRequired[str]
    bounce_sub_type: NotRequired[str]
    complaint_feedback_type: NotRequired[str]
    echo: bool
    first_seen_at: str
    last_seen_at: str
    bounce_count: int
    soft_bounce_count: int
    complaint_count: int
    reasons: dict[str, Seen]
    events: dict[str, Event]
    soft_bounces: dict[str, Event]
    listed_under: NotRequired[str]
    expires_at: NotRequired[int]
    lifted_at: NotRequired[str]


class Fact(NamedTuple):
    """An event as it bears on one address in one scope."""

    key: Key
    id: str
    """Made of what both schemas and all transports have in common, so that a fact counts once."""
    reason: str
    """As in an item's ``reasons``: echoes of a suppression list have keys of their own."""
    reported: str
    """The address as SES reports it."""
    event: Event


class SoftBounces(NamedTuple):
    """When soft bounces suppress."""

    threshold: int
    window: int
    """Seconds that the newest *threshold* of them lie within, and that the newest is held against the address."""


def reason_of(decision: Decision, kind: str) -> str:
    """Return the key in an item's ``reasons`` of what is decided on an event of *kind*."""
    action, _, echo, *_ = decision
    if action is _COUNT:
        return SOFT_BOUNCE
    if action is _UNSUBSCRIBE:
        return UNSUBSCRIBE
    return kind.upper() + _ECHO if echo else kind.upper()


def blank(key: Key) -> Item:
    """Return an item that knows nothing yet."""
    return {
        "address": key[0],
        "scope": key[1],
        "original_address": "",
        "status": "",
        "echo": True,
        "first_seen_at": _NEVER,
        "last_seen_at": "",
        "bounce_count": 0,
        "soft_bounce_count": 0,
        "complaint_count": 0,
        "reasons": {},
        "events": {},
        "soft_bounces": {},
    }


def completed(item: Item) -> Item:
    """Return *item* so that one of our reasons which was entered by hand, as from another list, counts as a fact."""
    reason = item.get("reason", "")
    known = item["reasons"].keys()
    if item["status"] not in (SUPPRESSED, UNSUBSCRIBED) or reason not in _GRAVITY or known & {reason, reason + _ECHO}:
        return item
    first_at = item["first_seen_at"] if item["first_seen_at"] != _NEVER else _LONG_AGO
    seen: Seen = {"first_at": first_at, "last_at": max(first_at, item["last_seen_at"]), "type": "", "sub_type": ""}
    if reason == COMPLAINT:
        seen["type"] = item.get("complaint_feedback_type", "")
    else:
        seen["type"], seen["sub_type"] = item.get("bounce_type", ""), item.get("bounce_sub_type", "")
    return {**item, "reasons": {**item["reasons"], reason: seen}}


def merge(item: Item | None, facts: Iterable[Fact], soft_bounces: SoftBounces | None) -> Item:
    """Return *item* with *facts* on the same address and scope added.

    :param item: what is on the ledger; None if nothing is.
    :param facts: at least one if there is no item.
    :param soft_bounces: None if soft bounces do not count.
    """
    new = [fact for fact in facts if item is None or not _knows(item, fact)]
    if not new and item is not None:
        return item
    kept = _keep(item or blank(new[0].key), new)
    return _conclude(kept, soft_bounces)


def _knows(item: Item, fact: Fact) -> bool:
    """Whether *item* would be the same with *fact*. Nothing depends on this but the time that merging takes."""
    _, id, reason, reported, event = fact
    events = item["soft_bounces"] if reason == SOFT_BOUNCE else item["events"]
    return events.get(id) == event and (item["first_seen_at"], item["original_address"]) <= (event["at"], reported)


def _keep(item: Item, facts: Iterable[Fact]) -> Item:
    events, soft, reasons = dict(item["events"]), dict(item["soft_bounces"]), dict(item["reasons"])
    beginning, end = (item["first_seen_at"], item["original_address"]), item["last_seen_at"]
    for _, id, reason, reported, event in facts:
        beginning = min(beginning, (event["at"], reported))
        end = max(end, event["at"])
        kind = soft if reason == SOFT_BOUNCE else events
        # Of two tellings of one event the later one is kept: with the earlier one, the order would decide which others
        # fall out.
        kind[id] = max(kind[id], event, key=_moment) if id in kind else event
        if reason != SOFT_BOUNCE:
            reasons[reason] = _see(reasons.get(reason), event)
    first_seen_at, original_address = beginning
    return {
        **item,
        "original_address": original_address,
        "first_seen_at": first_seen_at,
        "last_seen_at": end,
        "reasons": reasons,
        "events": _newest(events, MOST_EVENTS),
        "soft_bounces": _newest(soft, MOST_SOFT_BOUNCES),
    }


def _see(seen: Seen | None, event: Event) -> Seen:
    at, type_, sub_type = event["at"], event["type"], event["sub_type"]
    if seen is None:
        return {"first_at": at, "last_at": at, "type": type_, "sub_type": sub_type}
    last = max((seen["last_at"], seen["type"], seen["sub_type"]), (at, type_, sub_type))
    return {"first_at": min(seen["first_at"], at), "last_at": last[0], "type": last[1], "sub_type": last[2]}


def _newest(events: dict[str, Event], most: int) -> dict[str, Event]:
    if len(events) <= most:
        return events
    newest = sorted(events, key=lambda id: (events[id]["at"], id), reverse=True)
    return {id: events[id] for id in newest[:most]}


def _moment(event: Event) -> tuple[str, str]:
    return event["at"], event["feedback_id"]


def _words_last(event: Event) -> tuple[str, str, str]:
    """Order events by time and, for those of one moment, by what of them an item shows."""
    return event["at"], event["type"], event["sub_type"]


def _conclude(item: Item, soft_bounces: SoftBounces | None) -> Item:
    """Return *item* with everything that follows from what it keeps."""
    lifted_at = item.get("lifted_at")
    standing = {reason: seen for reason, seen in item["reasons"].items() if _after(seen["last_at"], lifted_at)}
    soft = sorted((it for it in item["soft_bounces"].values() if _after(it["at"], lifted_at)), key=_words_last)
    concluded: Item = {
        "address": item["address"],
        "scope": item["scope"],
        "original_address": item["original_address"],
        "status": item["status"],
        "echo": not item["soft_bounces"] and all(reason.endswith(_ECHO) for reason in item["reasons"]),
        "first_seen_at": item["first_seen_at"],
        "last_seen_at": item["last_seen_at"],
        "bounce_count": _count(item, BOUNCE),
        "soft_bounce_count": len(item["soft_bounces"]),
        "complaint_count": _count(item, COMPLAINT),
        "reasons": item["reasons"],
        "events": item["events"],
        "soft_bounces": item["soft_bounces"],
    }
    if lifted_at is not None:
        concluded["lifted_at"] = lifted_at
    _name_types(concluded, standing, soft)
    if is_by_hand(item):
        _keep_entry(concluded, item, heals=not standing)
    elif standing:
        reason = next(it for it in _GRAVITY if it in standing or it + _ECHO in standing)
        concluded["status"] = UNSUBSCRIBED if reason == UNSUBSCRIBE else SUPPRESSED
        concluded["reason"] = reason
        concluded["listed_under"] = _day(reason, _began(item, standing, reason))
    elif soft and soft_bounces is not None and _reached(soft, soft_bounces):
        concluded["status"] = SUPPRESSED
        concluded["reason"] = SOFT_BOUNCE
        concluded["listed_under"] = _day(SOFT_BOUNCE, soft[-1]["at"])
        concluded["expires_at"] = ceil(_seconds(soft[-1]["at"])) + soft_bounces.window
    elif lifted_at is not None:
        concluded["status"] = LIFTED  # and does not expire, or else an old fact that comes late would suppress again
    elif soft and soft_bounces is not None:
        concluded["status"] = WATCHED
        concluded["reason"] = SOFT_BOUNCE
        concluded["expires_at"] = ceil(_seconds(soft[-1]["at"])) + soft_bounces.window
    return concluded


def is_by_hand(item: Item) -> bool:
    """Whether somebody entered *item* with a reason of their own, which stands until it is lifted."""
    return item["status"] not in ("", WATCHED, LIFTED) and item.get("reason") not in _OUR_REASONS


def _keep_entry(concluded: Item, item: Item, *, heals: bool) -> None:
    if "reason" in item:
        concluded["reason"] = item["reason"]
    if "listed_under" in item:
        concluded["listed_under"] = item["listed_under"]
    if "expires_at" in item and heals:  # what bounced does not heal, and is not to go with something that does
        concluded["expires_at"] = item["expires_at"]


def _name_types(concluded: Item, standing: Mapping[str, Seen], soft: list[Event]) -> None:
    """Tell what stands in SES's words: of bounces the hard ones first, then echoes, opt-outs, and soft ones."""
    bounce: Seen | Event | None = standing.get(BOUNCE) or standing.get(BOUNCE + _ECHO) or standing.get(UNSUBSCRIBE)
    if bounce is None and soft:
        bounce = soft[-1]
    if bounce is not None:
        concluded["bounce_type"], concluded["bounce_sub_type"] = bounce["type"], bounce["sub_type"]
    complaint = standing.get(COMPLAINT) or standing.get(COMPLAINT + _ECHO)
    if complaint is not None and complaint["type"]:
        concluded["complaint_feedback_type"] = complaint["type"]


def _count(item: Item, reason: str) -> int:
    return sum(_reason(event) == reason for event in item["events"].values())


def _began(item: Item, standing: Mapping[str, Seen], reason: str) -> str:
    """Return the time of the first fact for *reason* that is not lifted.

    After a lift it is looked for among the events that are kept; if none of them is that old, the last time stands for
    it.
    """
    times = []
    for name in (reason, reason + _ECHO):
        if name in standing:
            seen, lifted_at = standing[name], item.get("lifted_at")
            later = [it["at"] for it in item["events"].values() if _reason(it) == name and _after(it["at"], lifted_at)]
            first = seen["first_at"]
            times.append(first if _after(first, lifted_at) else min(later, default=seen["last_at"]))
    return min(times)


def _reason(event: Event) -> str:
    if event["kind"] == "Complaint":
        return reason_of(decisions.on_complaint(event["type"], event["sub_type"]), "Complaint")
    decision = decisions.on_bounce(event["type"], event["sub_type"])
    return reason_of(decision, "Bounce") if decision is not None else ""


def _reached(soft: list[Event], rule: SoftBounces) -> bool:
    newest = soft[-rule.threshold :]
    return len(newest) == rule.threshold and _seconds(newest[-1]["at"]) - _seconds(newest[0]["at"]) <= rule.window


def _after(at: str, lifted_at: str | None) -> bool:
    return lifted_at is None or at > lifted_at


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def _day(reason: str, at: str) -> str:
    return f"{reason}#{at[:10]}"
