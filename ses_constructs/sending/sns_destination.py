"""SES events to an SNS topic: AWS::SES::ConfigurationSetEventDestination with an encrypted topic.

See https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns

from ses_constructs._kit.checks import fail
from ses_constructs._kit.keys import allow_service
from ses_constructs._kit.topics import CUSTOMER_KEY, checked_topic, is_aws_managed, lets_ses_in
from ses_constructs.sending.event_types import sending_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs.sending.configuration_set import AnyConfigurationSet
    from ses_constructs.sending.event_types import EventType


class SnsEventDestination(ses.ConfigurationSetEventDestination):
    """Made by :meth:`SendingConfigurationSet.publish_to_sns`.

    It is the CDK's own event destination, with the permission for SES to publish. Unless you pass yours, a topic and
    its key are defined beside it, in the configuration set.
    """

    def __init__(
        self,
        scope: AnyConfigurationSet,
        id: str,
        *,
        events: Sequence[EventType | str],
        topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        """For the parameters see :meth:`SendingConfigurationSet.publish_to_sns`."""
        sending = sending_events(scope, f"events of {id}", events)
        if encryption_key is not None and is_aws_managed(encryption_key.key_arn):
            fail(scope, f"encryption_key of {id}", f"must be a {CUSTOMER_KEY}", encryption_key.key_arn)
        if topic is None:
            key = encryption_key if encryption_key is not None else _key(scope, f"{id}Key")
            topic = sns.Topic(scope, f"{id}Topic", master_key=key, enforce_ssl=True)
        known = checked_topic(scope, f"topic of {id}", topic)
        # Also adds the statement to the topic's policy: sns:Publish for SES, from this configuration set only.
        super().__init__(scope, id, configuration_set=scope, destination=known.destination, events=sending)
        self.topic: sns.ITopic = topic
        """The topic."""
        self.encryption_key: kms.IKey | None = encryption_key if encryption_key is not None else known.key
        """The key that encrypts the topic, where it is known."""
        if self.encryption_key is not None:
            allow_service(
                self,
                self.encryption_key,
                service="ses.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": Stack.of(self).account},
                    "ArnLike": {"aws:SourceArn": scope.arn},
                },
            )
        if not isinstance(topic, sns.Topic) and not lets_ses_in(topic):
            Annotations.of(self).add_warning_v2(
                "ses-constructs:importedTopicPolicy",
                "The topic is imported, so its policy cannot be changed from here: it must allow ses.amazonaws.com "
                f"sns:Publish with aws:SourceArn {scope.arn}.",
            )


def _key(scope: AnyConfigurationSet, id: str) -> kms.Key:
    return kms.Key(
        scope,
        id,
        description="SES events on their way through SNS",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.DESTROY,  # nothing stays encrypted with it once the topic is gone
    )
