"""The suppression ledger in DynamoDB: read, merge, write what changed.

Reads are BatchGetItem, writes BatchExecuteStatement, the one call that writes many items under a condition each:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.multiplestatements.batching.html. The
condition is the item's version, so that of two writers at once the slower one reads again and merges again, after a
pause by chance, without which all of many writers would be in each other's way again.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError

from feedback.items import Event, Fact, Item, Key, Seen, SoftBounces, blank, completed, merge
from ses_common.events import iso_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import BatchStatementRequestTypeDef

    Attributes = Mapping[str, Any]

_T = TypeVar("_T")

_KEYS_A_CALL = 100  # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
_STATEMENTS_A_CALL = 25  # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html
_ROUNDS = 8  # of reading, merging and writing when others write the same items, or DynamoDB is busy
_LAST_ROUND = 5.0  # seconds after the first one; the function has 30, and a call that hangs takes up to 12 of them
_READS = 4  # of keys that DynamoDB left unprocessed
_PAUSE = 0.05  # seconds before the first of these is repeated, of rounds at most; doubled each time

# Another writer was faster: the item was not there when it was read, or its version is another now.
_CONFLICTS = frozenset({"DuplicateItem", "ConditionalCheckFailed", "TransactionConflict"})
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchStatementError.html
_BUSY = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded", "InternalServerError"})

_KINDS = {
    "echo": "BOOL",
    "reasons": "M",
    "events": "M",
    "soft_bounces": "M",
    "bounce_count": "N",
    "soft_bounce_count": "N",
    "complaint_count": "N",
    "expires_at": "N",
}  # all other attributes are S

_CONCLUSIONS = ("reason", "bounce_type", "bounce_sub_type", "complaint_feedback_type", "listed_under", "expires_at")
"""What an item may have or lack as the facts have it."""


class _Stored(NamedTuple):
    item: Item
    version: int
    """0 for an item without one."""
    names: frozenset[str]
    """Of the attributes that are there, whether they can be used or not."""


class Ledger:
    """The table of suppressed addresses."""

    def __init__(self, client: DynamoDBClient, table_name: str, soft_bounces: SoftBounces | None) -> None:
        self._client = client
        self._table = table_name
        self._soft_bounces = soft_bounces

    def record(self, facts: Iterable[Fact]) -> dict[Key, str]:
        """Merge *facts* into the table, and return what could not be written, each with an error code.

        Everything else is on the table when this returns. Writing the same again changes nothing.
        """
        pending: dict[Key, list[Fact]] = defaultdict(list)
        for fact in facts:
            pending[fact.key].append(fact)
        failures: dict[Key, str] = {}
        again: dict[Key, str] = {}
        started = time.monotonic()
        for number in range(_ROUNDS):
            if number:
                time.sleep(random.random() * _PAUSE * 2 ** (number - 1))
            if time.monotonic() - started > _LAST_ROUND:
                break
            try:
                again = self._round(pending, failures)
            except BotoCoreError as error:  # no answer: further calls would only use up the function's time
                return failures | dict.fromkeys(pending, type(error).__name__)
            if not again:
                return failures
            pending = {key: pending[key] for key in again}
        return failures | again

    def _round(self, pending: Mapping[Key, list[Fact]], failures: dict[Key, str]) -> dict[Key, str]:
        """Read, merge and write once. Return what is worth another round, and why; add to *failures* what failed."""
        stored = self._read(list(pending), failures)
        changes: list[tuple[Key, BatchStatementRequestTypeDef]] = []
        for key, facts in pending.items():
            if key in failures:
                continue
            before = stored.get(key)
            try:
                after = merge(before.item if before is not None else None, facts, self._soft_bounces)
            except Exception as error:  # a defect shows with one item, and must not hold up the others of the batch
                failures[key] = type(error).__name__
                continue
            if before is None:
                changes.append((key, self._insert(after)))
            elif after != before.item:
                changes.append((key, self._update(before, after)))
        return self._write(changes, failures)

    def _read(self, keys: Sequence[Key], failures: dict[Key, str]) -> dict[Key, _Stored]:
        stored: dict[Key, _Stored] = {}
        for chunk in _chunks(keys, _KEYS_A_CALL):
            unread: Sequence[Key] = chunk
            code = "ThrottlingError"
            for attempt in range(_READS):
                if attempt:
                    time.sleep(_PAUSE * 2 ** (attempt - 1))
                requested = [{"address": {"S": address}, "scope": {"S": scope}} for address, scope in unread]
                try:
                    response = self._client.batch_get_item(
                        RequestItems={self._table: {"Keys": requested, "ConsistentRead": True}}
                    )
                except ClientError as error:
                    code = _code(error)
                    break
                for attributes in response["Responses"].get(self._table, []):
                    stored[_key(attributes)] = _from_attributes(attributes)
                left = response.get("UnprocessedKeys", {}).get(self._table)
                unread = [_key(key) for key in left["Keys"]] if left else []
                if not unread:
                    break
            failures.update(dict.fromkeys(unread, code))
        return stored

    def _write(
        self, changes: Sequence[tuple[Key, BatchStatementRequestTypeDef]], failures: dict[Key, str]
    ) -> dict[Key, str]:
        """Write *changes*, and return those that others were faster to write or DynamoDB was too busy for."""
        again: dict[Key, str] = {}
        for chunk in _chunks(changes, _STATEMENTS_A_CALL):
            try:
                response = self._client.batch_execute_statement(Statements=[statement for _, statement in chunk])
            except ClientError as error:
                failures.update(dict.fromkeys([key for key, _ in chunk], _code(error)))
                continue
            for (key, _), result in zip(chunk, response["Responses"], strict=True):
                code = result["Error"].get("Code", "Unknown") if "Error" in result else None
                if code in _CONFLICTS:
                    again[key] = "Conflict"
                elif code in _BUSY:
                    again[key] = code
                elif code is not None:
                    failures[key] = code
        return again

    def _insert(self, item: Item) -> BatchStatementRequestTypeDef:
        attributes: dict[str, Any] = {**item, "version": 1}
        names = ", ".join(f"'{name}': ?" for name in attributes)
        return {
            "Statement": f'INSERT INTO "{self._table}" VALUE {{{names}}}',
            "Parameters": [_to_attribute(value) for value in attributes.values()],
        }

    def _update(self, before: _Stored, after: Item) -> BatchStatementRequestTypeDef:
        """Write what differs. Attributes that are not of this program are left alone."""
        known: Attributes = cast("Attributes", before.item)
        changed = {name: value for name, value in after.items() if name not in before.names or known[name] != value}
        changed["version"] = before.version + 1
        gone = [name for name in _CONCLUSIONS if name in before.names and name not in after]
        changes = " ".join([*(f'SET "{name}"=?' for name in changed), *(f'REMOVE "{name}"' for name in gone)])
        unchanged = '"version"=?' if before.version else '"version" IS MISSING'
        parameters = [*changed.values(), after["address"], after["scope"]]
        if before.version:
            parameters.append(before.version)
        return {
            "Statement": f'UPDATE "{self._table}" {changes} WHERE "address"=? AND "scope"=? AND {unchanged}',
            "Parameters": [_to_attribute(value) for value in parameters],
        }


def _chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def _key(attributes: Attributes) -> Key:
    return attributes["address"]["S"], attributes["scope"]["S"]


def _to_attribute(value: object) -> Any:
    """Return *value* in DynamoDB's own notation."""
    match value:
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case dict():
            return {"M": {name: _to_attribute(part) for name, part in value.items()}}
        case _:
            return {"S": value}


def _to_value(attribute: Attributes) -> Any:
    ((kind, content),) = attribute.items()
    match kind:
        case "M":
            return {name: _to_value(part) for name, part in content.items()}
        case "N":
            return int(float(content))
        case _:
            return content


def _usable(part: Any, names: Iterable[str]) -> dict[str, str] | None:
    """Return *part* of an item if all that it must have is there, and its time is one; else None."""
    if not isinstance(part, dict) or not all(isinstance(part.get(name), str) for name in names):
        return None
    if "at" not in names:
        return part
    at = iso_timestamp(part["at"])
    return {**part, "at": at} if at is not None else None


def _from_attributes(attributes: Attributes) -> _Stored:
    """Read an item. One that was written by hand may lack anything, and hold anything."""
    known = {
        name: _to_value(attributes[name])
        for name in Item.__annotations__
        if _KINDS.get(name, "S") in attributes.get(name, ())
    }
    for name, parts in (("events", Event), ("soft_bounces", Event), ("reasons", Seen)):
        found = ((id, _usable(part, parts.__annotations__)) for id, part in known.get(name, {}).items())
        known[name] = {id: part for id, part in found if part is not None}
    if "lifted_at" in known:
        known["lifted_at"] = iso_timestamp(known["lifted_at"])
        if known["lifted_at"] is None:
            del known["lifted_at"]  # rather one mail too few than one too many
    item = completed(cast("Item", {**blank(_key(attributes)), **known}))
    version = _to_value(attributes["version"]) if "N" in attributes.get("version", ()) else 0
    return _Stored(item, version, frozenset(attributes))
