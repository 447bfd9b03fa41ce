"""The ticket desk in the lab: a customer writes, is answered, and answers."""

import json
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from ses_constructs.lab import Lab
from tests.lab.arriving import bring, write

EXAMPLE = Path(__file__).parents[2] / "examples" / "ticket_desk"
ZONE = "tickets.example.com"
DOMAIN = f"desk.{ZONE}"

pytestmark = pytest.mark.lab


class Desk:
    """The example, and what it has on its desk."""

    def __init__(self, lab: Lab, outputs: dict[str, str]) -> None:
        self.lab, self.outputs = lab, outputs
        self._seen = max((it.sequence for it in lab.messages()), default=0)

    def answer(self) -> Any:
        """The next mail that the desk sends."""
        (found,) = self.lab.wait_for(
            lambda: self.lab.messages(self._seen), timeout=60, describe="the answer of the desk"
        )
        self._seen = found.sequence
        return message_from_bytes(found.raw, policy=default)

    def tickets(self) -> dict[str, list[str]]:
        """The subjects in each ticket."""
        table = self.lab.session().resource("dynamodb").Table(self.outputs["TableName"])
        found: dict[str, list[str]] = {}
        for item in sorted(table.scan()["Items"], key=lambda it: str(it["message"])):
            if "subject" in item:
                found.setdefault(str(item["ticket"]), []).append(str(item["subject"]))
        return found

    def wait_for(self, subject: str) -> list[str]:
        """The ticket that a mail is in, once it is in one."""
        return self.lab.wait_for(
            lambda: next((it for it in self.tickets().values() if subject in it), None),
            timeout=60,
            describe=f"{subject} in a ticket",
        )


@pytest.fixture(scope="module")
def desk(ses_lab: Lab) -> Iterator[Desk]:
    context = {"hosted_zone_id": ses_lab.create_hosted_zone(ZONE), "hosted_zone_name": ZONE}
    yield Desk(ses_lab, ses_lab.deploy(EXAMPLE, context=context)["TicketDeskExample"])
    ses_lab.destroy(EXAMPLE, context=context)


def test_a_mail_becomes_a_ticket_and_the_answer_to_its_answer_joins_it(desk: Desk) -> None:
    bring(desk.lab, f"support@{DOMAIN}", write(subject="Printer on fire"))
    answer = desk.answer()
    (reply_to,) = answer["reply-to"].addresses
    assert (reply_to.username.partition("+")[0], reply_to.domain) == ("reply", DOMAIN)
    assert (answer["to"], answer["in-reply-to"]) == ("ann@sender.example", "<1@sender.example>")
    assert answer["auto-submitted"] == "auto-replied"

    bring(desk.lab, reply_to.addr_spec, write(subject="Re: Printer on fire"))
    assert desk.wait_for("Re: Printer on fire") == ["Printer on fire", "Re: Printer on fire"]


def test_a_forged_address_opens_a_ticket_of_its_own_and_no_others(desk: Desk) -> None:
    function = desk.outputs["ReplyFunctionName"]
    lambda_ = desk.lab.session().client("lambda")

    def ask(**request: str) -> dict[str, Any]:
        answer = lambda_.invoke(FunctionName=function, Payload=json.dumps(request).encode())
        return dict(json.load(answer["Payload"]))

    genuine = ask(make="T-secret")["address"]
    assert ask(check=genuine) == {"thread": "T-secret"}
    changed = "a" if genuine[12] != "a" else "b"
    forged = genuine[:12] + changed + genuine[13:]
    assert ask(check=forged) == {"thread": None, "reason": "Forged"}
    bring(desk.lab, forged, write(subject="Let me in"))
    assert desk.wait_for("Let me in") == ["Let me in"]
    assert desk.answer()["reply-to"] != forged
    assert "T-secret" not in desk.tickets()


def test_machines_are_not_answered(desk: Desk) -> None:
    bring(desk.lab, f"support@{DOMAIN}", write(subject="Out of office", Auto_Submitted="auto-replied"))
    desk.wait_for("Out of office")
    bring(desk.lab, f"support@{DOMAIN}", write(subject="A person"))
    desk.wait_for("A person")
    assert desk.answer()["subject"] == "Re: A person", "and nothing before it"
