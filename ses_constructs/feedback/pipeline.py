"""Bounces and complaints, from SES to the suppression ledger.

See https://docs.aws.amazon.com/ses/latest/dg/monitor-sending-activity.html and, for queues behind topics,
https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Aws, Duration, Fn, RemovalPolicy, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ses_constructs._kit.checks import check_removal_policy, check_whole_number, fail
from ses_constructs._kit.function_queues import Delivery, check_queues, make_main_queue, make_queue
from ses_constructs._kit.functions import make_function
from ses_constructs._kit.keys import checked_key, distinct_keys, grant_use
from ses_constructs._kit.stacks import same_place, stack_of
from ses_constructs._kit.subscriptions import Subscriptions
from ses_constructs.feedback import ledger
from ses_constructs.feedback.arguments import (
    age_seconds,
    batching_seconds,
    check_jump_threshold,
    check_table,
)
from ses_constructs.feedback.operations import FeedbackMetrics, make_alarms, make_widgets
from ses_constructs.feedback.soft_bounces import SoftBounces
from ses_constructs.feedback.sources import Publishing, Sources, sorted_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_events as events

    from ses_constructs.feedback.changes import SuppressionChanges
    from ses_constructs.identity import SendingIdentity
    from ses_constructs.sending import EventBridgeDestination
    from ses_constructs.sending.configuration_set import AnyConfigurationSet

_TIMEOUT = Duration.seconds(30)
_BATCH_SIZE = 100


class FeedbackPipeline(FeedbackMetrics, Construct):
    """Keep on record who must not be mailed again, and lose no bounce and no complaint on the way.

    Defines: a topic (for configuration sets and identities), a queue with its dead-letter queue, the function, the
    suppression table, one key that encrypts all of them, and an alarm each for dead letters, messages that wait too
    long, errors and throttles of the function, and a sudden jump of bounces.

    Sources, and whatever you pass, may be in other stacks of the same account and region. The stacks of configuration
    sets and identities are then deployed after the pipeline's, and policies allow what there is of the kind in the
    account, for they cannot name it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        sources: Sequence[AnyConfigurationSet | SendingIdentity | sns.ITopic | EventBridgeDestination],
        topic: sns.ITopic | None = None,
        queue: sqs.IQueue | None = None,
        dead_letter_queue: sqs.IQueue | None = None,
        table: dynamodb.ITable | None = None,
        encryption_key: kms.IKey | None = None,
        max_receive_count: int = 5,
        max_concurrency: int | None = None,
        batching_window: Duration | None = None,
        soft_bounces: SoftBounces | None = SoftBounces(),  # noqa: B008 - a frozen value, and the default to be seen
        age_threshold: Duration | None = None,
        jump_threshold: float | None = 4,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """:param sources: configuration sets and identities, whose bounces and complaints are then published to
            *topic*; or topics that get SES's event publishing or identity notifications already. An identity tells of
            all its mail: of mail with a configuration set among *sources* it is a second word on the same. Or what
            ``publish_to_event_bridge`` of a configuration set returned, in the same stack: its rule gets the queue as
            a target. The same event by SNS and by EventBridge counts once.

        :param topic: your topic for the configuration sets and identities among *sources*. Default: a new one.
        :param queue: your standard queue. It must redrive to *dead_letter_queue* after *max_receive_count* receives,
            and hide messages for at least 180 seconds, six times the function's timeout, and *batching_window*.
            Default: a new one that does, and keeps messages for 14 days.
        :param dead_letter_queue: your dead-letter queue; goes together with *queue*.
        :param table: your table with partition key ``address`` and sort key ``scope``, both strings. Default: a new
            one with point-in-time recovery and deletion protection. Lists by reason and day need the index
            ``by_reason_and_day`` of docs/ledger.md.
        :param encryption_key: customer managed key for everything made here; not an alias. Default: a new one. If an
            existing *topic*, *queue* or *table* is encrypted with another key, the CDK must know it there.
        :param max_receive_count: how often a message is tried before it becomes a dead letter. 1 to 1,000.
        :param max_concurrency: how many instances of the function run at once at most, 2 to 1,000. Default: as many as
            the account has. See https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html.
        :param batching_window: how long messages are collected, so that the function records up to 100 at once; 1 to
            300 whole seconds. Default: 1 second.
        :param soft_bounces: when bounces that may pass suppress an address. None: never, and they leave no trace.
        :param age_threshold: alarm when a message has waited this long. Default: 15 minutes.
        :param jump_threshold: alarm when more addresses are suppressed within an hour than the two weeks before lead to
            expect, by this many standard deviations; never below ten an hour. None for no such alarm.
        :param alarm_actions: what all alarms do. Default: nothing, they are only seen.
        :param removal_policy: what becomes of table and key when they leave the stack. Default: both are kept; the key
            not if its first deployment is rolled back, for then there is nothing to read with it. ``DESTROY`` also
            lifts the deletion protection of the table.
        :raises ValueError: for what is empty, out of range or of another kind; for a resource of another account or
            region; for a topic or queue that SES or SNS cannot deliver to; for a queue that does not go with the
            pipeline, or without its dead-letter queue; for a table with other keys; or for stacks that could not be
            deployed because each needs the other.
        """
        super().__init__(scope, id)
        self._pipeline_name = self.node.path
        check_whole_number(self, "max_receive_count", max_receive_count, 1, 1000)
        if max_concurrency is not None:
            check_whole_number(self, "max_concurrency", max_concurrency, 2, 1000)
        if jump_threshold is not None:
            check_jump_threshold(self, jump_threshold)
        check_removal_policy(self, removal_policy)
        window, age = batching_seconds(self, batching_window), age_seconds(self, age_threshold)
        delivery = Delivery(max_receive_count, 6 * int(_TIMEOUT.to_seconds()) + window)
        given = sorted_sources(self, sources, topic)
        if encryption_key is not None:
            checked_key(self, "encryption_key", encryption_key)
            same_place(self, "encryption_key", encryption_key, encryption_key.key_arn)
        if table is not None:
            check_table(self, table)
        if (queue is None) != (dead_letter_queue is None):
            alone = "queue" if queue is not None else "dead_letter_queue"
            fail(self, "queue and dead_letter_queue", "must be given together", f"{alone} alone")
        if queue is not None and dead_letter_queue is not None:
            check_queues(self, queue, dead_letter_queue, delivery)

        self.encryption_key: kms.IKey = encryption_key if encryption_key is not None else self._key(removal_policy)
        """The key that encrypts what was made here."""
        own_topic: sns.ITopic | None = None
        if given.publishers and topic is None:
            own_topic = sns.Topic(self, "Topic", master_key=self.encryption_key, enforce_ssl=True)
        self.topic: sns.ITopic | None = topic if topic is not None else own_topic
        """Where the configuration sets and identities publish to; None if no source is one."""
        self.dead_letter_queue: sqs.IQueue = (
            dead_letter_queue
            if dead_letter_queue is not None
            else make_queue(self, "DeadLetterQueue", self.encryption_key)
        )
        """Messages that could not be recorded, each with its reason in the message attributes."""
        self.queue: sqs.IQueue = (
            queue
            if queue is not None
            else make_main_queue(
                self, "Queue", self.encryption_key, dead_letter_queue=self.dead_letter_queue, delivery=delivery
            )
        )
        """Messages on their way to the function."""
        self.table: dynamodb.ITable = (
            table if table is not None else ledger.suppression_table(self, "Table", self.encryption_key, removal_policy)
        )
        """The suppression ledger."""
        self._connect(given, own_topic)
        self.function: lambda_.Function = self._function(max_receive_count, max_concurrency, window, soft_bounces)
        """The function that decides and records."""

        self._alarm_actions = alarm_actions
        self._alarms = make_alarms(
            self,
            queue=self.queue,
            dead_letter_queue=self.dead_letter_queue,
            function=self.function,
            suppressed=self.metric_suppressed(period=Duration.hours(1)),
            age_threshold=age,
            jump_threshold=jump_threshold,
            actions=alarm_actions,
        )
        self.dead_letter_alarm: cloudwatch.Alarm = self._alarms.dead_letters
        """Goes off when there is any dead letter."""
        self.age_alarm: cloudwatch.Alarm = self._alarms.age
        """Goes off when messages wait too long."""
        self.error_alarm: cloudwatch.Alarm = self._alarms.errors
        """Goes off when the function fails for a quarter of an hour; once alone is tried again, and no reason."""
        self.throttle_alarm: cloudwatch.Alarm = self._alarms.throttles
        """Goes off when Lambda throttles the function for a quarter of an hour."""
        self.jump_alarm: cloudwatch.AnomalyDetectionAlarm | None = self._alarms.jump
        """Goes off when suddenly far more addresses are suppressed than usual; None without *jump_threshold*."""

    def grant_read_suppressions(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let *grantee* ask whether addresses are suppressed: GetItem, BatchGetItem, and Query also on the index."""
        return ledger.grant_read(self.table, grantee)

    def grant_lift(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let *grantee* lift suppressions by hand: UpdateItem on the attributes that a lift changes."""
        return ledger.grant_lift(self.table, grantee)

    def grant_erase(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let *grantee* erase an address: Query and DeleteItem on the table."""
        return ledger.grant_erase(self.table, grantee)

    def grant_redrive(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let *grantee* move dead letters back to the queue, and watch and cancel that.

        See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html.
        """
        for key in distinct_keys(self.queue.encryption_master_key, self.dead_letter_queue.encryption_master_key):
            key.grant(grantee, "kms:Decrypt", "kms:GenerateDataKey")
        self.queue.grant(grantee, "sqs:SendMessage")
        return self.dead_letter_queue.grant(
            grantee,
            "sqs:StartMessageMoveTask",
            "sqs:ListMessageMoveTasks",
            "sqs:CancelMessageMoveTask",
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
        )

    def widgets(self) -> list[list[cloudwatch.IWidget]]:
        """Return rows of widgets for a dashboard of yours: ``Dashboard(..., widgets=feedback.widgets())``."""
        return make_widgets(
            self._pipeline_name,
            metrics=self,
            queue=self.queue,
            dead_letter_queue=self.dead_letter_queue,
            function=self.function,
            alarms=self._alarms,
        )

    def publish_changes(
        self, *, bus: events.IEventBus | None = None, alarm_actions: Sequence[cloudwatch.IAlarmAction] | None = None
    ) -> SuppressionChanges:
        """Tell of each address that is suppressed or restored; what is returned has the reactions to choose from.

        The table gets a stream for it. A table of yours must have one of new and old images; an imported one must be
        imported with its ``table_stream_arn``.

        :param bus: your bus, the account's default one included. Default: a new one.
        :param alarm_actions: what the alarms of this and of every reaction do. Default: what the pipeline's do.
        :raises ValueError: if it was called before, if the table has no such stream, or for a bus of another account or
            region.
        """
        from ses_constructs.feedback.changes import SuppressionChanges, enable_stream  # loads more of the CDK

        if self.node.try_find_child("Changes") is not None:
            fail(self, "publish_changes", "is called once, and what it returns takes every reaction", "a second call")
        if self.table.node.scope is self:
            enable_stream(self.table)
        return SuppressionChanges(
            self,
            "Changes",
            table=self.table,
            encryption_key=self.encryption_key,
            bus=bus,
            alarm_actions=alarm_actions if alarm_actions is not None else self._alarm_actions,
        )

    def _key(self, removal_policy: RemovalPolicy) -> kms.Key:
        return kms.Key(
            self,
            "Key",
            description="SES bounces and complaints: topic, queues and suppression table",
            enable_key_rotation=True,
            removal_policy=removal_policy,  # a table that is kept is worth nothing without its key
        )

    def _connect(self, given: Sources, own_topic: sns.ITopic | None) -> None:
        for destination in given.destinations:
            destination.rule.add_queue(self.queue, dead_letter_queue=self.dead_letter_queue)
        topics = [*given.topics, *([self.topic] if self.topic is not None else [])]
        if not topics:
            return
        subscriptions = Subscriptions(
            self, topics=topics, own_topic=own_topic, queue=self.queue, dead_letter_queue=self.dead_letter_queue
        )
        if self.topic is None:
            return
        needed = [
            *(stack_of(topic, topic.topic_arn) for topic in topics),
            stack_of(self.queue, self.queue.queue_arn),
            stack_of(self.dead_letter_queue, self.dead_letter_queue.queue_arn),
            stack_of(self.table, self.table.table_arn),
            stack_of(self.encryption_key, self.encryption_key.key_arn),
        ]
        Publishing(self, topic=self.topic, subscriptions=subscriptions, needed=needed).start(given.publishers)

    def _function(
        self, max_receive_count: int, max_concurrency: int | None, window: int, soft_bounces: SoftBounces | None
    ) -> lambda_.Function:
        function = make_function(
            self,
            "Function",
            handler="feedback",
            description="Records SES bounces and complaints in the suppression table",
            environment={
                "TABLE_NAME": self.table.table_name,
                "DEAD_LETTER_QUEUE_URL": self.dead_letter_queue.queue_url,
                "MAX_RECEIVE_COUNT": (
                    Token.as_string(max_receive_count)
                    if Token.is_unresolved(max_receive_count)
                    else str(max_receive_count)
                ),
                "PIPELINE_NAME": self._pipeline_name,
                # Random, made by CloudFormation for each stack, and in no template: enough to keep logs from naming
                # addresses to those who can read logs only.
                "ADDRESS_HASH_KEY": Fn.select(2, Fn.split("/", Aws.STACK_ID)),
                **(soft_bounces.environment() if soft_bounces is not None else {}),
            },
            timeout=_TIMEOUT,
            memory_size=256,
        )
        self.queue.grant_consume_messages(function)
        self.dead_letter_queue.grant(function, "sqs:SendMessage")
        ledger.grant_record(self.table, function)
        if self.dead_letter_queue.encryption_master_key is not None:
            grant_use(self.dead_letter_queue.encryption_master_key, function, write=True)
        function.add_event_source_mapping(
            "Queue",
            event_source_arn=self.queue.queue_arn,
            batch_size=_BATCH_SIZE,
            max_batching_window=Duration.seconds(window),
            max_concurrency=max_concurrency,
            report_batch_item_failures=True,
        )
        return function
