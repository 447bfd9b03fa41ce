"""Reports that a mailbox received, from an SQS queue with its events to rows in a bucket.

The queue's event source mapping reports batch item failures
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html): a message is done when the rows of its
reports are stored, or when it is in the dead-letter queue with its reason; every other message is reported as failed,
and SQS hands it out again. The rows of a report are one object, with a key made of what the report calls itself, so
that a report that comes twice is counted once.

Environment: ``BUCKET_NAME`` (of the rows), ``DEAD_LETTER_QUEUE_URL``, ``MAX_RECEIVE_COUNT`` (that of the queue's
redrive policy), ``REPORTS_NAME``, ``DOMAINS`` (those that have metrics, separated by blanks: reports name whatever
domains they like, and each metric costs), and ``METRICS_NAMESPACE`` (default ``SesConstructs/DmarcReports``).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import logging
import time
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from dmarc_reports import aggregate, tls, values
from dmarc_reports.unpack import MOST_BYTES, unpack
from ses_common.batches import do_each, error_code
from ses_common.envelope import Unusable
from ses_common.metrics import publish
from ses_common.settings import metrics_namespace, variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger("ses_constructs.dmarc_reports")
logger.setLevel(logging.INFO)

_CONFIG = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
_METRICS = ("Reports", "Repeats", "NoReport", "Parked", "Retried")
_MOST_ATTACHMENTS = 9  # a mail of a report has one; of more than ten, the event may not have all
MOST_ATTACHMENT_BYTES = 10 * 1024 * 1024
"""Of a report as it comes, packed; the list of files alone of a larger zip file could fill the memory."""


class Settings(NamedTuple):
    """What the environment says."""

    bucket: str
    dead_letter_queue_url: str
    max_receive_count: int
    name: str
    domains: frozenset[str]
    metrics_namespace: str


class Report(NamedTuple):
    """The rows of a report."""

    kind: str
    """``dmarc`` or ``tls``, which is also the folder of its rows."""
    rows: Sequence[dict[str, Any]]


def handler(event: Mapping[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Store the rows of a batch of mails, and return the messages that SQS is to hand out again.

    :raises RuntimeError: if a variable of the environment is missing.
    """
    settings = _settings()
    counts = dict.fromkeys(_METRICS, 0)
    outcome = do_each(
        event,
        lambda body: _store_reports(body, settings, counts),
        sqs=_sqs,
        dead_letter_queue_url=settings.dead_letter_queue_url,
        max_receive_count=settings.max_receive_count,
    )
    counts |= {"Parked": outcome.parked, "Retried": len(outcome.again)}
    publish(settings.metrics_namespace, {"Reports": settings.name}, counts, at=_now())
    return outcome.response()


def _store_reports(body: str, settings: Settings, counts: dict[str, int]) -> None:
    """Store what there is in a mail.

    :raises Unusable: for an attachment that is no report, although it looks like one, when the others are stored.
    """
    mail = _mail(body)
    origin = _origin(mail)
    problem: Unusable | None = None
    is_report = False
    left = MOST_BYTES
    attachments = mail.get("attachments") or []
    if len(attachments) > _MOST_ATTACHMENTS:
        problem = Unusable("TooManyFiles", f"The mail has more than {_MOST_ATTACHMENTS} attachments.")
    for attachment in attachments[:_MOST_ATTACHMENTS]:
        try:
            for content in unpack(_content(attachment, mail["stored"]["bucket"]), left):
                left -= len(content)
                report = _report(content)
                if report is not None:
                    is_report = True
                    counts["Reports" if _store(report, origin, settings) else "Repeats"] += 1
        except Unusable as unusable:
            problem = problem or unusable
    if problem is not None:
        raise problem
    if not is_report:
        counts["NoReport"] += 1
        logger.info("No report in the mail", extra={"ses_message_id": mail["sesMessageId"]})


def _origin(mail: Mapping[str, Any]) -> dict[str, Any]:
    """Return who sent the mail. Anybody may write to the address of reports, and call himself what he likes."""
    sender = (mail.get("from") or [{}])[0].get("address")
    return {
        "sent_by": values.text(sender).rpartition("@")[2].lower(),
        "authenticated": (mail.get("verdicts") or {}).get("dmarc") == "PASS",
        "received_at": mail.get("receivedAt"),
        "ses_message_id": mail["sesMessageId"],
    }


def _mail(body: str) -> dict[str, Any]:
    """Return the detail of a mailbox's event, which EventBridge put into the queue."""
    try:
        detail = json.loads(body)["detail"]
        if isinstance(detail["sesMessageId"], str) and isinstance(detail["stored"]["bucket"], str):
            return cast("dict[str, Any]", detail)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise Unusable("NotAMail", "The message is no event of a mailbox.")


def _content(attachment: Mapping[str, Any], bucket: str) -> bytes:
    key, size = attachment.get("key"), attachment.get("size") or 0
    if not key:
        raise Unusable("NotReadable", "The mail has an attachment that cannot be read.")
    if size > MOST_ATTACHMENT_BYTES:
        raise Unusable("TooLarge", f"The mail has an attachment of more than {MOST_ATTACHMENT_BYTES:,} bytes.")
    try:
        response = _s3().get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_code(error) != "NoSuchKey":
            raise
        raise Unusable("MailGone", "The attachment is not there any more.") from None
    return response["Body"].read()


def _report(content: bytes) -> Report | None:
    """Return what is a report; a picture or a signature is none, and nothing is wrong with that."""
    beginning = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if beginning == b"<" or content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Report("dmarc", aggregate.rows(content))
    return Report("tls", tls.rows(content)) if beginning == b"{" else None


def _store(report: Report, origin: Mapping[str, Any], settings: Settings) -> bool:
    """Store the rows of a report, and return whether they are new."""
    first = report.rows[0]
    # Whoever sends another's report first cannot keep the true one away.
    parts = [first[it] for it in ("reporter", "report_id", "domain", "begins_at")]
    name = "\n".join(map(str, [*parts, origin["sent_by"], origin["authenticated"]]))
    day = first["begins_at"][:10]
    key = f"{report.kind}/day={day}/{hashlib.sha256(name.encode()).hexdigest()[:32]}.json.gz"
    try:
        _s3().put_object(Bucket=settings.bucket, Key=key, Body=_lines(report.rows, origin), IfNoneMatch="*")
    except ClientError as error:
        if error_code(error) != "PreconditionFailed":
            raise
        return False
    if report.kind == "dmarc" and origin["authenticated"] and first["domain"] in settings.domains:
        sums = {"Messages": _sum(report.rows), "Passed": _sum(it for it in report.rows if it["passed"])}
        publish(settings.metrics_namespace, {"Reports": settings.name, "Domain": first["domain"]}, sums, at=_now())
    logger.info("Stored", extra={"kind": report.kind, "rows": len(report.rows), "day": day})
    return True


def _lines(rows: Iterable[Mapping[str, Any]], origin: Mapping[str, Any]) -> bytes:
    """Return rows as JSON, one a line, packed row by row: many rows may repeat a long text."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
        for row in rows:
            file.write(json.dumps({**row, **origin}).encode() + b"\n")
    return packed.getvalue()


def _sum(rows: Iterable[Mapping[str, Any]]) -> int:
    return sum(row["messages"] for row in rows)


def _now() -> int:
    return time.time_ns() // 1_000_000


@cache
def _settings() -> Settings:
    return Settings(
        bucket=variable("BUCKET_NAME"),
        dead_letter_queue_url=variable("DEAD_LETTER_QUEUE_URL"),
        max_receive_count=int(variable("MAX_RECEIVE_COUNT")),
        name=variable("REPORTS_NAME"),
        domains=frozenset(variable("DOMAINS").split()),
        metrics_namespace=metrics_namespace("DmarcReports"),
    )


def _client(service: str) -> Any:
    return botocore.session.get_session().create_client(service, config=_CONFIG)


@cache
def _s3() -> S3Client:
    return cast("S3Client", _client("s3"))


@cache
def _sqs() -> SQSClient:
    """Made only when something has to be parked, which is seldom."""
    return cast("SQSClient", _client("sqs"))
