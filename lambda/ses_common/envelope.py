"""From the body of an SQS message to the SES document inside.

SES's JSON arrives as it is (raw message delivery), inside an SNS notification
(https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html), inside an EventBridge event
(https://docs.aws.amazon.com/ses/latest/dg/monitoring-eventbridge.html), in both of these at once (a rule with a topic
as its target), or as the SNS event of a Lambda function (what a failed asynchronous invocation leaves in its queue).
Envelopes are told by keys that SNS spells the same towards Lambda and HTTP (``SigningCertUrl``/``SigningCertURL``).
"""

import json
from typing import Any

JsonObject = dict[str, Any]

# SES publishes this plain text when a topic becomes an event destination.
_TOPIC_VALIDATED = "Successfully validated SNS topic for Amazon SES event publishing."
# What SES tells EventBridge about the account and not about a message: these have no event type.
_ACCOUNT_NEWS = ("Advisor Recommendation Status ", "Sending Status ")
_MOST_ENVELOPES = 3  # Lambda event, SNS, EventBridge
_NOTHING = object()


class Unusable(ValueError):
    """A message that cannot be used, now or later.

    :param code: short word for programs, such as ``BrokenJson``.
    :param detail: a sentence for people; it holds no personal data.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def document(body: str) -> JsonObject | None:
    """Return the SES document in *body*, or None for what SNS and SES send about their own set-up.

    :raises Unusable: for what is not JSON, or is JSON of somebody else.
    """
    return _open(_parse(body), _MOST_ENVELOPES)


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if text.strip() == _TOPIC_VALIDATED:
            return _NOTHING
        raise Unusable("BrokenJson", "The message is not JSON.") from None


def _open(content: object, envelopes: int) -> JsonObject | None:
    if content is _NOTHING:
        return None
    if not isinstance(content, dict):
        raise Unusable("NotAnSesEvent", "The message is JSON, but no object.")
    if "eventType" in content or "notificationType" in content:
        return content
    if envelopes:
        if "Type" in content:
            return _open_sns(content, envelopes - 1)
        if "detail-type" in content:
            return _open_event_bridge(content, envelopes - 1)
        if "Records" in content:
            return _open_lambda_event(content["Records"], envelopes - 1)
    raise Unusable("NotAnSesEvent", "The message has neither an eventType nor a notificationType.")


def _open_sns(envelope: JsonObject, envelopes: int) -> JsonObject | None:
    if envelope["Type"] == "Notification" and isinstance(envelope.get("Message"), str):
        return _open(_parse(envelope["Message"]), envelopes)
    if envelope["Type"] in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        return None
    raise Unusable("NotAnSesEvent", "The message is no SNS notification, although it has a Type.")


def _open_event_bridge(envelope: JsonObject, envelopes: int) -> JsonObject | None:
    if envelope.get("source") == "aws.ses" and str(envelope["detail-type"]).startswith(_ACCOUNT_NEWS):
        return None
    return _open(envelope.get("detail"), envelopes)


def _open_lambda_event(records: object, envelopes: int) -> JsonObject | None:
    match records:
        case [{"Sns": {"Type": _} as notification}]:  # SNS puts one notification into an event
            return _open_sns(notification, envelopes)
        case _:
            raise Unusable("NotAnSesEvent", "The message has Records, but no SNS notification in them.")
