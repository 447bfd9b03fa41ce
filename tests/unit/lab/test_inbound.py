import json
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ses_constructs.lab.server.errors import SesError
from ses_constructs.lab.server.inbound import SNS_HEADER_BYTES, Envelope, Inbound, arrival
from ses_constructs.lab.server.verdicts import Verdicts, judge

PASSED = Verdicts(spam="PASS", virus="PASS", spf="PASS", dkim="PASS", dmarc="PASS", dmarc_policy="none")
ENVELOPE = Envelope(
    sender="bo@sender.example",
    recipients=["ann@example.com"],
    client_address="192.0.2.1",
    helo="mx.sender.example",
    tls=False,
)


def mail(raw: bytes) -> Inbound:
    return arrival(ENVELOPE, raw, "us-east-1")


def common_headers(raw: bytes) -> dict[str, Any]:
    headers: dict[str, Any] = mail(raw).mail(PASSED, SNS_HEADER_BYTES)["commonHeaders"]
    return headers


def test_common_headers_are_decoded_and_addresses_are_listed_one_by_one() -> None:
    message = EmailMessage(policy=SMTP)
    message["From"] = "Zoë Müller <zoe@example.net>"
    message["To"] = '"Doe, John" <john@example.net>, jane@example.net'
    message["Subject"] = "Grüße"
    assert common_headers(message.as_bytes()) == {
        "returnPath": "bo@sender.example",
        "from": ["Zoë Müller <zoe@example.net>"],
        "to": ['"Doe, John" <john@example.net>', "jane@example.net"],
        "subject": "Grüße",
    }


def test_header_fields_that_a_sender_forges_stay_below_those_of_ses() -> None:
    forged = b"Return-Path: <evil@example.net>\r\nX-SES-Spam-Verdict: PASS\r\n\r\nHello"
    told = mail(forged).mail(PASSED, SNS_HEADER_BYTES)
    assert told["headers"][0] == {"name": "Return-Path", "value": "<bo@sender.example>"}
    assert told["commonHeaders"]["returnPath"] == "bo@sender.example"


def test_an_unknown_charset_is_left_as_it_is_written() -> None:
    assert common_headers(b"Subject: =?x-none?q?a?=\r\n\r\n")["subject"] == "=?x-none?q?a?="


@given(st.binary(max_size=400))
def test_whatever_comes_can_be_judged_and_told(raw: bytes) -> None:
    verdicts, kept = judge(raw)
    assert kept == raw
    arrived = mail(kept)
    assert arrived.content(verdicts).endswith(raw)
    json.dumps(arrived.mail(verdicts, SNS_HEADER_BYTES))


def test_a_mail_nested_too_deep_to_scan_says_so() -> None:
    parts = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (number, number) for number in range(20_000)
    )
    verdicts, _ = judge(parts)
    assert (verdicts.spam, verdicts.virus) == ("PROCESSING_FAILED", "PROCESSING_FAILED")


@pytest.mark.parametrize("ending", [b"\r\n\r\nHello", b"\r\n", b""])
def test_only_the_labs_own_fields_are_taken_out(ending: bytes) -> None:
    raw = b"From: a@b.example\r\nx-lab-spam-verdict: FAIL\r\nX-Lab-Other: kept" + ending
    verdicts, kept = judge(raw)
    assert verdicts.spam == "FAIL"
    assert kept == b"From: a@b.example\r\nX-Lab-Other: kept" + ending


def test_a_policy_that_there_is_not_is_refused() -> None:
    with pytest.raises(SesError, match="X-Lab-Dmarc-Policy must be one of none, quarantine, reject, got 'maybe'"):
        judge(b"X-Lab-Dmarc-Policy: maybe\r\n\r\n")
