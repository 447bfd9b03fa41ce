"""What is done with changes of the suppression ledger: a rule, a queue, and a function that works through it.

See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html. A queue lies between the bus and every
function, since EventBridge and Lambda give up within hours on a function that fails. Each function has its own, so that
one that fails holds up no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ses_constructs._kit.keys import allow_service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RETENTION = Duration.days(14)  # the most that SQS offers


class SuppressionReaction(Construct):
    """One reaction to changes of the suppression ledger. Made by the methods of :class:`SuppressionChanges`.

    Defines: a rule on the bus, a queue with its dead-letter queue, the event source mapping of the function, and an
    alarm each for dead letters and for changes that wait too long.
    """

    function: lambda_.IFunction
    """The function that reacts; yours, if you gave one."""
    signing_secret: secretsmanager.ISecret | None = None
    """What signs a webhook; None for other reactions."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bus: events.IEventBus,
        pattern: Mapping[str, Any],
        encryption_key: kms.IKey,
        visibility_timeout: Duration,
        max_receive_count: int,
        alarm_actions: Sequence[cloudwatch.IAlarmAction],
    ) -> None:
        """:param bus: where the changes are told.
        :param pattern: which of the events there it is about.
        :param encryption_key: for both queues.
        :param visibility_timeout: how long a change is left to the function.
        :param max_receive_count: how often a change is tried before it becomes a dead letter.
        :param alarm_actions: what both alarms do.
        """
        super().__init__(scope, id)
        self.dead_letter_queue: sqs.Queue = _queue(self, "DeadLetterQueue", encryption_key)
        """Changes that this reaction could not deal with."""
        self.queue: sqs.Queue = _queue(
            self,
            "Queue",
            encryption_key,
            visibility_timeout=visibility_timeout,
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=max_receive_count, queue=self.dead_letter_queue),
        )
        """Changes on their way to the function."""
        self.rule: events.CfnRule = events.CfnRule(
            self,
            "Rule",
            description="Changes of the suppression ledger, to a queue",
            event_bus_name=bus.event_bus_arn,
            event_pattern=dict(pattern),
            targets=[
                events.CfnRule.TargetProperty(
                    id="Queue",
                    arn=self.queue.queue_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.dead_letter_queue.queue_arn),
                )
            ],
        )
        """What leads the changes from the bus to the queue."""
        for queue in (self.queue, self.dead_letter_queue):
            allow_event_bridge(queue, self.rule.attr_arn)
        allow_key_to_event_bridge(self, encryption_key)

        self.dead_letter_alarm: cloudwatch.Alarm = dead_letter_alarm(
            self,
            self.dead_letter_queue,
            "A reaction to changes of the suppression ledger failed for good",
            alarm_actions,
        )
        """Goes off when there is any dead letter."""
        self.age_alarm: cloudwatch.Alarm = alarm(
            self,
            "AgeAlarm",
            metric=self.queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(5), statistic="Maximum"),
            threshold=3600,
            description="A reaction to changes of the suppression ledger fails, or does not keep up, for an hour.",
            actions=alarm_actions,
        )
        """Goes off when a change waits for an hour or longer."""

    def consume(self, function: lambda_.IFunction, *, batch_size: int, max_concurrency: int | None = None) -> None:
        """Let *function* work through the queue.

        :param batch_size: changes a call. With more than one, the function must report batch item failures.
        :param max_concurrency: how many may run at once, 2 or more. Default: what Lambda finds right.
        """
        self.function = function
        self.queue.grant_consume_messages(function)
        lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=function,
            event_source_arn=self.queue.queue_arn,
            batch_size=batch_size,
            report_batch_item_failures=batch_size > 1,
            max_concurrency=max_concurrency,
        )


def _queue(scope: Construct, id: str, key: kms.IKey, **more: Any) -> sqs.Queue:
    return sqs.Queue(scope, id, encryption_master_key=key, enforce_ssl=True, retention_period=RETENTION, **more)


def allow_event_bridge(queue: sqs.IQueue, source_arn: str) -> None:
    """Let the rule or bus *source_arn* send to *queue*."""
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sqs:SendMessage"],
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            resources=[queue.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": source_arn}},
        )
    )


def allow_key_to_event_bridge(scope: Construct, key: kms.IKey) -> None:
    """Let any rule and bus of this account and region use *key*: they refer to it, and a cycle cannot be deployed."""
    for resource in ("rule", "event-bus"):
        source = Stack.of(scope).format_arn(
            service="events", resource=resource, resource_name="*", arn_format=ArnFormat.SLASH_RESOURCE_NAME
        )
        allow_service(scope, key, service="events.amazonaws.com", conditions={"ArnLike": {"aws:SourceArn": source}})


def dead_letter_alarm(
    scope: Construct, queue: sqs.IQueue, what: str, actions: Sequence[cloudwatch.IAlarmAction]
) -> cloudwatch.Alarm:
    """Define the alarm that goes off when there is anything in *queue*."""
    return alarm(
        scope,
        "DeadLetterAlarm",
        metric=queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum"),
        threshold=1,
        description=f"{what}: read the dead-letter queue, then redrive it.",
        actions=actions,
    )


def alarm(
    scope: Construct,
    id: str,
    *,
    metric: cloudwatch.IMetric,
    threshold: float,
    description: str,
    actions: Sequence[cloudwatch.IAlarmAction],
) -> cloudwatch.Alarm:
    """Define an alarm that goes off at *threshold*, at once."""
    made = cloudwatch.Alarm(
        scope,
        id,
        alarm_description=description,
        metric=metric,
        threshold=threshold,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    if actions:
        made.add_alarm_action(*actions)
    return made
