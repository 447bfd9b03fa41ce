"""Counting events in CloudWatch."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from ses_constructs import Dimension, SendingConfigurationSet
from ses_constructs.sending import CloudWatchEventDestination
from tests.constructs.support import Synthesised, synthesise


def published(*dimensions: Dimension, events: Sequence[str] = ("SEND", "CLICK")) -> Synthesised:
    return synthesise(
        lambda stack: SendingConfigurationSet(stack, "Set").publish_to_cloud_watch(
            events=events, dimensions=list(dimensions)
        )
    )


def test_each_dimension_says_where_its_value_comes_from_and_what_it_is_without() -> None:
    synthesised = published(
        Dimension.message_tag("campaign"), Dimension.email_header("X-Team", "unknown"), Dimension.link_tag("button")
    )
    destination = synthesised.properties("AWS::SES::ConfigurationSetEventDestination")["EventDestination"]
    assert destination == {
        "Enabled": True,
        "MatchingEventTypes": ["send", "click"],
        "CloudWatchDestination": {
            "DimensionConfigurations": [
                {
                    "DimensionName": "campaign",
                    "DimensionValueSource": "messageTag",
                    "DefaultDimensionValue": "none",
                },
                {
                    "DimensionName": "X-Team",
                    "DimensionValueSource": "emailHeader",
                    "DefaultDimensionValue": "unknown",
                },
                {"DimensionName": "button", "DimensionValueSource": "linkTag", "DefaultDimensionValue": "none"},
            ]
        },
    }
    assert not synthesised.warnings()


def test_without_dimensions_events_are_counted_by_the_set_alone() -> None:
    synthesised = synthesise(
        lambda stack: SendingConfigurationSet(stack, "Set").publish_to_cloud_watch(events=["SEND"])
    )
    destination = synthesised.properties("AWS::SES::ConfigurationSetEventDestination")["EventDestination"]
    (dimension,) = destination["CloudWatchDestination"]["DimensionConfigurations"]
    assert (dimension["DimensionName"], dimension["DimensionValueSource"]) == ("ses:configuration-set", "messageTag")


def destination_ids(id: str) -> set[str]:
    return set(
        synthesise(
            lambda stack: SendingConfigurationSet(stack, "Set").publish_to_cloud_watch(id, events=["SEND"])
        ).resources("AWS::SES::ConfigurationSetEventDestination")
    )


def test_another_id_is_another_resource_so_that_a_rename_is_a_replacement() -> None:
    """CloudFormation does not change a destination's name; so none is given, and each resource has one of its own."""
    assert destination_ids("First").isdisjoint(destination_ids("Second"))
    (resource,) = published(Dimension.link_tag("a")).resources("AWS::SES::ConfigurationSetEventDestination").values()
    assert "Name" not in resource["Properties"]["EventDestination"]


DOUBTS = {
    "ses:source-ip has many values": Dimension.message_tag("ses:source-ip"),
    "ses:outgoing-ip has many values": Dimension.message_tag("ses:outgoing-ip"),
    "ses:caller-identity has many values": Dimension.message_tag("ses:caller-identity"),
    "the header Subject has many values": Dimension.email_header("Subject"),
    "the header reply-to has many values": Dimension.email_header("reply-to"),
    "SES is not known to put a tag ses:config-set on messages": Dimension.message_tag("ses:config-set"),
}


@pytest.mark.parametrize(("warning", "dimension"), DOUBTS.items())
def test_a_dimension_with_many_values_or_none_is_warned_of(warning: str, dimension: Dimension) -> None:
    (found,) = published(dimension).warnings()
    assert warning in found


def test_many_dimensions_are_warned_of() -> None:
    assert not published(*(Dimension.message_tag(it) for it in "abc")).warnings()
    (found,) = published(*(Dimension.message_tag(it) for it in "abcd")).warnings()
    assert "every combination of values of 4 dimensions is a metric of its own" in found


@pytest.mark.parametrize(
    ("dimensions", "rule"),
    [
        ([], "must name at least one of Dimension, got []"),
        ("campaign", "must be a list of Dimension, got 'campaign'"),
        (["campaign"], "must be each a Dimension, got 'campaign'"),
        ([Dimension.message_tag(f"d{it}") for it in range(11)], "must be at most 10, got 11"),
        (
            [Dimension.message_tag("a"), Dimension.link_tag("a")],
            "must have each name once, got ['a', 'a']",
        ),
    ],
)
def test_dimensions_that_ses_refuses_are_refused(stack: cdk.Stack, dimensions: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"Mail/Set: dimensions of CloudWatch {rule}")):
        SendingConfigurationSet(stack, "Set").publish_to_cloud_watch(events=["SEND"], dimensions=dimensions)


def test_ten_dimensions_are_let_through(stack: cdk.Stack) -> None:
    ten = [Dimension.message_tag(f"d{it}") for it in range(10)]
    destination = SendingConfigurationSet(stack, "Set").publish_to_cloud_watch(events=["SEND"], dimensions=ten)
    assert len(destination.dimensions) == 10


@pytest.mark.parametrize("name", ["To", "from", "CC", "Message-ID", "Return-Path", "Received", "dkim-signature"])
def test_a_header_that_ses_refuses_as_a_dimension_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="Dimension: name must not be a header that SES refuses here"):
        Dimension.email_header(name)
    assert Dimension.message_tag(name).name == name


@pytest.mark.parametrize("make", [Dimension.email_header, Dimension.link_tag])
def test_tags_of_ses_are_neither_headers_nor_link_tags(make: Callable[[str], Dimension]) -> None:
    with pytest.raises(ValueError, match="Dimension: name must be 1 to 256 letters"):
        make("ses:from-domain")


@pytest.fixture
def campaigns(stack: cdk.Stack) -> CloudWatchEventDestination:
    return SendingConfigurationSet(stack, "Set", configuration_set_name="news").publish_to_cloud_watch(
        events=["CLICK"],
        dimensions=[Dimension.message_tag("campaign"), Dimension.message_tag("ses:configuration-set")],
    )


def test_a_metric_has_a_value_for_each_dimension_and_knows_the_set(
    stack: cdk.Stack, campaigns: CloudWatchEventDestination
) -> None:
    metric = campaigns.metric("CLICK", {"campaign": "spring"}, statistic="SampleCount", label="Spring")
    assert (metric.namespace, metric.metric_name, metric.statistic) == ("AWS/SES", "Click", "SampleCount")
    dimensions = dict(metric.dimensions or {})
    assert dimensions.pop("campaign") == "spring"
    assert "Ref" in stack.resolve(dimensions.pop("ses:configuration-set"))
    assert not dimensions


@pytest.mark.parametrize(
    ("event", "values", "rule"),
    [
        ("OPEN", {"campaign": "spring"}, "event must be among CLICK, got 'OPEN'"),
        ("CLICK", None, "values must be given for campaign, ses:configuration-set, got"),
        ("CLICK", {"campaign": "spring", "button": "order"}, "values must be given for campaign, ses:conf"),
    ],
)
def test_a_metric_that_cannot_exist_is_refused(
    campaigns: CloudWatchEventDestination, event: str, values: dict[str, str] | None, rule: str
) -> None:
    with pytest.raises(ValueError, match=f"Mail/Set/CloudWatch: {rule}"):
        campaigns.metric(event, values)


def test_the_example_of_the_documentation_counts_what_it_shows() -> None:
    document = Path(__file__).parents[2] / "docs" / "metrics.md"
    (example,) = re.findall(r"```python\n(.*?)```", document.read_text(), flags=re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(example, namespace)
    synthesised = synthesise(namespace["define"])
    assert len(synthesised.resources("AWS::SES::ConfigurationSetEventDestination")) == 2
    body = json.dumps(synthesised.properties("AWS::CloudWatch::Dashboard")["DashboardBody"])
    assert all(metric in body for metric in ("Send", "Bounce", "Click", "campaign"))
    assert synthesised.properties("AWS::CloudWatch::Alarm")["MetricName"] == "Reputation.BounceRate"
    assert not synthesised.warnings()
