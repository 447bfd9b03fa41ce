"""Alarms on metric math and anomaly bands, which MiniStack's CloudFormation refuses.

They are there, with what they do and how they are described, and are never evaluated: they watch a metric that nobody
publishes. See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from ses_constructs.lab.server.cloudformation import Properties

_NAMESPACE = "MetricMath"


def with_metric_math(handle: Callable[..., Any]) -> Callable[..., Any]:
    """Let a step of AWS::CloudWatch::Alarm take ``Metrics`` too."""

    def handle_with_metric_math(name: str, *rest: Any, **named: Any) -> Any:
        return handle(name, *(_never_evaluated(it) if isinstance(it, dict) else it for it in rest), **named)

    return handle_with_metric_math


def _never_evaluated(properties: Properties) -> Properties:
    queries = properties.get("Metrics")
    if not queries:
        return properties
    if "MetricName" in properties:
        raise ValueError("MetricName cannot be specified together with Metrics")
    band = properties.get("ThresholdMetricId")
    if band is None and properties.get("Threshold") is None:
        raise ValueError("Either Threshold or ThresholdMetricId must be specified")
    if band is not None and band not in [query["Id"] for query in queries]:
        raise ValueError(f"ThresholdMetricId {band} is not the Id of one of the Metrics")
    watched = next(query["Id"] for query in queries if query["Id"] != band and query.get("ReturnData", True))
    rest = {name: value for name, value in properties.items() if name not in ("Metrics", "ThresholdMetricId")}
    return {"Threshold": 0, **rest, "Namespace": _NAMESPACE, "MetricName": watched}
