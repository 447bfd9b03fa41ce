"""SES bounces and complaints from an SQS queue, to the suppression ledger.

The queue's event source mapping reports batch item failures
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html): a message is done when everything it
says is on the ledger, or when it is in the dead-letter queue with its reason; every other message is reported as
failed, and SQS hands it out again. Logs name SES message ids and keyed hashes of addresses, and never hold a body.

Environment: ``TABLE_NAME``, ``DEAD_LETTER_QUEUE_URL``, ``MAX_RECEIVE_COUNT`` (that of the queue's redrive policy),
``ADDRESS_HASH_KEY``, ``PIPELINE_NAME``, ``METRICS_NAMESPACE`` (default ``SesConstructs/Feedback``); and, if soft
bounces are to count, ``SOFT_BOUNCE_THRESHOLD`` and ``SOFT_BOUNCE_WINDOW`` (seconds).
"""

from __future__ import annotations

import logging
import os
import time
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import botocore.session
from botocore.config import Config

from feedback.core import Reading, read
from feedback.decisions import Action
from feedback.items import SoftBounces
from feedback.ledger import Ledger
from ses_common.addresses import keyed_hash
from ses_common.dead_letters import DeadLetter, park
from ses_common.envelope import Unusable
from ses_common.events import word
from ses_common.metrics import publish
from ses_common.settings import metrics_namespace, variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

    from feedback.items import Key

logger = logging.getLogger("ses_constructs.feedback")
logger.setLevel(logging.INFO)

# The function has 30 seconds, in which both DynamoDB and SQS may hang, and it still has to answer.
_CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
_METRICS = ("Suppressed", "Unsubscribed", "Counted", "Kept", "Ignored", "Parked", "Retried", "Echoes")
"""Suppressed, Unsubscribed, Counted (soft bounces) and, of the first two, Echoes count recipients that are on the
ledger; the others count messages."""
_RECORDED = {Action.SUPPRESS: "Suppressed", Action.UNSUBSCRIBE: "Unsubscribed", Action.COUNT: "Counted"}


class Settings(NamedTuple):
    """What the environment says."""

    table_name: str
    dead_letter_queue_url: str
    max_receive_count: int
    address_hash_key: bytes
    pipeline_name: str
    metrics_namespace: str
    soft_bounces: SoftBounces | None
    """None if they do not count."""


def handler(event: Mapping[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Record a batch of messages, and return those that SQS is to hand out again.

    :raises RuntimeError: if a variable of the environment is missing.
    """
    settings = _settings()
    messages = [(record, _read(record, settings)) for record in event["Records"]]
    failures = _record([reading for _, reading in messages], settings)

    counts = dict.fromkeys(_METRICS, 0)
    letters: list[DeadLetter] = []
    again: set[str] = set()
    for record, reading in messages:
        _account(reading, failures, counts, settings.address_hash_key)
        codes = _failures_of(reading, failures)
        receives = int(record["attributes"]["ApproximateReceiveCount"])
        if codes and receives < settings.max_receive_count:
            again.add(record["messageId"])
            logger.warning("Left for another try", extra={"sqs_message_id": record["messageId"], "codes": codes})
        elif codes:
            detail = f"Recording failed {receives} times, the last time with {', '.join(codes)}."
            letters.append(DeadLetter(record["messageId"], record["body"], "NotRecorded", detail))
        elif reading.problem is not None:
            problem = reading.problem
            letters.append(DeadLetter(record["messageId"], record["body"], problem.code, problem.detail))
    not_parked = _park(letters, settings.dead_letter_queue_url)
    again |= not_parked
    counts["Parked"] = len(letters) - len(not_parked)
    counts["Retried"] = len(again)
    publish(settings.metrics_namespace, {"Pipeline": settings.pipeline_name}, counts, at=time.time_ns() // 1_000_000)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(again)]}


def _read(record: Mapping[str, Any], settings: Settings) -> Reading:
    sent = datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)
    sent_at = f"{sent.isoformat(timespec='milliseconds')[:23]}Z"
    try:
        return read(record["body"], sent_at, soft_bounces_count=settings.soft_bounces is not None)
    except Exception as error:  # a defect shows with one message, and must not hold up the others of its batch
        detail = f"Reading the message failed with {type(error).__name__}, which is a defect of this program."
        return Reading(problem=Unusable("InternalError", detail))


def _record(readings: Iterable[Reading], settings: Settings) -> dict[Key, str]:
    facts = [fact for reading in readings for fact in reading.facts]
    if not facts:
        return {}
    return Ledger(_dynamodb(), settings.table_name, settings.soft_bounces).record(facts)


def _failures_of(reading: Reading, failures: Mapping[Key, str]) -> list[str]:
    return sorted({failures[fact.key] for fact in reading.facts if fact.key in failures})


def _account(reading: Reading, failures: Mapping[Key, str], counts: dict[str, int], hash_key: bytes) -> None:
    """Log and count what became of a message, except for parking and failures."""
    feedback, decision = reading.feedback, reading.decision
    if feedback is None or decision is None:
        counts["Ignored"] += reading.problem is None
        return
    facts = {
        "ses_message_id": feedback.message_id,
        "feedback_id": feedback.feedback_id,
        "kind": feedback.kind,
        "type": word(feedback.type),
        "sub_type": word(feedback.sub_type),
        "why": decision.why,
    }
    if not decision.recognised:
        logger.warning("Not a type that this version knows", extra=facts)
    if not reading.facts and reading.problem is None:
        counts["Kept"] += 1
        logger.info("Nobody to suppress", extra=facts)
    for fact in reading.facts:
        if fact.key not in failures:
            metric = _RECORDED[decision.action]
            counts[metric] += 1
            counts["Echoes"] += decision.echo
            address, scope = fact.key
            logger.info(metric, extra={**facts, "address_hash": keyed_hash(address, hash_key), "scope": scope})


def _park(letters: list[DeadLetter], queue_url: str) -> set[str]:
    """Set *letters* aside and return the SQS ids of those that are not."""
    if not letters:
        return set()
    failed = park(_sqs(), queue_url, letters)
    for letter in letters:
        outcome = "Could not be parked" if letter.message_id in failed else "Parked"
        logger.warning(outcome, extra={"sqs_message_id": letter.message_id, "code": letter.code, "why": letter.detail})
    return failed


@cache
def _settings() -> Settings:
    return Settings(
        table_name=variable("TABLE_NAME"),
        dead_letter_queue_url=variable("DEAD_LETTER_QUEUE_URL"),
        max_receive_count=int(variable("MAX_RECEIVE_COUNT")),
        address_hash_key=variable("ADDRESS_HASH_KEY").encode(),
        pipeline_name=variable("PIPELINE_NAME"),
        metrics_namespace=metrics_namespace("Feedback"),
        soft_bounces=_soft_bounces(),
    )


def _soft_bounces() -> SoftBounces | None:
    if not os.environ.get("SOFT_BOUNCE_THRESHOLD"):
        return None
    return SoftBounces(int(variable("SOFT_BOUNCE_THRESHOLD")), int(variable("SOFT_BOUNCE_WINDOW")))


@cache
def _dynamodb() -> DynamoDBClient:
    return cast("DynamoDBClient", botocore.session.get_session().create_client("dynamodb", config=_CONFIG))


@cache
def _sqs() -> SQSClient:
    """Made only when something has to be parked, which is seldom."""
    return cast("SQSClient", botocore.session.get_session().create_client("sqs", config=_CONFIG))
