"""A batch of SQS messages, each done on its own, and none lost.

See https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from ses_common.dead_letters import DeadLetter, park
from ses_common.envelope import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger("ses_constructs.batches")


class Outcome(NamedTuple):
    """What became of the messages that are not done."""

    again: list[str]
    """SQS message ids, for SQS to hand out again."""
    parked: int

    def response(self) -> dict[str, list[dict[str, str]]]:
        """Return what the function answers to its event source mapping."""
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in self.again]}


def do_each(
    event: Mapping[str, Any],
    work: Callable[[str], None],
    *,
    sqs: Callable[[], SQSClient],
    dead_letter_queue_url: str,
    max_receive_count: int,
) -> Outcome:
    """Do *work* with the body of each message, and set aside what can never be done, with its reason.

    :param work: raises :class:`Unusable` for what fails every time; whatever else it raises is tried again.
    :param sqs: makes the client, when it is needed.
    :param max_receive_count: that of the queue; after so many receives a message is set aside as ``GaveUp``.
    """
    letters: list[DeadLetter] = []
    again: list[str] = []
    for record in event["Records"]:
        message_id, body = record["messageId"], record["body"]
        try:
            work(body)
        except Unusable as unusable:
            letters.append(DeadLetter(message_id, body, unusable.code, unusable.detail))
        except Exception as error:  # passing, or a defect: neither may hold up the other messages of the batch
            code = error_code(error)
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            if receives < max_receive_count:
                again.append(message_id)
                logger.warning("Left for another try", extra={"sqs_message_id": message_id, "code": code})
            else:
                detail = f"It failed {receives} times, the last time with {code}."
                letters.append(DeadLetter(message_id, body, "GaveUp", detail))
    failed = park(sqs(), dead_letter_queue_url, letters) if letters else set()
    for letter in letters:
        outcome = "Could not be parked" if letter.message_id in failed else "Parked"
        logger.warning(outcome, extra={"sqs_message_id": letter.message_id, "code": letter.code, "why": letter.detail})
    return Outcome([*again, *sorted(failed)], len(letters) - len(failed))


def error_code(error: Exception) -> str:
    """Return what AWS calls an error, or its type; never its text, which may hold what is private."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__
