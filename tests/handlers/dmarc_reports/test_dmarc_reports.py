"""The reports handler against the bucket of a mailbox, the bucket of the rows and a dead-letter queue."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from dmarc_reports import handler as handler_module
from tests.handlers.samples import Json, sqs_event
from tests.unit.dmarc_reports.test_reports import RFC_7489, TLS, zipped

MAILBOX, ROWS = "mailbox", "rows"


class Reports:
    def __init__(self, s3: Any, sqs: Any, queue_url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.s3, self.sqs, self.queue_url, self._capsys = s3, sqs, queue_url, capsys
        self.metrics: list[Json] = []
        self._mails = 0

    def handle(self, *bodies: str, receives: int = 1) -> list[str]:
        self._capsys.readouterr()
        result = handler_module.handler(sqs_event(*bodies, receives=receives), None)
        self.metrics = [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]
        return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]

    def mail(self, *attachments: bytes, dmarc: str = "PASS", sender: str = "noreply@Receiver.example") -> str:
        """Store the attachments of a mail, and return the message that tells of it."""
        self._mails += 1
        keys = [f"parsed/m{self._mails}/{number}-report" for number, _ in enumerate(attachments, start=1)]
        for key, content in zip(keys, attachments, strict=True):
            self.s3.put_object(Bucket=MAILBOX, Key=key, Body=content)
        detail = {
            "sesMessageId": "3eh6f2p0example",
            "receivedAt": "2026-03-03T01:00:00.000Z",
            "from": [{"name": "", "address": sender}],
            "verdicts": {"dmarc": dmarc},
            "stored": {"bucket": MAILBOX},
            "attachments": [{"key": key, "size": len(content)} for key, content in zip(keys, attachments, strict=True)],
        }
        return json.dumps({"source": "ses-constructs.inbound", "detail-type": "Email Received", "detail": detail})

    def objects(self) -> dict[str, list[Json]]:
        listed = self.s3.list_objects_v2(Bucket=ROWS).get("Contents", [])
        return {it["Key"]: self._rows_of(it["Key"]) for it in listed}

    def rows(self) -> dict[str, list[Json]]:
        return {key.rpartition("/")[0]: rows for key, rows in self.objects().items()}

    def _rows_of(self, key: str) -> list[Json]:
        content = gzip.decompress(self.s3.get_object(Bucket=ROWS, Key=key)["Body"].read())
        return [json.loads(line) for line in content.splitlines()]

    def dead_letters(self) -> list[str]:
        messages = self.sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        return [message["MessageAttributes"]["Reason"]["StringValue"] for message in messages]


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Reports]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        session = botocore.session.get_session()
        s3: Any = session.create_client("s3")
        sqs: Any = session.create_client("sqs")
        for bucket in (MAILBOX, ROWS):
            s3.create_bucket(Bucket=bucket)
        queue_url = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        for name, value in {
            "BUCKET_NAME": ROWS,
            "DEAD_LETTER_QUEUE_URL": queue_url,
            "MAX_RECEIVE_COUNT": "5",
            "REPORTS_NAME": "Email-test/Reports",
            "DOMAINS": "example.com example.net",
        }.items():
            monkeypatch.setenv(name, value)
        handler_module._settings.cache_clear()
        monkeypatch.setattr(handler_module, "_s3", lambda: s3)
        monkeypatch.setattr(handler_module, "_sqs", lambda: sqs)
        yield Reports(s3, sqs, queue_url, capsys)
        handler_module._settings.cache_clear()


def test_the_rows_of_a_mails_reports_are_stored_by_kind_and_day(reports: Reports) -> None:
    picture = b"\x89PNG\r\n"
    assert reports.handle(reports.mail(gzip.compress(RFC_7489), json.dumps(TLS).encode(), picture)) == []
    rows = reports.rows()
    assert {folder: len(found) for folder, found in rows.items()} == {
        "dmarc/day=2026-03-02": 2,
        "tls/day=2026-03-02": 4,
    }
    assert {(row["sent_by"], row["authenticated"]) for row in rows["dmarc/day=2026-03-02"]} == {
        ("receiver.example", True)
    }
    assert reports.dead_letters() == []


def test_a_report_that_comes_again_counts_once(reports: Reports) -> None:
    reports.handle(reports.mail(RFC_7489))
    (metric,) = [it for it in reports.metrics if "Domain" in it]
    assert (metric["Reports"], metric["Domain"]) == ("Email-test/Reports", "example.com")
    assert (metric["Messages"], metric["Passed"]) == (15, 12)
    before = reports.rows()
    reports.handle(reports.mail(RFC_7489))
    assert reports.rows() == before
    assert [it for it in reports.metrics if "Domain" in it] == []


def test_a_report_that_somebody_else_sent_first_keeps_the_true_one_from_nothing(reports: Reports) -> None:
    forged = RFC_7489.replace(b"<count>12</count>", b"<count>1</count>")
    reports.handle(reports.mail(forged, dmarc="FAIL"))
    reports.handle(reports.mail(forged, sender="eve@other.example"))
    reports.handle(reports.mail(RFC_7489))
    found = {
        (it["sent_by"], it["authenticated"], it["messages"])
        for rows in reports.objects().values()
        for it in rows
        if it["passed"]
    }
    assert found == {
        ("receiver.example", False, 1),
        ("other.example", True, 1),
        ("receiver.example", True, 12),
    }


@pytest.mark.parametrize(
    ("content", "dmarc"),
    [(RFC_7489.replace(b"Example.com", b"example.org"), "PASS"), (RFC_7489, "GRAY")],
    ids=["of a domain that nobody asked for", "that nobody vouches for"],
)
def test_a_report_of_strangers_makes_no_metric(reports: Reports, content: bytes, dmarc: str) -> None:
    reports.handle(reports.mail(content, dmarc=dmarc))
    assert len(reports.objects()) == 1
    assert [it for it in reports.metrics if "Domain" in it] == []


def test_a_report_of_whom_nobody_vouches_says_so(reports: Reports) -> None:
    reports.handle(reports.mail(RFC_7489, dmarc="GRAY"))
    assert {row["authenticated"] for rows in reports.rows().values() for row in rows} == {False}


ENTITIES = b'<!DOCTYPE feedback [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><feedback>&b;</feedback>'
HOSTILE = {
    "a gzip bomb": (gzip.compress(b"\0" * 30_000_000), "TooLarge"),
    "a zip bomb": (zipped(report=b"\0" * 30_000_000), "TooLarge"),
    "40 MB of nothing": (b"<" * 40_000_000, "TooLarge"),
    "an entity bomb": (gzip.compress(ENTITIES), "HasDocumentType"),
    "other XML": (b"<html><body>Hello</body></html>", "NotAReport"),
    "half a report": (RFC_7489[:700], "BrokenXml"),
    "half an archive": (gzip.compress(RFC_7489)[:200], "BrokenArchive"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_only_looks_like_a_report_is_parked_with_the_reason_and_holds_up_nothing(
    reports: Reports, kind: str
) -> None:
    content, reason = HOSTILE[kind]
    assert reports.handle(reports.mail(content, RFC_7489), reports.mail(json.dumps(TLS).encode())) == []
    assert reports.dead_letters() == [reason]
    assert set(reports.rows()) == {"dmarc/day=2026-03-02", "tls/day=2026-03-02"}


def test_the_reports_of_one_mail_share_one_limit(reports: Reports) -> None:
    padded = RFC_7489 + b" " * 11_000_000
    assert reports.handle(reports.mail(gzip.compress(padded), gzip.compress(padded))) == []
    assert reports.dead_letters() == ["TooLarge"]


def test_of_many_attachments_the_first_are_read_and_the_mail_is_set_aside(reports: Reports) -> None:
    assert reports.handle(reports.mail(RFC_7489, *[b"a picture"] * 9)) == []
    assert reports.dead_letters() == ["TooManyFiles"]
    assert len(reports.objects()) == 1


def test_what_is_no_event_of_a_mailbox_is_parked(reports: Reports) -> None:
    unreadable = json.loads(reports.mail(RFC_7489))
    unreadable["detail"]["attachments"][0]["key"] = None
    gone = json.loads(reports.mail(RFC_7489))
    gone["detail"]["attachments"][0]["key"] = "parsed/gone"
    assert reports.handle("no json", '{"detail": {}}', json.dumps(unreadable), json.dumps(gone)) == []
    assert reports.dead_letters() == ["NotAMail", "NotAMail", "NotReadable", "MailGone"]


def test_mail_without_a_report_is_no_error(reports: Reports) -> None:
    assert reports.handle(reports.mail()) == []
    assert (reports.rows(), reports.dead_letters()) == ({}, [])


def test_a_bucket_that_is_gone_leaves_the_mail_for_another_try(reports: Reports) -> None:
    body = reports.mail(RFC_7489)
    reports.s3.delete_bucket(Bucket=ROWS)
    assert reports.handle(body) == ["m0"]
    reports.s3.create_bucket(Bucket=ROWS)
    assert reports.handle(body, receives=2) == []
    assert len(reports.rows()) == 1
