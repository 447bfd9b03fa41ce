"""What SES asks of a topic that it publishes to.

See https://docs.aws.amazon.com/ses/latest/dg/configure-sns-notifications.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

from aws_cdk import aws_kms as kms
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns

from ses_constructs._kit.checks import fail

if TYPE_CHECKING:
    from constructs import Construct

CUSTOMER_KEY = "customer managed key: SES cannot be allowed to use an AWS managed one"


@dataclass(frozen=True, slots=True)
class _Topic:
    """What is known of a topic, and the CDK's value for it, which every destination can share."""

    problem: tuple[str, str] | None
    arn: str
    key: kms.IKey | None
    destination: ses.EventDestination


# Each look at a topic is a call into the CDK, and a hundred domains often share one topic.
_known: WeakKeyDictionary[sns.ITopic, _Topic] = WeakKeyDictionary()


def checked_topic(scope: Construct, parameter: str, topic: sns.ITopic) -> _Topic:
    """Refuse a topic that SES can never publish to; return what is known of it."""
    known = _known.get(topic)
    if known is None:
        key = topic.master_key
        known = _Topic(
            problem=_problem(topic, key),
            arn=topic.topic_arn,
            key=key,
            destination=ses.EventDestination.sns_topic(topic),
        )
        _known[topic] = known
    if known.problem is not None:
        fail(scope, parameter, *known.problem)
    return known


# Topics by their ARN alone whose policy lets SES in already.
_open: WeakSet[sns.ITopic] = WeakSet()


def open_topic(scope: Construct, id: str, topic: sns.ITopic) -> sns.ITopic:
    """Return *topic* by its ARN alone, for other stacks: whoever gets it adds no statement that refers back to them.

    The caller has let SES in already, at the topic and its key.
    """
    by_arn = sns.Topic.from_topic_arn(scope, id, topic.topic_arn)
    _open.add(by_arn)
    return by_arn


def lets_ses_in(topic: sns.ITopic) -> bool:
    """Whether the topic comes from :func:`open_topic`, so that nobody need be warned that it is imported."""
    return topic in _open


def is_aws_managed(key_id: str) -> bool:
    """Whether the id or ARN is the alias of an AWS managed key."""
    return "alias/aws/" in key_id


def _problem(topic: sns.ITopic, key: kms.IKey | None) -> tuple[str, str] | None:
    """Return the rule that the topic breaks, and the value."""
    if topic.fifo:
        return "must be a standard topic: SES does not publish to FIFO topics", topic.node.path
    resource = topic.node.default_child
    declared = resource.kms_master_key_id if isinstance(resource, sns.CfnTopic) else None
    for key_id in (declared, key.key_arn if key is not None else None):
        if key_id is not None and is_aws_managed(key_id):
            return f"must be encrypted with a {CUSTOMER_KEY}", key_id
    return None
