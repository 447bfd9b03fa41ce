"""The JSON that SES emits, in both of its schemas.

Event publishing: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
Identity notifications: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import getaddresses
from typing import Any

from ses_constructs.lab.server.simulator import Outcome

JsonObject = dict[str, Any]

# Addresses of documentation networks (RFC 5737): nothing is sent from or to anywhere.
_OUTGOING_IP = "192.0.2.102"
_REMOTE_MTA_IP = "198.51.100.21"
_REPORTING_MTA = "a48-102.smtp-out.amazonses.com"
# What the mail object of some events lacks.
_LEFT_OUT = {
    "Rendering Failure": ("headers", "commonHeaders"),
    "DeliveryDelay": ("headers", "commonHeaders"),
    "Open": ("sourceArn",),
    "Click": ("sourceArn",),
}
_SUPPRESSED = ("OnAccountSuppressionList", "UnsubscribedRecipient")


@dataclass(frozen=True, kw_only=True)
class Mail:
    """What all documents about one message have in common."""

    message_id: str
    at: datetime
    source: str
    source_arn: str
    source_ip: str
    caller_identity: str
    account: str
    destination: Sequence[str]
    headers: Sequence[Mapping[str, str]]
    tags: Mapping[str, Sequence[str]]


def timestamp(moment: datetime) -> str:
    """Return a time as SES writes it: UTC, with milliseconds."""
    return f"{moment.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def event(mail: Mail, event_type: str, key: str, payload: JsonObject) -> JsonObject:
    """Return a document of event publishing."""
    tags = {name: list(values) for name, values in mail.tags.items()}
    if event_type == "Delivery":
        tags["ses:outgoing-tls-version"] = ["TLSv1.3"]
        tags["ses:outgoing-ip"] = [_OUTGOING_IP]
    content: JsonObject = {
        "timestamp": timestamp(mail.at),
        "source": mail.source,
        "sourceArn": mail.source_arn,
        "sendingAccountId": mail.account,
        "messageId": mail.message_id,
        "destination": list(mail.destination),
        "headersTruncated": False,
        "headers": [dict(header) for header in mail.headers],
        "commonHeaders": {**_common_headers(mail.headers), "messageId": mail.message_id},
        "tags": tags,
    }
    for name in _LEFT_OUT.get(event_type, ()):
        del content[name]
    # SES puts these before the mail object, everything else after it.
    if event_type in ("Bounce", "Complaint", "Click"):
        return {"eventType": event_type, key: payload, "mail": content}
    return {"eventType": event_type, "mail": content, key: payload}


def notification(mail: Mail, event_type: str, key: str, payload: JsonObject, *, with_headers: bool) -> JsonObject:
    """Return an identity notification: no tags, and headers only if the identity asks for them."""
    content: JsonObject = {
        "timestamp": timestamp(mail.at),
        "source": mail.source,
        "sourceArn": mail.source_arn,
        "sourceIp": mail.source_ip,
        "callerIdentity": mail.caller_identity,
        "sendingAccountId": mail.account,
        "messageId": mail.message_id,
        "destination": list(mail.destination),
    }
    if with_headers:
        content["headersTruncated"] = False
        content["headers"] = [dict(header) for header in mail.headers]
        content["commonHeaders"] = _common_headers(mail.headers)
    return {"notificationType": event_type, key: payload, "mail": content}


def bounce(outcome: Outcome, recipients: Sequence[str], feedback_id: str, at: datetime) -> JsonObject:
    """Return the payload of a bounce."""
    bounced: list[JsonObject] = [{"emailAddress": recipient} for recipient in recipients]
    for entry in bounced if outcome.status else []:
        entry["action"] = "failed"
        entry["status"] = outcome.status
        entry["diagnosticCode"] = outcome.diagnostic_code.format(recipient=entry["emailAddress"])
    payload: JsonObject = {
        "feedbackId": feedback_id,
        "bounceType": outcome.bounce_type,
        "bounceSubType": outcome.bounce_sub_type,
        "bouncedRecipients": bounced,
        "timestamp": timestamp(at),
    }
    if outcome.bounce_sub_type in _SUPPRESSED:  # no other server was asked
        payload["reportingMTA"] = "dns; amazonses.com"
    elif outcome.status:
        payload["remoteMtaIp"] = _REMOTE_MTA_IP
        payload["reportingMTA"] = f"dns; {_REPORTING_MTA}"
    return payload


def complaint(outcome: Outcome, recipients: Sequence[str], feedback_id: str, at: datetime) -> JsonObject:
    """Return the payload of a complaint, as the simulator makes it, or as the suppression list does."""
    payload: JsonObject = {
        "feedbackId": feedback_id,
        "complaintSubType": outcome.complaint_sub_type,
        "complainedRecipients": [{"emailAddress": recipient} for recipient in recipients],
        "timestamp": timestamp(at),
    }
    if outcome.complaint_sub_type is None:  # somebody did complain
        payload["userAgent"] = "Amazon SES Mailbox Simulator"
        payload["complaintFeedbackType"] = "abuse"
        payload["arrivalDate"] = timestamp(at)
    return payload


def delay(delay_type: str, recipient: str, at: datetime, expires_after: float) -> JsonObject:
    """Return the payload of a delayed delivery. :param expires_after: seconds until SES gives up."""
    delayed = {
        "emailAddress": recipient,
        "status": "4.4.1",
        "diagnosticCode": "smtp; 421 4.4.1 Unable to connect to remote host",
    }
    return {
        "timestamp": timestamp(at),
        "delayType": delay_type,
        "expirationTime": timestamp(at + timedelta(seconds=expires_after)),
        "delayedRecipients": [delayed],
        "reportingMTA": _REPORTING_MTA,
    }


def delivery(recipients: Sequence[str], sent_at: datetime, at: datetime) -> JsonObject:
    """Return the payload of a delivery."""
    return {
        "timestamp": timestamp(at),
        "processingTimeMillis": (at - sent_at) // timedelta(milliseconds=1),
        "recipients": list(recipients),
        "smtpResponse": "250 Ok",
        "remoteMtaIp": _REMOTE_MTA_IP,
        "reportingMTA": _REPORTING_MTA,
    }


def _common_headers(headers: Sequence[Mapping[str, str]]) -> JsonObject:
    """Return the headers that events list once more; only those that are there."""
    first = {header["name"].lower(): header["value"] for header in reversed(headers)}
    common: JsonObject = {}
    for name, key in (("from", "from"), ("to", "to"), ("cc", "cc"), ("reply-to", "replyTo")):
        if name in first:
            common[key] = [_formatted(*pair) for pair in getaddresses([first[name]])]
    for name, key in (
        ("return-path", "returnPath"),
        ("date", "date"),
        ("message-id", "messageId"),
        ("subject", "subject"),
    ):
        if name in first:
            common[key] = first[name]
    return common


def _formatted(name: str, address: str) -> str:
    return f"{name} <{address}>" if name else address
