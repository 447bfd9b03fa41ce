"""A configuration set: how mail is sent, and who hears of what becomes of it.

See https://docs.aws.amazon.com/ses/latest/dg/using-configuration-sets.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_ses as ses

from ses_constructs._kit.checks import fail, is_token
from ses_constructs.sending.firehose_destination import FirehoseEventDestination
from ses_constructs.sending.sns_destination import SnsEventDestination

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_kinesisfirehose as firehose
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns
    from constructs import Construct

    from ses_constructs.sending.event_types import EventType
    from ses_constructs.sending.lake.event_lake import EventLake

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
    ) -> SnsEventDestination:
        """Publish events to an SNS topic, as they happen.

        :param id: id of the destination in this construct, for a second one.
        :param events: the event types to publish.
        :param topic: your standard topic, in the same region. Default: a new one, encrypted and open to TLS only.
        :param encryption_key: customer managed key for the new topic, or the one that encrypts *topic* if the CDK
            cannot see it there; SES is allowed to use it. Default: a new key, with the new topic.
        :raises ValueError: for a plain string or an unknown event type as events, a FIFO topic or one that is
            encrypted with an AWS managed key (SES can publish to neither), or an eleventh destination.
        """
        self._count_destination()
        return SnsEventDestination(self, id, events=events, topic=topic, encryption_key=encryption_key)

    def publish_to_firehose(
        self,
        id: str = "Firehose",
        *,
        events: Sequence[EventType | str],
        stream: firehose.IDeliveryStream | None = None,
        lake: EventLake | None = None,
    ) -> FirehoseEventDestination:
        """Publish events to a Firehose stream: for good, and to be asked.

        :param id: id of the destination in this construct, for a second one.
        :param events: the event types to publish.
        :param stream: your delivery stream, written to directly (no Kinesis or MSK source), in the same region.
        :param lake: the lake whose stream it is to be; several configuration sets may share one. Default, without a
            stream: a new :class:`EventLake`.
        :raises ValueError: for a plain string or an unknown event type as events, a stream together with a lake, a
            stream with a source of its own, or an eleventh destination.
        """
        self._count_destination()
        return FirehoseEventDestination(self, id, events=events, stream=stream, lake=lake)

    def _count_destination(self) -> None:
        if self._destinations == _DESTINATIONS:
            rule = f"can have at most {_DESTINATIONS} event destinations"
            fail(self, "the configuration set", rule, self._destinations + 1)
        self._destinations += 1
