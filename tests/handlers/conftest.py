import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import boto3
import botocore.session
import pytest
from moto import mock_aws

from feedback import handler as handler_module
from feedback import ledger
from tests.handlers.emulation import ConditionalDynamoDB
from tests.handlers.samples import Json, sqs_event

TABLE = "suppressions"
MAX_RECEIVES = 5


class Pipeline:
    """The handler with its table and dead-letter queue."""

    def __init__(
        self,
        dynamodb: ConditionalDynamoDB,
        clients: "Clients",
        dead_letter_queue_url: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.dynamodb = dynamodb
        self.table = clients.table
        self.sqs = clients.sqs
        self._dead_letter_queue_url = dead_letter_queue_url
        self._capsys = capsys
        self.metrics: dict[str, int] = {}
        self.printed: list[Json] = []

    def handle(self, *bodies: str, receives: int = 1) -> list[str]:
        """Hand a batch to the function; return the ids of the messages that it reports as failed."""
        self._capsys.readouterr()
        result = handler_module.handler(sqs_event(*bodies, receives=receives), None)
        self.printed = [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]
        (entry,) = self.printed
        names = [metric["Name"] for metric in entry["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
        self.metrics = {name: entry[name] for name in names if entry[name]}
        assert list(result) == ["batchItemFailures"]
        return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]

    def ledger(self) -> dict[tuple[str, str], Json]:
        items: list[Any] = []
        page = self.table.scan(ConsistentRead=True)
        items += page["Items"]
        while "LastEvaluatedKey" in page:
            page = self.table.scan(ConsistentRead=True, ExclusiveStartKey=page["LastEvaluatedKey"])
            items += page["Items"]
        return {(item["address"], item["scope"]): item for item in items}

    def statuses(self) -> dict[tuple[str, str], str]:
        return {key: item["status"] for key, item in self.ledger().items()}

    def dead_letters(self) -> list[tuple[str, dict[str, str]]]:
        """Body and message attributes of everything in the dead-letter queue; afterwards it is empty."""
        found: list[tuple[str, dict[str, str]]] = []
        while received := self.sqs.receive_message(
            QueueUrl=self._dead_letter_queue_url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
        ).get("Messages"):
            for message in received:
                attributes = {name: it["StringValue"] for name, it in message["MessageAttributes"].items()}
                found.append((message["Body"], attributes))
                self.sqs.delete_message(QueueUrl=self._dead_letter_queue_url, ReceiptHandle=message["ReceiptHandle"])
        return found


class Clients(NamedTuple):
    dynamodb: Any
    sqs: Any
    table: Any


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    """Made once a module, for that is slow, and not once a session, for other tests must reach an AWS of their own."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        session = botocore.session.get_session()
        table = boto3.resource("dynamodb").Table(TABLE)
        yield Clients(session.create_client("dynamodb"), session.create_client("sqs"), table)


@pytest.fixture
def pipeline(
    clients: Clients, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Pipeline]:
    clients.dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[
            {"AttributeName": "address", "KeyType": "HASH"},
            {"AttributeName": "scope", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "address", "AttributeType": "S"},
            {"AttributeName": "scope", "AttributeType": "S"},
            {"AttributeName": "listed_under", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_reason_and_day",
                "KeySchema": [
                    {"AttributeName": "listed_under", "KeyType": "HASH"},
                    {"AttributeName": "address", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["status", "expires_at"]},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    queue_url = clients.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
    for name, value in {
        "TABLE_NAME": TABLE,
        "DEAD_LETTER_QUEUE_URL": queue_url,
        "MAX_RECEIVE_COUNT": str(MAX_RECEIVES),
        "ADDRESS_HASH_KEY": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
        "PIPELINE_NAME": "Email-test/Feedback",
        "SOFT_BOUNCE_THRESHOLD": "3",
        "SOFT_BOUNCE_WINDOW": str(7 * 86_400),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ledger, "_PAUSE", 0)
    handler_module._settings.cache_clear()
    dynamodb = ConditionalDynamoDB(clients.dynamodb)
    monkeypatch.setattr(handler_module, "_dynamodb", lambda: dynamodb)
    monkeypatch.setattr(handler_module, "_sqs", lambda: clients.sqs)
    yield Pipeline(dynamodb, clients, queue_url, capsys)
    handler_module._settings.cache_clear()
    clients.dynamodb.delete_table(TableName=TABLE)
    clients.sqs.delete_queue(QueueUrl=queue_url)
