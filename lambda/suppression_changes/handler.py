"""The stream of the suppression ledger, to events on an EventBridge bus.

The event source mapping reports batch item failures
(https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html): the stream is read again from
the first record that could not be told. What follows it may be told twice, then with the same ``id``. A record that is
about to leave the stream goes to the dead-letter queue as the event that it would have been.

Environment: ``BUS_ARN``, ``DEAD_LETTER_QUEUE_URL``, ``GIVE_UP_AFTER`` (a record's age in seconds; the stream keeps it
for a day), ``PIPELINE_NAME``, and ``METRICS_NAMESPACE`` (default ``SesConstructs/Feedback``).
"""

from __future__ import annotations

import json
import logging
import time
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ses_common.calls import fill
from ses_common.dead_letters import DeadLetter, park
from ses_common.metrics import publish
from ses_common.settings import metrics_namespace, variable
from suppression_changes.core import SOURCE, SUPPRESSED, Change, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger("ses_constructs.suppression_changes")
logger.setLevel(logging.INFO)

_CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html: a call with more is refused as a whole.
_ENTRIES_A_CALL, _BYTES_A_CALL = 10, 262_144
_OTHER_BYTES = 1024  # of an entry, besides its detail
_TRIES = 3  # of entries that EventBridge refused singly
_PAUSE = 0.2  # seconds before the first of these; doubled each time


class _Pending(NamedTuple):
    sequence: str
    change: Change


def handler(event: Mapping[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Tell what changed, and return the first record that could not be told.

    :raises RuntimeError: if a variable of the environment is missing.
    """
    bus, oldest = variable("BUS_ARN"), time.time() - int(variable("GIVE_UP_AFTER"))
    records = [(record["dynamodb"]["SequenceNumber"], read(record)) for record in event["Records"]]
    pending = [_Pending(sequence, found) for sequence, found in records if found is not None]
    counts = {"AddressesSuppressed": 0, "AddressesRestored": 0, "ChangesParked": 0}
    first_failed: str | None = None
    for chunk in fill(pending, most=_ENTRIES_A_CALL, most_bytes=_BYTES_A_CALL, weigh=_weight):
        failures = _put(bus, chunk)
        parked = _park([it for it in chunk if it.sequence in failures and it.change.at.timestamp() < oldest], failures)
        for it in chunk:
            if it.sequence not in failures:
                counts["AddressesSuppressed" if it.change.detail_type == SUPPRESSED else "AddressesRestored"] += 1
                logger.info(it.change.detail_type, extra={"change_id": it.change.detail["id"]})
        counts["ChangesParked"] += len(parked)
        first_failed = next(
            (it.sequence for it in chunk if it.sequence in failures and it.sequence not in parked), None
        )
        if first_failed is not None:  # the stream is read again from there, and the rest with it
            logger.warning("Left for another try", extra={"codes": sorted(set(failures.values()))})
            break
    publish(
        metrics_namespace("Feedback"), {"Pipeline": variable("PIPELINE_NAME")}, counts, at=time.time_ns() // 1_000_000
    )
    return {"batchItemFailures": [{"itemIdentifier": first_failed}] if first_failed is not None else []}


def _put(bus: str, chunk: Sequence[_Pending]) -> dict[str, str]:
    """Put *chunk* on the bus; return the sequence numbers of what is not on it, each with an error code."""
    failures: dict[str, str] = {}
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE * 2 ** (attempt - 1))
        try:
            results = _events().put_events(Entries=[_entry(bus, it.change) for it in chunk])["Entries"]
        except ClientError as error:
            return dict.fromkeys([it.sequence for it in chunk], error.response["Error"]["Code"])
        except BotoCoreError as error:
            return dict.fromkeys([it.sequence for it in chunk], type(error).__name__)
        failures = {
            it.sequence: result["ErrorCode"] for it, result in zip(chunk, results, strict=True) if "ErrorCode" in result
        }
        chunk = [it for it in chunk if it.sequence in failures]
        if not chunk:
            break
    return failures


def _entry(bus: str, change: Change) -> PutEventsRequestEntryTypeDef:
    return {
        "EventBusName": bus,
        "Source": SOURCE,
        "DetailType": change.detail_type,
        "Time": change.at,
        "Resources": [change.ledger],
        "Detail": json.dumps(change.detail),
    }


def _weight(pending: _Pending) -> int:
    return len(json.dumps(pending.change.detail)) + _OTHER_BYTES


def _park(expiring: Sequence[_Pending], failures: Mapping[str, str]) -> set[str]:
    """Set *expiring* aside in the form of EventBridge; return the sequence numbers of those that are."""
    letters = []
    for sequence, change in expiring:
        body = {
            "id": change.detail["id"],
            "source": SOURCE,
            "detail-type": change.detail_type,
            "time": change.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "resources": [change.ledger],
            "detail": change.detail,
        }
        detail = f"The event could not be put on the bus for most of a day, the last time with {failures[sequence]}."
        letters.append(DeadLetter(sequence, json.dumps(body), "NotPublished", detail))
    if not letters:
        return set()
    failed = park(_sqs(), variable("DEAD_LETTER_QUEUE_URL"), letters)
    return {letter.message_id for letter in letters} - failed


@cache
def _events() -> EventBridgeClient:
    return cast("EventBridgeClient", botocore.session.get_session().create_client("events", config=_CONFIG))


@cache
def _sqs() -> SQSClient:
    """Made only when something has to be parked, which is seldom."""
    return cast("SQSClient", botocore.session.get_session().create_client("sqs", config=_CONFIG))
