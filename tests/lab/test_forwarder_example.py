"""The forwarder example in the lab: mail comes in at one end, and goes out at the other."""

import json
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from ses_constructs.lab import Lab
from tests.lab.arriving import bring, write

EXAMPLE = Path(__file__).parents[2] / "examples" / "forwarder"
ZONE = "forward.example.com"
DOMAIN = f"people.{ZONE}"

pytestmark = pytest.mark.lab


class Deployed:
    """The example, and what it sends."""

    def __init__(self, lab: Lab, outputs: dict[str, str]) -> None:
        self.lab, self.outputs = lab, outputs
        self._seen = max((it.sequence for it in lab.messages()), default=0)

    def sent(self, count: int = 1) -> list[tuple[list[str], Any]]:
        """Recipients and content of the next mails."""
        found = self.lab.wait_for(
            lambda: it if len(it := self.lab.messages(self._seen)) >= count else None,
            timeout=60,
            describe=f"{count} forwarded mails",
        )
        self._seen = found[-1].sequence
        return [(sorted(it.recipients), message_from_bytes(it.raw, policy=default)) for it in found]

    def keys(self, folder: str) -> list[str]:
        listed = self.lab.session().client("s3").list_objects_v2(Bucket=self.outputs["BucketName"], Prefix=folder)
        return [it["Key"] for it in listed.get("Contents", []) if "SETUP" not in it["Key"]]


@pytest.fixture(scope="module")
def forwarder(ses_lab: Lab) -> Iterator[Deployed]:
    context = {"hosted_zone_id": ses_lab.create_hosted_zone(ZONE), "hosted_zone_name": ZONE}
    yield Deployed(ses_lab, ses_lab.deploy(EXAMPLE, context=context)["ForwarderExample"])
    ses_lab.destroy(EXAMPLE, context=context)


def test_a_mail_goes_on_under_a_name_that_may_send_and_answers_go_back_to_who_wrote_it(forwarder: Deployed) -> None:
    bring(forwarder.lab, f"info+hello@{DOMAIN}", write(subject="Grüße", text="Übermorgen?\n"))
    ((recipients, mail),) = forwarder.sent()
    assert recipients == ["ann@example.net"]
    (author,) = mail["from"].addresses
    assert author.display_name == f"Ann (ann@sender.example) via info+hello@{DOMAIN}"
    assert author.addr_spec == f"forwarder@{DOMAIN}"
    assert [it.addr_spec for it in mail["reply-to"].addresses] == ["ann@sender.example"]
    assert (mail["subject"], mail.get_content()) == ("Grüße", "Übermorgen?\r\n")
    assert mail["references"] == "<1@sender.example>"


def test_patterns_and_the_catch_all_lead_to_their_people(forwarder: Deployed) -> None:
    bring(forwarder.lab, f"sales-de@{DOMAIN}", write())
    ((recipients, _),) = forwarder.sent()
    assert recipients == ["ann@example.net", "bob@example.net"]
    bring(forwarder.lab, f"whoever@{DOMAIN}", write())
    ((recipients, _),) = forwarder.sent()
    assert recipients == ["postmaster@example.net"]


def test_what_comes_back_goes_no_further_nor_do_automatic_replies_and_spam_and_all_is_kept(
    forwarder: Deployed,
) -> None:
    bring(forwarder.lab, f"info@{DOMAIN}", write())
    ((_, first),) = forwarder.sent()
    before = len(forwarder.keys("parsed/"))
    for message, sender in (
        (write(X_Forwarded_By=first["x-forwarded-by"]), "ann@sender.example"),
        (write(Auto_Submitted="auto-replied"), "ann@sender.example"),
        (write(), ""),
        (write(X_Lab_Spam_Verdict="FAIL"), "ann@sender.example"),
    ):
        bring(forwarder.lab, f"info@{DOMAIN}", message, sender=sender)
    bring(forwarder.lab, f"info@{DOMAIN}", write(subject="The last one"))
    ((_, mail),) = forwarder.sent()
    assert mail["subject"] == "The last one"
    forwarder.lab.wait_for(lambda: len(forwarder.keys("parsed/")) >= before + 5, timeout=60, describe="all of them")
    assert len(forwarder.keys("quarantine/")) == 1


def test_a_mail_that_ses_refuses_becomes_a_dead_letter_with_the_reason_and_is_kept(forwarder: Deployed) -> None:
    session = forwarder.lab.session()
    functions = session.client("lambda")
    (function,) = [
        it
        for it in functions.list_functions()["Functions"]
        if "FROM_ADDRESS" in it.get("Environment", {}).get("Variables", {})
    ]
    variables = {**function["Environment"]["Variables"], "FROM_ADDRESS": "forwarder@unverified.example"}
    functions.update_function_configuration(FunctionName=function["FunctionName"], Environment={"Variables": variables})
    bring(forwarder.lab, f"info@{DOMAIN}", write())
    letters = forwarder.lab.wait_for(
        lambda: (
            session.client("sqs")
            .receive_message(QueueUrl=forwarder.outputs["DeadLetterQueueUrl"], MessageAttributeNames=["All"])
            .get("Messages")
        ),
        timeout=60,
        describe="the dead letter",
    )
    assert letters[0]["MessageAttributes"]["Reason"]["StringValue"] == "MessageRejected"
    key = json.loads(letters[0]["Body"])["detail"]["stored"]["mailKey"]
    assert key in forwarder.keys("mail/")
