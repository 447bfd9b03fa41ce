"""Mail that arrives becomes an event that programs can work on.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email.html.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ses_constructs._kit.alarms import make_dead_letter_alarm
from ses_constructs._kit.buckets import make_bucket
from ses_constructs._kit.checks import check_removal_policy, check_whole_number, fail
from ses_constructs._kit.function_queues import Delivery, check_queues, make_main_queue, make_queue
from ses_constructs._kit.functions import make_function
from ses_constructs._kit.keys import checked_key, distinct_keys, grant_use
from ses_constructs._kit.nag import acknowledge_objects
from ses_constructs._kit.queues import allow_bus_to_send
from ses_constructs._kit.stacks import same_place, stack_around
from ses_constructs._kit.subscriptions import Subscriptions
from ses_constructs._kit.topics import checked_topic
from ses_constructs.receiving.actions import ReceiptAction
from ses_constructs.sending.event_rule import SesEventRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_ses as ses

    from ses_constructs.receiving.rule_set import ActiveReceiptRuleSet

SOURCE = "ses-constructs.inbound"
"""Source of the events; as in lambda/inbound/handler.py."""
_TIMEOUT = Duration.minutes(3)
_MEMORY = 1024  # MB; a mail of 40 MB takes a fifth of it (benchmarks/inbound.py), and processor time comes with it
_RETENTION = Duration.days(90)
_FOLDERS = ("mail", "parsed", "quarantine")

_places: WeakKeyDictionary[ActiveReceiptRuleSet, dict[tuple[str, str], str]] = WeakKeyDictionary()
"""Where the mailboxes of a rule set store mail: bucket and prefix, and the path of the mailbox."""


class VerdictPolicy(StrEnum):
    """What becomes of a mail whose verdict is anything but PASS: FAIL, GRAY, PROCESSING_FAILED, or none at all."""

    FLAG = "FLAG"
    """It is announced like any other, and the event says so."""
    QUARANTINE = "QUARANTINE"
    """It is moved to ``quarantine/`` and announced as "Email Quarantined", without text and attachments."""
    DROP = "DROP"
    """It is deleted, and only counted."""


class InboundMailbox(Construct):
    """Receive the mail of *recipients*, and announce each as one event "Email Received" on a bus.

    The event (``docs/receiving.md``) holds envelope, header, text, HTML, verdicts, what the mail answers to and
    whether a machine wrote it; attachments are stored beside the mail under names that do no harm. Whatever cannot be
    read is stored and announced all the same, with what is known of it, and set aside with its reason.

    Defines: a receipt rule, and unless you pass yours a bucket, a topic, a queue with its dead-letter queue, a bus and
    one key that encrypts all of them; the function that reads mail, and an alarm for dead letters.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        rule_set: ActiveReceiptRuleSet,
        recipients: Sequence[str],
        bucket: s3.IBucket | None = None,
        prefix: str = "",
        topic: sns.ITopic | None = None,
        queue: sqs.IQueue | None = None,
        dead_letter_queue: sqs.IQueue | None = None,
        bus: events.IEventBus | None = None,
        encryption_key: kms.IKey | None = None,
        spam: VerdictPolicy = VerdictPolicy.QUARANTINE,
        virus: VerdictPolicy = VerdictPolicy.QUARANTINE,
        retention: Duration | None = None,
        max_receive_count: int = 5,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """:param rule_set: where the rule goes, after those that are there.

        :param recipients: addresses and domains, as :meth:`ActiveReceiptRuleSet.add_rule` has them; at least one.
        :param bucket: your bucket, in the same region. It should encrypt by default, and delete mail at some age.
            Default: a new one.
        :param prefix: of the keys of everything that is stored, such as ``support/``; in a bucket with several
            mailboxes each has its own. Default: none.
        :param topic: your topic, by which SES tells of mail that it stored. Default: a new one.
        :param queue: your standard queue. It must redrive to *dead_letter_queue* after *max_receive_count* receives,
            and hide messages for at least 1,080 seconds, six times the function's timeout. Default: a new one.
        :param dead_letter_queue: your dead-letter queue; goes together with *queue*.
        :param bus: your bus, the account's default one included. Default: a new one.
        :param encryption_key: customer managed key for everything made here; not an alias. Default: a new one. If an
            existing *bucket*, *topic* or *queue* is encrypted with another key, the CDK must know it there.
        :param spam: what becomes of mail whose spam verdict is not PASS.
        :param virus: what becomes of mail whose virus verdict is not PASS.
        :param retention: age at which everything in the new bucket is deleted. Default: 90 days.
        :param max_receive_count: how often a mail is tried before it becomes a dead letter. 1 to 1,000.
        :param alarm_actions: what the alarm does. Default: nothing, it is only seen.
        :param removal_policy: what becomes of new bucket and new key when they leave the stack. Default: both are
            kept. ``DESTROY`` deletes the mail with them.
        :raises ValueError: for what is empty, out of range or of another kind, for parameters that exclude each other,
            for a resource that SES or SNS cannot use, or for a bucket and a prefix that another mailbox has.
        """
        super().__init__(scope, id)
        self._alarm_actions = alarm_actions
        self._name = self.node.path
        check_whole_number(self, "max_receive_count", max_receive_count, 1, 1000)
        check_removal_policy(self, removal_policy)
        if not recipients:
            fail(self, "recipients", "must name at least one address or domain", recipients)
        for parameter, policy in (("spam", spam), ("virus", virus)):
            if policy not in set(VerdictPolicy):
                fail(self, parameter, f"must be among {', '.join(VerdictPolicy)}", policy)
        if prefix.startswith("/") or (prefix and not prefix.endswith("/")):
            fail(self, "prefix", "must end with a slash and not begin with one", prefix)
        if bucket is not None and retention is not None:
            fail(self, "retention", "is for a new bucket, and bucket is yours", str(retention))
        if encryption_key is not None:
            checked_key(self, "encryption_key", encryption_key)
            same_place(self, "encryption_key", encryption_key, encryption_key.key_arn)
        if topic is not None:
            checked_topic(self, "topic", topic)
        delivery = Delivery(max_receive_count, 6 * int(_TIMEOUT.to_seconds()))
        if (queue is None) != (dead_letter_queue is None):
            alone = "queue" if queue is not None else "dead_letter_queue"
            fail(self, "queue and dead_letter_queue", "must be given together", f"{alone} alone")
        if queue is not None and dead_letter_queue is not None:
            check_queues(self, queue, dead_letter_queue, delivery)

        self.prefix: str = prefix
        """Of the keys of everything that is stored."""
        if bucket is not None:
            self._claim(rule_set, bucket)
        self.encryption_key: kms.IKey = encryption_key if encryption_key is not None else self._key(removal_policy)
        """The key that encrypts what was made here."""
        self.bucket: s3.IBucket = bucket if bucket is not None else self._bucket(prefix, retention, removal_policy)
        """Mail under ``mail/``, what was made of it under ``parsed/``, and what was kept away under ``quarantine/``."""
        self.topic: sns.ITopic = (
            topic if topic is not None else sns.Topic(self, "Topic", master_key=self.encryption_key, enforce_ssl=True)
        )
        """By which SES tells of mail that it stored."""
        self.dead_letter_queue: sqs.IQueue = (
            dead_letter_queue
            if dead_letter_queue is not None
            else make_queue(self, "DeadLetterQueue", self.encryption_key)
        )
        """Messages about mail that could not be announced, or not be read in full, each with its reason."""
        self.queue: sqs.IQueue = (
            queue
            if queue is not None
            else make_main_queue(
                self, "Queue", self.encryption_key, dead_letter_queue=self.dead_letter_queue, delivery=delivery
            )
        )
        """Messages on their way to the function."""
        self.bus: events.IEventBus = bus if bus is not None else self._bus()
        """Where the mail is announced."""
        subscriptions = Subscriptions(
            self,
            topics=[self.topic],
            own_topic=self.topic if topic is None else None,
            queue=self.queue,
            dead_letter_queue=self.dead_letter_queue,
        )
        self.function: lambda_.Function = self._function(spam, virus, max_receive_count)
        """The function that reads and announces mail."""
        self.rule: ses.CfnReceiptRule = rule_set.add_rule(
            "Rule",
            scope=self,
            recipients=recipients,
            actions=[ReceiptAction.store(self.bucket, prefix=f"{prefix}mail/", topic=self.topic)],
        )
        """The receipt rule."""
        # The way is open before the first mail comes, and until the last one is done.
        self.rule.node.add_dependency(*subscriptions.resources, self.function, self.bucket)
        self.dead_letter_alarm: cloudwatch.Alarm = make_dead_letter_alarm(
            self,
            "DeadLetterAlarm",
            dead_letter_queue=self.dead_letter_queue,
            queue=self.queue,
            description="Mail could not be announced, or not be read in full.",
            actions=alarm_actions,
        )
        """Goes off when there is any dead letter."""

    def on_received(self, id: str = "OnReceived", *, scope: Construct | None = None) -> SesEventRule:
        """Return a rule for the mail of this mailbox: ``on_received().add_function(function)``.

        :param id: of the rule in *scope*, for a second one.
        :param scope: what the rule belongs to. For targets in a stack that refers to this one take something there; it
            hears of mail from when that stack is deployed. Default: this construct.
        """
        return self._rule(id, "Email Received", scope)

    def on_quarantined(self, id: str = "OnQuarantined", *, scope: Construct | None = None) -> SesEventRule:
        """Return a rule for the mail of this mailbox that was kept away: ``on_quarantined().add_queue(queue)``.

        :param id: of the rule in *scope*, for a second one.
        :param scope: as with :meth:`on_received`.
        """
        return self._rule(id, "Email Quarantined", scope)

    def grant_read_mail(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let *grantee* read mail and attachments, not what is in quarantine."""
        return self._grant_read(grantee, "mail", "parsed")

    def grant_read_attachments(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let *grantee* read attachments alone, and see whether one is there."""
        iam.Grant.add_to_principal(grantee=grantee, actions=["s3:ListBucket"], resource_arns=[self.bucket.bucket_arn])
        return self._grant_read(grantee, "parsed")

    def _grant_read(self, grantee: iam.IGrantable, *folders: str) -> iam.Grant:
        if self.bucket.encryption_key is not None:
            self.bucket.encryption_key.grant(grantee, "kms:Decrypt")
        objects = [self._objects(folder) for folder in folders]
        acknowledge_objects(grantee.grant_principal, objects)
        return iam.Grant.add_to_principal(grantee=grantee, actions=["s3:GetObject"], resource_arns=objects)

    def _rule(self, id: str, detail_type: str, scope: Construct | None) -> SesEventRule:
        rule = SesEventRule(
            scope if scope is not None else self,
            id,
            description=f"Mail of {self._name}",
            detail_types=[detail_type],
            detail={"mailbox": [self._name]},
            encryption_key=self.encryption_key,
            alarm_actions=self._alarm_actions,
            event_bus=self.bus,
            source=SOURCE,
        )
        if stack_around(rule) is stack_around(self):
            # No mail is announced before those who wait for it listen.
            self.rule.node.add_dependency(rule.ready)
        return rule

    def _claim(self, rule_set: ActiveReceiptRuleSet, bucket: s3.IBucket) -> None:
        """Refuse a place that another mailbox has: SES gives a mail for both one name, and each would move it away."""
        taken = _places.setdefault(rule_set, {})
        path = taken.setdefault((bucket.bucket_arn, self.prefix), self._name)
        if path != self._name:
            fail(self, "prefix", f"must be another than that of {path}, which has the same bucket", self.prefix)

    def _key(self, removal_policy: RemovalPolicy) -> kms.Key:
        return kms.Key(
            self,
            "Key",
            description="SES inbound mail: bucket, topic, queues and bus",
            enable_key_rotation=True,
            removal_policy=removal_policy,  # mail that is kept is worth nothing without its key
        )

    def _bucket(self, prefix: str, retention: Duration | None, removal_policy: RemovalPolicy) -> s3.Bucket:
        return make_bucket(
            self,
            "Bucket",
            encryption_key=self.encryption_key,
            expirations={prefix: retention if retention is not None else _RETENTION},
            removal_policy=removal_policy,
        )

    def _bus(self) -> events.EventBus:
        bus = events.EventBus(self, "Bus", kms_key=self.encryption_key, dead_letter_queue=self.dead_letter_queue)
        allow_bus_to_send(self, self.dead_letter_queue, bus.event_bus_arn)
        return bus

    def _function(self, spam: VerdictPolicy, virus: VerdictPolicy, max_receive_count: int) -> lambda_.Function:
        function = make_function(
            self,
            "Function",
            handler="inbound",
            description="Reads mail that SES stored, and announces it",
            environment={
                "MAILBOX_NAME": self._name,
                "EVENT_BUS_NAME": self.bus.event_bus_name,
                "DEAD_LETTER_QUEUE_URL": self.dead_letter_queue.queue_url,
                "MAX_RECEIVE_COUNT": str(max_receive_count),
                "SPAM_POLICY": VerdictPolicy(spam).value,
                "VIRUS_POLICY": VerdictPolicy(virus).value,
                "KEY_PREFIX": self.prefix,
            },
            timeout=_TIMEOUT,
            memory_size=_MEMORY,
        )
        # It writes nothing any more when the bucket is emptied.
        function.node.add_dependency(self.bucket)
        for statement in self._statements():
            function.add_to_role_policy(statement)
        acknowledge_objects(function.role, [self._objects(folder) for folder in _FOLDERS])
        self.dead_letter_queue.grant(function, "sqs:SendMessage")
        keys = [self.bucket.encryption_key, self.dead_letter_queue.encryption_master_key]
        if self.bus.node.scope is self:  # made here, and encrypted with our key
            keys.append(self.encryption_key)
        for key in distinct_keys(*keys):
            grant_use(key, function, write=True)
        self.queue.grant_consume_messages(function)
        function.add_event_source_mapping(
            "Queue", event_source_arn=self.queue.queue_arn, batch_size=1, report_batch_item_failures=True
        )
        return function

    def _objects(self, folder: str) -> str:
        return self.bucket.arn_for_objects(f"{self.prefix}{folder}/*")

    def _statements(self) -> list[iam.PolicyStatement]:
        mail, parsed, quarantine = (self._objects(folder) for folder in _FOLDERS)
        conditions: dict[str, Any] = {"StringEquals": {"events:source": SOURCE}}
        return [
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[mail, quarantine]),
            iam.PolicyStatement(actions=["s3:DeleteObject"], resources=[mail]),
            iam.PolicyStatement(actions=["s3:PutObject"], resources=[parsed, quarantine]),
            # Without it a missing object is not told from a forbidden one.
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn]),
            iam.PolicyStatement(
                actions=["events:PutEvents"], resources=[self.bus.event_bus_arn], conditions=conditions
            ),
        ]
