"""The options, grants and metrics of configuration sets, new and imported."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ses as ses

from ses_constructs import (
    DedicatedIpPool,
    Dns,
    DomainIdentity,
    EmailAddressIdentity,
    EventType,
    SendingConfigurationSet,
)
from tests.constructs.support import Synthesised, synthesise, text

ARCHIVE = "arn:aws:ses:eu-west-1:111122223333:mailmanager-archive/a-1234"
SET_PREFIX = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:configuration-set/"


def options(**given: Any) -> dict[str, Any]:
    synthesised = synthesise(lambda stack: SendingConfigurationSet(stack, "Set", **given))
    return synthesised.properties("AWS::SES::ConfigurationSet")


def threshold(enabled: str, verdict: str | None = None) -> dict[str, Any]:
    condition: dict[str, Any] = {"ConditionThresholdEnabled": enabled}
    if verdict is not None:
        condition["OverallConfidenceThreshold"] = {"ConfidenceVerdictThreshold": verdict}
    return {"ConditionThreshold": condition}


@pytest.mark.parametrize(
    ("given", "path", "expected"),
    [
        ({"tls_policy": ses.ConfigurationSetTlsPolicy.OPTIONAL}, "DeliveryOptions.TlsPolicy", "OPTIONAL"),
        ({"max_delivery_duration": cdk.Duration.hours(2)}, "DeliveryOptions.MaxDeliverySeconds", 7200),
        (
            {"max_delivery_duration": cdk.Duration.seconds(cdk.Token.as_number(cdk.Fn.import_value("Seconds")))},
            "DeliveryOptions.MaxDeliverySeconds",
            {"Fn::ImportValue": "Seconds"},
        ),
        ({"reputation_metrics": False}, "ReputationOptions.ReputationMetricsEnabled", False),
        ({"sending_enabled": False}, "SendingOptions.SendingEnabled", False),
        ({"sending_enabled": True}, "SendingOptions.SendingEnabled", True),
        ({}, "SendingOptions", None),
        ({}, "SuppressionOptions", None),
        ({"suppression_reasons": []}, "SuppressionOptions.SuppressedReasons", []),
        ({"suppression_reasons": ["BOUNCE"]}, "SuppressionOptions.SuppressedReasons", ["BOUNCE"]),
        ({"suppression_reasons": [EventType.COMPLAINT]}, "SuppressionOptions.SuppressedReasons", ["COMPLAINT"]),
        (
            {"suppression_reasons": ("COMPLAINT", "BOUNCE")},
            "SuppressionOptions.SuppressedReasons",
            ["BOUNCE", "COMPLAINT"],
        ),
        (
            {"auto_validation": ses.AutoValidationThreshold.HIGH},
            "SuppressionOptions.ValidationOptions",
            threshold("ENABLED", "HIGH"),
        ),
        ({"auto_validation": True}, "SuppressionOptions.ValidationOptions", threshold("ENABLED")),
        ({"auto_validation": False}, "SuppressionOptions.ValidationOptions", threshold("DISABLED")),
        (
            {"tracking_domain": "links.example.com"},
            "TrackingOptions",
            {"CustomRedirectDomain": "links.example.com"},
        ),
        (
            {"tracking_domain": "links.example.com", "tracking_https_policy": ses.HttpsPolicy.REQUIRE_OPEN_ONLY},
            "TrackingOptions.HttpsPolicy",
            "REQUIRE_OPEN_ONLY",
        ),
        ({}, "VdmOptions", None),
        ({"engagement_metrics": False}, "VdmOptions", {"DashboardOptions": {"EngagementMetrics": "DISABLED"}}),
        (
            {"optimized_shared_delivery": True},
            "VdmOptions",
            {"GuardianOptions": {"OptimizedSharedDelivery": "ENABLED"}},
        ),
        ({"archive_arn": ARCHIVE}, "ArchivingOptions.ArchiveArn", ARCHIVE),
    ],
)
def test_each_option_arrives_in_the_template(given: dict[str, Any], path: str, expected: object) -> None:
    found: Any = options(**given)
    for name in path.split("."):
        found = found.get(name)
    assert found == expected


def test_mail_goes_out_through_a_pool() -> None:
    def define(stack: cdk.Stack) -> None:
        pool = DedicatedIpPool(stack, "Pool", scaling_mode=ses.ScalingMode.STANDARD)
        SendingConfigurationSet(stack, "Set", dedicated_ip_pool=pool)

    synthesised = synthesise(define)
    (pool,) = synthesised.resources("AWS::SES::DedicatedIpPool")
    delivery = synthesised.properties("AWS::SES::ConfigurationSet")["DeliveryOptions"]
    assert delivery["SendingPoolName"] == {"Ref": pool}


@pytest.mark.parametrize(
    ("given", "deletion"),
    [
        ({}, "RetainExceptOnCreate"),
        ({"removal_policy": cdk.RemovalPolicy.RETAIN}, "Retain"),
        ({"removal_policy": cdk.RemovalPolicy.DESTROY}, "Delete"),
    ],
)
def test_a_set_outlives_its_stack_unless_told_otherwise(given: dict[str, Any], deletion: str) -> None:
    """An identity is kept too, and with its default configuration set gone it can send no more."""
    resource = synthesise(lambda stack: SendingConfigurationSet(stack, "Set", **given)).only(
        "AWS::SES::ConfigurationSet"
    )
    assert resource.get("DeletionPolicy", "Delete") == deletion


@pytest.mark.parametrize("of_the_set", [cdk.RemovalPolicy.DESTROY, cdk.RemovalPolicy.RETAIN])
@pytest.mark.parametrize("of_the_identity", [cdk.RemovalPolicy.DESTROY, cdk.RemovalPolicy.RETAIN])
def test_an_identity_that_would_outlive_its_default_set_is_warned_of(
    of_the_set: cdk.RemovalPolicy, of_the_identity: cdk.RemovalPolicy
) -> None:
    def define(stack: cdk.Stack) -> None:
        default = SendingConfigurationSet(stack, "Set", removal_policy=of_the_set)
        given: Any = {"configuration_set": default, "removal_policy": of_the_identity}
        DomainIdentity(stack, "Domain", domain="example.com", dns=Dns.manual(), **given)
        EmailAddressIdentity(stack, "Address", address="hello@example.net", **given)

    warnings = [it for it in synthesise(define).warnings() if "default configuration set is not" in it]
    alone = of_the_set is cdk.RemovalPolicy.DESTROY and of_the_identity is cdk.RemovalPolicy.RETAIN
    assert len(warnings) == (2 if alone else 0)


def test_what_is_kept_has_a_generated_name_so_that_the_next_deployment_is_not_in_its_way() -> None:
    assert "Name" not in options()


def test_tags_of_the_stack_reach_the_set() -> None:
    def define(stack: cdk.Stack) -> None:
        SendingConfigurationSet(stack, "Set")
        cdk.Tags.of(stack).add("team", "mail")

    properties = synthesise(define).properties("AWS::SES::ConfigurationSet")
    assert properties["Tags"] == [{"Key": "team", "Value": "mail"}]


def statements(synthesised: Synthesised) -> list[dict[str, Any]]:
    return list(synthesised.properties("AWS::IAM::Policy")["PolicyDocument"]["Statement"])


def test_a_grant_covers_every_way_to_send_with_the_set_and_nothing_else() -> None:
    def define(stack: cdk.Stack) -> None:
        SendingConfigurationSet(stack, "Set", configuration_set_name="news").grant_send(iam.User(stack, "User"))

    synthesised = synthesise(define)
    (statement,) = statements(synthesised)
    assert sorted(statement["Action"]) == [
        "ses:SendBulkEmail",
        "ses:SendBulkTemplatedEmail",
        "ses:SendEmail",
        "ses:SendRawEmail",
        "ses:SendTemplatedEmail",
    ]
    assert text(statement["Resource"]).startswith(SET_PREFIX + "${Set")


@pytest.fixture(scope="module")
def imported() -> Synthesised:
    """A set made elsewhere, and everything that can be done with it."""

    def define(stack: cdk.Stack) -> None:
        news = SendingConfigurationSet.from_configuration_set_name(stack, "News", "news")
        news.grant_send(iam.User(stack, "User"))
        news.publish_to_sns(events=["BOUNCE"])
        news.publish_to_cloud_watch(events=["BOUNCE"])
        DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.manual(), configuration_set=news)
        cloudwatch.Alarm(stack, "Alarm", metric=news.metric_bounce_rate(), threshold=0.05, evaluation_periods=1)
        cdk.CfnOutput(stack, "Arn", value=news.arn)
        assert news.metric_send().metric_name == "Send"

    return synthesise(define)


def test_an_imported_set_is_not_made_again(imported: Synthesised) -> None:
    assert "AWS::SES::ConfigurationSet" not in {it["Type"] for it in imported.template["Resources"].values()}


def test_an_imported_set_gets_destinations(imported: Synthesised) -> None:
    destinations = imported.resources("AWS::SES::ConfigurationSetEventDestination").values()
    assert [it["Properties"]["ConfigurationSetName"] for it in destinations] == ["news", "news"]
    statements = imported.properties("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    (ours,) = [it for it in statements if it.get("Principal") == {"Service": "ses.amazonaws.com"}]
    assert text(ours["Condition"]["StringEquals"]["AWS:SourceArn"]) == SET_PREFIX + "news"


def test_an_imported_set_may_be_an_identitys_default_and_be_granted(imported: Synthesised) -> None:
    identity = imported.properties("AWS::SES::EmailIdentity")
    assert identity["ConfigurationSetAttributes"] == {"ConfigurationSetName": "news"}
    assert text(statements(imported)[0]["Resource"]) == SET_PREFIX + "news"
    assert text(imported.template["Outputs"]["Arn"]["Value"]) == SET_PREFIX + "news"


def test_of_an_imported_set_nobody_knows_here_what_is_published(imported: Synthesised) -> None:
    assert not [it for it in imported.warnings() if "metric" in it]


COUNTS = {
    "metric_send": "Send",
    "metric_reject": "Reject",
    "metric_bounce": "Bounce",
    "metric_complaint": "Complaint",
    "metric_delivery": "Delivery",
    "metric_open": "Open",
    "metric_click": "Click",
    "metric_rendering_failure": "RenderingFailure",
    "metric_delivery_delay": "DeliveryDelay",
    "metric_subscription": "Subscription",
}
RATES = {"metric_bounce_rate": "Reputation.BounceRate", "metric_complaint_rate": "Reputation.ComplaintRate"}


@pytest.fixture(scope="module")
def measured() -> Synthesised:
    """An alarm for every metric of a set, with an id that is the name of the method."""

    def define(stack: cdk.Stack) -> None:
        news = SendingConfigurationSet(stack, "Set")
        news.publish_to_cloud_watch(events=list(EventType))
        for number, method in enumerate(COUNTS | RATES):
            metric = getattr(news, method)(period=cdk.Duration.minutes(15)) if number % 2 else getattr(news, method)()
            cloudwatch.Alarm(
                stack, f"A{number}", metric=metric, threshold=1, evaluation_periods=1, alarm_description=method
            )

    return synthesise(define)


@pytest.mark.parametrize(("method", "name"), (COUNTS | RATES).items())
def test_every_metric_is_looked_up_under_the_name_of_the_set(measured: Synthesised, method: str, name: str) -> None:
    alarms = [it["Properties"] for it in measured.resources("AWS::CloudWatch::Alarm").values()]
    (alarm,) = [it for it in alarms if it["AlarmDescription"] == method]
    (set_id,) = measured.resources("AWS::SES::ConfigurationSet")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SES", name)
    assert alarm["Dimensions"] == [{"Name": "ses:configuration-set", "Value": {"Ref": set_id}}]
    assert alarm["Statistic"] == ("Average" if method in RATES else "Sum")


def test_metrics_that_are_published_bring_no_warning(measured: Synthesised) -> None:
    assert not measured.warnings()


def test_options_of_a_metric_are_passed_on(measured: Synthesised) -> None:
    periods = {it["Properties"]["Period"] for it in measured.resources("AWS::CloudWatch::Alarm").values()}
    assert periods == {300, 900, 3600}


def test_a_metric_that_nobody_publishes_is_warned_of() -> None:
    def define(stack: cdk.Stack) -> None:
        news = SendingConfigurationSet(stack, "Set")
        news.publish_to_cloud_watch(events=["SEND"])
        news.metric_send()
        news.metric_click()

    (warning,) = synthesise(define).warnings()
    assert "metric of CLICK has no data: call publish_to_cloud_watch" in warning


def test_a_rate_that_is_not_published_is_refused(stack: cdk.Stack) -> None:
    news = SendingConfigurationSet(stack, "Set", reputation_metrics=False)
    with pytest.raises(ValueError, match=r"Mail/Set: reputation_metrics must be on for Reputation\.BounceRate"):
        news.metric_bounce_rate()
