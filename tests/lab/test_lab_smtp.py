"""SMTP submission in the lab, as SES offers it."""

import json
import smtplib
import ssl
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage

import pytest

from ses_constructs.lab.smtp_password import smtp_password
from tests.lab.stage import Stage

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Credentials:
    user: str
    secret: str
    password: str


@pytest.fixture
def credentials(stage: Stage) -> Credentials:
    return make_credentials(stage, f"arn:aws:ses:*:*:identity/{stage.domain}")


def make_credentials(stage: Stage, resource: str) -> Credentials:
    iam = stage.lab.session().client("iam")
    name = f"smtp-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="send", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    secret = key["SecretAccessKey"]
    return Credentials(key["AccessKeyId"], secret, smtp_password(secret, stage.lab.region))


@pytest.fixture
def smtp(stage: Stage) -> Iterator[smtplib.SMTP]:
    host, port = stage.lab.submission
    with smtplib.SMTP(host, port, timeout=10) as connection:
        yield connection


def start_tls(stage: Stage, smtp: smtplib.SMTP) -> None:
    smtp.starttls(context=ssl.create_default_context(cafile=str(stage.lab.ca_certificate)))


def text(sender: str, recipient: str, **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, "Hello"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Hello.")
    return message


def answer(error: smtplib.SMTPResponseException) -> bytes:
    """What the server said."""
    said = error.smtp_error
    return said if isinstance(said, bytes) else said.encode()


def test_mail_over_smtp_uses_its_headers_and_leaves_with_ses_own_date_and_id(
    stage: Stage, smtp: smtplib.SMTP, credentials: Credentials
) -> None:
    start_tls(stage, smtp)
    smtp.login(credentials.user, credentials.password)
    message = text(
        stage.sender,
        "somebody@example.net",
        X_SES_CONFIGURATION_SET=stage.configuration_set,
        X_SES_MESSAGE_TAGS="campaign=autumn",
        Message_ID="<mine@example.com>",
    )
    smtp.send_message(message)
    sent = stage.lab.messages()[-1]
    assert (sent.via, sent.configuration_set, sent.tags["campaign"]) == ("smtp", stage.configuration_set, ["autumn"])
    assert sent.tags["ses:source-tls-version"] == ["TLSv1.3"]
    assert f"Message-ID: <{sent.message_id}@email.amazonses.com>".encode() in sent.raw
    assert b"<mine@example.com>" not in sent.raw
    assert b"X-SES-" not in sent.raw


def test_nobody_may_log_in_without_tls(stage: Stage, smtp: smtplib.SMTP, credentials: Credentials) -> None:
    smtp.ehlo()
    assert not smtp.has_extn("auth")
    with pytest.raises(smtplib.SMTPException):
        smtp.login(credentials.user, credentials.password)


@pytest.mark.parametrize("wrong", ["password", "user", "region"])
def test_wrong_credentials_are_refused(stage: Stage, smtp: smtplib.SMTP, credentials: Credentials, wrong: str) -> None:
    start_tls(stage, smtp)
    user, password = {
        "user": ("AKIAIOSFODNN7EXAMPLE", credentials.password),
        "password": (credentials.user, smtp_password("another+secret", stage.lab.region)),
        "region": (credentials.user, smtp_password(credentials.secret, "eu-west-1")),
    }[wrong]
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        smtp.login(user, password)
    assert refused.value.smtp_code == 535
    assert refused.value.smtp_error == b"Authentication Credentials Invalid"


def test_mail_without_login_is_refused(stage: Stage, smtp: smtplib.SMTP) -> None:
    start_tls(stage, smtp)
    with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused)):
        smtp.send_message(text(stage.sender, "somebody@example.net"))


def test_an_unverified_sender_is_refused_over_smtp(stage: Stage, smtp: smtplib.SMTP) -> None:
    credentials = make_credentials(stage, "*")
    start_tls(stage, smtp)
    smtp.login(credentials.user, credentials.password)
    with pytest.raises(smtplib.SMTPDataError) as refused:
        smtp.send_message(text("who@elsewhere.example", "somebody@example.net"))
    assert refused.value.smtp_code == 554
    assert b"Message rejected: Email address is not verified." in answer(refused.value)


def test_a_user_whose_policy_does_not_cover_the_identity_is_refused(stage: Stage, smtp: smtplib.SMTP) -> None:
    credentials = make_credentials(stage, "arn:aws:ses:*:*:identity/other.example.com")
    start_tls(stage, smtp)
    smtp.login(credentials.user, credentials.password)
    with pytest.raises(smtplib.SMTPDataError) as refused:
        smtp.send_message(text(stage.sender, "somebody@example.net"))
    assert b"Access denied: User" in answer(refused.value)
    assert b"ses:SendRawEmail" in answer(refused.value)
