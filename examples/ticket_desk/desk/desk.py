"""The desk: one ticket a conversation, one item a mail."""

import json
import os
from functools import cache
from typing import Any

import boto3

ANSWER = "Thank you, we have your mail as ticket {ticket}. Answer to this mail to add to it.\n"


def handler(event: dict[str, Any], context: object) -> None:
    """Put mails into their tickets; each may come more than once, and changes nothing then."""
    for record in event["Records"]:
        receive(json.loads(record["body"])["detail"])


def receive(mail: dict[str, Any]) -> None:
    """Put one mail into the ticket that it answers in, else into a new one."""
    # Proven to be one that we gave out. References and subjects anybody can write, so they open no ticket.
    thread = mail["thread"]
    ticket = thread["id"] if thread is not None else f"T-{mail['sesMessageId'][:18]}"
    item = {
        "ticket": ticket,
        "message": f"{mail['receivedAt']} {mail['sesMessageId']}",
        "from": mail["from"][0]["address"] if mail["from"] else "",
        "subject": mail["subject"],
        "text": mail["text"] or "",
        "mail": mail["stored"]["mailKey"],
        "authentic": mail["verdicts"]["dmarc"] == "PASS",
    }
    table().put_item(Item=item)
    automatic = mail["automatic"]
    # Machines are not answered (RFC 3834), nor whoever may only be named as the sender of spam.
    if thread is None and item["authentic"] and not any(automatic.values()):
        acknowledge(ticket, mail)


def acknowledge(ticket: str, mail: dict[str, Any]) -> None:
    """Tell the sender of a new ticket the address to answer to, once."""
    author = (mail["replyTo"] or mail["from"])[0]["address"]
    try:
        table().put_item(
            Item={"ticket": ticket, "message": "acknowledged"}, ConditionExpression="attribute_not_exists(ticket)"
        )
    except table().meta.client.exceptions.ConditionalCheckFailedException:
        return
    answer = client("lambda").invoke(
        FunctionName=os.environ["REPLY_FUNCTION"], Payload=json.dumps({"make": ticket}).encode()
    )
    address = json.load(answer["Payload"])["address"]
    threading = [
        {"Name": name, "Value": f"<{mail['messageId']}>"} for name in ("In-Reply-To", "References") if mail["messageId"]
    ]
    client("sesv2").send_email(
        FromEmailAddress=os.environ["FROM_ADDRESS"],
        ReplyToAddresses=[address],
        Destination={"ToAddresses": [author]},
        Content={
            "Simple": {
                "Subject": {"Data": f"Re: {mail['subject']}"},
                "Body": {"Text": {"Data": ANSWER.format(ticket=ticket)}},
                "Headers": [{"Name": "Auto-Submitted", "Value": "auto-replied"}, *threading],
            }
        },
    )


@cache
def table() -> Any:
    """Return the table of tickets."""
    return boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


@cache
def client(service: str) -> Any:
    """Return a client, made once."""
    session: Any = boto3  # its types want the service's name as a literal
    return session.client(service)
