"""Mails that a mailbox announced, from an SQS queue on to the people behind its addresses.

The queue's event source mapping reports batch item failures
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html): a mail is done when SES has taken it,
when it is none to forward, or when it is in the dead-letter queue with its reason; every other is reported as failed,
and SQS hands it out again. In all cases it stays in its bucket.

SES knows no idempotency, so a mark beside the mail says that it is being sent, and then that it was. The mark is made
on condition that there is none, so that of two messages about one mail only one leads to a call. A mail goes out twice
only if the function ends between SES's answer and the mark, or if SES's answer is lost; it never gets lost itself.

Logs name SES message ids, and nothing of the mail.

Environment: ``FORWARDER_NAME``, ``ALIASES`` (JSON: lower-case addresses and patterns, each with a list of addresses),
``FROM_ADDRESS``, ``CONFIGURATION_SET`` (default none), ``LOOP_MARK``, ``KEY_PREFIX`` (of the marks),
``DEAD_LETTER_QUEUE_URL``, ``MAX_RECEIVE_COUNT`` (that of the queue's redrive policy) and ``METRICS_NAMESPACE`` (default
``SesConstructs/Inbound``).
"""

from __future__ import annotations

import json
import logging
import os
import time
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from mail_forwarder import core, header
from mail_forwarder.aliases import Aliases
from ses_common.batches import do_each, error_code
from ses_common.envelope import Unusable
from ses_common.metrics import publish
from ses_common.settings import metrics_namespace, variable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sesv2.type_defs import SendEmailRequestTypeDef
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger("ses_constructs.mail_forwarder")
logger.setLevel(logging.INFO)

_CONFIG = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
# A call whose answer is lost may have sent the mail, so botocore does not repeat it; large mails take their time.
_SEND_CONFIG = Config(connect_timeout=2, read_timeout=120, retries={"mode": "standard", "total_max_attempts": 1})
_METRICS = ("Forwarded", "Stopped", "WithoutAlias", "Repeated", "Parked", "Retried")
_GONE = frozenset({"NoSuchKey", "NoSuchBucket"})
_MARKED = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
# Longer than the function runs, shorter than the queue hides a message: whoever made the mark has ended by then.
_CLAIM_SECONDS = 300
_PAUSES = (1, 2, 4)  # seconds; of a call that is refused for its rate nothing was sent
_THROTTLED = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling"})
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors
_FOR_GOOD = {
    "MessageRejected": "SES rejected the mail: its content, or an identity that is not verified.",
    "MailFromDomainNotVerifiedException": "The MAIL FROM domain of the identity is not verified.",
    "NotFoundException": "The configuration set or the identity does not exist.",
    "BadRequestException": "SES could not read the mail or an address.",
    "InvalidParameterValue": "SES could not read the mail or an address.",
}


class _Busy(Exception):
    """Another invocation is sending the mail, or has ended on the way."""


class Settings(NamedTuple):
    """What the environment says."""

    forwarder: str
    aliases: Aliases
    from_address: str
    configuration_set: str
    loop_mark: str
    key_prefix: str
    dead_letter_queue_url: str
    max_receive_count: int
    metrics_namespace: str


def handler(event: Mapping[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Forward a batch of mails, and return the messages that SQS is to hand out again.

    :raises RuntimeError: if a variable of the environment is missing.
    """
    settings = _settings()
    counts = dict.fromkeys(_METRICS, 0)
    outcome = do_each(
        event,
        lambda body: _forward(body, settings, counts),
        sqs=_sqs,
        dead_letter_queue_url=settings.dead_letter_queue_url,
        max_receive_count=settings.max_receive_count,
    )
    counts |= {"Parked": outcome.parked, "Retried": len(outcome.again)}
    publish(settings.metrics_namespace, {"Forwarder": settings.forwarder}, counts, at=time.time_ns() // 1_000_000)
    return outcome.response()


def _forward(body: str, settings: Settings, counts: dict[str, int]) -> None:
    mail = core.read(body)
    facts = {"ses_message_id": mail.ses_message_id}
    via, targets = core.targets(mail, settings.aliases)
    if not targets:
        counts["WithoutAlias"] += 1
        logger.info("Nobody is behind the address", extra=facts)
        return
    raw = _read(mail)
    head = header.read(raw)
    reason = core.why_not(mail, head, settings.loop_mark)
    if reason is not None:
        counts["Stopped"] += 1
        logger.info("Not forwarded", extra={**facts, "why": reason})
        return
    content = core.rewrite(raw, head, mail, via=via, from_address=settings.from_address, mark=settings.loop_mark)
    del raw
    for number, start in zip(count(1), range(0, len(targets), core.MOST_RECIPIENTS)):
        mark = f"{settings.key_prefix}forwarded/{mail.ses_message_id}-{number}"
        if not _claim(mail.bucket, mark):
            counts["Repeated"] += 1
            continue
        sent = _send(content, targets[start : start + core.MOST_RECIPIENTS], settings)
        _s3().put_object(Bucket=mail.bucket, Key=mark, Body=sent.encode())
        counts["Forwarded"] += 1
        logger.info("Forwarded", extra={**facts, "sent_as": sent, "bytes": len(content)})


def _read(mail: core.Mail) -> bytes:
    try:
        return _s3().get_object(Bucket=mail.bucket, Key=mail.key)["Body"].read()
    except ClientError as error:
        if error_code(error) not in _GONE:
            raise
        raise Unusable("MailGone", "The stored mail is not there any more.") from None


def _claim(bucket: str, mark: str) -> bool:
    """Mark a mail as being sent; False if it was sent.

    :raises _Busy: if it is marked by somebody who may still send it.
    """
    try:
        _s3().put_object(Bucket=bucket, Key=mark, Body=b"", IfNoneMatch="*")
        return True
    except ClientError as error:
        if error_code(error) not in _MARKED:
            raise
    found = _s3().head_object(Bucket=bucket, Key=mark)
    if found["ContentLength"]:
        return False
    if time.time() - found["LastModified"].timestamp() < _CLAIM_SECONDS:
        raise _Busy
    _s3().put_object(Bucket=bucket, Key=mark, Body=b"")
    return True


def _send(content: bytes, targets: Sequence[str], settings: Settings) -> str:
    """Send the mail, and return SES's id of it.

    :raises Unusable: if SES does not take it, now or later.
    """
    request: SendEmailRequestTypeDef = {
        "FromEmailAddress": settings.from_address,
        "Destination": {"ToAddresses": list(targets)},
        "Content": {"Raw": {"Data": content}},
    }
    if settings.configuration_set:
        request["ConfigurationSetName"] = settings.configuration_set
    for pause in (*_PAUSES, None):
        try:
            return _ses().send_email(**request)["MessageId"]
        except ClientError as error:
            code = error_code(error)
            if code in _FOR_GOOD:  # SES's own words name addresses
                raise Unusable(code, _FOR_GOOD[code]) from None
            if code not in _THROTTLED or pause is None:
                raise
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


@cache
def _settings() -> Settings:
    return Settings(
        forwarder=variable("FORWARDER_NAME"),
        aliases=Aliases(json.loads(variable("ALIASES"))),
        from_address=variable("FROM_ADDRESS"),
        configuration_set=os.environ.get("CONFIGURATION_SET", ""),
        loop_mark=variable("LOOP_MARK"),
        key_prefix=os.environ.get("KEY_PREFIX", ""),
        dead_letter_queue_url=variable("DEAD_LETTER_QUEUE_URL"),
        max_receive_count=int(variable("MAX_RECEIVE_COUNT")),
        metrics_namespace=metrics_namespace("Inbound"),
    )


def _client(service: str, config: Config = _CONFIG) -> Any:
    return botocore.session.get_session().create_client(service, config=config)


@cache
def _s3() -> S3Client:
    return cast("S3Client", _client("s3"))


@cache
def _ses() -> SESV2Client:
    return cast("SESV2Client", _client("sesv2", _SEND_CONFIG))


@cache
def _sqs() -> SQSClient:
    """Made only when something has to be parked, which is seldom."""
    return cast("SQSClient", _client("sqs"))
