"""The walk-through: the reference app deployed into the lab, real mail through it, and what became of each message.

Every line of the table at the end is checked: what does not come true ends the demo with an error that names the step.
"""

from __future__ import annotations

import json
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from ses_constructs.lab.errors import LabError
from ses_constructs.lab.lab import Lab
from ses_constructs.lab.smtp_password import smtp_password
from ses_constructs.lab.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Sequence

DOMAIN = "mail.example.com"
ZONE = "example.com"
_SENDER = f"hello@{DOMAIN}"
_NEEDED = {"ConfigurationSetName", "SuppressionTableName", "FeedbackDeadLetterQueueUrl"}
_TIMEOUT = 30  # seconds for mail to get through, which takes one or two


@dataclass(frozen=True, slots=True)
class Case:
    """A recipient, and what has to become of a message to it.

    :param reason: why it has to be on the ledger; None if it must not.
    """

    address: str
    events: tuple[str, ...]
    reason: str | None


@dataclass(frozen=True, slots=True)
class Sent:
    """One message on its way."""

    via: str
    case: Case
    recipient: str
    message_id: str


# https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
CASES = (
    Case("success@simulator.amazonses.com", ("Send", "Delivery"), None),
    Case("bounce@simulator.amazonses.com", ("Send", "Bounce"), "BOUNCE"),
    Case("complaint@simulator.amazonses.com", ("Send", "Delivery", "Complaint"), "COMPLAINT"),
    Case("ooto@simulator.amazonses.com", ("Send", "Delivery", "Bounce"), None),
    Case("somebody@example.net", ("Send", "Delivery"), None),
)


def run_demo(app: Path, *, port: int | None, console: Console) -> None:
    """Run the walk-through with the app in *app*.

    :raises LabError: if any step does not come true.
    """
    steps = Steps(console)
    with steps("start the lab"):
        lab = steps.enter(Lab(port=port, work_dir=app / ".lab" / "demo"))
    try:
        _walk(lab, app, steps, console)
    finally:
        steps.close()


def deploy(lab: Lab, app: Path, steps: Steps) -> dict[str, dict[str, str]]:
    """Bootstrap and deploy an app with the real CDK CLI, with the context of a hosted zone that is made for it."""
    with steps("cdk bootstrap"):
        lab.bootstrap()
    with steps("cdk deploy"):
        zone_id = lab.create_hosted_zone(ZONE)
        context = {"domain": DOMAIN, "hosted_zone_id": zone_id, "hosted_zone_name": ZONE}
        return lab.deploy(app, context=context)


def smtp_user(lab: Lab) -> tuple[str, str]:
    """Make an IAM user that may send, and return the SMTP user name and password of its access key."""
    iam = lab.session().client("iam")
    iam.create_user(UserName="smtp")
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*"}],
    }
    iam.put_user_policy(UserName="smtp", PolicyName="send", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="smtp")["AccessKey"]
    return key["AccessKeyId"], smtp_password(key["SecretAccessKey"], lab.region)


def _walk(lab: Lab, app: Path, steps: Steps, console: Console) -> None:
    stacks = deploy(lab, app, steps)
    with steps("look up the outputs of the stack"):
        outputs = _outputs(stacks)
    with steps("make SMTP credentials"):
        user, password = smtp_user(lab)
    with steps(f"send {len(CASES)} messages over SMTP, with STARTTLS and AUTH"):
        sent = _send_over_smtp(lab, outputs, user, password)
    with steps(f"send {len(CASES)} messages over the SES API"):
        sent += _send_over_api(lab, outputs)
    with steps("wait for the events of every message"):
        events = {message.message_id: _events(lab, message) for message in sent}
    with steps("wait for bounces and complaints on the suppression ledger"):
        ledger = {message.recipient: _ledger(lab, outputs, message) for message in sent}
    with steps("check that nobody else is on it, and nothing in the dead-letter queue"):
        _check_the_rest(lab, outputs, sent)
    console.print(_table(sent, events, ledger))
    console.print(
        "\nAll came true. To look further: [bold]make lab[/] keeps it running and prints how to reach it; "
        "logs and the synthesised template are in [bold].lab/demo[/]."
    )


def _outputs(stacks: dict[str, dict[str, str]]) -> dict[str, str]:
    for outputs in stacks.values():
        if outputs.keys() >= _NEEDED:
            return outputs
    raise LabError(f"no stack has the outputs that the demo needs: {', '.join(sorted(_NEEDED))}")


def _message(recipient: str, outputs: dict[str, str], via: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = f"ses-constructs <{_SENDER}>"
    message["To"] = recipient
    message["Subject"] = f"Hello over {via}"
    message.set_content("Hello from the lab.")
    message.add_alternative("<p>Hello from <b>the lab</b>.</p>", subtype="html")
    if via == "SMTP":
        message["X-SES-CONFIGURATION-SET"] = outputs["ConfigurationSetName"]
        message["X-SES-MESSAGE-TAGS"] = "via=smtp"
    return message


def _labelled(case: Case, label: str) -> str:
    local, _, domain = case.address.partition("@")
    return f"{local}+{label}@{domain}"


def _send_over_smtp(lab: Lab, outputs: dict[str, str], user: str, password: str) -> list[Sent]:
    sent = []
    host, port = lab.submission
    with smtplib.SMTP(host, port, timeout=_TIMEOUT) as smtp:
        smtp.starttls(context=ssl.create_default_context(cafile=str(lab.ca_certificate)))
        smtp.login(user, password)
        for case in CASES:
            recipient = _labelled(case, "smtp")
            # smtplib's send_message says nothing of the server's answer, which holds the message id.
            smtp.mail(_SENDER)
            smtp.rcpt(recipient)
            code, answer = smtp.data(_message(recipient, outputs, "SMTP").as_bytes())
            if code != 250:
                raise LabError(f"{recipient} was refused: {code} {answer.decode()}")
            sent.append(Sent("SMTP", case, recipient, answer.decode().split()[-1]))
    return sent


def _send_over_api(lab: Lab, outputs: dict[str, str]) -> list[Sent]:
    ses = lab.session().client("sesv2")
    sent = []
    for case in CASES:
        recipient = _labelled(case, "api")
        answer = ses.send_email(
            FromEmailAddress=_SENDER,
            Destination={"ToAddresses": [recipient]},
            Content={"Raw": {"Data": _message(recipient, outputs, "API").as_bytes()}},
            ConfigurationSetName=outputs["ConfigurationSetName"],
            EmailTags=[{"Name": "via", "Value": "api"}],
        )
        sent.append(Sent("API", case, recipient, answer["MessageId"]))
    return sent


def _events(lab: Lab, message: Sent) -> list[str]:
    def seen() -> list[str] | None:
        of_message = [event for event in lab.events() if event.message_id == message.message_id]
        undelivered = [event.error for event in of_message if event.error is not None]
        if undelivered:
            raise LabError(f"an event about {message.recipient} was not delivered: {undelivered[0]}")
        types = list(dict.fromkeys(event.event_type for event in of_message))
        return types if len(types) >= len(message.case.events) else None

    what = f"the events {', '.join(message.case.events)} about {message.recipient}"
    types = lab.wait_for(seen, timeout=_TIMEOUT, describe=what)
    if types != list(message.case.events):
        raise LabError(f"expected {what}, saw {', '.join(types)}")
    return types


def _ledger(lab: Lab, outputs: dict[str, str], message: Sent) -> dict[str, Any] | None:
    if message.case.reason is None:
        return None
    item = lab.wait_for(
        lambda: _item(lab, outputs, message.recipient),
        timeout=_TIMEOUT,
        describe=f"{message.recipient} on the suppression ledger",
    )
    if (item["status"], item["reason"]) != ("SUPPRESSED", message.case.reason):
        raise LabError(f"{message.recipient} is on the ledger as {item['status']}, {item['reason']}")
    return item


def _item(lab: Lab, outputs: dict[str, str], recipient: str) -> dict[str, Any] | None:
    table = lab.session().resource("dynamodb").Table(outputs["SuppressionTableName"])
    item: dict[str, Any] | None = table.get_item(Key={"address": recipient, "scope": "account"}).get("Item")
    return item


def _check_the_rest(lab: Lab, outputs: dict[str, str], sent: Sequence[Sent]) -> None:
    sqs = lab.session().client("sqs")

    def waiting(queue_url: str) -> int:
        attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
        return sum(int(number) for name, number in attributes.items() if name.startswith("ApproximateNumberOf"))

    dead_letters = outputs["FeedbackDeadLetterQueueUrl"]
    queues = [url for url in sqs.list_queues().get("QueueUrls", []) if url != dead_letters]
    lab.wait_for(lambda: not any(map(waiting, queues)), timeout=_TIMEOUT, describe="the queue to be empty")
    if waiting(dead_letters):
        raise LabError("there are messages in the dead-letter queue")
    for message in sent:
        if message.case.reason is None and _item(lab, outputs, message.recipient) is not None:
            raise LabError(f"{message.recipient} is on the suppression ledger and should not be")


def _table(sent: Sequence[Sent], events: dict[str, list[str]], ledger: dict[str, dict[str, Any] | None]) -> Table:
    table = Table(title="\nWhat became of each message", title_justify="left", title_style="bold", box=None)
    for column in ("over", "to", "events", "suppression ledger"):
        table.add_column(column, no_wrap=column == "to")
    for message in sent:
        item = ledger[message.recipient]
        recorded = "-"
        if item is not None:
            in_ses_words = item.get("bounce_type") or item.get("complaint_feedback_type", "")
            recorded = f"[red]{item['reason']}[/], {in_ses_words}"
        table.add_row(message.via, message.recipient, ", ".join(events[message.message_id]), recorded)
    return table
