"""SES events to CloudWatch metrics: AWS::SES::ConfigurationSetEventDestination with dimensions.

See https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-cloudwatch.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from aws_cdk import Annotations
from aws_cdk import aws_ses as ses

from ses_constructs._kit.checks import fail, items
from ses_constructs.sending.dimension import Dimension
from ses_constructs.sending.event_types import EventType, sending_events
from ses_constructs.sending.metrics import CONFIGURATION_SET_TAG, MetricOptions, event_metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch

    from ses_constructs.sending.configuration_set import AnyConfigurationSet

# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
_DIMENSIONS = 10
# A metric costs 0.30 US dollars a month: with ten values each, four dimensions are up to 10,000 metrics an event type.
_CHEAP = 3


class CloudWatchEventDestination(ses.ConfigurationSetEventDestination):
    """Made by :meth:`SendingConfigurationSet.publish_to_cloud_watch`. It is the CDK's own event destination."""

    def __init__(
        self,
        scope: AnyConfigurationSet,
        id: str,
        *,
        events: Sequence[EventType | str],
        dimensions: Sequence[Dimension] | None = None,
    ) -> None:
        """For the parameters see :meth:`SendingConfigurationSet.publish_to_cloud_watch`."""
        if dimensions is None:
            dimensions = [Dimension.message_tag(CONFIGURATION_SET_TAG)]
        _check(scope, f"dimensions of {id}", dimensions)
        super().__init__(
            scope,
            id,
            configuration_set=scope,
            destination=ses.EventDestination.cloud_watch_dimensions(
                [ses.CloudWatchDimension(source=it.source, name=it.name, default_value=it.default) for it in dimensions]
            ),
            events=sending_events(scope, f"events of {id}", events),
        )
        self.events: frozenset[EventType] = frozenset(EventType(it) for it in events)
        """The event types."""
        self.dimensions: tuple[Dimension, ...] = tuple(dimensions)
        """What tells the metrics apart."""
        self._configuration_set = scope
        self._warn()

    def metric(
        self, event: EventType | str, values: Mapping[str, str] | None = None, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        """Return the metric that counts events of one type, for one value of each dimension.

        :param event: one of the event types published here.
        :param values: value of each dimension by its name; the configuration set's own may be left out. There is no
            sum over all values: for that use a metric expression, or a destination without the dimension.
        :param options: as the CDK's own metrics have them. Default: sums of five minutes.
        :raises ValueError: for an event type that is not published here, or values that are not those of the
            dimensions.
        """
        if event not in self.events:
            fail(self, "event", f"must be among {', '.join(sorted(self.events))}", str(event))
        names = {it.name for it in self.dimensions}
        given = dict(values) if values is not None else {}
        if CONFIGURATION_SET_TAG in names:
            given.setdefault(CONFIGURATION_SET_TAG, self._configuration_set.configuration_set_name)
        if given.keys() != names:
            fail(self, "values", f"must be given for {', '.join(sorted(names))}", given)
        return event_metric(EventType(event), given, options)

    def _warn(self) -> None:
        doubts = [doubt for it in self.dimensions if (doubt := it.doubt()) is not None]
        if len(self.dimensions) > _CHEAP:
            doubts.append(
                f"every combination of values of {len(self.dimensions)} dimensions is a metric of its own, paid for by "
                "the month: several destinations with fewer dimensions each have fewer metrics"
            )
        if doubts:
            Annotations.of(self).add_warning_v2("ses-constructs:dimensions", f"Unwise dimensions: {'; '.join(doubts)}.")


def _check(scope: AnyConfigurationSet, parameter: str, dimensions: Sequence[Dimension]) -> None:
    for it in items(scope, parameter, dimensions, what="Dimension"):
        if not isinstance(it, Dimension):
            fail(scope, parameter, "must be each a Dimension", it)
    if len(dimensions) > _DIMENSIONS:
        fail(scope, parameter, f"must be at most {_DIMENSIONS}", len(dimensions))
    names = [it.name for it in dimensions]
    if len(set(names)) < len(names):
        fail(scope, parameter, "must have each name once", names)
