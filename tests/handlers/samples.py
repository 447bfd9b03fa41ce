"""Bounces and complaints as SES writes them, in both schemas, and as each transport puts them into the queue."""

import json
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Literal

Json = dict[str, Any]
Schema = Literal["eventType", "notificationType"]

SENT = "2026-03-02T08:15:30.120Z"
HAPPENED = "2026-03-02T08:15:33.907Z"
FEEDBACK_ID = "0100019cafe0beef-5e5c0de1-7a11-4b0b-9d3e-2f6a11c0ffee-000000"
_numbers = count(1)


def mail(message_id: str, schema: Schema, destination: Sequence[str], tenant: str | None = None) -> Json:
    common: Json = {
        "timestamp": SENT,
        "messageId": message_id,
        "source": "Example Shop <news@shop.example.com>",
        "sourceArn": "arn:aws:ses:eu-west-1:111122223333:identity/shop.example.com",
        "sendingAccountId": "111122223333",
        "destination": list(destination),
    }
    if schema == "notificationType":
        return common | {"sourceIp": "198.51.100.7", "callerIdentity": "shop"}
    tags = {"ses:configuration-set": ["shop"], "ses:from-domain": ["shop.example.com"]}
    if tenant is not None:
        tags["ses:tenant-name"] = [tenant]
    headers = [{"name": "Subject", "value": "Your order"}, {"name": "MIME-Version", "value": "1.0"}]
    return common | {
        "headersTruncated": False,
        "headers": headers,
        "commonHeaders": {"messageId": message_id},
        "tags": tags,
    }


def bounce(
    type: str | None,
    sub_type: str | None,
    *recipients: str,
    message_id: str = "0100019cafe0beef-00000000-0000-4000-8000-000000000001-000000",
    schema: Schema = "eventType",
    tenant: str | None = None,
    at: str | None = HAPPENED,
    destination: Sequence[str] = ("somebody-else@example.net",),
) -> Json:
    return {
        schema: "Bounce",
        "bounce": {
            "feedbackId": FEEDBACK_ID,
            "bounceType": type,
            "bounceSubType": sub_type,
            "bouncedRecipients": [
                {
                    "emailAddress": recipient,
                    "action": "failed",
                    "status": "5.1.1",
                    "diagnosticCode": "smtp; 550 5.1.1 no such user here",
                }
                for recipient in recipients
            ],
            "timestamp": at,
            "reportingMTA": "dns; a7-12.smtp-out.eu-west-1.amazonses.com",
        },
        "mail": mail(message_id, schema, [*destination, *recipients], tenant),
    }


def complaint(
    type: str | None,
    *recipients: str,
    sub_type: str | None = None,
    message_id: str = "0100019cafe0beef-00000000-0000-4000-8000-000000000002-000000",
    schema: Schema = "eventType",
    tenant: str | None = None,
    at: str = HAPPENED,
) -> Json:
    payload: Json = {
        "feedbackId": FEEDBACK_ID,
        "complaintSubType": sub_type,
        "complainedRecipients": [{"emailAddress": recipient} for recipient in recipients],
        "timestamp": at,
        "userAgent": "Example-Mailbox/2.1",
        "arrivalDate": "2026-03-02T03:15:32-05:00",
    }
    if type is not None:
        payload["complaintFeedbackType"] = type
    return {schema: "Complaint", "complaint": payload, "mail": mail(message_id, schema, recipients, tenant)}


def other(event_type: str, key: str, payload: Json) -> Json:
    return {"eventType": event_type, key: payload, "mail": mail("0100-other", "eventType", ["ann@example.com"])}


NOT_FEEDBACK: list[Json] = [
    other("Send", "send", {}),
    other("Delivery", "delivery", {"timestamp": HAPPENED, "recipients": ["ann@example.com"]}),
    other("Open", "open", {"timestamp": HAPPENED, "isBotEvent": "Likely"}),
    other("Click", "click", {"timestamp": HAPPENED, "linkTags": None}),
    other("Reject", "reject", {"reason": "Bad content"}),
    other("Rendering Failure", "failure", {"errorMessage": "Attribute 'name' is not present", "templateName": "order"}),
    other("DeliveryDelay", "deliveryDelay", {"delayedRecipients": [{"emailAddress": "ann@example.com"}]}),
    other("Subscription", "subscription", {"contactList": "shop"}),
    {"notificationType": "Delivery", "delivery": {}, "mail": mail("0100-other", "notificationType", ["a@example.com"])},
    {"notificationType": "Received", "receipt": {}, "mail": {"messageId": "abc"}, "content": "..."},
    {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "You have successfully subscribed ..."},
]


def raw(document: Json) -> str:
    return json.dumps(document) + "\n"


def sns(document: Json | str) -> str:
    """The envelope for HTTP and for queues without raw delivery."""
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": f"00000000-0000-4000-9000-{next(_numbers):012}",
            "TopicArn": "arn:aws:sns:eu-west-1:111122223333:shop-feedback",
            "Subject": "Amazon SES Email Event Notification",
            "Message": document if isinstance(document, str) else raw(document),
            "Timestamp": HAPPENED,
            "SignatureVersion": "1",
            "Signature": "c2lnbmF0dXJl",
            "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
            "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        }
    )


def sns_lambda(document: Json) -> str:
    """The event of a Lambda function, as it lies in the dead-letter queue of one that failed."""
    envelope = json.loads(sns(document))
    envelope["SigningCertUrl"] = envelope.pop("SigningCertURL")
    envelope["UnsubscribeUrl"] = envelope.pop("UnsubscribeURL")
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": "arn:...", "Sns": envelope}
    return json.dumps({"Records": [record]})


def event_bridge(document: Json) -> str:
    return json.dumps(
        {
            "version": "0",
            "id": f"00000000-0000-4000-a000-{next(_numbers):012}",
            "detail-type": "Email Bounced" if "bounce" in document else "Email Complaint Received",
            "source": "aws.ses",
            "account": "111122223333",
            "time": "2026-03-02T08:15:34Z",
            "region": "eu-west-1",
            "resources": ["arn:aws:ses:eu-west-1:111122223333:configuration-set/shop"],
            "detail": document,
        }
    )


def event_bridge_over_sns(document: Json) -> str:
    return sns(event_bridge(document))


TRANSPORTS: list[Callable[[Json], str]] = [raw, sns, sns_lambda, event_bridge, event_bridge_over_sns]


def sqs_event(*bodies: str, receives: int = 1) -> Json:
    """The batch that Lambda hands to the function; message ids count from m0."""
    return {
        "Records": [
            {
                "messageId": f"m{place}",
                "receiptHandle": f"receipt-{place}",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": str(receives),
                    "SentTimestamp": "1772439335123",
                    "SenderId": "AIDAEXAMPLE",
                    "ApproximateFirstReceiveTimestamp": "1772439335200",
                },
                "messageAttributes": {},
                "md5OfBody": "0" * 32,
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:shop-feedback",
                "awsRegion": "eu-west-1",
            }
            for place, body in enumerate(bodies)
        ]
    }
