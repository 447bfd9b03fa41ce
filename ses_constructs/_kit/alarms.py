"""The one way to make an alarm on what should not happen at all.

See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_sqs as sqs
    from constructs import Construct


def make_alarm(
    scope: Construct,
    id: str,
    *,
    metric: cloudwatch.IMetric,
    description: str,
    actions: Sequence[cloudwatch.IAlarmAction] = (),
    threshold: float = 1,
    periods: int = 1,
) -> cloudwatch.Alarm:
    """Define an alarm that goes off when *metric* reaches *threshold* in so many periods; no data is good news."""
    alarm = cloudwatch.Alarm(
        scope,
        id,
        alarm_description=description,
        metric=metric,
        threshold=threshold,
        evaluation_periods=periods,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    if actions:
        alarm.add_alarm_action(*actions)
    return alarm


def make_dead_letter_alarm(
    scope: Construct,
    id: str,
    *,
    dead_letter_queue: sqs.IQueue,
    queue: sqs.IQueue | None,
    description: str,
    actions: Sequence[cloudwatch.IAlarmAction] = (),
) -> cloudwatch.Alarm:
    """Define an alarm that goes off when there is any dead letter, and says how to move it back.

    :param queue: where it goes back to; None if there is no such queue.
    :param description: a sentence on what has failed.
    """
    if queue is not None:
        description = (
            f"{description} Read the dead-letter queue, mend the cause, then move it back: aws sqs "
            f"start-message-move-task --source-arn {dead_letter_queue.queue_arn} --destination-arn {queue.queue_arn}"
        )
    return make_alarm(
        scope,
        id,
        metric=dead_letter_queue.metric_approximate_number_of_messages_visible(
            period=Duration.minutes(1), statistic="Maximum"
        ),
        description=description,
        actions=actions,
    )
