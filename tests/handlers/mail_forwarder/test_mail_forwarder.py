"""The forwarding handler against a bucket, a dead-letter queue, and an SES that fails when it is told to."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from inbound.core import describe
from inbound.mime import take_apart
from inbound.receipt import Receipt
from mail_forwarder import handler as handler_module
from tests.handlers.samples import Json, sqs_event

BUCKET = "mailbox"
MAIL = b"From: Ann <ann@example.net>\r\nTo: info@example.com\r\nSubject: Hello\r\n\r\nGr\xfc\xdfe\r\n"
ALIASES = {
    "info@example.com": ["bob@example.org", "eve@example.org"],
    "all@example.com": [f"{number}@example.org" for number in range(60)],
}


class Ses:
    """An SES that keeps what is sent, after as many failures as it is told."""

    def __init__(self) -> None:
        self.sent: list[Json] = []
        self.failures: list[str] = []

    def send_email(self, **request: Any) -> Json:
        if self.failures:
            code = self.failures.pop(0)
            raise ClientError({"Error": {"Code": code, "Message": "bob@example.org is not verified"}}, "SendEmail")
        self.sent.append(request)
        return {"MessageId": f"sent-{len(self.sent)}"}


class Forwarder:
    """The handler with what is around it."""

    def __init__(self, s3: Any, sqs: Any, queue_url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.s3, self.sqs, self.queue_url, self._capsys = s3, sqs, queue_url, capsys
        self.ses = Ses()
        self.metrics: dict[str, int] = {}

    def announce(self, raw: bytes = MAIL, *, id: str = "3eh6", to: str = "info@example.com") -> str:
        self.s3.put_object(Bucket=BUCKET, Key=f"mail/{id}", Body=raw)
        receipt = Receipt(id, "2026-03-02T08:15:30.000Z", "ann@example.net", (to,), (), {}, "", BUCKET, f"mail/{id}")
        detail = describe(receipt, take_apart([raw]), [], mailbox="Mail/Box", document_key="d", thread=None)
        return json.dumps({"detail-type": "Email Received", "detail": detail})

    def handle(self, *bodies: str, receives: int = 1) -> list[str]:
        self._capsys.readouterr()
        result = handler_module.handler(sqs_event(*bodies, receives=receives), None)
        entry = json.loads(self._capsys.readouterr().out)
        names = [metric["Name"] for metric in entry["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
        self.metrics = {name: entry[name] for name in names if entry[name]}
        return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]

    def dead_letters(self) -> list[Json]:
        received = self.sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return [
            {name: value["StringValue"] for name, value in it["MessageAttributes"].items()}
            for it in received.get("Messages", [])
        ]


@pytest.fixture(scope="module")
def clients() -> Iterator[tuple[Any, Any]]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        session = botocore.session.get_session()
        yield session.create_client("s3"), session.create_client("sqs")


@pytest.fixture
def forwarder(
    clients: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Forwarder]:
    s3, sqs = clients
    s3.create_bucket(Bucket=BUCKET)
    queue_url = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
    for name, value in {
        "FORWARDER_NAME": "Mail/Forwarder",
        "ALIASES": json.dumps(ALIASES),
        "FROM_ADDRESS": "forwarder@example.com",
        "CONFIGURATION_SET": "forwarded",
        "LOOP_MARK": "c8f3",
        "DEAD_LETTER_QUEUE_URL": queue_url,
        "MAX_RECEIVE_COUNT": "5",
    }.items():
        monkeypatch.setenv(name, value)
    handler_module._settings.cache_clear()
    made = Forwarder(s3, sqs, queue_url, capsys)
    monkeypatch.setattr(handler_module, "_s3", lambda: s3)
    monkeypatch.setattr(handler_module, "_ses", lambda: made.ses)
    monkeypatch.setattr(handler_module, "_sqs", lambda: sqs)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    yield made
    handler_module._settings.cache_clear()
    for it in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=it["Key"])
    s3.delete_bucket(Bucket=BUCKET)
    sqs.delete_queue(QueueUrl=queue_url)


def test_a_mail_goes_in_one_call_to_all_behind_the_address(forwarder: Forwarder) -> None:
    assert forwarder.handle(forwarder.announce()) == []
    (request,) = forwarder.ses.sent
    assert request["Destination"] == {"ToAddresses": ["bob@example.org", "eve@example.org"]}
    assert (request["FromEmailAddress"], request["ConfigurationSetName"]) == ("forwarder@example.com", "forwarded")
    content = request["Content"]["Raw"]["Data"]
    assert content.endswith(b"\r\n\r\nGr\xfc\xdfe\r\n")
    assert b'From: "Ann (ann@example.net) via info@example.com" <forwarder@example.com>\r\n' in content
    assert forwarder.metrics == {"Forwarded": 1}


def test_more_people_than_a_call_has_room_for_get_it_in_several(forwarder: Forwarder) -> None:
    forwarder.handle(forwarder.announce(to="all@example.com"))
    assert [len(it["Destination"]["ToAddresses"]) for it in forwarder.ses.sent] == [50, 10]


def test_a_mail_that_is_announced_again_is_not_sent_again(forwarder: Forwarder) -> None:
    event = forwarder.announce()
    for _ in range(2):
        assert forwarder.handle(event, event) == []
    assert len(forwarder.ses.sent) == 1
    assert forwarder.metrics == {"Repeated": 2}


def test_a_mail_that_somebody_may_be_sending_waits_and_is_sent_once_that_one_must_have_ended(
    forwarder: Forwarder, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = forwarder.announce()
    forwarder.ses.failures = ["InternalFailure"]
    assert len(forwarder.handle(event)) == 1
    assert len(forwarder.handle(event)) == 1, "the mark of the first try is fresh"
    assert forwarder.ses.sent == []
    later = (datetime.now(UTC) + timedelta(minutes=6)).timestamp()
    monkeypatch.setattr("time.time", lambda: later)
    assert forwarder.handle(event) == []
    assert len(forwarder.ses.sent) == 1


def test_after_a_part_was_sent_only_the_rest_is(forwarder: Forwarder, monkeypatch: pytest.MonkeyPatch) -> None:
    event = forwarder.announce(to="all@example.com")
    send = forwarder.ses.send_email

    def fail_second(**request: Any) -> Json:
        if forwarder.ses.sent:
            forwarder.ses.failures = ["InternalFailure"]
        return send(**request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forwarder.ses, "send_email", fail_second)
        assert len(forwarder.handle(event)) == 1
    later = (datetime.now(UTC) + timedelta(minutes=6)).timestamp()
    monkeypatch.setattr("time.time", lambda: later)
    assert forwarder.handle(event) == []
    assert [len(it["Destination"]["ToAddresses"]) for it in forwarder.ses.sent] == [50, 10]


def test_ses_saying_not_so_fast_is_asked_again_at_once_and_then_left_to_the_queue(forwarder: Forwarder) -> None:
    forwarder.ses.failures = ["TooManyRequestsException"] * 3
    assert forwarder.handle(forwarder.announce()) == []
    assert forwarder.metrics == {"Forwarded": 1}
    forwarder.ses.failures = ["TooManyRequestsException"] * 4
    assert len(forwarder.handle(forwarder.announce(id="another"))) == 1
    assert forwarder.metrics == {"Retried": 1}


@pytest.mark.parametrize(
    "code",
    ["MessageRejected", "MailFromDomainNotVerifiedException", "BadRequestException", "NotFoundException"],
)
def test_what_ses_never_takes_is_parked_with_a_reason_and_the_mail_is_kept(forwarder: Forwarder, code: str) -> None:
    event = forwarder.announce()
    forwarder.ses.failures = [code]
    assert forwarder.handle(event) == []
    (letter,) = forwarder.dead_letters()
    assert letter["Reason"] == code
    assert "bob" not in letter["ReasonDetail"]
    assert forwarder.metrics == {"Parked": 1}
    assert forwarder.s3.get_object(Bucket=BUCKET, Key="mail/3eh6")["Body"].read() == MAIL


def test_what_fails_every_time_is_parked_in_the_end(forwarder: Forwarder) -> None:
    event = forwarder.announce()
    forwarder.ses.failures = ["AccountSuspendedException"]
    assert forwarder.handle(event, receives=5) == []
    assert [letter["Reason"] for letter in forwarder.dead_letters()] == ["GaveUp"]


def test_a_mail_that_is_gone_or_no_mail_at_all_is_parked_and_holds_up_no_other(forwarder: Forwarder) -> None:
    gone = forwarder.announce(id="gone")
    forwarder.s3.delete_object(Bucket=BUCKET, Key="mail/gone")
    assert forwarder.handle(gone, "{}", forwarder.announce()) == []
    assert sorted(letter["Reason"] for letter in forwarder.dead_letters()) == ["MailGone", "NotAMail"]
    assert forwarder.metrics == {"Forwarded": 1, "Parked": 2}


def test_mail_for_nobody_and_loops_are_counted_and_not_sent(forwarder: Forwarder) -> None:
    looping = forwarder.announce(b"X-Forwarded-By: ses-constructs c8f3\r\n" + MAIL, id="loop")
    assert forwarder.handle(forwarder.announce(to="nobody@example.com"), looping) == []
    assert forwarder.metrics == {"WithoutAlias": 1, "Stopped": 1}
    assert (forwarder.ses.sent, forwarder.dead_letters()) == ([], [])


def test_logs_name_nobody(forwarder: Forwarder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="ses_constructs"):
        forwarder.ses.failures = ["MessageRejected"]
        forwarder.handle(forwarder.announce(id="rejected"), forwarder.announce(), "{}")
    logged = " ".join(str(record.__dict__) for record in caplog.records)
    assert "sent-1" in logged
    assert all(word not in logged for word in ("example.net", "example.org", "info@", "Hello"))
