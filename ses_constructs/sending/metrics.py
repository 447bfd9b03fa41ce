"""What CloudWatch knows of a configuration set.

See https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-cloudwatch.html.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, TypedDict, Unpack

from aws_cdk import Annotations, Duration, Resource

from ses_constructs._kit.checks import fail
from ses_constructs.sending.event_types import EventType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_cloudwatch as cloudwatch

# The tag that SES itself puts on every message sent with a configuration set.
CONFIGURATION_SET_TAG = "ses:configuration-set"


class MetricOptions(TypedDict, total=False):
    """What the CDK's own ``metric_*`` methods take as well."""

    account: str
    color: str
    label: str
    period: Duration
    region: str
    statistic: str


def event_metric(
    event: EventType, dimensions: Mapping[str, str], options: MetricOptions, *, statistic: str = "Sum"
) -> cloudwatch.Metric:
    """Return the metric that counts events of a type."""
    name = event.title().replace("_", "")
    return _metric(name, dimensions, {"statistic": statistic, **options})


def _metric(name: str, dimensions: Mapping[str, str], options: MetricOptions) -> cloudwatch.Metric:
    from aws_cdk import aws_cloudwatch as cloudwatch

    return cloudwatch.Metric(namespace="AWS/SES", metric_name=name, dimensions_map=dimensions, **options)


class MeasuredConfigurationSet(Resource):
    """The metrics of a configuration set, new or imported.

    The ten that count events are those of ``publish_to_cloud_watch`` with its dimensions left at their default, and
    need it for these event types; with other dimensions ask the destination that it returns for ``metric``. The two
    rates need ``reputation_metrics``, which is on unless you switch it off. All take the options of the CDK's metrics.
    """

    # Whether it is defined elsewhere, so that nobody here knows what it publishes.
    _imported = False
    _reputation_metrics = True
    # The event types that are published under the name of the set alone.
    _counted: frozenset[EventType] = frozenset()

    @property
    @abstractmethod
    def configuration_set_name(self) -> str:
        """The name of the configuration set."""

    def metric_send(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the count of messages that SES accepted and will try to deliver."""
        return self._count(EventType.SEND, options)

    def metric_reject(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the count of messages with a virus, which SES did not send."""
        return self._count(EventType.REJECT, options)

    def metric_bounce(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the count of bounces: hard ones, soft ones, and those of the suppression list."""
        return self._count(EventType.BOUNCE, options)

    def metric_complaint(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the count of complaints, those of the suppression list included."""
        return self._count(EventType.COMPLAINT, options)

    def metric_delivery(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the count of messages that recipients' servers took."""
        return self._count(EventType.DELIVERY, options)

    def metric_open(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the count of openings, each as often as it happens, by machines too."""
        return self._count(EventType.OPEN, options)

    def metric_click(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the count of clicks on tracked links, each as often as it happens, by machines too."""
        return self._count(EventType.CLICK, options)

    def metric_rendering_failure(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the count of templates that could not be filled in, so that nothing was sent."""
        return self._count(EventType.RENDERING_FAILURE, options)

    def metric_delivery_delay(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the count of temporary refusals after which SES tries again."""
        return self._count(EventType.DELIVERY_DELAY, options)

    def metric_subscription(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the count of recipients who changed their preferences in a contact list."""
        return self._count(EventType.SUBSCRIPTION, options)

    def metric_bounce_rate(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the share of hard bounces, as a fraction: 0.05, where a review begins, is 5 %.

        SES publishes it only now and then, so let an alarm ignore missing data. Default: averages of an hour.

        :raises ValueError: if the set was made without reputation metrics.
        """
        return self._rate("Reputation.BounceRate", options)

    def metric_complaint_rate(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the share of complaints, as a fraction: 0.001, where a review begins, is 0.1 %.

        SES publishes it only now and then, so let an alarm ignore missing data. Default: averages of an hour.

        :raises ValueError: if the set was made without reputation metrics.
        """
        return self._rate("Reputation.ComplaintRate", options)

    def _count(self, event: EventType, options: MetricOptions) -> cloudwatch.Metric:
        if not self._imported and event not in self._counted:
            Annotations.of(self).add_warning_v2(
                f"ses-constructs:metricWithoutDestination:{event}",
                f"The metric of {event} has no data: call publish_to_cloud_watch with this event type first, and with "
                "its dimensions left at their default.",
            )
        return event_metric(event, {CONFIGURATION_SET_TAG: self.configuration_set_name}, options)

    def _rate(self, name: str, options: MetricOptions) -> cloudwatch.Metric:
        if not self._reputation_metrics:
            fail(self, "reputation_metrics", f"must be on for {name}", False)
        defaults: MetricOptions = {"statistic": "Average", "period": Duration.hours(1)}
        return _metric(name, {CONFIGURATION_SET_TAG: self.configuration_set_name}, {**defaults, **options})
