"""The books balance: whatever happens, all that was sent is recorded, parked, kept or ignored, and nothing twice."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback import handler as handler_module
from tests.handlers.conftest import MAX_RECEIVES, Pipeline
from tests.handlers.samples import (
    NOT_FEEDBACK,
    TRANSPORTS,
    Json,
    bounce,
    complaint,
    raw,
    sns,
    sqs_event,
)


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
    "SES's test message": Outcome("Successfully validated SNS topic for Amazon SES event publishing."),
    "SNS's test message": Outcome(json.dumps({"Type": "SubscriptionConfirmation", "Message": "", "Token": "1"})),
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


@pytest.mark.parametrize("case", CASES)
def test_what_a_message_leaves(pipeline: Pipeline, case: str) -> None:
    assert pipeline.handle(CASES[case].body) == []
    check(pipeline, [CASES[case]])


def test_each_message_leaves_the_same_among_all_others(pipeline: Pipeline) -> None:
    assert pipeline.handle(*[outcome.body for outcome in CASES.values()]) == []
    check(pipeline, list(CASES.values()))


class Queue:
    """SQS in front of the function: what is reported as failed, or not answered at all, comes again."""

    def __init__(self, bodies: list[str], chance: random.Random) -> None:
        self._waiting = [(body, 1) for body in bodies]
        self._chance = chance
        self.batches = 0

    def drain(self, handle: Callable[[Json], Any], size: int) -> None:
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
            self._waiting += [(body, n + 1) for place, (body, n) in enumerate(batch) if f"m{place}" in failed]


class Killed(BaseException):
    """The function's time is up."""


def handle(event: Json) -> Any:
    return handler_module.handler(event, None)


def many(count: int) -> list[Outcome]:
    """Hard bounces, each of an address of its own, and garbage of all kinds among them."""
    good = [recorded(hard(f"many{number}"), f"many{number}@example.com") for number in range(count)]
    return [*good, *CASES.values()]


@pytest.fixture
def chance() -> random.Random:
    return random.Random(20260302)


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "BatchGetItem"),
        ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "BatchGetItem"),
        EndpointConnectionError(endpoint_url="https://dynamodb.example"),
    ],
)
@pytest.mark.parametrize("operation", ["batch_get_item", "batch_execute_statement"])
def test_an_outage_of_dynamodb_delays_and_loses_nothing(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, chance: random.Random, operation: str, error: Exception
) -> None:
    original = getattr(pipeline.dynamodb, operation)
    outcomes = many(10)
    down = iter(range(4))  # the first calls fail, fewer than a message has receives

    def flaky(**request: Any) -> Json:
        if next(down, None) is not None:
            raise error
        answer: Json = original(**request)
        return answer

    monkeypatch.setattr(pipeline.dynamodb, operation, flaky)
    Queue([outcome.body for outcome in outcomes], chance).drain(handle, 100)
    check(pipeline, outcomes)


def test_in_an_outage_without_end_everything_that_would_be_recorded_is_parked(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, chance: random.Random
) -> None:
    """And nothing else: what says nothing about a mailbox, and what is garbage, ends as it does on other days."""

    def down(**request: Any) -> Json:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.example")

    outcomes = many(10)
    monkeypatch.setattr(pipeline.dynamodb, "batch_get_item", down)
    queue = Queue([outcome.body for outcome in outcomes], chance)
    queue.drain(handle, 100)
    assert queue.batches == MAX_RECEIVES
    lost = [Outcome(it.body, parked="NotRecorded") if it.recorded else it for it in outcomes]
    check(pipeline, lost)


def test_dead_letters_of_an_outage_are_recorded_when_they_are_moved_back(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, chance: random.Random
) -> None:
    outcomes = [recorded(hard(f"many{number}"), f"many{number}@example.com") for number in range(30)]
    with monkeypatch.context() as patch:
        patch.setattr("time.sleep", lambda seconds: None)
        patch.setattr(pipeline.dynamodb, "batch_get_item", _unprocessed)
        Queue([outcome.body for outcome in outcomes], chance).drain(handle, 100)
    letters = [body for body, _ in pipeline.dead_letters()]
    assert len(letters) == 30
    Queue(letters, chance).drain(handle, 100)
    check(pipeline, outcomes)


def _unprocessed(**request: Any) -> Json:
    return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}


@pytest.mark.parametrize("written", range(4))
def test_a_function_that_is_killed_half_way_has_done_no_harm(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, chance: random.Random, written: int
) -> None:
    """After none, some or all of the writes of its first batch."""
    original = pipeline.dynamodb.batch_execute_statement
    outcomes = many(20)
    calls = iter(range(written + 1))

    def until_killed(*, Statements: list[Json]) -> Json:
        if next(calls, None) == written:
            raise Killed
        return original(Statements=Statements)

    monkeypatch.setattr(pipeline.dynamodb, "batch_execute_statement", until_killed)
    Queue([outcome.body for outcome in outcomes], chance).drain(handle, 100)
    check(pipeline, outcomes)
    assert {item["version"] for item in pipeline.ledger().values()} == {1}, "nothing was written twice"


def test_a_function_that_is_killed_after_parking_parks_again(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, chance: random.Random
) -> None:
    """There is no other way to lose nothing: the letter's SourceMessageId tells that it is the same."""
    kills = iter([True])

    def killed_once(*arguments: Any, **named: Any) -> None:
        if next(kills, False):
            raise Killed

    monkeypatch.setattr(handler_module, "publish", killed_once)
    Queue(["garbage"], chance).drain(handle, 10)
    letters = pipeline.dead_letters()
    assert [body for body, _ in letters] == ["garbage", "garbage"]
    assert len({attributes["SourceMessageId"] for _, attributes in letters}) == 1


def test_a_batch_that_is_delivered_twice_at_once_is_recorded_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second copy is handled between each read and write of the first."""
    outcomes = [it for it in many(10) if it.parked is None]
    event = sqs_event(*[outcome.body for outcome in outcomes])
    original = pipeline.dynamodb.batch_execute_statement
    copies = iter([event])

    def late(*, Statements: list[Json]) -> Json:
        copy = next(copies, None)
        if copy is not None:
            assert handle(copy) == {"batchItemFailures": []}
        return original(Statements=Statements)

    monkeypatch.setattr(pipeline.dynamodb, "batch_execute_statement", late)
    assert handle(event) == {"batchItemFailures": []}
    check(pipeline, outcomes)
    assert {item["version"] for item in pipeline.ledger().values()} == {1}


def _stream() -> Iterator[str]:
    """Few addresses, mails and days, over all transports and both schemas, so that the same facts meet."""
    for number in range(6):
        address = ("ann@example.com", "Ann <ANN@example.com>", "bob@example.com")[number % 3]
        id, at = f"0100-{number}", f"2026-03-{number + 1:02}T08:00:00.000Z"
        for schema in ("eventType", "notificationType"):
            documents = [
                bounce("Permanent", "General", address, message_id=id, at=at, schema=schema),
                bounce("Permanent", "UnsubscribedRecipient", address, message_id=id, at=at, schema=schema),
                bounce("Transient", "MailboxFull", address, message_id=id, at=at, schema=schema),
                bounce("Transient", "General", address, message_id=id, at=at, schema=schema),
                bounce("Transient", "ContentRejected", address, message_id=id, at=at, schema=schema),
                complaint("abuse", address, message_id=id, at=at, schema=schema),
                complaint("not-spam", address, message_id=id, at=at, schema=schema),
            ]
            if schema == "eventType":
                lists = "OnTenantSuppressionList"
                documents += [
                    bounce("Permanent", lists, address, message_id=id, at=at, tenant=tenant)
                    for tenant in ("blue", "red")
                ]
            yield from (transport(document) for document in documents for transport in TRANSPORTS)


STREAM = list(_stream())


@given(st.lists(st.sampled_from(STREAM), min_size=1, max_size=12), st.integers(0, 2**32))
@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_stream_leaves_one_ledger(pipeline: Pipeline, bodies: list[str], seed: int) -> None:
    """Once in one batch; and once shuffled, in small batches, with copies, throttles, deaths and rivals."""
    chance = random.Random(seed)
    handle(sqs_event(*bodies))
    expected = _emptied(pipeline)

    copies = bodies + chance.choices(bodies, k=5)
    original = pipeline.dynamodb.batch_execute_statement

    def troubled(*, Statements: list[Json]) -> Json:
        trouble = chance.random()
        if trouble < 0.1:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "BatchExecuteStatement")
        if trouble < 0.2:
            original(Statements=Statements[:1])
            raise Killed
        if trouble < 0.5:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(pipeline.dynamodb, "batch_execute_statement", original)
                handle(sqs_event(*chance.choices(bodies, k=2)))
        return original(Statements=Statements)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.dynamodb, "batch_execute_statement", troubled)
        patch.setenv("MAX_RECEIVE_COUNT", "1000")
        handler_module._settings.cache_clear()
        Queue(copies, chance).drain(handle, chance.randint(1, 10))
    handler_module._settings.cache_clear()
    assert _emptied(pipeline) == expected
    assert pipeline.dead_letters() == []


def _emptied(pipeline: Pipeline) -> dict[tuple[str, str], Json]:
    found = pipeline.ledger()
    for address, scope in found:
        pipeline.table.delete_item(Key={"address": address, "scope": scope})
    return {key: {**item, "version": 0} for key, item in found.items()}
