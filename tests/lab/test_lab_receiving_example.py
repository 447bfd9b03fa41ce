"""The mailbox example, deployed by the real CDK CLI: mail comes in by SMTP, and what was made of it is in a queue."""

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


def test_a_mail_to_the_mailbox_becomes_an_event_in_the_queue(
    ses_lab: Lab, outputs: dict[str, str], smtp: smtplib.SMTP
) -> None:
    smtp.send_message(mail(f"support+42@{DOMAIN}", X_Lab_Spam_Verdict="GRAY"))
    received = ses_lab.received()[-1]
    stored = next(it for it in received.actions if it.action["type"] == "S3")
    assert (stored.error, stored.action["bucketName"]) == (None, outputs["BucketName"])
    sqs = ses_lab.session().client("sqs")

    def announced() -> dict[str, Any] | None:
        answer = sqs.receive_message(QueueUrl=outputs["TicketsUrl"])
        return json.loads(answer["Messages"][0]["Body"]) if answer.get("Messages") else None

    event = ses_lab.wait_for(announced, timeout=40, describe="the event")
    detail = event.get("detail", event)
    assert detail["sesMessageId"] == received.message_id
    assert detail["subject"] == "It is broken"
    assert detail["verdicts"]["spam"] == "GRAY"


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
