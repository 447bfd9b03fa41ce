"""A rule on an event bus for what happens with mail, and targets that lose none of it.

See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules.html and, for dead letters,
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import ArnFormat, Duration, Names, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import DependencyGroup

from ses_constructs._kit.alarms import make_alarm
from ses_constructs._kit.checks import fail
from ses_constructs._kit.keys import checked_key
from ses_constructs._kit.queues import DeadLetters, allow_rule_to_send, check_queue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs
    from aws_cdk.interfaces.aws_events import IRuleRef
    from constructs import Construct

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
_TARGETS = 5


class SesEventRule(events.Rule):
    """Made by ``publish_to_event_bridge`` of a configuration set and by mailboxes; :class:`SesAccountEvents` is one.

    It is the CDK's own ``Rule``, at most five targets included. :meth:`add_queue`,
    :meth:`add_function` and :meth:`forward_to` define with the target the permission for this rule alone, and where
    its events go that no try could deliver: one dead-letter queue for all of them, encrypted, with an alarm, unless
    you pass yours. EventBridge tries for 24 hours and up to 185 times, the most that it offers. ``add_target`` takes
    any other target of the CDK, with the retries and the dead-letter queue that you give to it.

    Defines: the rule, and an alarm for events that are lost, whatever the target.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        description: str,
        detail_types: Sequence[str],
        detail: Mapping[str, Any] | None,
        encryption_key: kms.IKey | None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction],
        event_bus: events.IEventBus | None = None,
        source: str = "aws.ses",
    ) -> None:
        """Use what makes it: see the class."""
        self._pattern = events.EventPattern(
            source=[source], detail_type=list(detail_types), detail=dict(detail) if detail is not None else None
        )
        super().__init__(scope, id, description=description, event_bus=event_bus, event_pattern=self._pattern)
        if encryption_key is not None:
            checked_key(self, "encryption_key", encryption_key)
        self._targets = 0
        self._bus = event_bus
        self._encryption_key = encryption_key
        self._alarm_actions = alarm_actions
        self._dead_letters: DeadLetters | None = None
        self.ready: DependencyGroup = DependencyGroup()
        """The rule with the permissions of its targets, also of those to come: what makes events depends on it."""
        self.ready.add(self)
        self.failure_alarm: cloudwatch.Alarm = make_alarm(
            self,
            "FailureAlarm",
            metric=self._losses(),
            description="SES events could not be delivered to a target: look for its permissions, and at dead letters.",
            actions=alarm_actions,
        )
        """Goes off when an event is lost: not to be delivered for good, and in no dead-letter queue."""

    @property
    def dead_letter_queue(self) -> sqs.IQueue | None:
        """What no try could deliver, for the targets without a queue of yours for it; None if there is no such."""
        return self._dead_letters.queue if self._dead_letters is not None else None

    @property
    def dead_letter_alarm(self) -> cloudwatch.Alarm | None:
        """Goes off when there is anything in :attr:`dead_letter_queue`."""
        return self._dead_letters.alarm if self._dead_letters is not None else None

    def add_target(self, target: events.IRuleTarget | None = None) -> None:
        """Send the events to a target of the CDK, of any kind, with the retries and the dead letters that it has.

        :raises ValueError: for a sixth target, which EventBridge refuses.
        """
        if self._targets == _TARGETS:
            fail(self, "the rule", f"can have at most {_TARGETS} targets", self._targets + 1)
        self._targets += 1
        super().add_target(target)

    def add_queue(self, queue: sqs.IQueue, *, dead_letter_queue: sqs.IQueue | None = None) -> None:
        """Send the events to an SQS queue: to this rule its policy and the policy of its key are opened, no further.

        :param queue: your standard queue, encrypted by SQS or with a customer managed key.
        :param dead_letter_queue: yours for what could not be delivered. Default: :attr:`dead_letter_queue`.
        :raises ValueError: for a FIFO queue, which needs to know a message group (``add_target`` can tell it), or one
            under the AWS managed key, which EventBridge can never use.
        """
        if queue.fifo:
            rule = "must be a standard queue; for a FIFO queue use add_target, which can name a message group"
            fail(self, "queue", rule, queue.node.path)
        check_queue(self, "queue", queue)
        self.ready.add(*allow_rule_to_send(self, queue, self.rule_arn))
        self.add_target(_Target(queue.queue_arn, self._dead_letter_queue(dead_letter_queue)))

    def add_function(self, function: lambda_.IFunction, *, dead_letter_queue: sqs.IQueue | None = None) -> None:
        """Invoke a function with each event.

        Once Lambda has taken an event, a failure of the function itself is Lambda's to try again, twice by default:
        give the function an on-failure destination for that.

        :param function: your function.
        :param dead_letter_queue: yours for what Lambda did not take. Default: :attr:`dead_letter_queue`.
        """
        function.add_permission(
            f"Allow{Names.node_unique_id(function.node)}",
            principal=iam.ServicePrincipal("events.amazonaws.com"),
            source_arn=self.rule_arn,
            scope=self,
        )
        self.add_target(_Target(function.function_arn, self._dead_letter_queue(dead_letter_queue)))

    def forward_to(
        self, bus: events.IEventBus, *, role: iam.IRole | None = None, dead_letter_queue: sqs.IQueue | None = None
    ) -> None:
        """Put the events on another bus, where rules of others may pick them up; SES itself knows the default bus only.

        Source and content of an event stay as they are. A bus of another account or region must allow *role* (or this
        account) ``events:PutEvents`` in its own policy.

        :param bus: your bus.
        :param role: the role to do so with, assumed by ``events.amazonaws.com``; it is allowed to. Default: a new one.
        :param dead_letter_queue: yours for what could not be delivered. Default: :attr:`dead_letter_queue`.
        :raises ValueError: for the rule's own bus: each event would come back to this rule, for ever.
        """
        default_bus = Stack.of(self).format_arn(service="events", resource="event-bus", resource_name="default")
        own = self._bus.event_bus_arn if self._bus is not None else default_bus
        if bus.event_bus_arn == own:
            fail(self, "bus", "must be another than the rule's own, where the events are already", bus.event_bus_name)
        if role is None:
            role = self._forwarder()
        role.add_to_principal_policy(iam.PolicyStatement(actions=["events:PutEvents"], resources=[bus.event_bus_arn]))
        self.add_target(_Target(bus.event_bus_arn, self._dead_letter_queue(dead_letter_queue), role))

    def archive(self, id: str = "Archive", *, retention: Duration) -> events.Archive:
        """Keep what the rule matches, to be replayed to the bus: to this rule, or to all.

        The archive is encrypted with a key of EventBridge's own.

        :param id: id of the archive in this construct, for a second one.
        :param retention: how long, in whole days: events hold addresses, so there is no default.
        :raises ValueError: for less than a day, or parts of a day.
        """
        if not retention.is_unresolved():
            days = retention.to_days(integral=False)
            if days < 1 or days != int(days):
                fail(self, f"retention of {id}", "must be whole days, at least one", f"{days:g} days")
        bus = self._bus if self._bus is not None else events.EventBus.from_event_bus_name(self, f"{id}Bus", "default")
        return events.Archive(
            self,
            id,
            source_event_bus=bus,
            description="Events of SES, for replay",
            event_pattern=self._pattern,
            retention=retention,
        )

    def _losses(self) -> cloudwatch.MathExpression:
        # The first does not count what goes to a dead-letter queue, and the second what cannot even go there:
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
        names = ("FailedInvocations", "InvocationsFailedToBeSentToDlq")
        bus = {"EventBusName": self._bus.event_bus_name} if self._bus is not None else {}
        metrics: dict[str, cloudwatch.IMetric] = {
            f"lost{number}": cloudwatch.Metric(
                namespace="AWS/Events",
                metric_name=name,
                dimensions_map={**bus, "RuleName": self.rule_name},
                statistic="Sum",
            )
            for number, name in enumerate(names)
        }
        return cloudwatch.MathExpression(
            expression="SUM(METRICS())", using_metrics=metrics, label="Lost events", period=Duration.minutes(1)
        )

    def _dead_letter_queue(self, given: sqs.IQueue | None) -> sqs.IQueue:
        if given is not None:
            check_queue(self, "dead_letter_queue", given)
            self.ready.add(*allow_rule_to_send(self, given, self.rule_arn))
            return given
        if self._dead_letters is None:
            self._dead_letters = DeadLetters(
                self,
                "DeadLetters",
                description="SES events could not be delivered to a target: read the dead-letter queue.",
                encryption_key=self._encryption_key,
                alarm_actions=self._alarm_actions,
            )
            allow_rule_to_send(self, self._dead_letters.queue, self.rule_arn)
        return self._dead_letters.queue

    def _forwarder(self) -> iam.Role:
        found = self.node.try_find_child("Forwarder")
        if isinstance(found, iam.Role):
            return found
        stack = Stack.of(self)
        # Any rule of this account and region: the rule refers to the role, and a cycle cannot be deployed.
        any_rule = stack.format_arn(
            service="events", resource="rule", resource_name="*", arn_format=ArnFormat.SLASH_RESOURCE_NAME
        )
        principal = iam.ServicePrincipal(
            "events.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {"aws:SourceArn": any_rule},
            },
        )
        return iam.Role(self, "Forwarder", assumed_by=principal, description="Forwards events of SES to another bus")


@jsii.implements(events.IRuleTarget)
class _Target:
    """A target with a dead-letter queue. The CDK's own are not used: for an encrypted queue, they open its key to all
    of EventBridge, and to load them is to load every service that can be a target.
    """

    def __init__(self, arn: str, dead_letter_queue: sqs.IQueue, role: iam.IRole | None = None) -> None:
        self._arn = arn
        self._dead_letter_queue = dead_letter_queue
        self._role = role

    def bind(self, rule: IRuleRef, id: str | None = None) -> events.RuleTargetConfig:
        """Answer the CDK's question what to write into the rule."""
        return events.RuleTargetConfig(
            arn=self._arn,
            role=self._role,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self._dead_letter_queue.queue_arn),
        )
