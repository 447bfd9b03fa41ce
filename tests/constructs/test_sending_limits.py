"""Names, sizes and patterns of the sending resources, at their borders, as CloudFormation and SES have them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ses as ses

from ses_constructs import DedicatedIpPool, Dimension, EmailTemplate, EventType, SendingConfigurationSet

ARCHIVE = "arn:aws:ses:eu-west-1:111122223333:mailmanager-archive/a-1234"
KB_500 = 500 * 1024
TOKEN = cdk.Fn.import_value("Elsewhere")


def configuration_set(option: str) -> Callable[[cdk.Stack, Any], object]:
    return lambda stack, value: SendingConfigurationSet(stack, "It", **{option: value})


def template(option: str, **others: str) -> Callable[[cdk.Stack, Any], object]:
    return lambda stack, value: EmailTemplate(
        stack,
        "It",
        **{"subject": "S", "text": "", **({"html": "H"} if option != "html" else {}), **others, option: value},
    )


def pool(stack: cdk.Stack, name: str) -> object:
    return DedicatedIpPool(stack, "It", scaling_mode=ses.ScalingMode.STANDARD, dedicated_ip_pool_name=name)


def publish(stack: cdk.Stack, **given: Any) -> object:
    return SendingConfigurationSet(stack, "It").publish_to_cloud_watch(**{"events": ["SEND"], **given})


def destinations(stack: cdk.Stack, count: int) -> None:
    it = SendingConfigurationSet(stack, "It")
    for number in range(count):
        it.publish_to_cloud_watch(f"D{number}", events=["SEND"])


@dataclass(frozen=True)
class Limit:
    """One row of the table: how a value gets to its resource, and what becomes of it there."""

    make: Callable[[cdk.Stack, Any], object]
    good: list[Any]
    bad: list[Any]
    rule: str


NAME = "must be 1 to 64 letters, digits, _ and -"
WORD = "must be 1 to 256 letters, digits, _ and -"
NAMES = ["a", "A-z_09", "x" * 64, TOKEN]
NOT_NAMES = ["", "x" * 65, "a b", "a.b", "a@b", "a/b", "é", "a\n"]
WORDS = ["a", "A-z_09", "x" * 256, TOKEN]
NOT_WORDS = ["", "x" * 257, "a b", "a.b", "a@b", "é", "a\n"]

LIMITS = {
    "ConfigurationSet.Name": Limit(configuration_set("configuration_set_name"), NAMES, NOT_NAMES, NAME),
    "ConfigurationSet.Name, imported": Limit(
        lambda stack, name: SendingConfigurationSet.from_configuration_set_name(stack, "It", name),
        NAMES,
        NOT_NAMES,
        NAME,
    ),
    "ArchivingOptions.ArchiveArn": Limit(
        configuration_set("archive_arn"),
        [ARCHIVE, ARCHIVE.replace("arn:aws:", "arn:aws-us-gov:"), TOKEN],
        ["", "a-1234", ARCHIVE.replace("archive", "rule-set"), "arn:aws:s3:::archive", f"{ARCHIVE}/b"],
        "archive_arn must be the ARN of a Mail Manager archive",
    ),
    "DeliveryOptions.MaxDeliverySeconds": Limit(
        configuration_set("max_delivery_duration"),
        [
            cdk.Duration.seconds(300),
            cdk.Duration.seconds(50_400),
            cdk.Duration.seconds(cdk.Token.as_number(cdk.Fn.import_value("Seconds"))),
        ],
        [
            cdk.Duration.seconds(0),
            cdk.Duration.seconds(299),
            cdk.Duration.seconds(50_401),
            cdk.Duration.millis(300_500),
            cdk.Duration.days(1),
        ],
        "max_delivery_duration must be whole seconds, from 5 minutes to 14 hours",
    ),
    "SuppressionOptions.SuppressedReasons": Limit(
        configuration_set("suppression_reasons"),
        [None, [], ["BOUNCE"], ["COMPLAINT"], ["BOUNCE", "COMPLAINT", "BOUNCE"]],
        ["BOUNCE", ["bounce"], ["DELIVERY"], ["BOUNCE", "OPEN"]],
        "suppression_reasons must be a list of BOUNCE and COMPLAINT",
    ),
    "TrackingOptions.CustomRedirectDomain": Limit(
        configuration_set("tracking_domain"),
        ["links.example.com", f"{'x' * 63}.example.com", TOKEN],
        ["", "localhost", "links.example.com.", "https://links.example.com", f"{'x' * 64}.example.com"],
        "tracking_domain must ",
    ),
    "TrackingOptions.HttpsPolicy without a domain": Limit(
        configuration_set("tracking_https_policy"),
        [None],
        list(ses.HttpsPolicy),
        "tracking_https_policy is for a tracking_domain, and there is none",
    ),
    "removal policy of a set": Limit(
        configuration_set("removal_policy"),
        [it for it in cdk.RemovalPolicy if it is not cdk.RemovalPolicy.SNAPSHOT],
        [cdk.RemovalPolicy.SNAPSHOT],
        "removal_policy must be to retain or to destroy",
    ),
    "event destinations of a set": Limit(destinations, [1, 10], [11], "can have at most 10 event destinations"),
    "EventDestination.MatchingEventTypes": Limit(
        lambda stack, events: publish(stack, events=events),
        [["SEND"], list(EventType)],
        [[], "SEND", ["send"], ["RENDERINGFAILURE"], ["Rendering Failure"]],
        "events of CloudWatch must ",
    ),
    "CloudWatchDestination.DimensionConfigurations": Limit(
        lambda stack, count: publish(stack, dimensions=[Dimension.message_tag(f"d{it}") for it in range(count)]),
        [1, 10],
        [0, 11],
        "dimensions of CloudWatch must ",
    ),
    "DimensionName of a message tag": Limit(
        lambda stack, name: publish(stack, dimensions=[Dimension.message_tag(name)]),
        [*WORDS, "ses:from-domain", f"ses:{'x' * 252}"],
        [*NOT_WORDS, "a:b", "ses:", f"ses:{'x' * 253}"],
        WORD,
    ),
    "DimensionName of an email header": Limit(
        lambda stack, name: publish(stack, dimensions=[Dimension.email_header(name)]),
        [*WORDS, "X-Campaign"],
        [*NOT_WORDS, "a:b", "ses:from-domain"],
        WORD,
    ),
    "DimensionName of a link tag": Limit(
        lambda stack, name: publish(stack, dimensions=[Dimension.link_tag(name)]),
        WORDS,
        [*NOT_WORDS, "a:b", "ses:from-domain"],
        WORD,
    ),
    "DefaultDimensionValue": Limit(
        lambda stack, value: publish(stack, dimensions=[Dimension.message_tag("tag", value)]),
        WORDS,
        [*NOT_WORDS, "ses:from-domain"],
        WORD,
    ),
    "Template.TemplateName": Limit(template("template_name"), NAMES, NOT_NAMES, NAME),
    "Template.SubjectPart": Limit(
        template("subject"), ["S", "Your order {{id}}", TOKEN], ["", " ", "two\nlines", "two\rlines"], "subject must "
    ),
    "Template, its parts": Limit(
        template("html"), ["H", TOKEN], [None, ""], "html and text must be given, at least one of them"
    ),
    "Template, its size": Limit(
        template("html", text="t" * 1000),
        ["h" * (KB_500 - 1001), TOKEN],
        ["h" * (KB_500 - 1000), "é" * (KB_500 // 2)],
        "the template must be at most 512,000 bytes",
    ),
    "DedicatedIpPool.PoolName": Limit(
        pool,
        ["a", "a-z_09", "x" * 64, TOKEN],
        [*NOT_NAMES, "Capital"],
        "dedicated_ip_pool_name must be 1 to 64 lower-case letters, digits, _ and -",
    ),
}


def values(kind: str) -> list[Any]:
    return [
        pytest.param(limit, value, id=f"{name} {number}")
        for name, limit in LIMITS.items()
        for number, value in enumerate(getattr(limit, kind))
    ]


@pytest.mark.parametrize(("limit", "value"), values("good"))
def test_what_ses_takes_is_let_through(stack: cdk.Stack, limit: Limit, value: Any) -> None:
    limit.make(stack, value)


@pytest.mark.parametrize(("limit", "value"), values("bad"))
def test_what_ses_refuses_is_refused_with_the_place_and_the_rule(stack: cdk.Stack, limit: Limit, value: Any) -> None:
    with pytest.raises(ValueError, match=f"(Mail/It|Dimension): .*{re.escape(limit.rule)}"):
        limit.make(stack, value)
