"""Who hears of a topic with events of SES: subscriptions that lose nothing, and filters on what an event says.

See https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html and, for dead letters,
https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from aws_cdk import Duration, SecretValue
from aws_cdk import aws_sns as sns

from ses_constructs._kit.checks import fail, is_token, items
from ses_constructs._kit.queues import DeadLetters, allow_topic_to_send, check_queue
from ses_constructs.sending.event_types import EventType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_secretsmanager as secretsmanager
    from aws_cdk import aws_sqs as sqs
    from constructs import Construct

# What stands in the JSON:
# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
_EVENT_TYPES = {
    EventType.SEND: "Send",
    EventType.REJECT: "Reject",
    EventType.BOUNCE: "Bounce",
    EventType.COMPLAINT: "Complaint",
    EventType.DELIVERY: "Delivery",
    EventType.OPEN: "Open",
    EventType.CLICK: "Click",
    EventType.RENDERING_FAILURE: "Rendering Failure",
    EventType.DELIVERY_DELAY: "DeliveryDelay",
    EventType.SUBSCRIPTION: "Subscription",
}
# https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
_FILTER_KEYS = 5
_FILTER_COMBINATIONS = 150
_TAG_DEPTH = 3  # mail, tags, the name of the tag: each level of a key counts
# SNS gives up on an endpoint after a minute unless told otherwise, and never tries for more than 3,600 seconds:
# https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html. This is about 53 minutes.
_HTTPS_RETRIES = sns.HealthyRetryPolicy(
    min_delay_target=Duration.seconds(20),
    max_delay_target=Duration.seconds(300),
    num_retries=20,
)
_URL = re.compile(r"https://(?P<authority>[^/?#\s]+)(?P<rest>[^\s]*)")


class Subscriptions:
    """The subscriptions of one topic, with one dead-letter queue for those that bring none of their own."""

    def __init__(
        self,
        scope: Construct,
        topic: sns.ITopic,
        *,
        encryption_key: kms.IKey | None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction],
    ) -> None:
        """:param encryption_key: for the dead-letter queue. Default: a new one."""
        self._scope = scope
        self._topic = topic
        self._encryption_key = encryption_key
        self._alarm_actions = alarm_actions
        self.dead_letters: DeadLetters | None = None

    def add(
        self,
        id: str,
        *,
        protocol: sns.SubscriptionProtocol,
        endpoint: str,
        raw_message_delivery: bool,
        body_filter: Mapping[str, sns.FilterOrPolicy] | None,
        dead_letter_queue: sqs.IQueue | None,
    ) -> sns.Subscription:
        """Subscribe *endpoint*, which must be allowed already to take messages of the topic."""
        https = protocol == sns.SubscriptionProtocol.HTTPS
        return sns.Subscription(
            self._scope,
            id,
            topic=self._topic,
            protocol=protocol,
            endpoint=endpoint,
            raw_message_delivery=raw_message_delivery or None,
            filter_policy_with_message_body=body_filter,
            dead_letter_queue=self._dead_letter_queue(id, dead_letter_queue),
            delivery_policy=sns.DeliveryPolicy(healthy_retry_policy=_HTTPS_RETRIES) if https else None,
        )

    def _dead_letter_queue(self, id: str, given: sqs.IQueue | None) -> sqs.IQueue:
        if given is not None:
            check_queue(self._scope, f"dead_letter_queue of {id}", given)
            allow_topic_to_send(self._scope, given, self._topic)
            return given
        if self.dead_letters is None:
            self.dead_letters = DeadLetters(
                self._scope,
                "DeadLetters",
                description="SES events could not be delivered to a subscriber: read the dead-letter queue.",
                encryption_key=self._encryption_key,
                alarm_actions=self._alarm_actions,
            )
            allow_topic_to_send(self._scope, self.dead_letters.queue, self._topic)
        return self.dead_letters.queue


def event_filter(
    scope: Construct,
    id: str,
    *,
    events: Sequence[EventType | str] | None,
    tags: Mapping[str, Sequence[str]] | None,
    published: Sequence[EventType],
) -> Mapping[str, sns.FilterOrPolicy] | None:
    """Return the filter for events of these types with these tags; it is on the body, for SES sets no attributes."""
    policy: dict[str, sns.FilterOrPolicy] = {}
    combinations = 1
    if events is not None:
        wanted = list(dict.fromkeys(items(scope, f"events of {id}", events, what="event types")))
        unknown = [str(event) for event in wanted if event not in set(published)]
        if unknown:
            fail(scope, f"events of {id}", f"must be among the published {', '.join(published)}", unknown)
        policy["eventType"] = _any_of([_EVENT_TYPES[EventType(event)] for event in wanted])
        combinations = len(wanted)
    if tags is not None:
        if not tags:
            fail(scope, f"tags of {id}", "must name at least one tag", dict(tags))
        values = {name: items(scope, f"tags of {id}", given, what="tag values") for name, given in tags.items()}
        named = sns.FilterOrPolicy.policy({name: _any_of(given) for name, given in values.items()})
        policy["mail"] = sns.FilterOrPolicy.policy({"tags": named})
        combinations *= math.prod(len(given) * _TAG_DEPTH for given in values.values())
    keys = len(tags or {}) + (events is not None)
    if keys > _FILTER_KEYS:
        fail(scope, f"tags of {id}", f"must make a filter of at most {_FILTER_KEYS} keys, event type included", keys)
    if combinations > _FILTER_COMBINATIONS:
        rule = (
            f"and tags must make a filter of at most {_FILTER_COMBINATIONS} combinations: the product of the numbers "
            f"of values, those of each tag times {_TAG_DEPTH}"
        )
        fail(scope, f"events of {id}", rule, combinations)
    return policy or None


def https_endpoint(
    scope: Construct,
    parameter: str,
    url: str,
    *,
    credentials: secretsmanager.ISecret | None,
    version_id: str | None,
) -> str:
    """Check a URL, and put user name and password into it: references that CloudFormation alone resolves."""
    if credentials is None and version_id is not None:
        fail(scope, parameter, "can have a version of credentials only with credentials", version_id)
    if is_token(url) and credentials is None:
        return url
    parts = _URL.fullmatch(url)
    if parts is None:
        fail(scope, parameter, "must be an https:// URL", url)
    if "@" in parts["authority"]:
        fail(scope, parameter, "must be without user name and password: pass them as credentials", parts["rest"])
    if credentials is None:
        return url
    username, password = (
        SecretValue.secrets_manager(credentials.secret_arn, json_field=field, version_id=version_id).unsafe_unwrap()
        for field in ("username", "password")
    )
    return f"https://{username}:{password}@{parts['authority']}{parts['rest']}"


def _any_of(values: Sequence[str]) -> sns.FilterOrPolicy:
    return sns.FilterOrPolicy.filter(sns.SubscriptionFilter.string_filter(allowlist=list(values)))
