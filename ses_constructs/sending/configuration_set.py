"""A configuration set: how mail is sent, and who hears of what becomes of it.

See https://docs.aws.amazon.com/ses/latest/dg/using-configuration-sets.html.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import jsii
from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ses as ses
from aws_cdk.interfaces.aws_ses import ConfigurationSetReference

from ses_constructs._kit.checks import fail
from ses_constructs._kit.send_actions import SENDING, TEMPLATED
from ses_constructs._kit.stacks import stack_around
from ses_constructs.sending import options
from ses_constructs.sending.cloud_watch_destination import CloudWatchEventDestination
from ses_constructs.sending.event_bridge_destination import EventBridgeDestination
from ses_constructs.sending.firehose_destination import FirehoseEventDestination
from ses_constructs.sending.metrics import CONFIGURATION_SET_TAG, MeasuredConfigurationSet
from ses_constructs.sending.sns_destination import SnsEventDestination

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import Duration
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kinesisfirehose as firehose
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns
    from constructs import Construct

    from ses_constructs.sending.dimension import Dimension
    from ses_constructs.sending.event_types import EventType
    from ses_constructs.sending.lake.event_lake import EventLake
    from ses_constructs.sending.tracking_domain import TrackingDomain

# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
_DESTINATIONS = 10


class AnyConfigurationSet(MeasuredConfigurationSet):
    """What a :class:`SendingConfigurationSet` and an imported one have in common: destinations, grants and metrics."""

    _destinations = 0

    @property
    @abstractmethod
    def configuration_set_ref(self) -> ConfigurationSetReference:
        """How the CDK refers to it."""

    @property
    def arn(self) -> str:
        """The ARN that IAM policies name; CloudFormation itself offers none."""
        return Stack.of(self).format_arn(
            service="ses", resource="configuration-set", resource_name=self.configuration_set_name
        )

    def grant_send(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let *grantee* name this configuration set when it sends.

        That is half of it: SES checks the same actions on the identity, and some on the template. ``grant_send`` of an
        identity gives them, and with ``configuration_sets`` this half too.
        """
        return iam.Grant.add_to_principal(grantee=grantee, actions=[*SENDING, *TEMPLATED], resource_arns=[self.arn])

    def publish_to_cloud_watch(
        self,
        id: str = "CloudWatch",
        *,
        events: Sequence[EventType | str],
        dimensions: Sequence[Dimension] | None = None,
    ) -> CloudWatchEventDestination:
        """Count events in CloudWatch, in the namespace ``AWS/SES``.

        :param id: id of the destination in this construct, for a second one.
        :param events: the event types to count.
        :param dimensions: what tells the metrics apart, at most ten; every combination of values is a metric of its
            own, paid for by the month. Default: only the name of the configuration set, which is what the ``metric_*``
            methods here look for.
        :raises ValueError: for a plain string or an unknown event type as events, dimensions that are none, more than
            ten or named twice, or an eleventh destination.
        """
        self._count_destination()
        destination = CloudWatchEventDestination(self, id, events=events, dimensions=dimensions)
        if [it.name for it in destination.dimensions] == [CONFIGURATION_SET_TAG]:
            self._counted |= destination.events
        return destination

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
        :raises ValueError: for a plain string or an unknown event type as events, a topic that SES cannot publish to (a
            FIFO topic, one of another region, or one that is encrypted with an AWS managed key), an alias as
            encryption_key, or an eleventh destination.
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
        :raises ValueError: for a plain string or an unknown event type as events, an AWS managed key or an alias, or an
            eleventh destination.
        """
        self._count_destination()
        return EventBridgeDestination(
            self, id, events=events, encryption_key=encryption_key, alarm_actions=alarm_actions
        )

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
        :param stream: your delivery stream, written to directly (no Kinesis or MSK source), in the same account and
            region.
        :param lake: the lake whose stream it is to be; several configuration sets may share one. Default, without a
            stream: a new :class:`EventLake`.
        :raises ValueError: for a plain string or an unknown event type as events, a stream together with a lake, a
            stream with a source of its own or of another account or region, or an eleventh destination.
        """
        self._count_destination()
        return FirehoseEventDestination(self, id, events=events, stream=stream, lake=lake)

    def _count_destination(self) -> None:
        if self._destinations == _DESTINATIONS:
            rule = f"can have at most {_DESTINATIONS} event destinations"
            fail(self, "the configuration set", rule, self._destinations + 1)
        self._destinations += 1


class SendingConfigurationSet(ses.ConfigurationSet, AnyConfigurationSet):
    """Rules for a stream of mail, chosen by the sender for each message or by an identity as its default.

    It is the CDK's own ``ConfigurationSet``, so it goes wherever the CDK takes one. Its ``publish_to_*`` methods add
    event destinations, at most ten. When the id of one changes, the new one is made before the old one goes: of ten,
    take one away first.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration_set_name: str | None = None,
        tls_policy: ses.ConfigurationSetTlsPolicy = ses.ConfigurationSetTlsPolicy.REQUIRE,
        dedicated_ip_pool: ses.IDedicatedIpPool | None = None,
        max_delivery_duration: Duration | None = None,
        reputation_metrics: bool = True,
        sending_enabled: bool | None = None,
        suppression_reasons: Sequence[str] | None = None,
        auto_validation: ses.AutoValidationThreshold | bool | None = None,
        tracking_domain: TrackingDomain | str | None = None,
        tracking_https_policy: ses.HttpsPolicy | None = None,
        engagement_metrics: bool | None = None,
        optimized_shared_delivery: bool | None = None,
        archive_arn: str | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """:param configuration_set_name: 1 to 64 letters, digits, ``_`` and ``-``; changing it makes a new set.

            Default: CloudFormation makes one. Programs that send need it, so give it to them as a stack output.
        :param tls_policy: default: a receiving server without TLS gets no mail, and the message bounces.
            ``OPTIONAL`` delivers to such servers in plain text.
        :param dedicated_ip_pool: the pool of addresses to send from. Default: the shared ones of SES.
        :param max_delivery_duration: how long SES tries to deliver a message, 5 minutes to 14 hours. Default: 14 hours.
        :param reputation_metrics: whether SES publishes bounce and complaint rates of this set to CloudWatch.
        :param sending_enabled: False stops all mail with this set; True starts it again, whoever stopped it. Default:
            SES begins with it on, and what is switched over the API since stays.
        :param suppression_reasons: which entries of the suppression list stop mail with this set: ``BOUNCE``,
            ``COMPLAINT`` or both; an empty list: none does. Default: the account's setting.
        :param auto_validation: how likely an address must be to exist to get mail; True leaves that to SES, False sends
            to every address. Default: the account's setting.
        :param tracking_domain: domain in links and pixels: a :class:`TrackingDomain`, for which the set waits, or the
            name of one that SES has verified. Default: one of Amazon's.
        :param tracking_https_policy: for *tracking_domain*, which must then answer over HTTPS. Default: ``REQUIRE`` for
            a :class:`TrackingDomain`; for a name ``OPTIONAL``, pixels over HTTP and links as they are.
        :param engagement_metrics: whether Virtual Deliverability Manager counts opens and clicks. Default: the
            account's setting.
        :param optimized_shared_delivery: whether Virtual Deliverability Manager may choose the shared address to send
            from. Default: the account's setting.
        :param archive_arn: the Mail Manager archive that keeps a copy of all mail with this set. Default: none does.
        :param removal_policy: what becomes of the set when it leaves the stack. Default: it is kept, for an identity
            that is kept and has it as its default could send no more; the destinations go. If you gave it a name, that
            name is taken until you delete it.
        :raises ValueError: for a name, duration, reasons, domain or archive that SES refuses, a tracking_https_policy
            without its domain, or a snapshot as removal_policy.
        """
        tracking = None
        if tracking_domain is not None and not isinstance(tracking_domain, str):
            tracking, tracking_domain = tracking_domain, tracking_domain.domain
            if tracking_https_policy is None:
                tracking_https_policy = ses.HttpsPolicy.REQUIRE
        options.check_name(scope, "configuration_set_name", configuration_set_name, id=id)
        options.check_options(
            scope,
            id,
            max_delivery_duration=max_delivery_duration,
            suppression_reasons=suppression_reasons,
            tracking_domain=tracking_domain,
            tracking_https_policy=tracking_https_policy,
            archive_arn=archive_arn,
            removal_policy=removal_policy,
        )
        late = max_delivery_duration is not None and max_delivery_duration.is_unresolved()
        super().__init__(
            scope,
            id,
            configuration_set_name=configuration_set_name,
            tls_policy=tls_policy,
            dedicated_ip_pool=dedicated_ip_pool,
            max_delivery_duration=None if late else max_delivery_duration,
            reputation_metrics=reputation_metrics,
            sending_enabled=sending_enabled,
            custom_tracking_redirect_domain=tracking_domain,
            custom_tracking_https_policy=tracking_https_policy,
            **options.suppression(suppression_reasons),
            **options.auto_validation(auto_validation),
            **options.vdm(engagement_metrics, optimized_shared_delivery),
        )
        stack_around(self, parent=scope)
        self.removal_policy: RemovalPolicy = removal_policy
        """What becomes of the set when it leaves the stack."""
        self._reputation_metrics = reputation_metrics
        if tracking is not None:
            self._resource.node.add_dependency(tracking.ready)
        # What the CDK's own has no word for.
        if archive_arn is not None:
            self._resource.add_property_override("ArchivingOptions.ArchiveArn", archive_arn)
        if late and max_delivery_duration is not None:
            self._resource.add_property_override(
                "DeliveryOptions.MaxDeliverySeconds", max_delivery_duration.to_seconds()
            )
        if removal_policy is not RemovalPolicy.DESTROY:  # CloudFormation's own default
            self.apply_removal_policy(removal_policy)

    @classmethod
    def from_configuration_set_name(
        cls, scope: Construct, id: str, configuration_set_name: str
    ) -> ImportedConfigurationSet:
        """Return a configuration set that exists, in this account and region: it can be used, and published from.

        :raises ValueError: for a name that no configuration set can have.
        """
        return ImportedConfigurationSet(scope, id, configuration_set_name)

    @property
    def _resource(self) -> ses.CfnConfigurationSet:
        resource = self.node.default_child
        assert isinstance(resource, ses.CfnConfigurationSet)
        return resource


@jsii.implements(ses.IConfigurationSet)
class ImportedConfigurationSet(AnyConfigurationSet):
    """Made by :meth:`SendingConfigurationSet.from_configuration_set_name`."""

    _imported = True

    def __init__(self, scope: Construct, id: str, configuration_set_name: str) -> None:
        """:param configuration_set_name: the name it has."""
        super().__init__(scope, id)
        options.check_name(self, "configuration_set_name", configuration_set_name)
        self._name = configuration_set_name

    @property
    def configuration_set_name(self) -> str:
        """The name of the configuration set."""
        return self._name

    @property
    def configuration_set_ref(self) -> ConfigurationSetReference:
        """How the CDK refers to it."""
        return ConfigurationSetReference(configuration_set_name=self._name)
