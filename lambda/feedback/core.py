"""From a message to the facts that are to be recorded. Pure: no I/O, no environment, no clock."""

from typing import NamedTuple

from feedback import decisions
from feedback.decisions import Action, Decision
from feedback.items import Event, Fact, reason_of
from ses_common.addresses import normalise
from ses_common.envelope import Unusable, document
from ses_common.events import Feedback, read_feedback, word

_COUNT, _KEEP = Action.COUNT, Action.KEEP  # to read them from the class costs a hundredth of the time for a message


class Reading(NamedTuple):
    """What a message says."""

    feedback: Feedback | None = None
    """None if the message is about something else, or cannot be used."""
    decision: Decision | None = None
    facts: tuple[Fact, ...] = ()
    problem: Unusable | None = None
    """Why the message cannot be used, or not in full."""


def read(body: str, sent_at: str, *, soft_bounces_count: bool) -> Reading:
    """Read the body of an SQS message.

    :param sent_at: when the message was queued; the time of an event that tells none itself.
    :param soft_bounces_count: whether soft bounces are facts at all.
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
    if decision.action is _KEEP or (decision.action is _COUNT and not soft_bounces_count):
        return Reading(feedback, decision)
    return _observe(feedback, decision, sent_at)


def _observe(feedback: Feedback, decision: Decision, sent_at: str) -> Reading:
    """Make a fact for each recipient whose address can be read."""
    kind, message_id, feedback_id, type_, sub_type, happened_at, recipients, tenant = feedback
    if not recipients and decision.recipients_expected:
        detail = f"The {kind.lower()} names no recipient."
        return Reading(feedback, decision, problem=Unusable("NoRecipients", detail))
    if decision.tenant_only and tenant is None:
        detail = "It holds for one tenant, but no tag ses:tenant-name says for which."
        return Reading(feedback, decision, problem=Unusable("MissingTenant", detail))
    scope = f"tenant/{tenant}" if decision.tenant_only else "account"
    id = f"{message_id}/{kind}/{type_}/{sub_type}"
    reason = reason_of(decision, kind)
    event: Event = {
        "message_id": message_id,
        "feedback_id": feedback_id,
        "kind": kind,
        "type": type_,
        "sub_type": sub_type,
        "at": happened_at or sent_at,
    }
    facts: dict[str, Fact] = {}
    unreadable = 0
    for reported, diagnosed in recipients:
        if not diagnosed and decision.diagnosed_only:
            continue
        try:
            address = normalise(reported)
        except ValueError:
            unreadable += 1
            continue
        # A display name is no reason to fail, though JSON can hold text there that DynamoDB cannot.
        original = reported if reported.isascii() else reported.encode(errors="replace").decode()
        if address in facts:
            original = min(original, facts[address].reported)
        facts[address] = Fact((address, scope), id, reason, original, event)
    problem = None
    if unreadable:
        detail = f"{unreadable} of {len(recipients)} recipients have no address that can be read."
        problem = Unusable("BadRecipient", detail)
    return Reading(feedback, decision, tuple(facts.values()), problem)
