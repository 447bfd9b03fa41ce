"""Messages that cannot be used, set aside in a dead-letter queue with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from ses_common.calls import fill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html. Queues and accounts
# that allow more than 256 KiB a call exist; the least is what works everywhere.
_MOST_ENTRIES = 10
_MOST_BYTES = 262_144


class DeadLetter(NamedTuple):
    """A message to set aside."""

    message_id: str
    """SQS's id of the message that was received."""
    body: str
    """As it was received."""
    code: str
    """Short word for programs."""
    detail: str
    """A sentence for people, without personal data."""


def park(client: SQSClient, queue_url: str, letters: Iterable[DeadLetter]) -> set[str]:
    """Send *letters* to the queue and return the SQS message ids of those that could not be sent.

    Each keeps its body and gets the message attributes ``Reason``, ``ReasonDetail`` and ``SourceMessageId``.
    """
    failed: set[str] = set()
    # A message that alone is more than SQS takes goes alone, and SQS decides.
    for chunk in fill(letters, most=_MOST_ENTRIES, most_bytes=_MOST_BYTES, weigh=_weight):
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {
                "Id": str(place),
                "MessageBody": letter.body,
                "MessageAttributes": {
                    name: {"DataType": "String", "StringValue": value} for name, value in _attributes(letter).items()
                },
            }
            for place, letter in enumerate(chunk)
        ]
        try:
            response = client.send_message_batch(QueueUrl=queue_url, Entries=entries)
        except (ClientError, BotoCoreError):
            failed.update(letter.message_id for letter in chunk)
        else:
            failed.update(chunk[int(entry["Id"])].message_id for entry in response.get("Failed", []))
    return failed


def _attributes(letter: DeadLetter) -> dict[str, str]:
    return {"Reason": letter.code, "ReasonDetail": letter.detail, "SourceMessageId": letter.message_id}


def _weight(letter: DeadLetter) -> int:
    return len(letter.body.encode()) + sum(
        len(part.encode()) for name, value in _attributes(letter).items() for part in (name, "String", value)
    )
