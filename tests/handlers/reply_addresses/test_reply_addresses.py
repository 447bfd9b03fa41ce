"""The function that makes and checks reply addresses, and the mailbox that reads them, with one key of KMS."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import botocore.session
import pytest
from botocore.exceptions import ClientError
from jsonschema import Draft202012Validator
from moto import mock_aws

from inbound.core import describe
from inbound.mime import take_apart
from inbound.receipt import Receipt
from inbound.threads import thread_of
from reply_addresses import handler as handler_module
from ses_common import reply_keys

DOMAIN = "support.example.com"
VERDICTS = dict.fromkeys(("spam", "virus", "spf", "dkim", "dmarc"), "PASS")


@pytest.fixture(scope="module")
def kms() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        yield botocore.session.get_session().create_client("kms")


@pytest.fixture(autouse=True)
def key_arn(kms: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]
    monkeypatch.setattr(reply_keys, "_kms", lambda: kms)
    for name, value in {
        "REPLY_DOMAIN": DOMAIN,
        "REPLY_KEY_ARN": key["Arn"],
        "LIFETIME_SECONDS": str(30 * 86_400),
    }.items():
        monkeypatch.setenv(name, value)
    return str(key["Arn"])


def ask(**request: Any) -> dict[str, str | None]:
    return handler_module.handler(request, None)


def make(thread: str = "T-1042") -> str:
    return str(ask(make=thread)["address"])


def test_an_address_that_was_made_leads_back_to_its_thread() -> None:
    for thread in ("T-1042", str(uuid4())):
        made = ask(make=thread)
        assert ask(check=made["address"]) == {"thread": thread}
        ends = datetime.fromisoformat(str(made["expires_at"]))
        assert timedelta(days=30) <= ends - datetime.now(UTC) + timedelta(seconds=5) <= timedelta(days=30, hours=2)


def test_the_mailbox_finds_the_thread_among_the_recipients() -> None:
    address = make()
    assert thread_of(["boss@example.com", f"reply@{DOMAIN}", address.upper()]) == {
        "id": "T-1042",
        "address": address.upper(),
    }


def test_forged_and_foreign_addresses_name_no_thread(monkeypatch: pytest.MonkeyPatch, kms: Any) -> None:
    foreign = make()
    other = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Arn"]
    monkeypatch.setenv("REPLY_KEY_ARN", other)
    assert ask(check=foreign) == {"thread": None, "reason": "Forged"}
    assert ask(check=f"support@{DOMAIN}") == {"thread": None, "reason": "NotAReplyAddress"}
    assert thread_of([foreign, f"support@{DOMAIN}"]) is None
    genuine = make("T-1")
    assert thread_of([foreign, genuine]) == {"id": "T-1", "address": genuine}


def test_an_expired_address_names_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    address = make()
    later = (datetime.now(UTC) + timedelta(days=31)).timestamp()
    monkeypatch.setattr("time.time", lambda: later)
    assert ask(check=address) == {"thread": None, "reason": "Expired"}
    assert thread_of([address]) is None


def test_without_reply_addresses_no_mail_has_a_thread_and_kms_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    address = make()
    monkeypatch.setattr(reply_keys, "_kms", lambda: pytest.fail("KMS was asked"))
    assert thread_of([f"info@{DOMAIN}", f"reply+{'a' * 9}@{DOMAIN}"]) is None
    monkeypatch.delenv("REPLY_KEY_ARN")
    assert thread_of([address]) is None


def test_a_key_that_cannot_be_used_is_an_error_and_no_forgery(monkeypatch: pytest.MonkeyPatch, key_arn: str) -> None:
    address = make()
    monkeypatch.setenv("REPLY_KEY_ARN", f"{key_arn[:-36]}{uuid4()}")
    for fails in (lambda: ask(check=address), lambda: thread_of([address]), make):
        with pytest.raises(ClientError):
            fails()


@pytest.mark.parametrize(
    "request_", [{}, {"make": 1}, {"make": "x" * 21}, {"make": ""}, {"check": None}, {"other": "x"}]
)
def test_a_wrong_request_is_refused(request_: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        ask(**request_)


def test_logs_hold_neither_addresses_nor_threads(caplog: pytest.LogCaptureFixture) -> None:
    address = make()
    forged = address[:12] + ("a" if address[12] != "a" else "b") + address[13:]
    with caplog.at_level(logging.INFO, logger="ses_constructs"):
        assert thread_of([address]) is not None
        assert thread_of([forged]) is None
    logged = " ".join(str(record.__dict__) for record in caplog.records)
    assert "Forged" in logged
    assert all(word not in logged for word in (address, forged, "T-1042", "reply+"))


def test_the_event_of_an_answer_names_its_thread_as_the_schema_says() -> None:
    schema = json.loads((Path(__file__).parents[3] / "docs" / "email-received.schema.json").read_text())
    address = make()
    receipt = Receipt("3eh6", "2026-03-02T08:15:30Z", "a@example.net", (address,), (), VERDICTS, "", "bucket", "mail/1")
    mail = take_apart([b"Subject: Re: Hello\r\n\r\nHello"])
    thread = thread_of(receipt.recipients)
    detail = describe(receipt, mail, [], mailbox="Mail/Box", document_key="parsed/1/mail.json", thread=thread)
    assert detail["thread"] == {"id": "T-1042", "address": address}
    Draft202012Validator(schema).validate(detail)
