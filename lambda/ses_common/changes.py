"""Working through a queue of changes of the suppression ledger, each an EventBridge event.

The event source mapping reports batch item failures. A change is done, or in the dead-letter queue with its reason, or
tried again, ever later, until it is older than ``GIVE_UP_AFTER``: then it goes to the dead-letter queue too. Logs name
the id of the change, and never the address.

Environment: ``QUEUE_URL``, ``DEAD_LETTER_QUEUE_URL``, ``GIVE_UP_AFTER`` (seconds), ``PIPELINE_NAME``, and
``METRICS_NAMESPACE`` (default ``SesConstructs/Feedback``).
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ses_common.dead_letters import DeadLetter, park
from ses_common.envelope import Unusable
from ses_common.metrics import publish
from ses_common.settings import metrics_namespace, variable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_sqs import SQSClient

_CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
_FIRST_PAUSE = 10  # seconds until a change is tried again; doubled each time
_LONGEST_PAUSE = 3600


class Change(NamedTuple):
    """An address is suppressed, or restored."""

    type: str
    """``Address Suppressed`` or ``Address Restored``."""
    time: str
    detail: Mapping[str, Any]


class TryAgain(Exception):
    """A change cannot be dealt with now; the message is a code, without personal data."""


def work(
    event: Mapping[str, Any], act: Callable[[Change], None], *, metric: str, logger: logging.Logger
) -> dict[str, list[dict[str, str]]]:
    """Call *act* with each change in a batch, and return those that SQS is to hand out again.

    :param act: raises :class:`TryAgain` for what may work later, and :class:`Unusable` for what never will.
    :param metric: the name under which it is counted: ``<metric>Done``, ``<metric>Parked``, ``<metric>Retried``.
    """
    letters: list[DeadLetter] = []
    again: set[str] = set()
    for record in event["Records"]:
        facts = {"sqs_message_id": record["messageId"]}
        try:
            change = _read(record["body"])
            facts["change_id"] = change.detail["id"]
            act(change)
        except Unusable as problem:
            logger.warning("Cannot be done", extra={**facts, "code": problem.code, "why": problem.detail})
            letters.append(DeadLetter(record["messageId"], record["body"], problem.code, problem.detail))
        except Exception as error:  # also a defect that shows with one change must not hold up the others
            code = str(error) if isinstance(error, TryAgain) else type(error).__name__
            logger.warning("Not done", extra={**facts, "code": code})
            if time.time() - int(record["attributes"]["SentTimestamp"]) / 1000 > int(variable("GIVE_UP_AFTER")):
                detail = f"It could not be done for the time set, the last time with {code}."
                letters.append(DeadLetter(record["messageId"], record["body"], "GivenUp", detail))
            else:
                again.add(record["messageId"])
                _postpone(record)
        else:
            logger.info("Done", extra=facts)
    not_parked = park(_sqs(), variable("DEAD_LETTER_QUEUE_URL"), letters) if letters else set()
    again |= not_parked
    parked = len(letters) - len(not_parked)
    done = len(event["Records"]) - parked - len(again)
    counts = {f"{metric}Done": done, f"{metric}Parked": parked, f"{metric}Retried": len(again)}
    publish(
        metrics_namespace("Feedback"), {"Pipeline": variable("PIPELINE_NAME")}, counts, at=time.time_ns() // 1_000_000
    )
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(again)]}


def _read(body: str) -> Change:
    try:
        content = json.loads(body)
        change = Change(content["detail-type"], content["time"], content["detail"])
        if isinstance(change.detail["id"], str) and isinstance(change.detail["address"], str):
            return change
    except (ValueError, LookupError, TypeError, RecursionError):
        pass
    raise Unusable("NotAChange", "The message is no event of a suppression ledger.")


def _postpone(record: Mapping[str, Any]) -> None:
    """Hide the message for longer each time. If that fails, the queue's own time applies."""
    receives = int(record["attributes"]["ApproximateReceiveCount"])
    pause = min(_FIRST_PAUSE * 2 ** min(receives - 1, 20), _LONGEST_PAUSE)
    with contextlib.suppress(ClientError, BotoCoreError):
        _sqs().change_message_visibility(
            QueueUrl=variable("QUEUE_URL"), ReceiptHandle=record["receiptHandle"], VisibilityTimeout=pause
        )


@cache
def _sqs() -> SQSClient:
    """Made only when something fails."""
    return cast("SQSClient", botocore.session.get_session().create_client("sqs", config=_CONFIG))
