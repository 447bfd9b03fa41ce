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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs.sending.configuration_set import SendingConfigurationSet
    from ses_constructs.sending.event_types import EventType

_CUSTOMER_KEY = "customer managed key: SES cannot be allowed to use an AWS managed one"


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
        if encryption_key is not None and _is_aws_managed(encryption_key.key_arn):
            fail(self, "encryption_key", f"must be a {_CUSTOMER_KEY}", encryption_key.key_arn)
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
            check_topic(self, "topic", topic)
            if self.encryption_key is None:
                self.encryption_key = topic.master_key
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
            configuration_set=configuration_set.configuration_set,
            destination=ses.EventDestination.sns_topic(self.topic),
            events=sending,
        )
        if not isinstance(self.topic, sns.Topic):
            Annotations.of(self).add_warning_v2(
                "ses-constructs:importedTopicPolicy",
                "The topic is imported, so its policy cannot be changed from here: it must allow ses.amazonaws.com "
                f"sns:Publish with aws:SourceArn {configuration_set.arn}.",
            )


def check_topic(scope: Construct, parameter: str, topic: sns.ITopic) -> None:
    """Refuse topics that SES can never publish to.

    See https://docs.aws.amazon.com/ses/latest/dg/configure-sns-notifications.html.
    """
    if topic.fifo:
        fail(scope, parameter, "must be a standard topic: SES does not publish to FIFO topics", topic.node.path)
    resource = topic.node.default_child
    declared = resource.kms_master_key_id if isinstance(resource, sns.CfnTopic) else None
    known = topic.master_key.key_arn if topic.master_key is not None else None
    for key_id in (declared, known):
        if key_id is not None and _is_aws_managed(key_id):
            fail(scope, parameter, f"must be encrypted with a {_CUSTOMER_KEY}", key_id)


def _is_aws_managed(key_id: str) -> bool:
    return "alias/aws/" in key_id
