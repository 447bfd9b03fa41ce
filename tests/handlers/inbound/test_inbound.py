"""The inbound handler against a bucket, a bus and a dead-letter queue."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from jsonschema import Draft202012Validator
from moto import mock_aws

from inbound import handler as handler_module
from inbound.receipt import VERDICTS, read_receipt
from ses_common.envelope import Unusable, document
from tests.handlers.samples import Json, sqs_event

BUCKET = "mailbox"
KEY = "mail/3eh6f2p0example"
SCHEMA: Json = json.loads((Path(__file__).parents[3] / "docs" / "email-received.schema.json").read_text())
CORPUS = os.environ.get("SES_EVENT_CORPUS")
MAIL = (
    b"From: Ann <ann@example.net>\r\nTo: support@example.com\r\nSubject: Printer on fire\r\n"
    b"Message-ID: <1@example.net>\r\nReferences: <0@example.com>\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"
    b"--m\r\nContent-Type: text/plain\r\n\r\nHelp!\r\n"
    b'--m\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename="../fire.png"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--m--\r\n"
)


class Events:
    """A bus that keeps what is put, and fails when it is told to."""

    def __init__(self) -> None:
        self.put: list[tuple[str, Json]] = []
        self.failures = 0

    def put_events(self, *, Entries: list[Json]) -> Json:
        if self.failures:
            self.failures -= 1
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
        for entry in Entries:
            assert (entry["EventBusName"], entry["Source"]) == ("mail-bus", "ses-constructs.inbound")
            assert len(entry["Detail"].encode()) < 256 * 1024
            detail = json.loads(entry["Detail"])
            Draft202012Validator(SCHEMA).validate(detail)
            assert set(SCHEMA["required"]) == detail.keys() == SCHEMA["properties"].keys()
            self.put.append((entry["DetailType"], detail))
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in Entries]}


class Mailbox:
    """The handler with what is around it."""

    def __init__(self, s3: Any, sqs: Any, queue_url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.s3, self.sqs, self.queue_url, self._capsys = s3, sqs, queue_url, capsys
        self.events = Events()
        self.metrics: dict[str, int] = {}

    def store(self, raw: bytes = MAIL, key: str = KEY) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=raw)

    def handle(self, *bodies: str, receives: int = 1) -> list[str]:
        self._capsys.readouterr()
        result = handler_module.handler(sqs_event(*bodies, receives=receives), None)
        printed = self._capsys.readouterr()
        entry = json.loads(printed.out)
        names = [metric["Name"] for metric in entry["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
        self.metrics = {name: entry[name] for name in names if entry[name]}
        return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]

    def stored(self) -> list[str]:
        return sorted(it["Key"] for it in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", []))

    def content(self, key: str) -> bytes:
        content: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def dead_letters(self) -> list[str]:
        found = []
        while received := self.sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in received:
                found.append(message["MessageAttributes"]["Reason"]["StringValue"])
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture(scope="module")
def clients() -> Iterator[tuple[Any, Any]]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        session = botocore.session.get_session()
        yield session.create_client("s3"), session.create_client("sqs")


@pytest.fixture
def mailbox(
    clients: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Mailbox]:
    s3, sqs = clients
    s3.create_bucket(Bucket=BUCKET)
    queue_url = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
    for name, value in {
        "MAILBOX_NAME": "Email-test/Support",
        "EVENT_BUS_NAME": "mail-bus",
        "DEAD_LETTER_QUEUE_URL": queue_url,
        "MAX_RECEIVE_COUNT": "5",
        "SPAM_POLICY": "FLAG",
        "VIRUS_POLICY": "QUARANTINE",
    }.items():
        monkeypatch.setenv(name, value)
    handler_module._settings.cache_clear()
    made = Mailbox(s3, sqs, queue_url, capsys)
    monkeypatch.setattr(handler_module, "_s3", lambda: s3)
    monkeypatch.setattr(handler_module, "_events", lambda: made.events)
    monkeypatch.setattr(handler_module, "_sqs", lambda: sqs)
    yield made
    handler_module._settings.cache_clear()
    for key in made.stored():
        s3.delete_object(Bucket=BUCKET, Key=key)
    s3.delete_bucket(Bucket=BUCKET)
    sqs.delete_queue(QueueUrl=queue_url)


def notification(*, key: str = KEY, message_id: str = "3eh6f2p0example", **verdicts: str) -> str:
    return json.dumps(
        {
            "notificationType": "Received",
            "mail": {
                "timestamp": "2026-03-02T08:15:30.000Z",
                "source": "ann@example.net",
                "messageId": message_id,
                "destination": ["support@example.com", "boss@example.com"],
            },
            "receipt": {
                "timestamp": "2026-03-02T08:15:31.000Z",
                "processingTimeMillis": 300,
                "recipients": ["support@example.com"],
                **{f"{name}Verdict": {"status": verdicts.get(name, "PASS")} for name in VERDICTS},
                "action": {"type": "S3", "topicArn": "t", "bucketName": BUCKET, "objectKey": key},
            },
        }
    )


def test_a_mail_is_announced_with_what_is_needed_to_work_on_it(mailbox: Mailbox) -> None:
    mailbox.store()
    assert mailbox.handle(notification()) == []
    ((detail_type, detail),) = mailbox.events.put
    assert detail_type == "Email Received"
    assert detail["envelope"] == {
        "from": "ann@example.net",
        "to": ["support@example.com"],
        "alsoTo": ["boss@example.com"],
    }
    assert (detail["subject"], detail["text"]) == ("Printer on fire", "Help!")
    assert (detail["messageId"], detail["references"]) == ("1@example.net", ["0@example.com"])
    assert detail["verdicts"] == {**dict.fromkeys(VERDICTS, "PASS"), "passed": True}
    (attachment,) = detail["attachments"]
    assert attachment["key"] == "parsed/3eh6f2p0example/1-fire.png"
    assert mailbox.content(attachment["key"]) == b"\x89PNG"
    assert attachment["sha256"] == hashlib.sha256(b"\x89PNG").hexdigest()
    assert json.loads(mailbox.content(detail["stored"]["documentKey"])) == detail
    assert mailbox.content(detail["stored"]["mailKey"]) == MAIL
    assert mailbox.metrics == {"Received": 1}


def test_the_same_mail_again_stores_and_says_the_same(mailbox: Mailbox) -> None:
    mailbox.store()
    mailbox.handle(notification())
    keys = mailbox.stored()
    mailbox.handle(notification(), notification())
    assert mailbox.stored() == keys
    assert len({json.dumps(it) for it in mailbox.events.put}) == 1


def test_a_quarantined_mail_is_moved_out_of_the_way_and_announced_as_that(mailbox: Mailbox) -> None:
    mailbox.store()
    for _ in range(2):  # the second time as after a failure half-way
        assert mailbox.handle(notification(virus="FAIL")) == []
        detail_type, detail = mailbox.events.put[-1]
        assert detail_type == "Email Quarantined"
        assert (detail["text"], detail["html"]) == (None, None)
        assert [it["key"] for it in detail["attachments"]] == [None]
        assert detail["stored"]["mailKey"] == "quarantine/3eh6f2p0example"
        assert mailbox.stored() == ["parsed/3eh6f2p0example/mail.json", "quarantine/3eh6f2p0example"]
    assert mailbox.content("quarantine/3eh6f2p0example") == MAIL


@pytest.mark.parametrize("verdict", ["FAIL", "GRAY", "PROCESSING_FAILED", "DISABLED", "", "SOMETHING_NEW"])
def test_no_verdict_but_pass_is_a_pass(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, verdict: str) -> None:
    monkeypatch.setenv("SPAM_POLICY", "DROP")
    mailbox.store()
    assert mailbox.handle(notification(spam=verdict)) == []
    assert (mailbox.events.put, mailbox.stored(), mailbox.metrics) == ([], [], {"Dropped": 1})


def test_a_flagged_mail_says_so(mailbox: Mailbox) -> None:
    mailbox.store()
    mailbox.handle(notification(spam="GRAY"))
    ((_, detail),) = mailbox.events.put
    assert (detail["verdicts"]["spam"], detail["verdicts"]["passed"]) == ("GRAY", False)


class Killed(BaseException):
    """The function ends here, as when its time or its memory is over."""


class Mortal:
    """A client whose calls are counted, and after one of which the function ends."""

    def __init__(self, client: Any, calls: list[str], last: int) -> None:
        self._client, self._calls, self._last = client, calls, last

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            answer = getattr(self._client, name)(**arguments)
            self._calls.append(name)
            if len(self._calls) == self._last:
                raise Killed
            return answer

        return call


@pytest.mark.parametrize(
    ("verdicts", "policy", "calls"),
    [
        ({}, "FLAG", ["get_object", "put_object", "put_object", "put_events"]),
        (
            {"spam": "FAIL"},
            "QUARANTINE",
            ["copy_object", "delete_object", "get_object", "put_object", "put_events"],
        ),
        ({"spam": "FAIL"}, "DROP", ["delete_object"]),
    ],
)
def test_a_function_that_ends_after_any_of_its_calls_leaves_all_to_the_next_try(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, verdicts: dict[str, str], policy: str, calls: list[str]
) -> None:
    monkeypatch.setenv("SPAM_POLICY", policy)
    outcomes = []
    for last in range(len(calls) + 1):
        for key in mailbox.stored():
            mailbox.s3.delete_object(Bucket=BUCKET, Key=key)
        mailbox.events.put.clear()
        mailbox.store()
        made: list[str] = []
        s3, bus = Mortal(mailbox.s3, made, last), Mortal(mailbox.events, made, last)
        with monkeypatch.context() as patch:
            patch.setattr(handler_module, "_s3", lambda s3=s3: s3)
            patch.setattr(handler_module, "_events", lambda bus=bus: bus)
            if last:
                with pytest.raises(Killed):
                    mailbox.handle(notification(**verdicts))
            else:
                assert mailbox.handle(notification(**verdicts)) == []
        assert made == (calls[:last] if last else calls)
        if last:
            assert mailbox.handle(notification(**verdicts), receives=2) == []
        objects = {key: mailbox.content(key) for key in mailbox.stored()}
        outcomes.append((objects, {json.dumps(it) for it in mailbox.events.put}))
        assert mailbox.dead_letters() == []
    assert all(it == outcomes[0] for it in outcomes)


def test_a_bus_that_refuses_leaves_the_mail_for_another_try(mailbox: Mailbox) -> None:
    mailbox.store()
    mailbox.events.failures = 1
    assert mailbox.handle(notification()) == ["m0"]
    assert mailbox.handle(notification(), receives=2) == []
    assert len(mailbox.events.put) == 1
    mailbox.events.failures = 1
    assert mailbox.handle(notification(), receives=5) == []
    assert mailbox.dead_letters() == ["GaveUp"]


def test_a_bucket_that_refuses_leaves_the_mail_for_another_try(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "SlowDown", "Message": ""}}, "GetObject")

    mailbox.store()
    with monkeypatch.context() as patch:
        patch.setattr(mailbox.s3, "get_object", refuse)
        assert mailbox.handle(notification()) == ["m0"]
    assert mailbox.handle(notification(), receives=2) == []
    assert len(mailbox.events.put) == 1


def test_one_bad_message_does_not_hold_up_the_rest(mailbox: Mailbox) -> None:
    mailbox.store()
    missing = notification(key="mail/gone", message_id="gone")
    bounce = json.dumps({"eventType": "Bounce", "mail": {}})
    no_action = json.dumps({"notificationType": "Received", "mail": None, "receipt": []})
    assert mailbox.handle("no json", missing, bounce, no_action, notification()) == []
    assert sorted(mailbox.dead_letters()) == ["BrokenJson", "MailGone", "NotAReceipt", "NotStored"]
    assert len(mailbox.events.put) == 1


def test_what_cannot_be_taken_apart_is_announced_with_what_is_known_and_parked(mailbox: Mailbox) -> None:
    mailbox.store(b"Subject: deep\nContent-Type: message/rfc822\n\n" * 5000)
    assert mailbox.handle(notification()) == []
    ((_, detail),) = mailbox.events.put
    assert (detail["subject"], detail["text"], detail["attachments"]) == ("deep", None, [])
    assert detail["problem"]["code"] == "NestedTooDeep"
    assert mailbox.dead_letters() == ["NestedTooDeep"]


def test_ses_setting_up_its_action_is_no_mail(mailbox: Mailbox) -> None:
    setup = notification(key="mail/AMAZON_SES_SETUP_NOTIFICATION", message_id="AMAZON_SES_SETUP_NOTIFICATION")
    assert mailbox.handle(setup) == []
    assert (mailbox.events.put, mailbox.metrics) == ([], {"Ignored": 1})


def test_the_longest_mail_fits_into_an_event_and_is_whole_in_its_document(mailbox: Mailbox) -> None:
    text = "ä" * 200_000
    names = ", ".join(f"{'ü' * 200} <{'x' * 300}@example.net>" for _ in range(100))
    header = f"To: {names}\nCc: {names}\nReply-To: {names}\nSubject: {'ß' * 5000}\nContent-Type: text/html"
    mailbox.store(f"{header}\n\n{text}".encode())
    assert mailbox.handle(notification()) == []
    ((_, detail),) = mailbox.events.put
    assert detail["shortened"] is True
    assert detail["html"] == text[: len(detail["html"])]
    whole = json.loads(mailbox.content(detail["stored"]["documentKey"]))
    assert (whole["html"], whole["shortened"]) == (text, False)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (b"Auto-Submitted: auto-replied", "autoReply"),
        (b"Precedence: bulk", "autoReply"),
        (b"List-Id: <news.example.com>", "mailingList"),
        (b"Content-Type: multipart/report; report-type=delivery-status; boundary=x", "bounce"),
        (b"Auto-Submitted: no", None),
    ],
)
def test_mail_of_machines_is_told_apart(mailbox: Mailbox, header: bytes, kind: str | None) -> None:
    mailbox.store(header + b"\n\nhello")
    mailbox.handle(notification())
    ((_, detail),) = mailbox.events.put
    assert [name for name, is_it in detail["automatic"].items() if is_it] == ([kind] if kind else [])


@pytest.mark.skipif(CORPUS is None, reason="SES_EVENT_CORPUS names no folder of sample events")
def test_every_sample_of_a_stored_mail_is_read() -> None:
    outcomes = Counter(outcome(path.read_text()) for path in Path(CORPUS or "").glob("inbound-sns/*.json"))
    assert outcomes["stored"] >= 4
    # Of an SNS action, of S3 itself, and without an id.
    assert set(outcomes) <= {"stored", "NotStored", "NotAnSesEvent", "MissingMessageId"}


def outcome(body: str) -> str:
    try:
        content = document(body)
        receipt = read_receipt(content) if content is not None else None
    except Unusable as problem:
        return problem.code
    return "stored" if receipt is not None and receipt.bucket and receipt.key else "nothing"
