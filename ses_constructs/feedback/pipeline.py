"""Bounces and complaints, from SES to the suppression ledger.

See https://docs.aws.amazon.com/ses/latest/dg/monitor-sending-activity.html and, for queues behind topics,
https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from aws_cdk import ArnFormat, Aws, Duration, Fn, RemovalPolicy, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ses_constructs._kit.checks import fail, items
from ses_constructs._kit.functions import make_function
from ses_constructs._kit.keys import allow_service, grant_use
from ses_constructs._kit.topics import checked_topic
from ses_constructs.feedback import ledger
from ses_constructs.feedback.soft_bounces import SoftBounces
from ses_constructs.sending import EventType, SendingConfigurationSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs.identity import SendingIdentity

_RETENTION = Duration.days(14)  # the most that SQS offers
_TIMEOUT = Duration.seconds(30)
# Six times the function's timeout, so that a message is not handed out again while the function has it:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
_VISIBILITY_TIMEOUT = Duration.seconds(180)
_BATCH_SIZE = 100
_BATCHING_WINDOW = Duration.seconds(1)  # a batch above ten messages needs a window


class FeedbackPipeline(Construct):
    """Keep on record who must not be mailed again, and lose no bounce and no complaint on the way.

    Defines: a topic (for configuration sets and identities), a queue with its dead-letter queue, the function, the
    suppression table, one key that encrypts all of them, and an alarm each for dead letters and for messages that wait
    too long.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        sources: Sequence[SendingConfigurationSet | SendingIdentity | sns.ITopic],
        topic: sns.ITopic | None = None,
        queue: sqs.IQueue | None = None,
        dead_letter_queue: sqs.IQueue | None = None,
        table: dynamodb.ITable | None = None,
        encryption_key: kms.IKey | None = None,
        max_receive_count: int = 5,
        soft_bounces: SoftBounces | None = SoftBounces(),  # noqa: B008 - a frozen value, and the default to be seen
        age_threshold: Duration | None = None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """:param sources: configuration sets and identities, whose bounces and complaints are then published to
            *topic*; or topics that get SES's event publishing or identity notifications already. An identity tells of
            all its mail: of mail with a configuration set among *sources* it is a second word on the same.

        :param topic: your topic for the configuration sets and identities among *sources*. Default: a new one.
        :param queue: your queue. It must redrive to *dead_letter_queue* after *max_receive_count* receives, and hide
            messages for at least 180 seconds. Default: a new one that keeps messages for 14 days.
        :param dead_letter_queue: your dead-letter queue; goes together with *queue*.
        :param table: your table with partition key ``address`` and sort key ``scope``, both strings. Default: a new
            one with point-in-time recovery and deletion protection. Lists by reason and day need the index
            ``by_reason_and_day`` of docs/ledger.md.
        :param encryption_key: customer managed key for everything made here. Default: a new one. If an existing
            *topic*, *queue* or *table* is encrypted with another key, the CDK must know it there.
        :param max_receive_count: how often a message is tried before it becomes a dead letter. 1 to 1,000.
        :param soft_bounces: when bounces that may pass suppress an address. None: never, and they leave no trace.
        :param age_threshold: alarm when a message has waited this long. Default: 15 minutes.
        :param alarm_actions: what both alarms do. Default: nothing, they are only seen.
        :param removal_policy: what becomes of table and key when they leave the stack. Default: both are kept; the key
            not if its first deployment is rolled back, for then there is nothing to read with it. ``DESTROY`` also
            lifts the deletion protection of the table.
        :raises ValueError: for sources that are empty or of another kind, a FIFO topic, a queue without its dead-letter
            queue or the reverse, or max_receive_count out of range.
        """
        super().__init__(scope, id)
        self._check(sources, topic, queue, dead_letter_queue, max_receive_count)
        sets = [source for source in sources if isinstance(source, SendingConfigurationSet)]
        identities = [source for source in sources if _is_identity(source)]
        topics = [source for source in sources if _is_topic(source)]
        for given in topics:
            checked_topic(self, "sources", given)

        self.encryption_key: kms.IKey = encryption_key if encryption_key is not None else self._key(removal_policy)
        """The key that encrypts what was made here."""
        self.topic: sns.ITopic | None = topic
        """Where the configuration sets and identities publish to; None if no source is one."""
        if (sets or identities) and self.topic is None:
            self.topic = sns.Topic(self, "Topic", master_key=self.encryption_key, enforce_ssl=True)

        self.dead_letter_queue: sqs.IQueue = (
            dead_letter_queue if dead_letter_queue is not None else self._queue("DeadLetterQueue")
        )
        """Messages that could not be recorded, each with its reason in the message attributes."""
        self.queue: sqs.IQueue = queue if queue is not None else self._main_queue(max_receive_count)
        """Messages on their way to the function."""
        subscriptions = self._subscribe([*topics, *([self.topic] if self.topic is not None else [])])
        for configuration_set in sets:
            destination = configuration_set.publish_to_sns(
                "Feedback", events=[EventType.BOUNCE, EventType.COMPLAINT], topic=self.topic
            )
            # Deployed after the way to the queue is open, and deleted before it is closed: no event falls between.
            destination.node.add_dependency(*subscriptions)
        for identity in identities:
            assert self.topic is not None
            identity.set_notification_topic(self.topic).node.add_dependency(*subscriptions)

        self.table: dynamodb.ITable = (
            table if table is not None else ledger.suppression_table(self, "Table", self.encryption_key, removal_policy)
        )
        """The suppression ledger."""
        self.function: lambda_.Function = self._function(max_receive_count, soft_bounces)
        """The function that decides and records."""

        self.dead_letter_alarm: cloudwatch.Alarm = self._alarm(
            "DeadLetterAlarm",
            metric=self.dead_letter_queue.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(1), statistic="Maximum"
            ),
            threshold=1,
            description="Bounces or complaints could not be recorded: read the dead-letter queue, then redrive it.",
            actions=alarm_actions,
        )
        """Goes off when there is any dead letter."""
        self.age_alarm: cloudwatch.Alarm = self._alarm(
            "AgeAlarm",
            metric=self.queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(1), statistic="Maximum"),
            threshold=(age_threshold if age_threshold is not None else Duration.minutes(15)).to_seconds(),
            description="Bounces or complaints wait to be recorded: the function fails or does not keep up.",
            actions=alarm_actions,
        )
        """Goes off when messages wait too long."""

    def grant_read_suppressions(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let *grantee* ask whether addresses are suppressed: GetItem, BatchGetItem, and Query also on the index."""
        return ledger.grant_read(self.table, grantee)

    def grant_lift(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let *grantee* lift suppressions by hand: UpdateItem on the attributes that a lift changes."""
        return ledger.grant_lift(self.table, grantee)

    def grant_erase(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let *grantee* erase an address: Query and DeleteItem on the table."""
        return ledger.grant_erase(self.table, grantee)

    def _check(
        self,
        sources: Sequence[SendingConfigurationSet | SendingIdentity | sns.ITopic],
        topic: sns.ITopic | None,
        queue: sqs.IQueue | None,
        dead_letter_queue: sqs.IQueue | None,
        max_receive_count: int,
    ) -> None:
        for source in items(self, "sources", sources, what="configuration sets, identities and topics"):
            if not isinstance(source, SendingConfigurationSet) and not _is_identity(source) and not _is_topic(source):
                fail(self, "sources", "must be each a SendingConfigurationSet, an identity or an SNS topic", source)
        if topic is not None and all(_is_topic(source) for source in sources):
            fail(self, "topic", "is for configuration sets and identities, and sources must then name one", sources)
        if (queue is None) != (dead_letter_queue is None):
            given = "queue" if queue is not None else "dead_letter_queue"
            fail(self, "queue and dead_letter_queue", "must be given together", f"{given} alone")
        if not Token.is_unresolved(max_receive_count) and not 1 <= max_receive_count <= 1000:
            fail(self, "max_receive_count", "must be 1 to 1,000", max_receive_count)

    def _key(self, removal_policy: RemovalPolicy) -> kms.Key:
        return kms.Key(
            self,
            "Key",
            description="SES bounces and complaints: topic, queues and suppression table",
            enable_key_rotation=True,
            removal_policy=removal_policy,  # a table that is kept is worth nothing without its key
        )

    def _main_queue(self, max_receive_count: int) -> sqs.Queue:
        dead_letters = sqs.DeadLetterQueue(max_receive_count=max_receive_count, queue=self.dead_letter_queue)
        return self._queue("Queue", visibility_timeout=_VISIBILITY_TIMEOUT, dead_letter_queue=dead_letters)

    def _queue(
        self,
        id: str,
        *,
        visibility_timeout: Duration | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            id,
            encryption_master_key=self.encryption_key,
            enforce_ssl=True,
            retention_period=_RETENTION,
            visibility_timeout=visibility_timeout,
            dead_letter_queue=dead_letter_queue,
        )

    def _subscribe(self, topics: Sequence[sns.ITopic]) -> list[sns.Subscription]:
        """Subscribe the queue. The L2 subscription to a queue is not used: it opens the key to SNS as a whole."""
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"],
                principals=[iam.ServicePrincipal("sns.amazonaws.com")],
                resources=[self.queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": [topic.topic_arn for topic in topics]}},
            )
        )
        # Any topic of this account and region: the topic itself refers to the key, and a cycle cannot be deployed.
        any_topic = Stack.of(self).format_arn(service="sns", resource="*", arn_format=ArnFormat.NO_RESOURCE_NAME)
        for key in _distinct(self.queue.encryption_master_key, self.dead_letter_queue.encryption_master_key):
            allow_service(self, key, service="sns.amazonaws.com", conditions={"ArnLike": {"aws:SourceArn": any_topic}})
        return [
            sns.Subscription(
                self,
                "Subscription" if number == 1 else f"Subscription{number}",
                topic=topic,
                protocol=sns.SubscriptionProtocol.SQS,
                endpoint=self.queue.queue_arn,
                raw_message_delivery=True,
                dead_letter_queue=self.dead_letter_queue,
            )
            for number, topic in enumerate(topics, start=1)
        ]

    def _function(self, max_receive_count: int, soft_bounces: SoftBounces | None) -> lambda_.Function:
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
                "PIPELINE_NAME": self.node.path,
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
            max_batching_window=_BATCHING_WINDOW,
            report_batch_item_failures=True,
        )
        return function

    def _alarm(
        self,
        id: str,
        *,
        metric: cloudwatch.IMetric,
        threshold: float,
        description: str,
        actions: Sequence[cloudwatch.IAlarmAction],
    ) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            id,
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        if actions:
            alarm.add_alarm_action(*actions)
        return alarm


def _is_identity(source: object) -> TypeGuard[SendingIdentity]:
    # By what it has: the folder of identities is not loaded for a pipeline without any.
    return hasattr(source, "set_notification_topic")


def _is_topic(source: object) -> TypeGuard[sns.ITopic]:
    return hasattr(source, "topic_arn")


def _distinct(*keys: kms.IKey | None) -> list[kms.IKey]:
    return list({key.key_arn: key for key in keys if key is not None}.values())
