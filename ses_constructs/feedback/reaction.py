"""What is done with changes of the suppression ledger: a rule, a queue, and a function that works through it.

See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html. A queue lies between the bus and every
function, since EventBridge and Lambda give up within hours on a function that fails. Each function has its own, so that
one that fails holds up no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ses_constructs._kit.alarms import make_alarm, make_dead_letter_alarm
from ses_constructs._kit.function_queues import Delivery, make_main_queue, make_queue
from ses_constructs._kit.queues import allow_rule_to_send
from ses_constructs._kit.stacks import stack_around

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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
        self.dead_letter_queue: sqs.Queue = make_queue(self, "DeadLetterQueue", encryption_key)
        """Changes that this reaction could not deal with."""
        self.queue: sqs.Queue = make_main_queue(
            self,
            "Queue",
            encryption_key,
            dead_letter_queue=self.dead_letter_queue,
            delivery=Delivery(max_receive_count, int(visibility_timeout.to_seconds())),
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
            allow_rule_to_send(self, queue, self.rule.attr_arn)

        self.dead_letter_alarm: cloudwatch.Alarm = make_dead_letter_alarm(
            self,
            "DeadLetterAlarm",
            dead_letter_queue=self.dead_letter_queue,
            queue=self.queue,
            description="A reaction to changes of the suppression ledger failed for good.",
            actions=alarm_actions,
        )
        """Goes off when there is any dead letter."""
        self.age_alarm: cloudwatch.Alarm = make_alarm(
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
        policy = self._policy_elsewhere(function.role)
        if policy is None:
            self.queue.grant_consume_messages(function)
        mapping = lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=function,
            event_source_arn=self.queue.queue_arn,
            batch_size=batch_size,
            report_batch_item_failures=batch_size > 1,
            max_concurrency=max_concurrency,
        )
        if policy is not None:
            mapping.node.add_dependency(policy)  # Lambda tries the queue with the function's role

    def _policy_elsewhere(self, role: iam.IRole | None) -> iam.Policy | None:
        """Let a role of another stack have the queue, in words of this stack, and return them.

        A grant would put them into the other stack: of the two each would have to be deployed before the other.
        """
        if role is None or stack_around(role) is stack_around(self):
            return None
        actions = ("sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
        key = self.queue.encryption_master_key
        assert key is not None
        return iam.Policy(
            self,
            "Policy",
            roles=[role],
            statements=[
                iam.PolicyStatement(actions=list(actions), resources=[self.queue.queue_arn]),
                iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key.key_arn]),
            ],
        )
