"""What is sent to the handler, what must become of it, and the queue in front."""

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from feedback import handler as handler_module
from tests.handlers.conftest import MAX_RECEIVES, Pipeline
from tests.handlers.samples import NOT_FEEDBACK, Json, bounce, complaint, raw, sns, sqs_event


class Outcome(NamedTuple):
    """What must become of a message."""

    body: str
    recorded: frozenset[str] = frozenset()
    parked: str | None = None


def recorded(document: Json, *addresses: str) -> Outcome:
    return Outcome(raw(document), frozenset(addresses))


def parked(body: str, reason: str, *addresses: str) -> Outcome:
    return Outcome(body, frozenset(addresses), reason)


def hard(name: str, *recipients: str, **changes: Any) -> Json:
    return bounce(
        "Permanent", "General", *(recipients or (f"{name}@example.com",)), message_id=f"0100-{name}", **changes
    )


def changed(document: Json, **changes: Any) -> Json:
    """The document with fields of its parts replaced, such as mail__tags."""
    document = json.loads(json.dumps(document))
    for path, value in changes.items():
        *parents, name = path.split("__")
        part = document
        for parent in parents:
            part = part[parent]
        part[name] = value
    return document


FIFTY = [f"u{number}@fifty.example" for number in range(50)]
LARGE = changed(hard("large"), mail__headers=[{"name": "X-Long", "value": "x" * 259_000}])
CASES: dict[str, Outcome] = {
    "plain text": parked("Dear all, the topic works.", "BrokenJson"),
    "empty body": parked("", "BrokenJson"),
    "broken JSON": parked(raw(hard("broken"))[:-20], "BrokenJson"),
    "unknown event type": parked(raw({"eventType": "Levitation", "mail": {"messageId": "0100"}}), "UnknownEventType"),
    "unknown bounce type": parked(raw(bounce("Spiritual", "General", "x@example.com")), "UnknownBounceType"),
    "unknown sub-type": recorded(bounce("Permanent", "Brand New", "subtype@example.com"), "subtype@example.com"),
    "unknown transient sub-type": recorded(bounce("Transient", "Brand New", "passing@example.com")),
    "unknown fields": recorded(changed(hard("fields"), novelty=[1], bounce__x={}, mail__y=None), "fields@example.com"),
    "null for the recipients": parked(raw(changed(hard("null"), bounce__bouncedRecipients=None)), "NoRecipients"),
    "null for lists that are not needed": recorded(
        changed(hard("nulls"), mail__destination=None, mail__headers=None, mail__tags=None), "nulls@example.com"
    ),
    "missing messageId": parked(raw(changed(hard("id"), mail__messageId=None)), "MissingMessageId"),
    "50 recipients": recorded(hard("fifty", *FIFTY), *FIFTY),
    "display name": recorded(hard("name", '"Ann, <the> B." <named@example.com>'), "named@example.com"),
    "quoted local part": recorded(hard("quoted", '"a b@c"@example.com'), '"a b@c"@example.com'),
    "IDN": recorded(hard("idn", "ann@bücher.example"), "ann@xn--bcher-kva.example"),
    "upper case": recorded(hard("upper", "UPPER@EXAMPLE.COM"), "upper@example.com"),
    "odd timestamp": recorded(changed(hard("time"), bounce__timestamp="2026-03-02T08:15:33 +0000"), "time@example.com"),
    "no timestamp": recorded(
        changed(hard("timeless"), bounce__timestamp="yesterday", mail__timestamp=12), "timeless@example.com"
    ),
    "offset and microseconds": recorded(
        changed(hard("offset"), bounce__timestamp="2026-03-02T09:15:33.907123+01:00"), "offset@example.com"
    ),
    "date alone": recorded(changed(hard("date"), bounce__timestamp="2026-03-02"), "date@example.com"),
    "null for who complained": parked(
        raw(changed(complaint("abuse", "x@example.com"), complaint__complainedRecipients=None)), "NoRecipients"
    ),
    "SES's test message": Outcome("Successfully validated SNS topic for Amazon SES event publishing."),
    "SNS's test message": Outcome(json.dumps({"Type": "SubscriptionConfirmation", "Message": "", "Token": "1"})),
    "SES's test message in an envelope": Outcome(
        sns("Successfully validated SNS topic for Amazon SES event publishing.")
    ),
    "identity's test message": recorded(NOT_FEEDBACK[-1]),
    "other feedback": recorded(NOT_FEEDBACK[1]),
    "somebody else's JSON": parked('{"order": 17}', "NotAnSesEvent"),
    "somebody else's notification": parked(sns('{"order": 17}'), "NotAnSesEvent"),
    "somebody else's text": parked(sns("The build has failed."), "BrokenJson"),
    "a body near the limit": recorded(LARGE, "large@example.com"),
    "garbage near the limit": parked("x" * 262_000, "BrokenJson"),
    "good and bad recipients": parked(
        raw(hard("mixed", "good@example.com", "bad")), "BadRecipient", "good@example.com"
    ),
    "a soft bounce": recorded(bounce("Transient", "MailboxFull", "full@example.com"), "full@example.com"),
}


def check(pipeline: Pipeline, outcomes: list[Outcome]) -> None:
    """Compare the table and the dead-letter queue with what was sent."""
    assert {address for address, _ in pipeline.ledger()} == {it for outcome in outcomes for it in outcome.recorded}
    letters = Counter((body, attributes["Reason"]) for body, attributes in pipeline.dead_letters())
    assert letters == Counter((it.body, it.parked) for it in outcomes if it.parked is not None)


class Queue:
    """SQS in front of the function: what is reported as failed, or not answered at all, comes again.

    What has been received often enough is moved by SQS itself, to `moved`.
    """

    def __init__(self, bodies: list[str], chance: random.Random) -> None:
        self._waiting = [(body, 1) for body in bodies]
        self._chance = chance
        self.batches = 0
        self.moved: list[str] = []

    def drain(self, handle: Callable[[Json], Any], size: int, most_receives: int = MAX_RECEIVES) -> None:
        while self._waiting:
            self._chance.shuffle(self._waiting)
            batch, self._waiting = self._waiting[:size], self._waiting[size:]
            event = sqs_event(*[body for body, _ in batch])
            for record, (_, receives) in zip(event["Records"], batch, strict=True):
                record["attributes"]["ApproximateReceiveCount"] = str(receives)
            self.batches += 1
            assert self.batches < 1000
            try:
                failed = {it["itemIdentifier"] for it in handle(event)["batchItemFailures"]}
            except Killed:
                failed = {record["messageId"] for record in event["Records"]}
            again = [it for place, it in enumerate(batch) if f"m{place}" in failed]
            self._waiting += [(body, receives + 1) for body, receives in again if receives < most_receives]
            self.moved += [body for body, receives in again if receives >= most_receives]


class Killed(BaseException):
    """The function's time is up."""


def handle(event: Json) -> Any:
    return handler_module.handler(event, None)


def many(count: int) -> list[Outcome]:
    """Hard bounces, each of an address of its own, and garbage of all kinds among them."""
    good = [recorded(hard(f"many{number}"), f"many{number}@example.com") for number in range(count)]
    return [*good, *CASES.values()]
