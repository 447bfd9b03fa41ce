"""What the lab's SES tells of a mail that came in: verdicts, and the shapes of notifications."""

import json
import os
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from tests.lab.reception import Reception, told
from tests.lab.stage import Stage

pytestmark = pytest.mark.lab

# Test strings in two parts, so that no scanner takes this file for them.
EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

# Verdicts


def test_everything_passes_unless_the_mail_says_otherwise(reception: Reception) -> None:
    bucket = reception.bucket()
    reception.rule({"S3Action": {"BucketName": bucket}})
    assert set(reception.receive(reception.recipient).verdicts.values()) == {"PASS"}
    asked = {"X-Lab-Spam-Verdict": "GRAY", "X-Lab-Dkim-Verdict": "FAIL", "X-Lab-Virus-Verdict": "PROCESSING_FAILED"}
    received = reception.receive(reception.recipient, message=reception.mail(headers=asked))
    expected = {"spam": "GRAY", "virus": "PROCESSING_FAILED", "spf": "PASS", "dkim": "FAIL", "dmarc": "PASS"}
    assert received.verdicts == expected
    stored = reception.objects(bucket)[received.message_id]
    assert b"X-SES-Spam-Verdict: GRAY\r\n" in stored
    assert b"X-Lab-" not in stored


def test_a_verdict_that_there_is_not_is_refused(reception: Reception) -> None:
    reception.rule({"AddHeaderAction": {"HeaderName": "X-Seen", "HeaderValue": "yes"}})
    message = reception.mail(headers={"X-Lab-Spam-Verdict": "MAYBE"})
    with reception.smtp() as smtp:
        smtp.mail("bo@sender.example")
        smtp.rcpt(reception.recipient)
        code, said = smtp.data(message.as_bytes(policy=SMTP))
    assert (code, b"X-Lab-Spam-Verdict must be one of" in said) == (554, True)


@pytest.mark.parametrize(("text", "verdict"), [(EICAR, "virus"), (GTUBE, "spam")])
def test_the_test_strings_fail_in_a_text_and_in_an_attachment(reception: Reception, text: str, verdict: str) -> None:
    reception.rule({"AddHeaderAction": {"HeaderName": "X-Seen", "HeaderValue": "yes"}})
    attached = reception.mail()
    attached.add_attachment(text.encode(), maintype="application", subtype="octet-stream", filename="a.bin")
    for message in (reception.mail(text=text), attached):
        verdicts = reception.receive(reception.recipient, message=message).verdicts
        assert [name for name, status in verdicts.items() if status == "FAIL"] == [verdict]


def test_a_rule_that_does_not_scan_says_so(reception: Reception) -> None:
    function = reception.function()
    call = {"LambdaAction": {"FunctionArn": function, "InvocationType": "RequestResponse"}}
    reception.rule(call, ScanEnabled=False)
    reception.receive(reception.recipient)
    (event,) = reception.calls(function)
    receipt = event["Records"][0]["ses"]["receipt"]
    assert (receipt["spamVerdict"], receipt["virusVerdict"]) == ({"status": "DISABLED"}, {"status": "DISABLED"})
    assert receipt["spfVerdict"] == {"status": "PASS"}


# Shapes


def test_the_policy_of_the_senders_domain_is_told_where_dmarc_failed(reception: Reception, stage: Stage) -> None:
    reception.rule({"SNSAction": {"TopicArn": stage.topic_arn}})
    told(stage)
    headers = {"X-Lab-Dmarc-Verdict": "FAIL", "X-Lab-Dmarc-Policy": "reject"}
    reception.receive(reception.recipient, message=reception.mail(headers=headers))
    (document,) = told(stage)
    assert (document["receipt"]["dmarcVerdict"], document["receipt"]["dmarcPolicy"]) == ({"status": "FAIL"}, "reject")


def test_a_long_header_is_cut_off_in_a_notification_and_later_for_a_function(
    reception: Reception, stage: Stage
) -> None:
    function = reception.function()
    reception.rule(
        {"SNSAction": {"TopicArn": stage.topic_arn}},
        {"LambdaAction": {"FunctionArn": function, "InvocationType": "RequestResponse"}},
    )
    told(stage)
    headers = {f"X-Long-{number}": "x" * 500 for number in range(30)}
    reception.receive(reception.recipient, message=reception.mail(headers=headers))
    (document,) = told(stage)
    (event,) = reception.calls(function)
    assert document["mail"]["headersTruncated"]
    assert len(json.dumps(document["mail"]["headers"])) < 13 * 1024
    mail = event["Records"][0]["ses"]["mail"]
    assert not mail["headersTruncated"]
    assert sum(header["name"].startswith("X-Long") for header in mail["headers"]) == 30


@pytest.mark.parametrize(
    ("sample", "without"),
    [("captured-fxrelay-sns-action.json", ()), ("captured-fxrelay-s3-stored.json", ("content",))],
)
def test_notifications_have_the_shape_of_captured_ones(
    reception: Reception, stage: Stage, sample: str, without: tuple[str, ...]
) -> None:
    corpus = os.environ.get("SES_EVENT_CORPUS")
    if corpus is None:
        pytest.skip("SES_EVENT_CORPUS names no folder of samples")
    real = json.loads(json.loads(Path(corpus, "inbound-sns", sample).read_text())["Message"])
    if without:
        action = {"BucketName": reception.bucket(), "ObjectKeyPrefix": "mail", "TopicArn": stage.topic_arn}
        reception.rule({"S3Action": action})
    else:
        reception.rule({"SNSAction": {"TopicArn": stage.topic_arn}})
    told(stage)
    headers = {"Date": "Mon, 1 Jan 2024 00:00:00 +0000", "Message-ID": "<a@b.example>"}
    if "replyTo" in real["mail"]["commonHeaders"]:
        headers["Reply-To"] = "bo@sender.example"
    reception.receive(reception.recipient, message=reception.mail(headers=headers))
    (ours,) = told(stage)
    assert _shape(ours) == _shape(real)


def _shape(value: Any) -> Any:
    """Keys and types, in their order."""
    if isinstance(value, dict):
        return [(key, _shape(it)) for key, it in value.items()]
    return [_shape(value[0])] if isinstance(value, list) and value else type(value).__name__
