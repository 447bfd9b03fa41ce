"""The books balance: whatever happens, all that was sent is recorded, parked, kept or ignored, and nothing twice."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback import handler as handler_module
from tests.handlers.books import CASES, Killed, Outcome, Queue, check, handle, hard, many, recorded
from tests.handlers.conftest import MAX_RECEIVES, Pipeline
from tests.handlers.samples import TRANSPORTS, Json, bounce, complaint, raw, sqs_event


@pytest.mark.parametrize("case", CASES)
def test_what_a_message_leaves(pipeline: Pipeline, case: str) -> None:
    assert pipeline.handle(CASES[case].body) == []
    check(pipeline, [CASES[case]])


def test_each_message_leaves_the_same_among_all_others(pipeline: Pipeline) -> None:
    assert pipeline.handle(*[outcome.body for outcome in CASES.values()]) == []
    check(pipeline, list(CASES.values()))


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


@pytest.mark.parametrize("code", ["ThrottlingError", "ProvisionedThroughputExceeded", "InternalServerError"])
def test_writes_that_dynamodb_is_too_busy_for_are_tried_again_at_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, chance: random.Random, code: str
) -> None:
    """A hot partition refuses single writes among others, a third of them, in each try."""
    original = pipeline.dynamodb._execute

    def busy(statement: Json) -> Json:
        return {"Error": {"Code": code}} if chance.random() < 0.3 else original(statement)

    monkeypatch.setattr(pipeline.dynamodb, "_execute", busy)
    outcomes = many(50)
    queue = Queue([outcome.body for outcome in outcomes], chance)
    queue.drain(handle, 100)
    assert queue.batches == 1, "nothing had to come again"
    check(pipeline, outcomes)


def test_a_write_that_stays_refused_does_not_use_up_the_functions_time(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call takes two seconds, and the function has thirty."""
    clock = 0.0

    def slow(statement: Json) -> Json:
        nonlocal clock
        clock += 2
        return {"Error": {"Code": "ThrottlingError"}}

    monkeypatch.setattr("time.monotonic", lambda: clock)
    monkeypatch.setattr(pipeline.dynamodb, "_execute", slow)
    assert pipeline.handle(raw(hard("slow"))) == ["m0"]
    assert clock <= 10


def test_garbage_is_parked_once_when_the_dead_letter_queue_is_back(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, chance: random.Random
) -> None:
    original, down = pipeline.sqs.send_message_batch, iter(range(3))

    def flaky(**request: Any) -> Json:
        if next(down, None) is not None:
            raise EndpointConnectionError(endpoint_url="https://sqs.example")
        answer: Json = original(**request)
        return answer

    monkeypatch.setattr(pipeline.sqs, "send_message_batch", flaky)
    outcomes = many(10)
    Queue([outcome.body for outcome in outcomes], chance).drain(handle, 100)
    check(pipeline, outcomes)


def test_what_the_dead_letter_queue_never_takes_is_moved_there_by_sqs_itself(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, chance: random.Random
) -> None:
    """Such as a message that with its reason is too large for a queue; and the good ones are on record meanwhile."""

    def refused(**request: Any) -> Json:
        raise ClientError({"Error": {"Code": "BatchRequestTooLong", "Message": ""}}, "SendMessageBatch")

    monkeypatch.setattr(pipeline.sqs, "send_message_batch", refused)
    outcomes = many(10)
    queue = Queue([outcome.body for outcome in outcomes], chance)
    queue.drain(handle, 100)
    assert Counter(queue.moved) == Counter(outcome.body for outcome in outcomes if outcome.parked is not None)
    check(pipeline, [Outcome(outcome.body, outcome.recorded) for outcome in outcomes])


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
        Queue(copies, chance).drain(handle, chance.randint(1, 10), most_receives=1000)
    handler_module._settings.cache_clear()
    assert _emptied(pipeline) == expected
    assert pipeline.dead_letters() == []


def _emptied(pipeline: Pipeline) -> dict[tuple[str, str], Json]:
    found = pipeline.ledger()
    for address, scope in found:
        pipeline.table.delete_item(Key={"address": address, "scope": scope})
    return {key: {**item, "version": 0} for key, item in found.items()}
