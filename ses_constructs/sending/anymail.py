"""Events of SES to a Django program that uses django-anymail: AWS::SNS::Subscription to its webhooks.

See https://anymail.dev/en/stable/esps/amazon_ses/ and
https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from aws_cdk import Acknowledgment, Validations
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from ses_constructs._kit.checks import fail
from ses_constructs._kit.keys import checked_key
from ses_constructs._kit.topics import is_aws_managed
from ses_constructs.sending.event_types import EventType
from ses_constructs.sending.subscriptions import Subscriptions, event_filter, https_endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sqs as sqs

Webhook = Literal["tracking", "inbound"]


class AnymailSubscription(Construct):
    """Tell django-anymail's webhook of what comes to a topic of SES.

    anymail wants what is set here: no raw delivery, HTTPS, and basic authentication, without which it does not confirm
    the subscription by itself. The program must run with the same user name and password before the subscription is
    made, as ``ANYMAIL = {"WEBHOOK_SECRET": "USERNAME:PASSWORD"}``: so make the secret first, and pass it. One that was
    not confirmed must be made anew, as with *credentials_version*: to ask SNS for another confirmation does not help.

    The password is in no template, no stack output and no log of CloudFormation, which alone resolves the reference to
    the secret. Besides those who may read the secret, it can be read by whoever is allowed
    ``sns:GetSubscriptionAttributes`` on the topic's subscriptions, for the endpoint is the URL with the password in it;
    and by the program.

    Defines: the subscription; a secret unless you pass yours; a dead-letter queue, encrypted, with an alarm, unless you
    pass yours.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        topic: sns.ITopic,
        anymail_url: str,
        webhook: Webhook = "tracking",
        events: Sequence[EventType | str] | None = None,
        credentials: secretsmanager.ISecret | None = None,
        credentials_version: str | None = None,
        dead_letter_queue: sqs.IQueue | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
    ) -> None:
        """:param topic: the topic of a destination, ``configuration_set.publish_to_sns(...).topic``, or of an identity,
            for the webhook ``tracking``; of a receipt rule, for ``inbound``. One topic cannot serve both.

        :param anymail_url: where the program has ``anymail.urls``, such as ``https://www.example.com/anymail``.
        :param webhook: ``tracking`` (what becomes of mail that was sent) or ``inbound`` (mail that was received).
        :param events: only these event types of a configuration set. Default: whatever is published.
        :param credentials: a secret with JSON of ``username`` and ``password``, of characters that need no escape in a
            URL: that of another of these subscriptions, or your own. Default: a new one, with a random password.
        :param credentials_version: id of the version of the secret. Name the new one to change the password: SNS gets
            it with a new subscription, and anymail takes a list of secrets meanwhile. Default: the version that is
            current when the subscription is made, which stays so.
        :param dead_letter_queue: yours for what could not be delivered, for which SNS tries most of an hour. Default: a
            new one.
        :param encryption_key: customer managed key for a new secret and a new dead-letter queue. Default: Secrets
            Manager's own for the secret; for the queue the topic's if it is known, else a new one.
        :param alarm_actions: what the alarm on undelivered messages does. Default: nothing, it is only seen.
        :raises ValueError: for a URL that is not https, or has a user name in it, an unknown webhook, events with the
            webhook inbound, an AWS managed key or an alias.
        """
        super().__init__(scope, id)
        if webhook not in get_args(Webhook):
            fail(self, "webhook", f"must be one of {', '.join(get_args(Webhook))}", webhook)
        if webhook == "inbound" and events is not None:
            fail(self, "events", "must not be given for the webhook inbound, which gets mail", events)
        if encryption_key is not None:
            checked_key(self, "encryption_key", encryption_key)
        if credentials is None:
            credentials = self._credentials(encryption_key)
        self.credentials: secretsmanager.ISecret = credentials
        """User name and password: JSON with ``username`` and ``password``. ``grant_read`` lets your program have it."""
        endpoint = https_endpoint(
            self,
            "anymail_url",
            f"{anymail_url.rstrip('/')}/amazon_ses/{webhook}/",
            credentials=credentials,
            version_id=credentials_version,
        )
        key = encryption_key if encryption_key is not None else _customer_key(topic)
        subscriptions = Subscriptions(self, topic, encryption_key=key, alarm_actions=alarm_actions)
        self.subscription: sns.Subscription = subscriptions.add(
            "Subscription",
            protocol=sns.SubscriptionProtocol.HTTPS,
            endpoint=endpoint,
            raw_message_delivery=False,
            body_filter=event_filter(self, "Subscription", events=events, tags=None, published=tuple(EventType)),
            dead_letter_queue=dead_letter_queue,
        )
        """The subscription."""
        letters = subscriptions.dead_letters
        self.dead_letter_queue: sqs.IQueue | None = letters.queue if letters is not None else dead_letter_queue
        """What could not be delivered."""
        self.dead_letter_alarm: cloudwatch.Alarm | None = letters.alarm if letters is not None else None
        """Goes off when there is anything in the new dead-letter queue; None with a queue of yours."""

    def _credentials(self, encryption_key: kms.IKey | None) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "Credentials",
            description="Basic authentication of SNS at the webhook of django-anymail",
            encryption_key=encryption_key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template='{"username": "anymail"}',
                generate_string_key="password",
                password_length=40,
                exclude_punctuation=True,  # it stands in a URL
            ),
        )
        reason = "A new password is a new subscription, which credentials_version makes"
        Validations.of(secret).acknowledge(Acknowledgment(id="AwsSolutions::AwsSolutions-SMG4", reason=reason))
        return secret


def _customer_key(topic: sns.ITopic) -> kms.IKey | None:
    key = topic.master_key
    return key if key is not None and not is_aws_managed(key.key_arn) else None
