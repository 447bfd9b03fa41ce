"""A configuration set: how mail is sent, and who hears of what becomes of it.

See https://docs.aws.amazon.com/ses/latest/dg/using-configuration-sets.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_ses as ses

from ses_constructs._kit.checks import fail, is_token
from ses_constructs.sending.event_bridge_destination import EventBridgeDestination
from ses_constructs.sending.sns_destination import SnsEventDestination

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns
    from constructs import Construct

    from ses_constructs.sending.event_types import EventType

# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
_DESTINATIONS = 10
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class SendingConfigurationSet(ses.ConfigurationSet):
    """Rules for a stream of mail, chosen by the sender for each message or by an identity as its default.

    It is the CDK's own ``ConfigurationSet``, so it goes wherever the CDK takes one. Its ``publish_to_*`` methods add
    event destinations, at most ten.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration_set_name: str | None = None,
        tls_policy: ses.ConfigurationSetTlsPolicy = ses.ConfigurationSetTlsPolicy.REQUIRE,
        reputation_metrics: bool = True,
    ) -> None:
        """:param configuration_set_name: 1 to 64 letters, digits, ``_`` and ``-``; changing it makes a new set.

            Default: CloudFormation makes one. Programs that send need it, so give it to them as a stack output.
        :param tls_policy: default: a receiving server without TLS gets no mail, and the message bounces.
            ``OPTIONAL`` delivers to such servers in plain text.
        :param reputation_metrics: whether SES publishes bounce and complaint rates of this set to CloudWatch.
        :raises ValueError: for a name that SES refuses.
        """
        super().__init__(
            scope,
            id,
            configuration_set_name=configuration_set_name,
            tls_policy=tls_policy,
            reputation_metrics=reputation_metrics,
        )
        self._destinations = 0
        name = configuration_set_name
        if name is not None and not is_token(name) and not _NAME.fullmatch(name):
            fail(self, "configuration_set_name", "must be 1 to 64 letters, digits, _ and -", name)

    @property
    def arn(self) -> str:
        """The ARN that IAM policies name; CloudFormation itself offers none."""
        return Stack.of(self).format_arn(
            service="ses", resource="configuration-set", resource_name=self.configuration_set_name
        )

    def publish_to_sns(
        self,
        id: str = "Sns",
        *,
        events: Sequence[EventType | str],
        topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
    ) -> SnsEventDestination:
        """Publish events to an SNS topic, as they happen.

        :param id: id of the destination in this construct, for a second one.
        :param events: the event types to publish.
        :param topic: your standard topic, in the same region. Default: a new one, encrypted and open to TLS only.
        :param encryption_key: customer managed key for the new topic, or the one that encrypts *topic* if the CDK
            cannot see it there; SES is allowed to use it. Default: a new key, with the new topic.
        :param alarm_actions: what the alarm on undelivered messages does, if there are subscriptions. Default: nothing.
        :raises ValueError: for a plain string or an unknown event type as events, a FIFO topic or one that is
            encrypted with an AWS managed key (SES can publish to neither), or an eleventh destination.
        """
        self._count_destination()
        return SnsEventDestination(
            self, id, events=events, topic=topic, encryption_key=encryption_key, alarm_actions=alarm_actions
        )

    def publish_to_event_bridge(
        self,
        id: str = "EventBridge",
        *,
        events: Sequence[EventType | str],
        encryption_key: kms.IKey | None = None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
    ) -> EventBridgeDestination:
        """Publish events to EventBridge: to the default bus, the only one that SES accepts, and on by a rule.

        :param id: id of the destination in this construct, for a second one.
        :param events: the event types to publish.
        :param encryption_key: customer managed key for the dead-letter queue of the rule, if one is made; EventBridge
            is allowed to use it. Default: a new key, with the queue.
        :param alarm_actions: what the alarms of the rule do. Default: nothing, they are only seen.
        :raises ValueError: for a plain string or an unknown event type as events, or an eleventh destination.
        """
        self._count_destination()
        return EventBridgeDestination(
            self, id, events=events, encryption_key=encryption_key, alarm_actions=alarm_actions
        )

    def _count_destination(self) -> None:
        if self._destinations == _DESTINATIONS:
            rule = f"can have at most {_DESTINATIONS} event destinations"
            fail(self, "the configuration set", rule, self._destinations + 1)
        self._destinations += 1
