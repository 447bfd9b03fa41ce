"""The ledger's statements against MiniStack's DynamoDB, which checks their conditions itself, as the lab does."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ministack.services import dynamodb as emulator

from feedback import core
from feedback.items import Fact
from feedback.ledger import Ledger
from tests.handlers.samples import Json, bounce, complaint, raw

TABLE = "suppressions"


class Client:
    """The calls that the ledger makes, answered in this process."""

    def __init__(self) -> None:
        self.before_write: Callable[[], object] = lambda: None

    def batch_get_item(self, **request: Any) -> Json:
        return _answer(emulator._batch_get_item(request))

    def batch_execute_statement(self, **request: Any) -> Json:
        self.before_write()
        return _answer(emulator._batch_execute_statement(request))

    def items(self) -> list[Json]:
        found: list[Json] = _answer(emulator._scan({"TableName": TABLE}))["Items"]
        return found


def _answer(response: tuple[int, Any, bytes]) -> Json:
    status, _, body = response
    content: Json = json.loads(body)
    if status != 200:
        raise ClientError({"Error": {"Code": content["__type"], "Message": content["message"]}}, "Call")
    return content


@pytest.fixture
def client() -> Iterator[Client]:
    _answer(
        emulator._create_table(
            {
                "TableName": TABLE,
                "KeySchema": [
                    {"AttributeName": "address", "KeyType": "HASH"},
                    {"AttributeName": "scope", "KeyType": "RANGE"},
                ],
                "AttributeDefinitions": [
                    {"AttributeName": "address", "AttributeType": "S"},
                    {"AttributeName": "scope", "AttributeType": "S"},
                ],
                "BillingMode": "PAY_PER_REQUEST",
            }
        )
    )
    yield Client()
    _answer(emulator._delete_table({"TableName": TABLE}))


def ledger(client: Any) -> Ledger:
    return Ledger(client, TABLE, None)


def observe(document: Json) -> tuple[Fact, ...]:
    return core.read(raw(document), "2026-03-02T08:15:35.123Z", soft_bounces_count=False).facts


def test_entries_are_made_and_changed(client: Client) -> None:
    addresses = [f"u{number}@example.com" for number in range(60)]
    assert ledger(client).record(observe(bounce("Permanent", "General", *addresses))) == {}
    assert ledger(client).record(observe(complaint("abuse", *addresses))) == {}
    items = client.items()
    assert {item["address"]["S"] for item in items} == set(addresses)
    for item in items:
        assert (item["reason"]["S"], item["bounce_type"]["S"]) == ("COMPLAINT", "Permanent")
        assert (item["version"]["N"], len(item["events"]["M"])) == ("2", 2)


@pytest.mark.parametrize("known_before", [False, True])
def test_a_slower_writer_reads_again(client: Client, known_before: bool) -> None:
    if known_before:
        ledger(client).record(observe(bounce("Permanent", "General", "ann@example.com", message_id="before")))
    rival = observe(complaint("abuse", "ann@example.com", message_id="rival"))

    def interfere() -> None:
        client.before_write = lambda: None
        ledger(client).record(rival)

    client.before_write = interfere
    own = observe(bounce("Permanent", "General", "ann@example.com", "bob@example.com", message_id="own"))
    assert ledger(client).record(own) == {}
    items = {item["address"]["S"]: item for item in client.items()}
    message_ids = {event["M"]["message_id"]["S"] for event in items["ann@example.com"]["events"]["M"].values()}
    assert message_ids == {"own", "rival"} | ({"before"} if known_before else set())
    assert set(items) == {"ann@example.com", "bob@example.com"}


def test_an_entry_made_by_hand_gets_a_version_and_loses_its_end(client: Client) -> None:
    by_hand = "INSERT INTO \"suppressions\" VALUE {'address': 'ann@example.com', 'scope': 'account', 'expires_at': 5}"
    client.batch_execute_statement(Statements=[{"Statement": by_hand}])
    assert ledger(client).record(observe(bounce("Permanent", "General", "ann@example.com"))) == {}
    (item,) = client.items()
    assert (item["status"], item["version"]) == ({"S": "SUPPRESSED"}, {"N": "1"})
    assert "expires_at" not in item


def test_what_could_not_be_written_is_told(client: Any) -> None:
    failures = Ledger(client, "no-such-table", None).record(observe(bounce("Permanent", "General", "ann@example.com")))
    assert failures == {("ann@example.com", "account"): "ResourceNotFoundException"}
