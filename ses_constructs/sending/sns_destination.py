"""SES events to an SNS topic: AWS::SES::ConfigurationSetEventDestination with an encrypted topic, and its subscribers.

See https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns

from ses_constructs._kit.checks import fail
from ses_constructs._kit.keys import allow_service, checked_key
from ses_constructs._kit.queues import allow_topic_to_send, check_queue
from ses_constructs._kit.stacks import can_name, same_place
from ses_constructs._kit.topics import checked_topic, lets_ses_in, open_topic
from ses_constructs.sending.event_types import EventType, sending_events
from ses_constructs.sending.subscriptions import Subscriptions, event_filter, https_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_secretsmanager as secretsmanager
    from aws_cdk import aws_sqs as sqs

    from ses_constructs.sending.configuration_set import AnyConfigurationSet

_SES = "ses.amazonaws.com"


class SnsEventDestination(ses.ConfigurationSetEventDestination):
    """Made by :meth:`SendingConfigurationSet.publish_to_sns`.

    It is the CDK's own event destination, with the permission for SES to publish. Unless you pass yours, a topic and
    its key are defined beside it, in the configuration set. The methods ``subscribe_*`` define with the subscription
    the permission for this topic alone, and where a message goes that SNS could not deliver: one dead-letter queue for
    all of them, encrypted, with an alarm, unless you pass yours. When SES gets to know a topic, it publishes a message
    that is no event but plain text, ``Successfully validated SNS topic ...``; a subscription with a filter skips it.

    Topic, key and queues may be in another stack, which is deployed first and whose policies cannot name what comes
    after: topic and key let in the configuration sets of this account and region, the queues its topics.
    """

    def __init__(
        self,
        scope: AnyConfigurationSet,
        id: str,
        *,
        events: Sequence[EventType | str],
        topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
    ) -> None:
        """For the parameters see :meth:`SendingConfigurationSet.publish_to_sns`."""
        sending = sending_events(scope, f"events of {id}", events)
        if encryption_key is not None:
            checked_key(scope, f"encryption_key of {id}", encryption_key)
        if topic is None:
            new_key = encryption_key if encryption_key is not None else _key(scope, f"{id}Key")
            topic = sns.Topic(scope, f"{id}Topic", master_key=new_key, enforce_ssl=True)
        known = checked_topic(scope, f"topic of {id}", topic)
        same_place(scope, f"topic of {id}", topic, known.arn, account=False)
        key = encryption_key if encryption_key is not None else known.key
        named = can_name(scope, topic, scope, lambda: scope.arn)
        # Also adds the statement to the topic's policy: sns:Publish for SES, from this configuration set only.
        destination = known.destination if named else _opened(scope, f"{id}TopicByArn", topic)
        super().__init__(scope, id, configuration_set=scope, destination=destination, events=sending)
        self.events: tuple[EventType, ...] = tuple(dict.fromkeys(EventType(event) for event in events))
        """The event types that are published."""
        self.topic: sns.ITopic = topic
        """The topic."""
        self.encryption_key: kms.IKey | None = key
        """The key that encrypts the topic, where it is known."""
        if key is not None:
            source = scope.arn if can_name(scope, key, scope, lambda: scope.arn) else _any_set(scope)
            allow_service(self, key, service=_SES, conditions=_from(scope, source))
        if not isinstance(topic, sns.Topic) and not lets_ses_in(topic):
            Annotations.of(self).add_warning_v2(
                "ses-constructs:importedTopicPolicy",
                "The topic is imported, so its policy cannot be changed from here: it must allow ses.amazonaws.com "
                f"sns:Publish with aws:SourceArn {scope.arn}.",
            )
        self._subscriptions = Subscriptions(
            self, topic, encryption_key=self.encryption_key, alarm_actions=alarm_actions
        )

    @property
    def dead_letter_queue(self) -> sqs.IQueue | None:
        """What SNS could not deliver, for subscriptions without a queue of yours for it; None if there is no such."""
        letters = self._subscriptions.dead_letters
        return letters.queue if letters is not None else None

    @property
    def dead_letter_alarm(self) -> cloudwatch.Alarm | None:
        """Goes off when there is anything in :attr:`dead_letter_queue`."""
        letters = self._subscriptions.dead_letters
        return letters.alarm if letters is not None else None

    def subscribe_queue(
        self,
        id: str,
        queue: sqs.IQueue,
        *,
        events: Sequence[EventType | str] | None = None,
        tags: Mapping[str, Sequence[str]] | None = None,
        raw_message_delivery: bool = True,
        dead_letter_queue: sqs.IQueue | None = None,
    ) -> sns.Subscription:
        """Send the events to an SQS queue: to this topic its policy is opened, and its key to the account's topics.

        :param id: id of the subscription in this construct.
        :param queue: your standard queue, encrypted by SQS or with a customer managed key.
        :param events: only these event types. Default: all that are published.
        :param tags: only events of messages that have each of these tags, with one of the values given for it. SES's
            own tags too: ``{"ses:from-domain": ["example.com"]}``. Default: whatever the tags.
        :param raw_message_delivery: whether the body of a message is the event; else it is SNS's envelope around it.
        :param dead_letter_queue: yours for what could not be delivered. Default: :attr:`dead_letter_queue`.
        :raises ValueError: for a FIFO queue or one under the AWS managed key, an event type that is not published, or
            more than SNS filters by: 5 keys and 150 combinations.
        """
        if queue.fifo:
            fail(self, f"queue of {id}", "must be a standard queue, as the topic is a standard topic", queue.node.path)
        check_queue(self, f"queue of {id}", queue)
        body_filter = self._filter(id, events, tags)
        allow_topic_to_send(self, queue, self.topic)
        return self._subscriptions.add(
            id,
            protocol=sns.SubscriptionProtocol.SQS,
            endpoint=queue.queue_arn,
            raw_message_delivery=raw_message_delivery,
            body_filter=body_filter,
            dead_letter_queue=dead_letter_queue,
        )

    def subscribe_function(
        self,
        id: str,
        function: lambda_.IFunction,
        *,
        events: Sequence[EventType | str] | None = None,
        tags: Mapping[str, Sequence[str]] | None = None,
        dead_letter_queue: sqs.IQueue | None = None,
    ) -> sns.Subscription:
        """Invoke a function with each event, in SNS's envelope.

        Once Lambda has taken a message, a failure of the function itself is Lambda's to try again, twice by default:
        give the function an on-failure destination for that, or put a queue between.

        :param function: your function.
        :param dead_letter_queue: yours for what Lambda did not take. Default: :attr:`dead_letter_queue`.

        The other parameters and errors are those of :meth:`subscribe_queue`.
        """
        body_filter = self._filter(id, events, tags)
        function.add_permission(
            f"{id}Permission",
            principal=iam.ServicePrincipal("sns.amazonaws.com"),
            source_arn=self.topic.topic_arn,
            scope=self,
        )
        return self._subscriptions.add(
            id,
            protocol=sns.SubscriptionProtocol.LAMBDA,
            endpoint=function.function_arn,
            raw_message_delivery=False,
            body_filter=body_filter,
            dead_letter_queue=dead_letter_queue,
        )

    def subscribe_url(
        self,
        id: str,
        url: str,
        *,
        events: Sequence[EventType | str] | None = None,
        tags: Mapping[str, Sequence[str]] | None = None,
        credentials: secretsmanager.ISecret | None = None,
        credentials_version: str | None = None,
        dead_letter_queue: sqs.IQueue | None = None,
    ) -> sns.Subscription:
        """Post the events to an HTTPS endpoint, in SNS's envelope, whose signature the endpoint should check.

        The endpoint gets nothing before it has confirmed the subscription. After server errors it is
        tried again for most of an hour, the most that SNS offers. For django-anymail see :class:`AnymailSubscription`.

        :param url: an ``https://`` URL that the internet reaches, without user name and password.
        :param credentials: a secret of Secrets Manager, JSON with ``username`` and ``password`` of characters that need
            no escape in a URL: for HTTP basic authentication, see :class:`AnymailSubscription` on who can read them.
        :param credentials_version: id of the version of the secret; another one makes a new subscription. Default: the
            version that is current when the subscription is made.
        :param dead_letter_queue: yours for what could not be delivered. Default: :attr:`dead_letter_queue`.
        :raises ValueError: also for another kind of URL.

        The other parameters and errors are those of :meth:`subscribe_queue`.
        """
        endpoint = https_endpoint(self, f"url of {id}", url, credentials=credentials, version_id=credentials_version)
        return self._subscriptions.add(
            id,
            protocol=sns.SubscriptionProtocol.HTTPS,
            endpoint=endpoint,
            raw_message_delivery=False,
            body_filter=self._filter(id, events, tags),
            dead_letter_queue=dead_letter_queue,
        )

    def _filter(
        self, id: str, events: Sequence[EventType | str] | None, tags: Mapping[str, Sequence[str]] | None
    ) -> Mapping[str, sns.FilterOrPolicy] | None:
        return event_filter(self, id, events=events, tags=tags, published=self.events)


def _opened(scope: AnyConfigurationSet, id: str, topic: sns.ITopic) -> ses.EventDestination:
    """Let SES in for the configuration sets of the account: a topic in another stack can name none of this one."""
    statement = iam.PolicyStatement(
        actions=["sns:Publish"],
        principals=[iam.ServicePrincipal(_SES)],
        resources=[topic.topic_arn],
        conditions=_from(scope, _any_set(scope)),
    )
    topic.add_to_resource_policy(statement)
    return ses.EventDestination.sns_topic(open_topic(scope, id, topic))


def _any_set(scope: AnyConfigurationSet) -> str:
    return Stack.of(scope).format_arn(service="ses", resource="configuration-set", resource_name="*")


def _from(scope: AnyConfigurationSet, source_arn: str) -> dict[str, dict[str, str]]:
    return {
        "StringEquals": {"aws:SourceAccount": Stack.of(scope).account},
        "ArnLike": {"aws:SourceArn": source_arn},
    }


def _key(scope: AnyConfigurationSet, id: str) -> kms.Key:
    return kms.Key(
        scope,
        id,
        description="SES events on their way through SNS",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.DESTROY,  # nothing stays encrypted with it once the topic is gone
    )
