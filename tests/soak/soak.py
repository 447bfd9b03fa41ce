"""Ten thousand events through the pipeline in the lab, with an outage in their midst: at the end the books balance.

It takes minutes, so it is collected only when it is named: ``make soak``.
"""

import json
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sns as sns

from feedback.core import read
from feedback.items import Fact, Key, SoftBounces, merge
from ses_constructs import FeedbackPipeline
from ses_constructs.lab import Lab
from tests.handlers.samples import NOT_FEEDBACK, TRANSPORTS, Json, Schema, bounce, complaint, raw

EVENTS = 10_000
RULE = SoftBounces(5, 30 * 86_400)  # the pipeline's default
RECEIVES = 3
HIDDEN = 10  # seconds; in place of three minutes, so that the outage need not last that long
OUTAGE = 2.5 * HIDDEN  # what fails first is received a third and last time, what fails last is not
NOW = datetime.now(UTC)  # what DynamoDB's time to live would remove has no place here


class Books(NamedTuple):
    """What the pipeline holds."""

    ledger: dict[Key, Json]
    letters: dict[str, tuple[str, str]]
    """Body and reason, by the id of the message. One may be parked twice; see test_balance.py."""

    def parked(self, reason: str) -> Counter[str]:
        return Counter(body for body, why in self.letters.values() if why == reason)

    def parked_as_garbage(self) -> Counter[str]:
        return Counter(body for body, why in self.letters.values() if why != "NotRecorded")


def garbage(number: int) -> str:
    """What can never be recorded, no two the same."""
    document = bounce("Permanent", "General", "ann@example.com", message_id=f"garbage-{number}")
    kinds = [
        f"Dear all, this is mail {number}.",
        raw(document)[:-20],
        json.dumps({"order": number}),
        raw({"eventType": "Levitation", "mail": {"messageId": f"garbage-{number}"}}),
        raw(bounce("Spiritual", "General", "ann@example.com", message_id=f"garbage-{number}")),
        raw(bounce("Permanent", "General", message_id=f"garbage-{number}")),
        raw(bounce("Permanent", "General", "nobody", message_id=f"garbage-{number}")),
    ]
    return kinds[number % len(kinds)]


def nothing(number: int) -> str:
    """What says nothing of a mailbox."""
    kept = bounce("Transient", "MessageTooLarge", "ann@example.com", message_id=f"kept-{number}")
    return raw([kept, *NOT_FEEDBACK][number % 12])


def feedback(number: int, chance: random.Random) -> str:
    """What is recorded: of one address over and over, of 50 at once, or of any; in any schema and envelope."""
    schema: Schema = chance.choice(["eventType", "notificationType"])
    at = (NOW - timedelta(seconds=chance.randrange(20 * 86_400))).isoformat(timespec="milliseconds")
    if number % 20 == 0:
        recipients = ["Hot <hot@example.com>"]
    elif number % 100 == 1:
        recipients = [f"u{number}.{place}@fifty.example" for place in range(50)]
    else:
        recipients = [f"u{chance.randrange(EVENTS // 2)}@example.com"]
    id = f"0100-{number}"
    kinds = [
        bounce("Permanent", "General", *recipients, message_id=id, at=at, schema=schema),
        bounce("Permanent", "OnAccountSuppressionList", *recipients, message_id=id, at=at, schema=schema),
        bounce("Transient", "MailboxFull", *recipients, message_id=id, at=at, schema=schema),
        complaint("abuse", *recipients, message_id=id, at=at, schema=schema),
    ]
    (document,) = chance.choices(kinds, weights=[6, 1, 2, 1])
    return chance.choice(TRANSPORTS)(document)


def messages(chance: random.Random) -> list[str]:
    """One in a hundred is garbage, three say nothing, and ten are copies."""
    found: list[str] = []
    for number in range(EVENTS):
        kind = number % 100
        if kind == 50:
            found.append(garbage(number // 100))
        elif kind in (51, 52, 53):
            found.append(nothing(number))
        elif kind >= 90:
            # The same once more; and now and then told anew, at another time.
            again = feedback(chance.randrange(number), chance) if kind == 99 else found[-chance.randrange(1, 40)]
            found.append(again)
        else:
            found.append(feedback(number, chance))
    return found


def expected(bodies: Iterable[str]) -> dict[Key, Json]:
    facts: dict[Key, list[Fact]] = defaultdict(list)
    for body in bodies:
        for fact in read(body, "", soft_bounces_count=True).facts:
            facts[fact.key].append(fact)
    return {key: dict(merge(None, of_one, RULE)) for key, of_one in facts.items()}


class Soak:
    """The pipeline in the lab."""

    def __init__(self, lab: Lab, out: Path) -> None:
        app = cdk.App(outdir=str(out))
        stack = cdk.Stack(app, "Soak")
        topic = sns.Topic(stack, "Events", enforce_ssl=True)
        pipeline = FeedbackPipeline(
            stack,
            "Feedback",
            sources=[topic],
            max_receive_count=RECEIVES,
            max_concurrency=4,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        outputs = {
            "Topic": topic.topic_arn,
            "Queue": pipeline.queue.queue_url,
            "DeadLetters": pipeline.dead_letter_queue.queue_url,
            "Table": pipeline.table.table_name,
            "Function": pipeline.function.function_name,
        }
        for name, value in outputs.items():
            cdk.CfnOutput(stack, name, value=value)
        app.synth()
        self.lab = lab
        self.outputs = lab.deploy_assembly(out)["Soak"]
        session = lab.session()
        self.sns: Any = session.client("sns")
        self.sqs, self.lambda_ = session.client("sqs"), session.client("lambda")
        self.table = session.resource("dynamodb").Table(self.outputs["Table"])
        self.sqs.set_queue_attributes(QueueUrl=self.outputs["Queue"], Attributes={"VisibilityTimeout": str(HIDDEN)})

    def publish(self, bodies: list[str]) -> None:
        def ten(start: int) -> None:
            entries = [{"Id": str(place), "Message": body} for place, body in enumerate(bodies[start : start + 10])]
            answer = self.sns.publish_batch(TopicArn=self.outputs["Topic"], PublishBatchRequestEntries=entries)
            assert not answer.get("Failed")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ten, range(0, len(bodies), 10)))

    def use_table(self, name: str) -> None:
        """Point the function to a table, perhaps one that does not exist, between two batches.

        A batch in hand would be cut off by it, and could be recorded and yet come again: another fault than this one.
        """
        function = self.outputs["Function"]
        (mapping,) = self.lambda_.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
        self.lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        self.lab.wait_for(lambda: not self.waiting()[1], timeout=60, describe="the batches in hand")
        variables = self.lambda_.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        self.lambda_.update_function_configuration(
            FunctionName=function, Environment={"Variables": {**variables, "TABLE_NAME": name}}
        )
        self.lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    def waiting(self) -> tuple[int, int]:
        """Messages in the queue, and those of them that are hidden."""
        found = self.sqs.get_queue_attributes(QueueUrl=self.outputs["Queue"], AttributeNames=["All"])["Attributes"]
        return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])

    def wait_until_done(self) -> None:
        self.lab.wait_for(lambda: self.waiting() == (0, 0), timeout=300, describe="an empty queue")

    def books(self) -> Books:
        return Books({(it["address"], it["scope"]): it for it in self._items()}, self._letters())

    def move_back(self, bodies: list[str]) -> None:
        """What `aws sqs start-message-move-task` does; the emulator does not have it."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.outputs["Queue"], MessageBody=body)

    def _items(self) -> Iterator[Json]:
        page: Any = self.table.scan(ConsistentRead=True)
        while True:
            for item in page["Items"]:
                yield {name: value for name, value in item.items() if name != "version"}
            if "LastEvaluatedKey" not in page:
                return
            page = self.table.scan(ConsistentRead=True, ExclusiveStartKey=page["LastEvaluatedKey"])

    def _letters(self) -> dict[str, tuple[str, str]]:
        """Take the dead letters."""
        url, found = self.outputs["DeadLetters"], dict[str, tuple[str, str]]()
        while received := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in received:
                attributes = {name: it["StringValue"] for name, it in message.get("MessageAttributes", {}).items()}
                id = attributes.get("SourceMessageId", message["MessageId"])
                found[id] = message["Body"], attributes.get("Reason", "moved by SQS")
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture
def soak(tmp_path: Path) -> Iterator[Soak]:
    with Lab() as lab:
        yield Soak(lab, tmp_path / f"cdk.out.{uuid.uuid4().hex}")


def test_ten_thousand_events_and_an_outage_leave_balanced_books(soak: Soak) -> None:
    bodies = messages(random.Random(20260302))
    assert len(bodies) == EVENTS
    poison = Counter(body for body in bodies if read(body, "", soft_bounces_count=True).problem is not None)
    assert len(poison) == poison.total() == EVENTS // 100

    started = monotonic()
    soak.publish(bodies[: EVENTS // 2])
    soak.use_table("no-such-table")
    outage = monotonic()
    soak.publish(bodies[EVENTS // 2 :])
    soak.lab.wait_for(lambda: monotonic() > outage + OUTAGE, timeout=OUTAGE + 5, describe="the end of the outage")
    soak.use_table(soak.outputs["Table"])
    soak.wait_until_done()
    seconds = monotonic() - started

    books = soak.books()
    lost, sent = books.parked("NotRecorded"), Counter(bodies)
    assert lost, "the outage was long enough to use up a message's receives"
    assert books.parked_as_garbage() == poison
    assert lost <= sent, "nothing is invented"
    left = list((sent - poison - lost).elements())
    assert books.ledger == expected(left), "sent = recorded + parked"

    soak.move_back(list(lost.elements()))
    soak.wait_until_done()
    again = soak.books()
    assert again.letters == {}
    assert again.ledger == expected(bodies), "what was parked in the outage is recorded too"
    recorded = sum(bool(expected([body])) for body in left)
    figures = {
        "sent": EVENTS,
        "recorded": recorded,
        "parked as garbage": poison.total(),
        "parked in the outage, recorded later": lost.total(),
        "saying nothing": len(left) - recorded,
        "addresses": len(again.ledger),
        "seconds": round(seconds),
    }
    print(json.dumps(figures, indent=2))
