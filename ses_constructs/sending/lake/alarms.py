"""What tells that events do not get into a lake.

See https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_kinesisfirehose as firehose
    from aws_cdk import aws_logs as logs
    from constructs import Construct

_PERIOD = Duration.minutes(5)
_AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


def stream_alarms(
    scope: Construct,
    stream: firehose.IDeliveryStream,
    log_group: logs.ILogGroup,
    *,
    freshness: Duration,
    actions: Sequence[cloudwatch.IAlarmAction],
) -> dict[str, cloudwatch.Alarm]:
    """Define the alarms of a delivery stream into S3, by their ids."""
    alarms: dict[str, cloudwatch.Alarm] = {}

    def alarm(
        id: str,
        metric: cloudwatch.IMetric,
        description: str,
        *,
        threshold: float = 1,
        comparison: cloudwatch.ComparisonOperator = _AT_LEAST,
    ) -> None:
        alarms[id] = cloudwatch.Alarm(
            scope,
            id,
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=comparison,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        if actions:
            alarms[id].add_alarm_action(*actions)

    def of_stream(name: str, statistic: str) -> cloudwatch.Metric:
        return stream.metric(name, statistic=statistic, period=_PERIOD)

    alarm(
        "Delivery",
        of_stream("DeliveryToS3.Success", "Average"),
        "Firehose cannot write SES events to the bucket: look at its permissions, its key, and whether it exists.",
        comparison=_BELOW,
    )
    alarm(
        "Freshness",
        of_stream("DeliveryToS3.DataFreshness", "Maximum"),
        "SES events wait in Firehose, which keeps them for a day at most.",
        threshold=freshness.to_seconds(),
    )
    alarm(
        "Conversion",
        of_stream("FailedConversion.Records", "Sum"),
        "SES events do not fit the table; for a while they are in the bucket under errors/.",
    )
    faults = ("KMSKeyAccessDenied", "KMSKeyDisabled", "KMSKeyInvalidState", "KMSKeyNotFound")
    key = cloudwatch.MathExpression(
        expression="SUM(METRICS())",
        using_metrics={f"fault{number}": of_stream(name, "Sum") for number, name in enumerate(faults)},
        label="Faults of the key",
        period=_PERIOD,
    )
    # Without the key nothing gets into the stream, so that nothing there waits or fails.
    alarm("Key", key, "Firehose cannot use the key of the stream, and refuses SES events: is it disabled or deleted?")
    # Firehose logs nothing but errors. There is no metric of records whose folder cannot be worked out.
    logged = cloudwatch.Metric(
        namespace="AWS/Logs",
        metric_name="IncomingLogEvents",
        dimensions_map={"LogGroupName": log_group.log_group_name},
        statistic="Sum",
        period=_PERIOD,
    )
    alarm("Errors", logged, "Firehose reports errors with SES events: see its log, and errors/ in the bucket.")
    alarm(
        "Throttling",
        of_stream("ThrottledRecords", "Sum"),
        "Firehose refuses SES events, too many at a time: ask for a higher quota of the stream.",
    )
    return alarms
