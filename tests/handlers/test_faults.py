"""Nothing is lost and nothing held up: garbage, failures of AWS, races, and messages at the limits."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from feedback import core
from feedback import handler as handler_module
from ses_common import dead_letters
from tests.handlers.conftest import MAX_RECEIVES, TABLE, Pipeline
from tests.handlers.emulation import ConditionalDynamoDB
from tests.handlers.samples import NOT_FEEDBACK, Json, bounce, complaint, event_bridge, raw, sns, sqs_event

OWN_SQS_CLIENT = handler_module._sqs  # before the fixture replaces it


def hard(number: int) -> str:
    return raw(bounce("Permanent", "General", f"u{number}@example.com", message_id=f"0100-{number}"))


def without(document: Json, *path: str) -> str:
    changed = json.loads(json.dumps(document))
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    del parent[path[-1]]
    return raw(changed)


def service_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "ann@example.com"}}, "BatchExecuteStatement")


BOUNCE = bounce("Permanent", "General", "ann@example.com")
GARBAGE = {
    "": "BrokenJson",
    "{not json": "BrokenJson",
    "[" * 100_000: "BrokenJson",
    sns("hello"): "BrokenJson",
    "null": "NotAnSesEvent",
    "[]": "NotAnSesEvent",
    '"text"': "NotAnSesEvent",
    "{}": "NotAnSesEvent",
    json.dumps({"Type": "Notification", "Message": None}): "NotAnSesEvent",
    json.dumps({"Type": ["Notification"], "Message": "{}"}): "NotAnSesEvent",
    json.dumps({"Records": [{"s3": {}}]}): "NotAnSesEvent",
    json.dumps({"Records": []}): "NotAnSesEvent",
    event_bridge({"data": "something else"}): "NotAnSesEvent",
    raw({"eventType": "Levitation", "mail": {}}): "UnknownEventType",
    raw({"eventType": None, "notificationType": None}): "UnknownEventType",
    raw({"eventType": ["Bounce"]}): "UnknownEventType",
    without(BOUNCE, "bounce"): "IncompleteEvent",
    without(BOUNCE, "mail"): "IncompleteEvent",
    without(BOUNCE, "mail", "messageId"): "MissingMessageId",
    without(BOUNCE, "bounce", "bouncedRecipients"): "NoRecipients",
    without(BOUNCE, "bounce", "bounceType"): "UnknownBounceType",
    raw(bounce("Spiritual", "General", "ann@example.com")): "UnknownBounceType",
    raw(bounce("Permanent", "General")): "NoRecipients",
    raw(complaint("abuse")): "NoRecipients",
    raw(bounce("Permanent", "General", "nobody")): "BadRecipient",
    raw(bounce("Permanent", "General", "ann\ud800@example.com")): "BadRecipient",
    raw(bounce("Permanent", "General", f"{'a' * 400}@example.com")): "BadRecipient",
    raw({**BOUNCE, "bounce": {**BOUNCE["bounce"], "bouncedRecipients": "ann@example.com"}}): "BadRecipients",
    raw({**BOUNCE, "bounce": {**BOUNCE["bounce"], "bouncedRecipients": [None, {"emailAddress": 5}]}}): "BadRecipient",
    raw({**BOUNCE, "mail": {**BOUNCE["mail"], "messageId": 17}}): "IncompleteEvent",
    raw({**BOUNCE, "mail": {**BOUNCE["mail"], "messageId": "1" * 9000}}): "IncompleteEvent",
    raw(bounce("Permanent", "G" * 9000, "ann@example.com")): "IncompleteEvent",
    raw({**BOUNCE, "mail": {**BOUNCE["mail"], "messageId": "\udc00"}}): "IncompleteEvent",
}


def test_garbage_is_parked_with_its_reason_and_holds_up_nothing(pipeline: Pipeline) -> None:
    garbage = list(GARBAGE)
    assert pipeline.handle(hard(1), *garbage, hard(2)) == []
    parked = pipeline.dead_letters()
    assert {body: attributes["Reason"] for body, attributes in parked} == GARBAGE
    assert {garbage[int(it["SourceMessageId"][1:]) - 1] for _, it in parked} == set(garbage)
    assert all(it["ReasonDetail"].endswith(".") and "@" not in it["ReasonDetail"] for _, it in parked)
    assert sorted(pipeline.ledger()) == [("u1@example.com", "account"), ("u2@example.com", "account")]
    assert pipeline.metrics == {"Suppressed": 2, "Parked": len(GARBAGE)}


def test_good_recipients_are_recorded_before_their_message_is_parked_for_the_bad_ones(pipeline: Pipeline) -> None:
    body = raw(bounce("Permanent", "General", "ann@example.com", "nobody", "bob@example.com"))
    assert pipeline.handle(body) == []
    assert {address for address, _ in pipeline.ledger()} == {"ann@example.com", "bob@example.com"}
    ((parked, attributes),) = pipeline.dead_letters()
    assert (parked, attributes["Reason"]) == (body, "BadRecipient")


def test_every_message_ends_in_exactly_one_place(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 messages: hard bounces, some of them throttled, kept ones, ignored ones and garbage."""
    bodies = [hard(number) for number in range(60)]
    bodies += [raw(bounce("Transient", "MessageTooLarge", f"t{number}@example.com")) for number in range(10)]
    bodies += [raw(NOT_FEEDBACK[number]) for number in range(10)]
    bodies += [f"garbage {number}" for number in range(20)]
    bodies = [bodies[place * 37 % 100] for place in range(100)]
    _throttle(monkeypatch, pipeline.dynamodb, lambda address: address.startswith("u1"))

    failed = pipeline.handle(*bodies)

    retried = {bodies[int(id[1:])] for id in failed}
    recorded = {hard(int(address.partition("@")[0][1:])) for address, _ in pipeline.ledger()}
    parked = {body for body, _ in pipeline.dead_letters()}
    assert retried == {hard(number) for number in (1, *range(10, 20))}
    assert len(recorded) == 60 - 11
    assert parked == {f"garbage {number}" for number in range(20)}
    assert not retried & recorded
    assert len(recorded) + len(retried) + len(parked) + pipeline.metrics["Kept"] + pipeline.metrics["Ignored"] == 100
    assert pipeline.metrics == {"Suppressed": 49, "Kept": 10, "Ignored": 10, "Parked": 20, "Retried": 11}


def test_what_failed_is_recorded_on_another_try(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        _throttle(patch, pipeline.dynamodb, lambda address: True)
        assert pipeline.handle(hard(1), hard(2)) == ["m0", "m1"]
    assert pipeline.ledger() == {}
    assert pipeline.handle(hard(1), hard(2), receives=2) == []
    assert len(pipeline.ledger()) == 2
    assert pipeline.dead_letters() == []


@pytest.mark.parametrize("receives", [MAX_RECEIVES, MAX_RECEIVES + 1])
def test_a_failure_on_the_last_receive_is_parked_with_its_reason(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, receives: int
) -> None:
    _throttle(monkeypatch, pipeline.dynamodb, lambda address: True)
    assert pipeline.handle(hard(1), receives=receives) == []
    ((body, attributes),) = pipeline.dead_letters()
    assert body == hard(1)
    assert attributes["Reason"] == "NotRecorded"
    assert "ThrottlingError" in attributes["ReasonDetail"]


@pytest.mark.parametrize("operation", ["batch_get_item", "batch_execute_statement"])
@pytest.mark.parametrize(
    "error",
    [service_error("AccessDeniedException"), EndpointConnectionError(endpoint_url="https://dynamodb.example")],
)
def test_a_failed_call_leaves_its_messages_in_the_queue(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, operation: str, error: Exception
) -> None:
    def fail(**request: Any) -> Json:
        raise error

    monkeypatch.setattr(pipeline.dynamodb, operation, fail)
    assert pipeline.handle(hard(1), raw(NOT_FEEDBACK[0]), "garbage") == ["m0"]
    assert len(pipeline.dead_letters()) == 1
    assert pipeline.metrics == {"Ignored": 1, "Parked": 1, "Retried": 1}


def test_keys_that_dynamodb_leaves_unread_are_asked_for_again(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = pipeline.dynamodb.batch_get_item
    answers = 0

    def one_at_a_time(*, RequestItems: Json) -> Json:
        nonlocal answers
        answers += 1
        keys = RequestItems[TABLE]["Keys"]
        response = original(RequestItems={TABLE: {"Keys": keys[:1]}})
        return response | {"UnprocessedKeys": {TABLE: {"Keys": keys[1:]}} if keys[1:] else {}}

    pipeline.handle(hard(1))
    monkeypatch.setattr(pipeline.dynamodb, "batch_get_item", one_at_a_time)
    later = raw(bounce("Permanent", "General", "u1@example.com", message_id="later"))
    assert pipeline.handle(hard(3), hard(2), later) == []
    assert answers == 3
    assert len(pipeline.ledger()["u1@example.com", "account"]["events"]) == 2


def test_keys_that_stay_unread_are_left_for_later(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*, RequestItems: Json) -> Json:
        return {"Responses": {TABLE: []}, "UnprocessedKeys": RequestItems}

    monkeypatch.setattr(pipeline.dynamodb, "batch_get_item", nothing)
    assert pipeline.handle(hard(1)) == ["m0"]
    assert pipeline.ledger() == {}


def test_the_client_that_the_function_makes_itself_parks(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler_module, "_sqs", OWN_SQS_CLIENT)
    assert pipeline.handle("garbage") == []
    assert [body for body, _ in pipeline.dead_letters()] == ["garbage"]


def test_what_cannot_be_parked_stays_in_the_queue(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/111122223333/there-is-none")
    handler_module._settings.cache_clear()
    assert pipeline.handle("garbage", hard(1)) == ["m0"]
    assert len(pipeline.ledger()) == 1
    assert pipeline.metrics == {"Suppressed": 1, "Retried": 1}


def test_single_messages_that_sqs_refuses_to_park_stay_in_the_queue(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing:
        def send_message_batch(self, *, QueueUrl: str, Entries: list[Json]) -> Json:
            failed = [{"Id": it["Id"], "Code": "InternalError"} for it in Entries if it["MessageBody"] == "garbage 7"]
            return {"Successful": [], "Failed": failed}

    monkeypatch.setattr(handler_module, "_sqs", Refusing)
    assert pipeline.handle(*[f"garbage {number}" for number in range(15)]) == ["m7"]
    assert pipeline.metrics == {"Parked": 14, "Retried": 1}


def test_a_defect_with_one_message_does_not_hold_up_the_others(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(body: str, sent_at: str, *, soft_bounces_count: bool) -> core.Reading:
        if "0100-2" in body:
            raise KeyError("ann@example.com")
        return core.read(body, sent_at, soft_bounces_count=soft_bounces_count)

    monkeypatch.setattr(handler_module, "read", read)
    assert pipeline.handle(hard(1), hard(2), hard(3)) == []
    assert sorted(address for address, _ in pipeline.ledger()) == ["u1@example.com", "u3@example.com"]
    ((_, attributes),) = pipeline.dead_letters()
    assert attributes["Reason"] == "InternalError"
    assert "@" not in attributes["ReasonDetail"]


@pytest.mark.parametrize("known_before", [False, True])
def test_of_two_writers_at_once_neither_is_lost(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, known_before: bool
) -> None:
    """Another function writes what it received between this one's read and write."""
    address = "ann@example.com"
    if known_before:
        pipeline.handle(raw(bounce("Permanent", "General", address, message_id="before")))
    original = pipeline.dynamodb.batch_execute_statement
    rivals = [raw(complaint("abuse", address, message_id=f"rival-{number}")) for number in range(2)]

    def late(*, Statements: list[Json]) -> Json:
        if rivals:
            body = rivals.pop()
            with monkeypatch.context() as patch:
                patch.setattr(pipeline.dynamodb, "batch_execute_statement", original)
                handler_module.handler(sqs_event(body), None)
        return original(Statements=Statements)

    monkeypatch.setattr(pipeline.dynamodb, "batch_execute_statement", late)
    result = handler_module.handler(sqs_event(raw(bounce("Permanent", "General", address, message_id="own"))), None)
    assert result == {"batchItemFailures": []}
    (item,) = pipeline.ledger().values()
    expected = {"own", "rival-0", "rival-1"} | ({"before"} if known_before else set())
    assert {event["message_id"] for event in item["events"].values()} == expected
    assert item["reason"] == "COMPLAINT"


def test_the_same_batch_delivered_twice_at_once_counts_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = sqs_event(*[hard(number) for number in range(30)])
    original = pipeline.dynamodb.batch_execute_statement

    def late(*, Statements: list[Json]) -> Json:
        monkeypatch.setattr(pipeline.dynamodb, "batch_execute_statement", original)
        assert handler_module.handler(batch, None) == {"batchItemFailures": []}
        return original(Statements=Statements)

    monkeypatch.setattr(pipeline.dynamodb, "batch_execute_statement", late)
    assert handler_module.handler(batch, None) == {"batchItemFailures": []}
    assert [len(item["events"]) for item in pipeline.ledger().values()] == [1] * 30
    assert {item["version"] for item in pipeline.ledger().values()} == {1}


def test_a_race_that_does_not_end_is_left_for_later(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def always_late(*, Statements: list[Json]) -> Json:
        return {"Responses": [{"Error": {"Code": "ConditionalCheckFailed"}} for _ in Statements]}

    monkeypatch.setattr(pipeline.dynamodb, "batch_execute_statement", always_late)
    assert pipeline.handle(hard(1)) == ["m0"]


def test_the_same_batch_again_writes_nothing(pipeline: Pipeline) -> None:
    bodies = [hard(number) for number in range(30)]
    pipeline.handle(*bodies)
    before = pipeline.ledger()
    pipeline.dynamodb.calls.clear()
    assert pipeline.handle(*bodies, *bodies) == []
    assert pipeline.ledger() == before
    assert pipeline.dynamodb.calls == ["BatchGetItem"]


def test_many_events_of_one_address_in_one_batch_are_one_write(pipeline: Pipeline) -> None:
    bodies = [
        raw(bounce("Permanent", "General", "ann@example.com", message_id=f"0100-{n:03}", at=f"2026-03-02T08:15:{n}Z"))
        for n in range(10, 60)
    ]
    bodies.append(raw(complaint("abuse", "ANN@example.com", message_id="complaint", at="2026-03-02T09:00:00Z")))
    assert pipeline.handle(*reversed(bodies)) == []
    (item,) = pipeline.ledger().values()
    assert (item["version"], item["reason"]) == (1, "COMPLAINT")
    assert (item["first_seen_at"], item["last_seen_at"]) == ("2026-03-02T08:15:10.000Z", "2026-03-02T09:00:00.000Z")
    message_ids = {event["message_id"] for event in item["events"].values()}
    assert message_ids == {f"0100-{n:03}" for n in range(11, 60)} | {"complaint"}, "the newest 50"


def test_a_full_batch_of_messages_with_50_recipients(pipeline: Pipeline) -> None:
    bodies = [
        raw(bounce("Permanent", "General", *[f"u{m}.{r}@example.com" for r in range(50)], message_id=f"0100-{m}"))
        for m in range(4)
    ]
    assert pipeline.handle(*bodies) == []
    assert len(pipeline.ledger()) == 200
    assert pipeline.metrics == {"Suppressed": 200}


def test_a_message_at_the_size_limit_is_recorded_or_parked_like_any_other(pipeline: Pipeline) -> None:
    padding = "x" * 259_000
    document = bounce("Permanent", "General", "ann@example.com")
    document["mail"]["headers"].append({"name": "X-Long", "value": padding})
    assert len(raw(document)) < 262_144
    assert pipeline.handle(raw(document), padding, padding + "y", "short") == []
    assert len(pipeline.ledger()) == 1
    assert {body for body, _ in pipeline.dead_letters()} == {padding, padding + "y", "short"}


def test_calls_for_parking_stay_within_what_sqs_takes() -> None:
    calls: list[list[Json]] = []

    class Recording:
        def send_message_batch(self, *, QueueUrl: str, Entries: list[Json]) -> Json:
            calls.append(Entries)
            return {"Successful": []}

    letters = [dead_letters.DeadLetter(f"m{n}", "é" * size, "BrokenJson", "No.") for n, size in enumerate([5] * 25)]
    letters += [dead_letters.DeadLetter(f"l{n}", "é" * 60_000, "BrokenJson", "No.") for n in range(5)]
    client: Any = Recording()
    assert dead_letters.park(client, "https://queue", letters) == set()
    sent = [entry["MessageAttributes"]["SourceMessageId"]["StringValue"] for call in calls for entry in call]
    assert sent == [letter.message_id for letter in letters]
    for call in calls:
        assert len(call) <= 10
        assert len({entry["Id"] for entry in call}) == len(call)
        assert sum(len(entry["MessageBody"].encode()) for entry in call) <= 262_144


def test_a_thousand_hard_bounces_take_at_most_60_calls(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    written: set[str] = set()

    class Empty:
        """A table that takes everything and knows nothing."""

        def batch_get_item(self, **request: Any) -> Json:
            calls.append("read")
            return {"Responses": {TABLE: []}}

        def batch_execute_statement(self, *, Statements: list[Json]) -> Json:
            calls.append("write")
            written.update(statement["Parameters"][0]["S"] for statement in Statements)
            return {"Responses": [{"TableName": TABLE} for _ in Statements]}

    monkeypatch.setattr(handler_module, "_dynamodb", Empty)
    for start in range(0, 1000, 100):
        assert pipeline.handle(*[hard(number) for number in range(start, start + 100)]) == []
    assert len(written) == 1000
    assert len(calls) <= 60


def test_entries_made_by_hand_are_respected(pipeline: Pipeline) -> None:
    """Somebody's own entry has no version, and a reason of its own; what others added to an item stays."""
    own = {"scope": "account", "status": "SUPPRESSED", "reason": "LEGAL", "note": "see ticket"}
    pipeline.table.put_item(Item={"address": "ann@example.com", "expires_at": 1_800_000_000, **own})
    pipeline.table.put_item(Item={"address": "bob@example.com", "scope": "account", "echo": "?", "events": {"x": "?"}})
    body = raw(bounce("Permanent", "UnsubscribedRecipient", "ann@example.com", "bob@example.com"))
    assert pipeline.handle(body) == []
    ann = pipeline.ledger()["ann@example.com", "account"]
    assert {name: ann[name] for name in own} == own
    assert ann["first_seen_at"] == ann["last_seen_at"] == "2026-03-02T08:15:33.907Z"
    assert "expires_at" not in ann, "what just bounced must not be forgotten on a date that was set before"
    bob = pipeline.ledger()["bob@example.com", "account"]
    assert (bob["status"], bob["echo"], len(bob["events"]), bob["version"]) == ("UNSUBSCRIBED", False, 1, 1)


def test_an_event_that_tells_no_time_gets_that_of_its_message(pipeline: Pipeline) -> None:
    document = bounce("Permanent", "General", "ann@example.com", at=None)
    document["mail"]["timestamp"] = "yesterday"
    pipeline.handle(raw(document))
    assert pipeline.ledger()["ann@example.com", "account"]["first_seen_at"] == "2026-03-02T08:15:35.123Z"


def _throttle(patch: pytest.MonkeyPatch, dynamodb: ConditionalDynamoDB, applies: Callable[[str], bool]) -> None:
    """Let DynamoDB refuse single statements that insert the addresses in question."""
    original = dynamodb._execute

    def execute(statement: Json) -> Json:
        if applies(statement["Parameters"][0]["S"]):
            return {"Error": {"Code": "ThrottlingError", "Message": "Throughput exceeds the current capacity."}}
        return original(statement)

    patch.setattr(dynamodb, "_execute", execute)
