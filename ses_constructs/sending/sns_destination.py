"""SES events to an SNS topic: AWS::SES::ConfigurationSetEventDestination with an encrypted topic.

See https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from constructs import Construct

from ses_constructs._kit.checks import fail
from ses_constructs._kit.keys import allow_service
from ses_constructs.sending.event_types import sending_events
from ses_constructs.sending.topics import CUSTOMER_KEY, checked_topic, is_aws_managed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs.sending.configuration_set import SendingConfigurationSet
    from ses_constructs.sending.event_types import EventType


class SnsEventDestination(Construct):
    """Made by :meth:`SendingConfigurationSet.publish_to_sns`.

    Defines: the event destination, the permission for SES to publish, and, unless you pass yours, a topic with its key.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration_set: SendingConfigurationSet,
        events: Sequence[EventType | str],
        topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        """:param configuration_set: whose mail the events are about.

        For the others see :meth:`SendingConfigurationSet.publish_to_sns`.
        """
        super().__init__(scope, id)
        sending = sending_events(self, "events", events)
        if encryption_key is not None and is_aws_managed(encryption_key.key_arn):
            fail(self, "encryption_key", f"must be a {CUSTOMER_KEY}", encryption_key.key_arn)
        self.encryption_key: kms.IKey | None = encryption_key
        """The key that encrypts the topic, where it is known."""
        self.topic: sns.ITopic
        """The topic."""
        if topic is None:
            if self.encryption_key is None:
                self.encryption_key = kms.Key(
                    self,
                    "Key",
                    description="SES events on their way through SNS",
                    enable_key_rotation=True,
                    removal_policy=RemovalPolicy.DESTROY,  # nothing stays encrypted with it once the topic is gone
                )
            self.topic = sns.Topic(self, "Topic", master_key=self.encryption_key, enforce_ssl=True)
        else:
            self.topic = topic
        known = checked_topic(self, "topic", self.topic)
        if self.encryption_key is None:
            self.encryption_key = known.key
        if self.encryption_key is not None:
            allow_service(
                self,
                self.encryption_key,
                service="ses.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": Stack.of(self).account},
                    "ArnLike": {"aws:SourceArn": configuration_set.arn},
                },
            )
        # Also adds the statement to the topic's policy: sns:Publish for SES, from this configuration set only.
        self.event_destination = ses.ConfigurationSetEventDestination(
            self,
            "EventDestination",
            configuration_set=configuration_set,
            destination=known.destination,
            events=sending,
        )
        if not isinstance(self.topic, sns.Topic):
            Annotations.of(self).add_warning_v2(
                "ses-constructs:importedTopicPolicy",
                "The topic is imported, so its policy cannot be changed from here: it must allow ses.amazonaws.com "
                f"sns:Publish with aws:SourceArn {configuration_set.arn}.",
            )
