"""What a pipeline shows to those who run it: metrics, widgets, alarms.

See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Anomaly_Detection.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from ses_constructs._kit.alarms import make_alarm, make_dead_letter_alarm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs
    from constructs import Construct

_NAMESPACE = "SesConstructs/Feedback"  # where lambda/feedback publishes to
_MINUTE = Duration.minutes(1)
_FIVE_MINUTES = Duration.minutes(5)
_HOUR = Duration.hours(1)
# Below this many addresses an hour nothing is a jump: a small list has hours without any bounce and hours with three.
_LEAST_JUMP = 10


class FeedbackMetrics:
    """The metrics that the function publishes, each a count; their sum, over five minutes unless you say otherwise."""

    _pipeline_name: str

    def metric_suppressed(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Recipients that bounced for good or complained, and are on the ledger; echoes among them."""
        return self._metric("Suppressed", period)

    def metric_unsubscribed(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Recipients that had opted out, and are on the ledger."""
        return self._metric("Unsubscribed", period)

    def metric_counted(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Recipients whose soft bounce is on the ledger, where too many suppress them."""
        return self._metric("Counted", period)

    def metric_echoes(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Those of the suppressed that SES did not try to deliver to: a suppression list had them already."""
        return self._metric("Echoes", period)

    def metric_kept(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Messages that suppress nobody, such as out-of-office replies."""
        return self._metric("Kept", period)

    def metric_ignored(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Messages about something else than bounces and complaints."""
        return self._metric("Ignored", period)

    def metric_parked(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Messages that the function put into the dead-letter queue, with the reason."""
        return self._metric("Parked", period)

    def metric_retried(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Messages left in the queue for another try."""
        return self._metric("Retried", period)

    def _metric(self, name: str, period: Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=_NAMESPACE,
            metric_name=name,
            dimensions_map={"Pipeline": self._pipeline_name},
            statistic="Sum",
            period=period if period is not None else _FIVE_MINUTES,
        )


class Alarms(NamedTuple):
    """The alarms of a pipeline."""

    dead_letters: cloudwatch.Alarm
    age: cloudwatch.Alarm
    errors: cloudwatch.Alarm
    throttles: cloudwatch.Alarm
    jump: cloudwatch.AnomalyDetectionAlarm | None


def make_alarms(
    scope: Construct,
    *,
    queue: sqs.IQueue,
    dead_letter_queue: sqs.IQueue,
    function: lambda_.IFunction,
    suppressed: cloudwatch.Metric,
    age_threshold: float,
    jump_threshold: float | None,
    actions: Sequence[cloudwatch.IAlarmAction],
) -> Alarms:
    """Define the alarms.

    :param suppressed: sum an hour.
    :param age_threshold: seconds.
    :param jump_threshold: standard deviations; None for no alarm.
    """
    alarms = Alarms(
        dead_letters=make_dead_letter_alarm(
            scope,
            "DeadLetterAlarm",
            dead_letter_queue=dead_letter_queue,
            queue=queue,
            description="Bounces or complaints could not be recorded.",
        ),
        age=make_alarm(
            scope,
            "AgeAlarm",
            metric=queue.metric_approximate_age_of_oldest_message(period=_MINUTE, statistic="Maximum"),
            threshold=age_threshold,
            description="Bounces or complaints wait to be recorded: the function fails or does not keep up.",
        ),
        errors=make_alarm(
            scope,
            "ErrorAlarm",
            metric=function.metric_errors(period=_FIVE_MINUTES),
            threshold=1,
            periods=3,
            description="The function that records bounces and complaints keeps failing: read its log.",
        ),
        throttles=make_alarm(
            scope,
            "ThrottleAlarm",
            metric=function.metric_throttles(period=_FIVE_MINUTES),
            threshold=1,
            periods=3,
            description=(
                "The function that records bounces and complaints gets no concurrency: raise the account's, or lower "
                "max_concurrency below what is reserved."
            ),
        ),
        jump=_jump_alarm(scope, suppressed, jump_threshold) if jump_threshold is not None else None,
    )
    if actions:
        for alarm in alarms:
            if alarm is not None:
                alarm.add_alarm_action(*actions)
    return alarms


def make_widgets(
    name: str,
    *,
    metrics: FeedbackMetrics,
    queue: sqs.IQueue,
    dead_letter_queue: sqs.IQueue,
    function: lambda_.IFunction,
    alarms: Alarms,
) -> list[list[cloudwatch.IWidget]]:
    """Return two rows of widgets under a heading."""
    return [
        [cloudwatch.TextWidget(markdown=f"## Bounces and complaints: {name}", width=24, height=1)],
        [
            _graph(
                "On the ledger", metrics.metric_suppressed(), metrics.metric_echoes(), metrics.metric_unsubscribed()
            ),
            _graph(
                "Nobody to suppress (yet)", metrics.metric_counted(), metrics.metric_kept(), metrics.metric_ignored()
            ),
            _graph("Not recorded", metrics.metric_retried(), metrics.metric_parked()),
            cloudwatch.AlarmStatusWidget(
                title="Alarms", alarms=[alarm for alarm in alarms if alarm is not None], width=6, height=6
            ),
        ],
        [
            _graph(
                "Age of the oldest message",
                queue.metric_approximate_age_of_oldest_message(period=_MINUTE, statistic="Maximum"),
            ),
            _graph(
                "Messages",
                queue.metric_approximate_number_of_messages_visible(label="waiting", statistic="Maximum"),
                queue.metric_approximate_number_of_messages_not_visible(label="at the function", statistic="Maximum"),
                dead_letter_queue.metric_approximate_number_of_messages_visible(
                    label="dead letters", statistic="Maximum"
                ),
            ),
            _graph("Function", function.metric_invocations(), function.metric_errors(), function.metric_throttles()),
            _graph("Duration", function.metric_duration(statistic="p50"), function.metric_duration(statistic="p99")),
        ],
    ]


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, left=list(metrics), left_y_axis=cloudwatch.YAxisProps(min=0), width=6, height=6
    )


def _jump_alarm(scope: Construct, suppressed: cloudwatch.Metric, deviations: float) -> cloudwatch.AnomalyDetectionAlarm:
    return cloudwatch.AnomalyDetectionAlarm(
        scope,
        "JumpAlarm",
        alarm_description=(
            "Far more addresses bounced or complained within an hour than the days before lead to expect: a bad list, "
            "or somebody else sends in your name. SES puts accounts under review for it."
        ),
        metric=cloudwatch.MathExpression(
            expression=f"IF(suppressed >= {_LEAST_JUMP}, suppressed, 0)",
            using_metrics={"suppressed": suppressed},
            label="Suppressed addresses an hour",
            period=_HOUR,
        ),
        std_devs=deviations,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_UPPER_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
