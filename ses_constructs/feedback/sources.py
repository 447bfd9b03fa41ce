"""From SES to the queue: event destinations, notification topics and rules, also from one stack to another.

No policy is wider than it must be. Where two stacks are involved a policy cannot name what the other one defines, for
then each would have to be deployed before the other; it names what there is of the kind in account and region.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from ses_constructs._kit.checks import fail, items
from ses_constructs._kit.keys import allow_service
from ses_constructs._kit.stacks import lineage, same_place, stack_of
from ses_constructs._kit.topics import checked_topic, open_topic
from ses_constructs.sending import EventBridgeDestination, EventType
from ses_constructs.sending.configuration_set import AnyConfigurationSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

    from ses_constructs._kit.subscriptions import Subscriptions
    from ses_constructs.identity import SendingIdentity

_SES = "ses.amazonaws.com"
_FEEDBACK = frozenset({EventType.BOUNCE, EventType.COMPLAINT})


class Sources(NamedTuple):
    """What a pipeline gets its events from, each once."""

    sets: list[AnyConfigurationSet]
    identities: list[SendingIdentity]
    topics: list[sns.ITopic]
    destinations: list[EventBridgeDestination]

    @property
    def publishers(self) -> list[AnyConfigurationSet | SendingIdentity]:
        """Those that must be told of a topic."""
        return [*self.sets, *self.identities]


def sorted_sources(
    scope: Construct,
    sources: Sequence[AnyConfigurationSet | SendingIdentity | sns.ITopic | EventBridgeDestination],
    topic: sns.ITopic | None,
) -> Sources:
    """Check sources and topic, and sort the sources by kind."""
    found = Sources([], [], [], [])
    for source in dict.fromkeys(items(scope, "sources", sources, what="configuration sets, identities and topics")):
        if isinstance(source, AnyConfigurationSet):
            found.sets.append(source)
        elif _is_identity(source):
            found.identities.append(source)
        elif isinstance(source, EventBridgeDestination):
            found.destinations.append(_checked_destination(scope, source))
        elif _is_topic(source):
            found.topics.append(source)
        else:
            rule = "must be each a SendingConfigurationSet, an identity, an SNS topic or an EventBridgeDestination"
            fail(scope, "sources", rule, source)
    for publisher in found.publishers:
        place, here = Stack.of(publisher).environment, Stack.of(scope).environment
        if place != here:
            rule = f"must be in the account and region of the stack, which are {here}"
            fail(scope, "sources", rule, f"{publisher.node.path} in {place}")
    for parameter, given in [("sources", it) for it in found.topics] + ([("topic", topic)] if topic else []):
        checked_topic(scope, parameter, given)
        same_place(scope, parameter, given, given.topic_arn)
    if topic is not None and not found.publishers:
        fail(scope, "topic", "is for configuration sets and identities, and sources must then name one", sources)
    return found


def _checked_destination(scope: Construct, destination: EventBridgeDestination) -> EventBridgeDestination:
    if not _FEEDBACK.intersection(destination.events):
        rule = "must publish BOUNCE or COMPLAINT, or there is nothing to record"
        fail(scope, "sources", rule, ", ".join(destination.events))
    if stack_of(destination) != stack_of(scope):
        rule = (
            "must be an EventBridgeDestination of the pipeline's own stack, for the rule and the queue's policy name "
            "each other; for a set of another stack give the set itself"
        )
        fail(scope, "sources", rule, destination.node.path)
    return destination


class Publishing:
    """Bounces and complaints of configuration sets and identities, to one topic."""

    def __init__(
        self,
        scope: Construct,
        *,
        topic: sns.ITopic,
        subscriptions: Subscriptions,
        needed: Sequence[str | None],
    ) -> None:
        """:param needed: the stacks of what the pipeline was given, so that they are deployed before it."""
        self._scope = scope
        self._topic = topic
        self._key = topic.master_key
        self._topic_stack = stack_of(topic, topic.topic_arn)
        self._key_stack = stack_of(self._key, self._key.key_arn) if self._key is not None else None
        self._subscriptions = subscriptions.resources
        self._own = lineage(scope)
        self._needed = set(needed) - set(self._own)

    def start(self, sources: Sequence[AnyConfigurationSet | SendingIdentity]) -> None:
        """Let all of them publish.

        Deployed after the way to the queue is open, and deleted before it is closed: no event falls between. Only where
        the pipeline needs the source's stack itself can that not be.
        """
        far = [source for source in sources if not self._can_be_named(source)]
        for source in far:
            self._check_order(source)
        by_arn = self._opened({_kind(source) for source in far}) if far else self._topic
        for source in sources:
            published = self._publish(source, by_arn if source in far else self._topic)
            if stack_of(source) not in self._needed:
                published.node.add_dependency(*self._subscriptions)

    def _publish(self, source: AnyConfigurationSet | SendingIdentity, topic: sns.ITopic) -> Construct:
        if _is_set(source):
            id = f"Feedback-{self._scope.node.addr[-8:]}"  # a set may have several pipelines, and others "Feedback"
            return source.publish_to_sns(id, events=[EventType.BOUNCE, EventType.COMPLAINT], topic=topic)
        assert _is_identity(source)
        return source.set_notification_topic(topic)

    def _can_be_named(self, source: Construct) -> bool:
        """Whether the policies of topic and key can name the source."""
        if not isinstance(self._topic, sns.Topic):
            return True  # they are the user's, who is told what they must say
        place = stack_of(source)
        return self._topic_stack == place and self._key_stack in (None, place)

    def _check_order(self, source: Construct) -> None:
        place = stack_of(source)
        if place in self._needed and self._topic_stack in self._own:
            rule = (
                "must be a topic in the stack of the configuration sets and identities, for the pipeline uses other "
                "things of that stack: neither of the two could be deployed before the other"
            )
            fail(self._scope, "topic", rule, source.node.path)

    def _opened(self, kinds: set[str]) -> sns.ITopic:
        """Let SES in for whatever there is of *kinds*, and return the topic as other stacks may see it."""
        stack = Stack.of(self._scope)
        conditions: dict[str, dict[str, str | Sequence[str]]] = {
            "StringEquals": {"aws:SourceAccount": stack.account},
            "ArnLike": {
                "aws:SourceArn": [
                    stack.format_arn(service="ses", resource=kind, resource_name="*") for kind in sorted(kinds)
                ]
            },
        }
        statement = iam.PolicyStatement(
            actions=["sns:Publish"],
            principals=[iam.ServicePrincipal(_SES)],
            resources=[self._topic.topic_arn],
            conditions=conditions,
        )
        policy = self._topic.add_to_resource_policy(statement).policy_dependable
        if policy is not None:
            for subscription in self._subscriptions:
                subscription.node.add_dependency(policy)
        if self._key is not None:
            allow_service(self._scope, self._key, service=_SES, conditions=conditions)
        return open_topic(self._scope, "TopicByArn", self._topic)


def _kind(source: object) -> str:
    """Return what the source is in an ARN."""
    return "configuration-set" if _is_set(source) else "identity"


def _is_set(source: object) -> TypeGuard[AnyConfigurationSet]:
    return isinstance(source, AnyConfigurationSet)


def _is_identity(source: object) -> TypeGuard[SendingIdentity]:
    # By what it has: the folder of identities is not loaded for a pipeline without any.
    return hasattr(source, "set_notification_topic")


def _is_topic(source: object) -> TypeGuard[sns.ITopic]:
    return hasattr(source, "topic_arn")
