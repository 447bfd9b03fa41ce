"""SES as a receiver: whom it takes mail for, and what it does with it.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-concepts.html.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server.documents import timestamp
from ses_constructs.lab.server.inbound import arrival
from ses_constructs.lab.server.mime import now
from ses_constructs.lab.server.receipt_access import Access
from ses_constructs.lab.server.receipt_actions import STOP_RULE, STOP_RULE_SET, Executor, Task
from ses_constructs.lab.server.receipt_rules import ReceiptRules
from ses_constructs.lab.server.verdicts import judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ses_constructs.lab.server.engine import Engine
    from ses_constructs.lab.server.hooks import Emulator
    from ses_constructs.lab.server.inbound import Envelope, Inbound
    from ses_constructs.lab.server.receipt_actions import Done
    from ses_constructs.lab.server.receipt_rules import Rule, RuleSet
    from ses_constructs.lab.server.verdicts import Verdicts

# https://docs.aws.amazon.com/ses/latest/APIReference/API_SendBounce.html
_BOUNCE_WINDOW = timedelta(hours=24)


class Receiver:
    """Takes mail for verified domains, and runs the active rule set on it."""

    def __init__(self, emulator: Emulator, engine: Engine) -> None:
        self._emulator = emulator
        self._engine = engine
        self.access = Access(emulator, engine)
        self._executor = Executor(emulator, engine, self.access)
        self.rules = ReceiptRules(emulator, self._executor.try_out)
        self._came_in: dict[str, Inbound] = {}

    def refusal(self, recipient: str, *, client_address: str, tls: bool) -> str | None:
        """Return what SMTP says to a recipient for whom no mail is taken from this client, or None."""
        if self.rules.blocks(client_address):
            return f"550 5.7.1 Service unavailable; client [{client_address}] is blocked"
        takers = list(self._takers([recipient]))
        if self._engine.verified_identity(recipient.rpartition("@")[2].lower()) is None or not takers:
            return "550 5.1.1 Requested action not taken: mailbox unavailable"
        if not tls and any(rule.tls_required for _, rule, _ in takers):
            return "530 5.7.0 Must issue a STARTTLS command first"
        return None

    def receive(self, envelope: Envelope, raw: bytes) -> str:
        """Take a mail and carry out all that the rules say, in their order.

        :returns: the message id.
        :raises SesError: for a header field that asks for a verdict that there is not.
        """
        verdicts, raw = judge(raw)
        mail = arrival(envelope, raw, self._emulator.region)
        # A bounce quotes the header and no more.
        self._came_in[mail.message_id] = replace(mail, raw=raw.partition(b"\r\n\r\n")[0])
        done = [_entry(rule, it) for rule, it in self._run(mail, verdicts)]
        self._engine.publisher.record.received(
            {
                "message_id": mail.message_id,
                "at": timestamp(mail.at),
                "source": envelope.sender,
                "recipients": list(envelope.recipients),
                "client_address": envelope.client_address,
                "tls": envelope.tls,
                "verdicts": verdicts.statuses(),
                "actions": done,
                "raw": base64.b64encode(mail.content(verdicts)).decode(),
            }
        )
        return mail.message_id

    def received(self, message_id: str) -> Inbound | None:
        """Return a mail that came in during the last day."""
        mail = self._came_in.get(message_id)
        return mail if mail is not None and now() - mail.at < _BOUNCE_WINDOW else None

    def _run(self, mail: Inbound, verdicts: Verdicts) -> Iterator[tuple[Rule, Done]]:
        for rule_set, rule, recipients in self._takers(mail.envelope.recipients):
            task = Task(
                mail=mail,
                rule=rule,
                rule_arn=self.rules.rule_arn(rule_set.name, rule.name),
                recipients=recipients,
                verdicts=verdicts if rule.scan_enabled else verdicts.unscanned(),
            )
            for action in rule.actions:
                done = self._executor.perform(task, action)
                yield rule, done
                if done.flow == STOP_RULE_SET:
                    return
                if done.flow == STOP_RULE:
                    break

    def _takers(self, recipients: Sequence[str]) -> Iterator[tuple[RuleSet, Rule, list[str]]]:
        """Return the rules of the active set that are for some of the recipients, in their order, with these."""
        active = self.rules.active()
        if active is None:
            return
        for rule in active.rules:
            taken = [it for it in recipients if rule.takes(it)] if rule.enabled else []
            if taken:
                yield active, rule, taken


def _entry(rule: Rule, done: Done) -> dict[str, Any]:
    return {"rule": rule.name, "action": done.action, "error": done.error, "flow": done.flow}
