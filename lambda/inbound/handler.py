"""Mail that SES stored, from an SQS queue to one event "Email Received" each.

The queue's event source mapping reports batch item failures
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html): a message is done when its mail is
announced, or when it is in the dead-letter queue with its reason; every other message is reported as failed, and SQS
hands it out again. What is stored on the way has keys made of the mail's, so that doing it again changes nothing. Logs
name SES message ids, and nothing of the mail.

Environment: ``MAILBOX_NAME``, ``EVENT_BUS_NAME``, ``DEAD_LETTER_QUEUE_URL``, ``MAX_RECEIVE_COUNT`` (that of the queue's
redrive policy), ``SPAM_POLICY`` and ``VIRUS_POLICY`` (``FLAG``, ``QUARANTINE`` or ``DROP``), ``KEY_PREFIX`` (of what
is stored here; default none), ``METRICS_NAMESPACE`` (default ``SesConstructs/Inbound``), and for reply addresses those
of :func:`inbound.threads.thread_of`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from inbound.core import StoredAttachment, describe, fit
from inbound.mime import take_apart
from inbound.names import safe_name
from inbound.receipt import Policy, judge, read_receipt
from inbound.threads import thread_of
from ses_common.batches import do_each, error_code
from ses_common.envelope import Unusable, document
from ses_common.metrics import publish
from ses_common.settings import metrics_namespace, variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef
    from mypy_boto3_sqs import SQSClient

    from inbound.mime import Attachment, Mail
    from inbound.receipt import Receipt

logger = logging.getLogger("ses_constructs.inbound")
logger.setLevel(logging.INFO)

_CONFIG = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
SOURCE = "ses-constructs.inbound"
_CHUNK = 256 * 1024
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html: 256 KB with source and type; some is left.
_MOST_DETAIL_BYTES = 250_000
_METRICS = ("Received", "Quarantined", "Dropped", "Unreadable", "Ignored", "Parked", "Retried")
_GONE = frozenset({"NoSuchKey", "NoSuchBucket"})


class Settings(NamedTuple):
    """What the environment says."""

    mailbox: str
    event_bus: str
    dead_letter_queue_url: str
    max_receive_count: int
    policies: dict[str, Policy]
    key_prefix: str
    metrics_namespace: str


def handler(event: Mapping[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Announce a batch of mails, and return the messages that SQS is to hand out again.

    :raises RuntimeError: if a variable of the environment is missing or wrong.
    """
    settings = _settings()
    counts = dict.fromkeys(_METRICS, 0)
    outcome = do_each(
        event,
        lambda body: _receive(body, settings, counts),
        sqs=_sqs,
        dead_letter_queue_url=settings.dead_letter_queue_url,
        max_receive_count=settings.max_receive_count,
    )
    counts |= {"Parked": outcome.parked, "Retried": len(outcome.again)}
    publish(settings.metrics_namespace, {"Mailbox": settings.mailbox}, counts, at=time.time_ns() // 1_000_000)
    return outcome.response()


def _receive(body: str, settings: Settings, counts: dict[str, int]) -> None:
    """Do what is to be done with one mail.

    :raises Unusable: also if it is announced, but could not be read in full, so that somebody looks at it.
    """
    content = document(body)
    receipt = read_receipt(content) if content is not None else None
    if receipt is None:
        counts["Ignored"] += 1
        return
    policy = judge(receipt, settings.policies)
    facts = {"ses_message_id": receipt.message_id, "verdicts": receipt.verdicts}
    if policy is Policy.DROP:
        _s3().delete_object(Bucket=receipt.bucket, Key=receipt.key)
        counts["Dropped"] += 1
        logger.info("Dropped", extra=facts)
        return
    kept_away = policy is Policy.QUARANTINE
    if kept_away:
        receipt = _move(receipt, f"{settings.key_prefix}quarantine/{receipt.message_id}")
    mail = _read(receipt)
    folder = f"{settings.key_prefix}parsed/{receipt.message_id}"
    if kept_away:
        mail = mail._replace(text=None, html=None)
    attachments = [
        _attachment(receipt.bucket, f"{folder}/{number}-", attachment, store=not kept_away)
        for number, attachment in enumerate(mail.attachments, start=1)
    ]
    description = describe(
        receipt,
        mail,
        attachments,
        mailbox=settings.mailbox,
        document_key=f"{folder}/mail.json",
        thread=thread_of(receipt.recipients),
    )
    _announce(description, settings.event_bus, "Email Quarantined" if kept_away else "Email Received")
    counts["Quarantined" if kept_away else "Received"] += 1
    counts["Unreadable"] += mail.problem is not None
    logger.info("Quarantined" if kept_away else "Announced", extra={**facts, "bytes": mail.size})
    if mail.problem is not None:
        raise Unusable(*mail.problem)


def _read(receipt: Receipt) -> Mail:
    try:
        body = _s3().get_object(Bucket=receipt.bucket, Key=receipt.key)["Body"]
    except ClientError as error:
        if error_code(error) not in _GONE:
            raise
        raise Unusable("MailGone", "The stored mail is not there any more.") from None
    return take_apart(body.iter_chunks(_CHUNK))


def _move(receipt: Receipt, key: str) -> Receipt:
    """Move the mail within its bucket; where that was done before, nothing is left to do."""
    moved = receipt._replace(key=key)
    try:
        source: CopySourceTypeDef = {"Bucket": receipt.bucket, "Key": receipt.key}
        _s3().copy_object(Bucket=moved.bucket, Key=moved.key, CopySource=source)
    except ClientError as error:
        if error_code(error) not in _GONE:
            raise
    else:
        _s3().delete_object(Bucket=receipt.bucket, Key=receipt.key)
    return moved


def _attachment(bucket: str, prefix: str, attachment: Attachment, *, store: bool) -> StoredAttachment:
    """Store the content of an attachment, unless it is to stay in the mail, and describe it."""
    content = attachment.take()
    name = safe_name(attachment.name)
    key = f"{prefix}{name}" if store and content is not None else None
    if key is not None and content is not None:
        # Never as what the sender says it is: a browser that is sent there must save it, not show it.
        _s3().put_object(
            Bucket=bucket,
            Key=key,
            Body=content,
            ContentType="application/octet-stream",
            ContentDisposition="attachment",
        )
    return {
        "name": attachment.name,
        "safeName": name,
        "contentType": attachment.content_type,
        "contentId": attachment.content_id,
        "inline": attachment.inline,
        "key": key,
        "size": len(content) if content is not None else None,
        "sha256": hashlib.sha256(content).hexdigest() if content is not None else None,
    }


def _announce(description: Mapping[str, Any], event_bus: str, detail_type: str) -> None:
    """Store the description, and put the event that carries it.

    :raises RuntimeError: if EventBridge does not take the event.
    """
    stored = description["stored"]
    whole = json.dumps(description, ensure_ascii=False).encode()
    _s3().put_object(Bucket=stored["bucket"], Key=stored["documentKey"], Body=whole, ContentType="application/json")
    response = _events().put_events(
        Entries=[
            {
                "EventBusName": event_bus,
                "Source": SOURCE,
                "DetailType": detail_type,
                "Detail": fit(description, _MOST_DETAIL_BYTES),
                "Resources": [],
            }
        ]
    )
    if response["FailedEntryCount"]:
        raise RuntimeError(response["Entries"][0].get("ErrorCode", "Unknown"))


@cache
def _settings() -> Settings:
    return Settings(
        mailbox=variable("MAILBOX_NAME"),
        event_bus=variable("EVENT_BUS_NAME"),
        dead_letter_queue_url=variable("DEAD_LETTER_QUEUE_URL"),
        max_receive_count=int(variable("MAX_RECEIVE_COUNT")),
        policies={"spam": Policy(variable("SPAM_POLICY")), "virus": Policy(variable("VIRUS_POLICY"))},
        key_prefix=os.environ.get("KEY_PREFIX", ""),
        metrics_namespace=metrics_namespace("Inbound"),
    )


def _client(service: str) -> Any:
    return botocore.session.get_session().create_client(service, config=_CONFIG)


@cache
def _s3() -> S3Client:
    return cast("S3Client", _client("s3"))


@cache
def _events() -> EventBridgeClient:
    return cast("EventBridgeClient", _client("events"))


@cache
def _sqs() -> SQSClient:
    """Made only when something has to be parked, which is seldom."""
    return cast("SQSClient", _client("sqs"))
