"""A queue's subscriptions to topics, also from one stack to another.

See https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from aws_cdk import Annotations, ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import IDependable

from ses_constructs._kit.keys import allow_service, distinct_keys
from ses_constructs._kit.stacks import stack_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_sqs as sqs
    from constructs import Construct

_SNS = "sns.amazonaws.com"


class Subscriptions:
    """The queue's subscriptions to topics. The L2 one is not used: it opens the key to SNS as a whole."""

    def __init__(
        self,
        scope: Construct,
        *,
        topics: Sequence[sns.ITopic],
        own_topic: sns.ITopic | None,
        queue: sqs.IQueue,
        dead_letter_queue: sqs.IQueue,
    ) -> None:
        """:param topics: all topics.

        :param own_topic: that one of them which the pipeline made.
        """
        self._scope = scope
        self._any_topic = Stack.of(scope).format_arn(service="sns", resource="*", arn_format=ArnFormat.NO_RESOURCE_NAME)
        given = {_id(topic, own_topic): topic for topic in _distinct(topics)}
        policies = [
            policy for each in (queue, dead_letter_queue) for policy in self._let_sns_in(each, list(given.values()))
        ]
        for key in distinct_keys(queue.encryption_master_key, dead_letter_queue.encryption_master_key):
            # Any topic: the topic itself refers to the key, and a cycle cannot be deployed.
            conditions = {"ArnLike": {"aws:SourceArn": self._any_topic}}
            allow_service(scope, key, service=_SNS, conditions=conditions)
        self.resources = [
            sns.CfnSubscription(
                scope,
                id,
                topic_arn=topic.topic_arn,
                protocol="sqs",
                endpoint=queue.queue_arn,
                raw_message_delivery=True,
                redrive_policy={"deadLetterTargetArn": dead_letter_queue.queue_arn},
            )
            for id, topic in given.items()
        ]
        for subscription in self.resources:
            subscription.node.add_dependency(*policies)

    def _let_sns_in(self, queue: sqs.IQueue, topics: Sequence[sns.ITopic]) -> list[IDependable]:
        place, here = stack_of(queue, queue.queue_arn), stack_of(self._scope)
        within = place in (None, here)
        if within or all(stack_of(topic, topic.topic_arn) in (None, place) for topic in topics):
            conditions = {"ArnEquals": {"aws:SourceArn": [topic.topic_arn for topic in topics]}}
        else:
            conditions = {"ArnLike": {"aws:SourceArn": [self._any_topic]}}
        statement = iam.PolicyStatement(
            actions=["sqs:SendMessage"],
            principals=[iam.ServicePrincipal(_SNS)],
            resources=[queue.queue_arn],
            conditions=conditions,
        )
        added = queue.add_to_resource_policy(statement)
        if not added.statement_added:
            Annotations.of(self._scope).add_warning_v2(
                f"ses-constructs:importedQueuePolicy:{queue.node.id}",
                f"The queue {queue.node.path} is imported, so its policy cannot be changed from here: it must allow "
                f"{_SNS} sqs:SendMessage under the conditions {conditions}.",
            )
        return [added.policy_dependable] if added.policy_dependable is not None else []


def _distinct(topics: Sequence[sns.ITopic]) -> list[sns.ITopic]:
    """Return each topic once; rather as it was defined than as it was imported."""
    imported_last = sorted(topics, key=lambda topic: not isinstance(topic, sns.Topic))
    found: dict[str, sns.ITopic] = {}
    for topic in imported_last:
        found.setdefault(topic.topic_arn, topic)
    return list(found.values())


def _id(topic: sns.ITopic, own: sns.ITopic | None) -> str:
    """Return the id of the subscription to *topic*, which depends on the topic alone.

    SNS answers a second subscription of the same queue to the same topic with the ARN of the first. Were an id to
    change while its topic stays, CloudFormation would therefore make nothing new, and then delete what there is.
    """
    if topic is own:
        return "Subscription"
    stack = Stack.of(topic)
    # In the words of the template, which outlive a move of the stack, or of the import, to another place in the app.
    meant = [json.dumps(stack.resolve(topic.topic_arn), sort_keys=True)]
    if isinstance(topic, sns.Topic):
        meant.append(_name(stack))
    return f"Subscription-{hashlib.sha256(''.join(meant).encode()).hexdigest()[:8]}"


def _name(stack: Stack) -> str:
    resource, parent = stack.nested_stack_resource, stack.nested_stack_parent
    if resource is None or parent is None:
        return stack.stack_name
    return f"{_name(parent)}/{parent.resolve(resource.logical_id)}"
