"""One event of each type, as SES publishes them, with everything in it that may be there."""

from typing import Any

Json = dict[str, Any]

SENT = "2026-03-30T09:15:02.417Z"
CONFIGURATION_SET = "shop-news"


def event(
    event_type: str,
    key: str,
    payload: Json,
    *,
    message_id: str = "m1",
    to: tuple[str, ...] = ("ann@example.com",),
    sent: str = SENT,
    **tags: str,
) -> Json:
    return {"eventType": event_type, "mail": mail(message_id, to, sent, tags), key: payload}


def mail(message_id: str, to: tuple[str, ...], sent: str, tags: dict[str, str]) -> Json:
    return {
        "timestamp": sent,
        "messageId": message_id,
        "source": "=?utf-8?q?Example_Sh=C3=B6p?= <news@shop.example.com>",
        "sourceArn": "arn:aws:ses:eu-west-1:111122223333:identity/shop.example.com",
        "sendingAccountId": "111122223333",
        "destination": list(to),
        "headersTruncated": False,
        "headers": [
            {"name": "From", "value": "=?utf-8?q?Example_Sh=C3=B6p?= <news@shop.example.com>"},
            {"name": "To", "value": ", ".join(to)},
            {"name": "X-Odd", "value": ""},
        ],
        "commonHeaders": {
            "from": ["Example Shöp <news@shop.example.com>"],
            "to": list(to),
            "cc": [],
            "bcc": ["archive@shop.example.com"],
            "replyTo": ["help@shop.example.com"],
            "sender": "news@shop.example.com",
            "returnPath": "bounces@shop.example.com",
            "date": "Mon, 30 Mar 2026 09:15:02 +0000",
            "messageId": message_id,
            "subject": "Spring has come",
        },
        "tags": {
            "ses:configuration-set": [CONFIGURATION_SET],
            "ses:from-domain": ["shop.example.com"],
            "ses:source-ip": ["198.51.100.7"],
            "ses:caller-identity": ["shop"],
            "customTag_1": ["Some-Value", "another"],
            **{name: [value] for name, value in tags.items()},
        },
    }


def recipient(address: str, status: str = "5.1.1") -> Json:
    return {
        "emailAddress": address,
        "action": "failed",
        "status": status,
        "diagnosticCode": f"smtp; 550 {status} <{address}>: no",
    }


def preferences(*, unsubscribe_all: bool) -> Json:
    topics = [{"topicName": "offers", "subscriptionStatus": "OptOut" if unsubscribe_all else "OptIn"}]
    return {
        "unsubscribeAll": unsubscribe_all,
        "topicSubscriptionStatus": topics,
        "topicDefaultSubscriptionStatus": [{"topicName": "offers", "subscriptionStatus": "OptIn"}],
    }


def send(**more: Any) -> Json:
    return event("Send", "send", {}, **more)


def delivery(millis: int = 1234, recipients: tuple[str, ...] | None = None, **more: Any) -> Json:
    payload = {
        "timestamp": "2026-03-30T09:15:03.651Z",
        "processingTimeMillis": millis,
        "recipients": list(recipients if recipients is not None else more.get("to", ("ann@example.com",))),
        "smtpResponse": "250 2.0.0 OK 1774862103 4fb4d7f45d1cf-5ab - gsmtp",
        "reportingMTA": "a7-12.smtp-out.eu-west-1.amazonses.com",
        "remoteMtaIp": "192.0.2.25",
    }
    return event("Delivery", "delivery", payload, **more)


def bounce(kind: str = "Permanent", sub_type: str = "General", *bounced: str, **more: Any) -> Json:
    payload = {
        "bounceType": kind,
        "bounceSubType": sub_type,
        "bouncedRecipients": [recipient(address) for address in bounced],
        "timestamp": "2026-03-30T09:15:05.000Z",
        "feedbackId": "0102019cafe0beef-5e5c0de1-000000",
        "remoteMtaIp": "192.0.2.25",
        "reportingMTA": "dns; a7-12.smtp-out.eu-west-1.amazonses.com",
    }
    return event("Bounce", "bounce", payload, **more)


def complaint(*complained: str, sub_type: str | None = None, feedback: str | None = "abuse", **more: Any) -> Json:
    payload = {
        "complainedRecipients": [{"emailAddress": address} for address in complained],
        "timestamp": "2026-03-30T11:00:00.001Z",
        "feedbackId": "0102019cafe0beef-c0417a1d-000000",
        "complaintSubType": sub_type,
        "userAgent": "Example-Mailbox/2.1",
        "complaintFeedbackType": feedback,
        "arrivalDate": "2026-03-30T05:59:58-05:00",
    }
    return event("Complaint", "complaint", payload, **more)


def opened(bot: str | None = "Unlikely", **more: Any) -> Json:
    payload = {"ipAddress": "203.0.113.9", "timestamp": "2026-03-30T12:00:00.000Z", "userAgent": "Mozilla/5.0 (X11)"}
    return event("Open", "open", payload | ({"isBotEvent": bot} if bot is not None else {}), **more)


def clicked(bot: str | None = "Unlikely", link_tags: Json | None = None, **more: Any) -> Json:
    payload = {
        "ipAddress": "203.0.113.9",
        "timestamp": "2026-03-30T12:00:30.000Z",
        "userAgent": "Mozilla/5.0 (X11)",
        "link": "https://shop.example.com/spring?a=1&b=2",
        "linkTags": link_tags,
    }
    return event("Click", "click", payload | ({"isBotEvent": bot} if bot is not None else {}), **more)


def rendering_failure(**more: Any) -> Json:
    payload = {"errorMessage": "Attribute 'name' is not present in the rendering data.", "templateName": "spring"}
    return event("Rendering Failure", "failure", payload, **more)


def delay(*delayed: str, **more: Any) -> Json:
    payload = {
        "timestamp": "2026-03-30T09:25:00.000Z",
        "delayType": "MailboxFull",
        "expirationTime": "2026-03-30T23:15:02.417Z",
        "delayedRecipients": [recipient(address, "4.2.2") for address in delayed],
        "reportingMTA": "192.0.2.40",
    }
    return event("DeliveryDelay", "deliveryDelay", payload, **more)


def reject(**more: Any) -> Json:
    return event("Reject", "reject", {"reason": "Bad content"}, **more)


def subscription(**more: Any) -> Json:
    payload = {
        "contactList": "shop",
        "timestamp": "2026-03-30T13:00:00.000Z",
        "source": "UnsubscribeHeader",
        "newTopicPreferences": preferences(unsubscribe_all=True),
        "oldTopicPreferences": preferences(unsubscribe_all=False),
    }
    return event("Subscription", "subscription", payload, **more)


def all_types() -> list[Json]:
    return [
        send(),
        reject(),
        bounce("Permanent", "General", "ann@example.com"),
        complaint("ann@example.com"),
        delivery(),
        opened(),
        clicked(link_tags={"Button-1": ["top", "Left"], "empty": []}),
        rendering_failure(),
        delay("ann@example.com"),
        subscription(),
    ]
