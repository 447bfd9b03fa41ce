"""What happens when an address is suppressed or restored: events on a bus, and reactions to them.

The ledger's own stream (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html) tells of each
change, so nothing can be on the ledger and not be told, nor be told and not be on the ledger. ``docs/reactions.md`` has
the events.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aws_cdk import Acknowledgment, Duration, Stack, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ses_constructs._kit.alarms import make_alarm, make_dead_letter_alarm
from ses_constructs._kit.checks import fail, is_token
from ses_constructs._kit.function_queues import make_queue
from ses_constructs._kit.functions import make_function
from ses_constructs._kit.keys import checked_key, grant_use
from ses_constructs._kit.queues import allow_bus_to_send
from ses_constructs._kit.stacks import same_place
from ses_constructs.feedback.reaction import SuppressionReaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SOURCE = "ses-constructs.feedback"  # as in lambda/suppression_changes/core.py
_BOTH_IMAGES = "NEW_AND_OLD_IMAGES"

# The stream keeps records for 24 hours. What has not been told by then is set aside while it can still be read: first
# by the function, with what it says, and two hours later, should the function itself fail, by Lambda.
_TELL_WITHIN = Duration.hours(20)
_LEAVE_STREAM = Duration.hours(22)

_USERS_FUNCTION_TIMEOUT = Duration.minutes(15)  # the longest there is; a function's own may not be known here
_USERS_FUNCTION_TRIES = 200  # one in each of these: for two days
_HANDLER_TIMEOUT = Duration.seconds(120)
_HANDLER_VISIBILITY = Duration.seconds(720)  # six times that, as Lambda asks for
_HANDLER_TRIES = 1000  # the most that SQS allows: the handlers count time, and this is for when they do not get to it
_HANDLER_BATCH = 10
_DELIVER_WITHIN = Duration.days(3)
_AT_ONE_RECEIVER = 5  # calls at a time, which any server can take
# SES takes one call a second. Lambda runs at least two functions a queue, so each makes one in two.
_LIST_WORKERS = 2
_SECONDS_A_CALL = 2


class SuppressionChanges(Construct):
    """Tell a bus of each address that is suppressed or restored, and react to it.

    Defines: the function that reads the ledger's stream, a dead-letter queue, an alarm each for dead letters and for
    changes that are told late, and a bus unless you pass yours. Each reaction adds a queue of its own.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        table: dynamodb.ITable,
        encryption_key: kms.IKey,
        bus: events.IEventBus | None = None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
    ) -> None:
        """:param table: the suppression ledger, with a stream of new and old images. An imported table must be imported
            with ``table_stream_arn``.

        :param encryption_key: customer managed key for everything made here.
        :param bus: your bus, the account's default one included. Default: a new one.
        :param alarm_actions: what the alarms of this and of every reaction do. Default: nothing, they are only seen.
        :raises ValueError: if the table has no stream, or one without both images; for the alias of a key; or for a bus
            of another account or region.
        """
        super().__init__(scope, id)
        self.table: dynamodb.ITable = table
        """The suppression ledger."""
        checked_key(self, "encryption_key", encryption_key)
        if bus is not None:
            same_place(self, "bus", bus, bus.event_bus_arn)
        self._key = encryption_key
        self._alarm_actions = alarm_actions
        stream_arn = _stream_arn(self, table)
        self.dead_letter_queue: sqs.Queue = make_queue(self, "DeadLetterQueue", encryption_key)
        """Changes that could not be told."""
        _acknowledge(
            self.dead_letter_queue, "SQS3", "It is the dead-letter queue of the bus and of the stream's function"
        )
        self.bus: events.IEventBus = bus if bus is not None else self._bus()
        """Where the changes are told."""
        self.function: lambda_.Function = self._function(stream_arn)
        """The function that reads the stream."""
        self.dead_letter_alarm: cloudwatch.Alarm = make_dead_letter_alarm(
            self,
            "DeadLetterAlarm",
            dead_letter_queue=self.dead_letter_queue,
            queue=None,
            description="Changes of the suppression ledger could not be told: read the dead-letter queue.",
            actions=alarm_actions,
        )
        """Goes off when there is any dead letter."""
        self.age_alarm: cloudwatch.Alarm = make_alarm(
            self,
            "AgeAlarm",
            metric=self.function.metric("IteratorAge", period=Duration.minutes(1), statistic="Maximum"),
            threshold=Duration.minutes(15).to_milliseconds(),
            description="Changes of the suppression ledger are told late: the function fails or does not keep up.",
            actions=alarm_actions,
        )
        """Goes off when changes are told more than 15 minutes late."""

    def invoke(self, id: str, function: lambda_.IFunction) -> SuppressionReaction:
        """Call your function with each change, until it returns without an error, for two days.

        It gets an SQS event with one record, whose body is the EventBridge event as JSON. After an error it is called
        again 15 minutes later. It may be called more than once with the same change.

        :param id: name of the reaction, such as ``"Crm"``.
        :param function: your function; its timeout may be any. One of another stack is deployed before this one. An
            imported one must be imported with its role, which is given the queue.
        :raises ValueError: for an imported function without its role, or one of another account or region.
        """
        if function.role is None:
            fail(self, "function", "must be imported with its role, which is given the queue", function.node.path)
        same_place(self, "function", function, function.function_arn)
        reaction = self._reaction(id, visibility_timeout=_USERS_FUNCTION_TIMEOUT, tries=_USERS_FUNCTION_TRIES)
        reaction.consume(function, batch_size=1)
        return reaction

    def call_webhook(
        self,
        id: str,
        *,
        url: str,
        secret: secretsmanager.ISecret | None = None,
        give_up_after: Duration | None = None,
    ) -> SuppressionReaction:
        """Post each change to an HTTPS endpoint, signed after Standard Webhooks.

        An answer of 2xx is delivery. 410 is final; everything else is tried again, ever later, once an hour at last.
        https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

        :param id: name of the reaction, such as ``"Partner"``.
        :param url: with ``https://``, and without user name or password. It can be read in the function's settings.
        :param secret: base64 of 24 to 64 bytes, with or without ``whsec_`` before it. After a rotation both the current
            and the previous version sign. Default: a new one.
        :param give_up_after: age at which a change becomes a dead letter. One minute to 13 days. Default: 3 days.
        :raises ValueError: for another URL or age.
        """
        self._check_url(url)
        patience = give_up_after if give_up_after is not None else _DELIVER_WITHIN
        if not patience.is_unresolved() and not 60 <= patience.to_seconds() <= 13 * 24 * 3600:
            fail(self, "give_up_after", "must be one minute to 13 days", str(patience))
        reaction = self._reaction(id, visibility_timeout=_HANDLER_VISIBILITY, tries=_HANDLER_TRIES)
        if secret is None:
            # Letters and digits, as many as make whole bytes: base64 of 33 random-looking bytes, with 262 bits in them.
            secret = secretsmanager.Secret(
                reaction,
                "Secret",
                description="Signs the webhook of the suppression ledger",
                encryption_key=self._key,
                generate_secret_string=secretsmanager.SecretStringGenerator(
                    exclude_characters=string.punctuation, password_length=44
                ),
            )
            reason = "It is rotated when the receiver is ready for another, and both versions sign until then"
            _acknowledge(secret, "SMG4", reason)
        function = self._handler(
            reaction,
            "webhook",
            "Posts changes of the suppression ledger to a webhook",
            {"WEBHOOK_URL": url, "SECRET_ARN": secret.secret_arn},
            patience,
        )
        reaction.signing_secret = secret
        secret.grant_read(function)
        reaction.consume(function, batch_size=_HANDLER_BATCH, max_concurrency=_AT_ONE_RECEIVER)
        return reaction

    def keep_account_suppression_list(self) -> SuppressionReaction:
        """Keep SES's account suppression list of this region in step with what the ledger says for the whole account.

        Bounces and complaints are put there, and are taken off when they are lifted or have healed. Opt-outs and
        reasons of your own stay off it, and what the ledger never suppressed stays on it. About one change a second,
        which is what SES takes. An account in the sandbox has no such list.
        https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
        """
        # These actions know no resource.
        statement = iam.PolicyStatement(
            actions=["ses:DeleteSuppressedDestination", "ses:PutSuppressedDestination"], resources=["*"]
        )
        return self._keep_list("AccountSuppressionList", "SES's account suppression list", statement, {})

    def remove_from_contact_list(self, name: str) -> SuppressionReaction:
        """Delete suppressed addresses from SES's contact list *name*.

        Contacts who opted out stay, or the opt-out would be forgotten. Nobody is put back when an address is restored.
        An account has one contact list a region.
        https://docs.aws.amazon.com/ses/latest/dg/sending-email-list-management.html

        :param name: of the contact list.
        """
        arn = Stack.of(self).format_arn(service="ses", resource="contact-list", resource_name=name)
        actions = ["ses:DeleteContact", "ses:GetContact", "ses:GetContactList"]
        statement = iam.PolicyStatement(actions=actions, resources=[arn])
        return self._keep_list("ContactList", "an SES contact list", statement, {"CONTACT_LIST_NAME": name})

    def _bus(self) -> events.EventBus:
        bus = events.EventBus(self, "Bus", kms_key=self._key, dead_letter_queue=self.dead_letter_queue)
        allow_bus_to_send(self, self.dead_letter_queue, bus.event_bus_arn)
        return bus

    def _function(self, stream_arn: str) -> lambda_.Function:
        function = make_function(
            self,
            "Function",
            handler="suppression_changes",
            description="Tells a bus of changes of the suppression ledger",
            environment={
                "BUS_ARN": self.bus.event_bus_arn,
                "DEAD_LETTER_QUEUE_URL": self.dead_letter_queue.queue_url,
                "GIVE_UP_AFTER": str(_TELL_WITHIN.to_seconds()),
                "PIPELINE_NAME": self.node.path,
            },
            timeout=Duration.seconds(60),
            memory_size=256,
        )
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["events:PutEvents"],
                resources=[self.bus.event_bus_arn],
                conditions={"StringEquals": {"events:source": _SOURCE}},
            )
        )
        self.dead_letter_queue.grant(function, "sqs:SendMessage")
        grant_use(self._key, function, write=True)
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                resources=[stream_arn],
            )
        )
        # https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html: Lambda asks for it, and it knows no resource.
        function.add_to_role_policy(iam.PolicyStatement(actions=["dynamodb:ListStreams"], resources=["*"]))
        _acknowledge_wildcard(function)
        if self.table.encryption_key is not None:  # the stream is encrypted as the table is
            grant_use(self.table.encryption_key, function, write=False)
        self._mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=function.function_arn,
            event_source_arn=stream_arn,
            starting_position="TRIM_HORIZON",
            batch_size=100,
            maximum_batching_window_in_seconds=1,
            bisect_batch_on_function_error=True,
            maximum_record_age_in_seconds=int(_LEAVE_STREAM.to_seconds()),
            function_response_types=["ReportBatchItemFailures"],
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=self.dead_letter_queue.queue_arn)
            ),
        )
        return function

    def _reaction(
        self, id: str, *, visibility_timeout: Duration, tries: int, detail: Mapping[str, Any] | None = None
    ) -> SuppressionReaction:
        pattern: dict[str, Any] = {"source": [_SOURCE], "resources": [self.table.table_arn]}
        if detail is not None:
            pattern["detail"] = detail
        reaction = SuppressionReaction(
            self,
            id,
            bus=self.bus,
            pattern=pattern,
            encryption_key=self._key,
            visibility_timeout=visibility_timeout,
            max_receive_count=tries,
            alarm_actions=self._alarm_actions,
        )
        # Nothing is told before all listen, nor for longer than they do.
        self._mapping.node.add_dependency(reaction)
        return reaction

    def _keep_list(
        self, id: str, what: str, statement: iam.PolicyStatement, environment: Mapping[str, str]
    ) -> SuppressionReaction:
        reaction = self._reaction(
            id, visibility_timeout=_HANDLER_VISIBILITY, tries=_HANDLER_TRIES, detail={"scope": ["account"]}
        )
        function = self._handler(
            reaction,
            "ses_lists",
            f"Keeps {what} in step with the suppression ledger",
            {"TABLE_NAME": self.table.table_name, "SECONDS_A_CALL": str(_SECONDS_A_CALL), **environment},
            _DELIVER_WITHIN,
        )
        function.add_to_role_policy(statement)
        if "*" in statement.resources:
            _acknowledge_wildcard(function)
        # The table's own grant would take in its indexes.
        function.add_to_role_policy(iam.PolicyStatement(actions=["dynamodb:GetItem"], resources=[self.table.table_arn]))
        if self.table.encryption_key is not None:
            grant_use(self.table.encryption_key, function, write=False)
        reaction.consume(function, batch_size=_HANDLER_BATCH, max_concurrency=_LIST_WORKERS)
        return reaction

    def _handler(
        self,
        reaction: SuppressionReaction,
        handler: str,
        description: str,
        environment: Mapping[str, str],
        patience: Duration,
    ) -> lambda_.Function:
        function = make_function(
            reaction,
            "Function",
            handler=handler,
            description=description,
            environment={
                "QUEUE_URL": reaction.queue.queue_url,
                "DEAD_LETTER_QUEUE_URL": reaction.dead_letter_queue.queue_url,
                "GIVE_UP_AFTER": str(patience.to_seconds()),
                "PIPELINE_NAME": reaction.node.path,
                **environment,
            },
            timeout=_HANDLER_TIMEOUT,
            memory_size=256,
        )
        reaction.dead_letter_queue.grant(function, "sqs:SendMessage")
        grant_use(self._key, function, write=True)
        return function

    def _check_url(self, url: str) -> None:
        if is_token(url):
            return
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            fail(self, "url", "must begin with https://", url)
        if not url.isascii() or " " in url:
            fail(self, "url", "must be written in ASCII, without spaces", url)
        if parts.username is not None or parts.password is not None:
            fail(self, "url", "must not hold a user name or a password", parts.hostname)


def enable_stream(table: dynamodb.ITable) -> None:
    """Let *table*, which was made here, have a stream, if it has none yet."""
    resource = table.node.default_child
    assert isinstance(resource, dynamodb.CfnTable)
    resource.stream_specification = dynamodb.CfnTable.StreamSpecificationProperty(stream_view_type=_BOTH_IMAGES)


def _stream_arn(scope: Construct, table: dynamodb.ITable) -> str:
    resource = table.node.default_child
    if isinstance(resource, dynamodb.CfnTable):
        stream: Any = resource.stream_specification
        if stream is None:
            fail(scope, "table", f"must have a stream of {_BOTH_IMAGES}", f"{table.node.path} without one")
        view = getattr(stream, "stream_view_type", _BOTH_IMAGES)  # what is resolved later has none
        if view != _BOTH_IMAGES and not is_token(view):
            fail(scope, "table", f"must have a stream of {_BOTH_IMAGES}", f"{table.node.path} with {view}")
        return resource.attr_stream_arn
    if table.table_stream_arn is None:
        fail(scope, "table", "must be imported with its table_stream_arn, and have a stream", table.node.path)
    return table.table_stream_arn


def _acknowledge_wildcard(function: lambda_.Function) -> None:
    assert function.role is not None
    reason = "The actions with this resource know no narrower one"
    _acknowledge(function.role, "IAM5[Resource::*]", reason)


def _acknowledge(resource: Construct | iam.IRole, rule: str, reason: str) -> None:
    """Answer for users of cdk-nag, who would otherwise have to find out why."""
    Validations.of(resource).acknowledge(Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason))
