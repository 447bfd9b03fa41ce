"""The mailbox example, deployed by the real CDK CLI: mail comes in by SMTP, and what was made of it is in a queue."""

import hashlib
import json
import smtplib
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from ses_constructs.lab import Lab

EXAMPLE = Path(__file__).parents[2] / "examples" / "mailbox"
ZONE, DOMAIN = "mailbox.example.com", "tickets.mailbox.example.com"

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def outputs(ses_lab: Lab) -> Iterator[dict[str, str]]:
    zone_id = ses_lab.create_hosted_zone(ZONE)
    context = {"hosted_zone_id": zone_id, "hosted_zone_name": ZONE, "domain": DOMAIN}
    yield ses_lab.deploy(EXAMPLE, context=context)["MailboxExample"]
    ses_lab.destroy(EXAMPLE, context=context)
    assert ses_lab.session().client("ses").list_receipt_rule_sets()["RuleSets"] == []


@pytest.fixture
def smtp(ses_lab: Lab, outputs: dict[str, str]) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(*ses_lab.mx, timeout=20) as connection:
        connection.starttls(context=ssl.create_default_context(cafile=str(ses_lab.ca_certificate)))
        yield connection


def mail(recipient: str, **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "bo@sender.example", recipient, "It is broken"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Please help.")
    return message


def announced(lab: Lab, outputs: dict[str, str]) -> dict[str, Any]:
    """The next mail in the queue, which then is empty."""
    sqs = lab.session().client("sqs")

    def taken() -> dict[str, Any] | None:
        answer = sqs.receive_message(QueueUrl=outputs["TicketsUrl"])
        if not answer.get("Messages"):
            return None
        (message,) = answer["Messages"]
        sqs.delete_message(QueueUrl=outputs["TicketsUrl"], ReceiptHandle=message["ReceiptHandle"])
        return dict(json.loads(message["Body"])["detail"])

    return lab.wait_for(taken, timeout=40, describe="the event")


def test_a_mail_to_the_mailbox_becomes_an_event_in_the_queue(
    ses_lab: Lab, outputs: dict[str, str], smtp: smtplib.SMTP
) -> None:
    smtp.send_message(mail(f"support+42@{DOMAIN}", X_Lab_Spam_Verdict="GRAY"))
    received = ses_lab.received()[-1]
    stored = next(it for it in received.actions if it.action["type"] == "S3")
    assert (stored.error, stored.action["bucketName"]) == (None, outputs["BucketName"])
    detail = announced(ses_lab, outputs)
    assert detail["sesMessageId"] == received.message_id
    assert detail["subject"] == "It is broken"
    assert detail["verdicts"]["spam"] == "GRAY"


def test_a_mail_of_40_mb_comes_in_whole(ses_lab: Lab, outputs: dict[str, str], smtp: smtplib.SMTP) -> None:
    content = bytes(range(256)) * (29_900_000 // 256)
    large = mail(f"support@{DOMAIN}")
    large.add_attachment(content, maintype="application", subtype="pdf", filename="../scan.pdf")
    smtp.send_message(large)
    detail = announced(ses_lab, outputs)
    assert 40_000_000 < detail["size"] < 40 * 1024 * 1024
    (attachment,) = detail["attachments"]
    assert (attachment["size"], attachment["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    stored = ses_lab.session().client("s3").get_object(Bucket=outputs["BucketName"], Key=attachment["key"])
    assert stored["Body"].read() == content
    assert (stored["ContentType"], stored["ContentDisposition"]) == ("application/octet-stream", "attachment")


def test_mail_that_no_rule_wants_is_refused_while_the_sender_is_on_the_line(
    outputs: dict[str, str], smtp: smtplib.SMTP
) -> None:
    for address in (f"nobody@{DOMAIN}", "anybody@elsewhere.example"):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            smtp.send_message(mail(address))
        assert refused.value.recipients[address][0] == 550


def test_mail_in_clear_is_refused(ses_lab: Lab, outputs: dict[str, str]) -> None:
    with smtplib.SMTP(*ses_lab.mx, timeout=20) as connection, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        connection.send_message(mail(f"support@{DOMAIN}"))
    assert refused.value.recipients[f"support@{DOMAIN}"][0] == 530
