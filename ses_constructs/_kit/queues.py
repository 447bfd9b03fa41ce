"""Queues that an AWS service sends to, and those where it leaves what it could not deliver.

See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Acknowledgment, Annotations, ArnFormat, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct, IDependable

from ses_constructs._kit.alarms import make_dead_letter_alarm
from ses_constructs._kit.checks import fail
from ses_constructs._kit.keys import allow_service
from ses_constructs._kit.stacks import can_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_sns as sns

_RETENTION = Duration.days(14)  # the most that SQS offers


def check_queue(scope: Construct, parameter: str, queue: sqs.IQueue) -> None:
    """Refuse a queue that no service could ever be allowed to send to."""
    if queue.encryption_type == sqs.QueueEncryption.KMS_MANAGED:
        rule = "must be encrypted with a customer managed key or with SSE-SQS: no service can use alias/aws/sqs"
        fail(scope, parameter, rule, queue.node.path)


def allow_topic_to_send(scope: Construct, queue: sqs.IQueue, topic: sns.ITopic) -> Sequence[IDependable]:
    """Let one topic send to *queue*, and SNS use its key for topics of this account and region.

    A queue that is in another stack than both lets in topics of this account and region, for it cannot name the one.
    Returned is what to wait for until it may, as far as it is in the stack.
    """
    any_topic = Stack.of(scope).format_arn(service="sns", resource="*", arn_format=ArnFormat.NO_RESOURCE_NAME)
    return _allow(scope, queue, service="sns.amazonaws.com", source=topic.topic_arn, any_source=any_topic, origin=topic)


def allow_rule_to_send(scope: Construct, queue: sqs.IQueue, rule_arn: str) -> Sequence[IDependable]:
    """Let one rule send to *queue*, and EventBridge use its key for rules of this account and region.

    A queue in another stack lets in rules of this account and region, for it cannot name the one. Returned is what to
    wait for until it may, as far as it is in the stack.
    """
    any_rule = Stack.of(scope).format_arn(service="events", resource="rule", resource_name="*")
    return _allow(scope, queue, service="events.amazonaws.com", source=rule_arn, any_source=any_rule)


def allow_bus_to_send(scope: Construct, queue: sqs.IQueue, bus_arn: str) -> Sequence[IDependable]:
    """Let one bus send to *queue*, and EventBridge use its key for buses of this account and region.

    The key may be that of the bus itself, so EventBridge may also look at it:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-key-policy.html.
    Returned is what to wait for until it may, as far as it is in the stack.
    """
    any_bus = Stack.of(scope).format_arn(service="events", resource="event-bus", resource_name="*")
    return _allow(scope, queue, service="events.amazonaws.com", source=bus_arn, any_source=any_bus, describe=True)


def _allow(
    scope: Construct,
    queue: sqs.IQueue,
    *,
    service: str,
    source: str,
    any_source: str,
    origin: IConstruct | None = None,
    describe: bool = False,
) -> Sequence[IDependable]:
    named = can_name(scope, queue, origin if origin is not None else scope, lambda: source)
    statement = iam.PolicyStatement(
        actions=["sqs:SendMessage"],
        principals=[iam.ServicePrincipal(service)],
        resources=[queue.queue_arn],
        conditions={"ArnEquals": {"aws:SourceArn": source}} if named else {"ArnLike": {"aws:SourceArn": any_source}},
    )
    added = queue.add_to_resource_policy(statement)
    if not added.statement_added:
        Annotations.of(scope).add_warning_v2(
            f"ses-constructs:importedQueuePolicy:{service}",
            f"The queue is imported, so its policy cannot be changed from here: it must allow {service} "
            f"sqs:SendMessage with aws:SourceArn {source}.",
        )
    key = queue.encryption_master_key
    if key is not None:
        # Not the source itself: it may refer to the queue or the key, and a cycle cannot be deployed.
        allow_service(
            scope, key, service=service, conditions={"ArnLike": {"aws:SourceArn": any_source}}, describe=describe
        )
    return [added.policy_dependable] if added.policy_dependable is not None else []


class DeadLetters(Construct):
    """What could not be delivered: a queue that keeps it for 14 days, and an alarm when there is anything in it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        description: str,
        encryption_key: kms.IKey | None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction],
    ) -> None:
        """:param description: what is lost if nobody looks, for the alarm.

        :param encryption_key: customer managed key. Default: a new one.
        """
        super().__init__(scope, id)
        key = encryption_key
        if key is None:
            key = kms.Key(
                self,
                "Key",
                description="SES events that could not be delivered",
                enable_key_rotation=True,
                removal_policy=RemovalPolicy.DESTROY,  # nothing stays encrypted with it once the queue is gone
            )
        self.queue = sqs.Queue(self, "Queue", encryption_master_key=key, enforce_ssl=True, retention_period=_RETENTION)
        Validations.of(self.queue).acknowledge(
            Acknowledgment(id="AwsSolutions::AwsSolutions-SQS3", reason="It is a dead-letter queue itself")
        )
        self.alarm = make_dead_letter_alarm(
            self,
            "Alarm",
            dead_letter_queue=self.queue,
            queue=None,
            description=description,
            actions=alarm_actions,
        )
