"""What a pipeline shows to those who run it."""

import json
from typing import Any, cast

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns

from feedback import handler
from ses_constructs import FeedbackPipeline, SendingConfigurationSet
from tests.constructs.support import Synthesised, synthesise, text


@pytest.fixture(scope="module")
def watched() -> Synthesised:
    def define(stack: cdk.Stack) -> None:
        feedback = FeedbackPipeline(
            stack,
            "Feedback",
            sources=[SendingConfigurationSet(stack, "Set")],
            max_concurrency=7,
            batching_window=cdk.Duration.seconds(20),
            age_threshold=cdk.Duration.hours(1),
            jump_threshold=2.5,
            alarm_actions=[actions.SnsAction(sns.Topic(stack, "OnCall"))],
        )
        cloudwatch.Dashboard(stack, "Dashboard", widgets=feedback.widgets())

    return synthesise(define)


def alarm(synthesised: Synthesised, name: str) -> dict[str, Any]:
    found = synthesised.resources("AWS::CloudWatch::Alarm")
    (properties,) = [it["Properties"] for logical_id, it in found.items() if f"Feedback{name}Alarm" in logical_id]
    return dict(properties)


def queue_names(synthesised: Synthesised) -> tuple[str, str]:
    found = synthesised.resources("AWS::SQS::Queue")
    (main,) = [name for name, it in found.items() if "RedrivePolicy" in it["Properties"]]
    return main, next(name for name in found if name != main)


def test_a_single_dead_letter_raises_an_alarm_that_says_how_to_move_it_back(watched: Synthesised) -> None:
    main, dead_letters = queue_names(watched)
    dead = alarm(watched, "DeadLetter")
    assert dead["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert dead["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [dead_letters, "QueueName"]}}]
    assert dead["Threshold"] == 1
    command = f"--source-arn ${{{dead_letters}.Arn}} --destination-arn ${{{main}.Arn}}"
    assert text(dead["AlarmDescription"]).endswith(command)


def test_messages_that_wait_raise_an_alarm_when_the_user_says(watched: Synthesised) -> None:
    main, _ = queue_names(watched)
    age = alarm(watched, "Age")
    assert age["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [main, "QueueName"]}}]
    assert (age["MetricName"], age["Threshold"]) == ("ApproximateAgeOfOldestMessage", 3600)


@pytest.mark.parametrize(("name", "metric"), [("Error", "Errors"), ("Throttle", "Throttles")])
def test_a_function_that_keeps_failing_raises_an_alarm(watched: Synthesised, name: str, metric: str) -> None:
    (function,) = watched.resources("AWS::Lambda::Function")
    found = alarm(watched, name)
    assert found["MetricName"] == metric
    assert found["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": function}}]
    assert found["Period"] * found["EvaluationPeriods"] == 15 * 60


def test_a_jump_of_bounces_beyond_what_is_usual_raises_an_alarm(watched: Synthesised) -> None:
    jump = alarm(watched, "Jump")
    by_id = {metric["Id"]: metric for metric in jump["Metrics"]}
    (count,) = [it["MetricStat"] for it in by_id.values() if "MetricStat" in it]
    assert count["Metric"]["MetricName"] == "Suppressed"
    assert (count["Period"], count["Stat"]) == (3600, "Sum")
    band = by_id[jump["ThresholdMetricId"]]["Expression"]
    assert band.startswith("ANOMALY_DETECTION_BAND(")
    assert band.endswith(", 2.5)")
    assert jump["ComparisonOperator"] == "GreaterThanUpperThreshold"


def test_every_alarm_does_what_it_is_told_and_none_goes_off_for_want_of_data(watched: Synthesised) -> None:
    (topic,) = [name for name in watched.resources("AWS::SNS::Topic") if name.startswith("OnCall")]
    alarms = [it["Properties"] for it in watched.resources("AWS::CloudWatch::Alarm").values()]
    assert len(alarms) == 5
    for each in alarms:
        assert each["AlarmActions"] == [{"Ref": topic}]
        assert each["TreatMissingData"] == "notBreaching"


def test_concurrency_and_window_reach_the_event_source_and_the_visibility_time_out_follows(
    watched: Synthesised,
) -> None:
    main, _ = queue_names(watched)
    mapping = watched.properties("AWS::Lambda::EventSourceMapping")
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 7}
    assert mapping["MaximumBatchingWindowInSeconds"] == 20
    timeout = watched.properties("AWS::Lambda::Function")["Timeout"]
    assert watched.resources("AWS::SQS::Queue")[main]["Properties"]["VisibilityTimeout"] == 6 * timeout + 20


def test_there_is_a_metric_for_everything_that_the_function_counts(stack: cdk.Stack) -> None:
    feedback = FeedbackPipeline(stack, "Feedback", sources=[SendingConfigurationSet(stack, "Set")])
    metrics = [
        getattr(feedback, name)(period=cdk.Duration.minutes(1)) for name in dir(feedback) if name.startswith("metric_")
    ]
    assert {metric.metric_name for metric in metrics} == set(handler._METRICS)
    for metric in metrics:
        assert metric.namespace == "SesConstructs/Feedback"
        assert metric.dimensions == {"Pipeline": "Mail/Feedback"}
        assert (metric.period.to_seconds(), metric.statistic) == (60, "Sum")


def test_the_metrics_are_those_of_this_pipelines_function(watched: Synthesised) -> None:
    environment = watched.properties("AWS::Lambda::Function")["Environment"]["Variables"]
    assert environment["PIPELINE_NAME"] == "Mail/Feedback"
    assert "METRICS_NAMESPACE" not in environment


def test_the_widgets_fill_a_dashboard_with_metrics_queues_and_alarms(watched: Synthesised) -> None:
    body = json.loads(text(watched.properties("AWS::CloudWatch::Dashboard")["DashboardBody"]))
    shown = json.dumps(body)
    for name in (*handler._METRICS, "ApproximateAgeOfOldestMessage", "Throttles", "Duration"):
        assert f'"{name}"' in shown
    (status,) = [it for it in body["widgets"] if it["type"] == "alarm"]
    assert len(status["properties"]["alarms"]) == 5
    rows = {it["y"] for it in body["widgets"]}
    assert all(sum(it["width"] for it in body["widgets"] if it["y"] == row) == 24 for row in rows)


def test_without_a_threshold_there_is_no_alarm_for_jumps(stack: cdk.Stack) -> None:
    feedback = FeedbackPipeline(stack, "Feedback", sources=[SendingConfigurationSet(stack, "Set")], jump_threshold=None)
    assert feedback.jump_alarm is None
    assert len(feedback.widgets()) == 3


def test_an_age_known_only_at_deployment_reaches_the_alarm() -> None:
    def define(stack: cdk.Stack) -> None:
        seconds = cast(int, cdk.CfnParameter(stack, "Age", type="Number", default=60).value_as_number)
        sets = [SendingConfigurationSet(stack, "Set")]
        FeedbackPipeline(stack, "Feedback", sources=sets, age_threshold=cdk.Duration.seconds(seconds))
        with pytest.raises(ValueError, match="age_threshold must be in seconds where it is known only at deployment"):
            FeedbackPipeline(stack, "Other", sources=sets, age_threshold=cdk.Duration.minutes(seconds))

    assert alarm(synthesise(define), "Age")["Threshold"] == {"Ref": "Age"}
