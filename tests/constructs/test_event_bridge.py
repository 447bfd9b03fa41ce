import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from ses_constructs import (
    AccountEventType,
    EventBridgeDestination,
    EventType,
    SendingConfigurationSet,
    SesAccountEvents,
)
from tests.constructs.support import Synthesised, synthesise, text

ANY_RULE = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/*"

# https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-ses.html
DETAIL_TYPES = {
    "SEND": "Email Sent",
    "REJECT": "Email Rejected",
    "BOUNCE": "Email Bounced",
    "COMPLAINT": "Email Complaint Received",
    "DELIVERY": "Email Delivered",
    "OPEN": "Email Opened",
    "CLICK": "Email Clicked",
    "RENDERING_FAILURE": "Email Rendering Failed",
    "DELIVERY_DELAY": "Email Delivery Delayed",
    "SUBSCRIPTION": "Email Subscribed",
}


def publish(stack: cdk.Stack, **options: Any) -> EventBridgeDestination:
    return SendingConfigurationSet(stack, "Set").publish_to_event_bridge(events=["BOUNCE", "COMPLAINT"], **options)


def published(change: Callable[[cdk.Stack, EventBridgeDestination], object], **options: Any) -> Synthesised:
    return synthesise(lambda stack: change(stack, publish(stack, **options)))


def statements(synthesised: Synthesised, resource_type: str, service: str) -> list[dict[str, Any]]:
    name = "KeyPolicy" if resource_type == "AWS::KMS::Key" else "PolicyDocument"
    return [
        statement
        for resource in synthesised.resources(resource_type).values()
        for statement in resource["Properties"][name]["Statement"]
        if statement["Principal"] == {"Service": service}
    ]


@pytest.fixture(scope="module")
def forwarded() -> Synthesised:
    """A rule with a bus and an encrypted queue as targets, and an archive."""

    def define(stack: cdk.Stack, destination: EventBridgeDestination) -> None:
        destination.rule.forward_to(events.EventBus(stack, "Bus"))
        key = kms.Key(stack, "QueueKey")
        destination.rule.add_queue(sqs.Queue(stack, "Queue", encryption_master_key=key))
        destination.rule.archive(retention=cdk.Duration.days(7))

    return published(define)


def test_the_destination_is_enabled_and_publishes_to_the_default_bus(forwarded: Synthesised) -> None:
    destination = forwarded.properties("AWS::SES::ConfigurationSetEventDestination")["EventDestination"]
    assert destination["Enabled"] is True
    assert destination["MatchingEventTypes"] == ["bounce", "complaint"]
    bus = text(destination["EventBridgeDestination"]["EventBusArn"])
    assert bus == "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"


def test_the_rule_matches_the_events_of_this_configuration_set_alone(forwarded: Synthesised) -> None:
    rule = forwarded.properties("AWS::Events::Rule")
    (configuration_set,) = forwarded.resources("AWS::SES::ConfigurationSet")
    assert "EventBusName" not in rule
    assert rule["State"] == "ENABLED"
    assert rule["EventPattern"] == {
        "source": ["aws.ses"],
        "detail-type": ["Email Bounced", "Email Complaint Received"],
        "detail": {"mail": {"tags": {"ses:configuration-set": [{"Ref": configuration_set}]}}},
    }


def test_every_event_type_has_its_name_on_the_bus() -> None:
    def define(stack: cdk.Stack) -> None:
        destination = SendingConfigurationSet(stack, "Set").publish_to_event_bridge(events=[*EventType, "BOUNCE"])
        assert destination.events == tuple(EventType)

    pattern = synthesise(define).properties("AWS::Events::Rule")["EventPattern"]
    assert pattern["detail-type"] == [DETAIL_TYPES[event] for event in EventType]


@pytest.mark.skipif("SES_EVENT_CORPUS" not in os.environ, reason="needs SES_EVENT_CORPUS, a folder of sample events")
def test_the_names_on_the_bus_are_those_of_real_events() -> None:
    samples = [
        json.loads(it.read_text()) for it in (Path(os.environ["SES_EVENT_CORPUS"]) / "eventbridge").glob("*.json")
    ]
    assert len(samples) >= 10
    known = {*DETAIL_TYPES.values(), *AccountEventType}
    assert {sample["detail-type"] for sample in samples} <= known
    assert {sample["source"] for sample in samples} == {"aws.ses"}


def test_ses_publishes_only_once_the_way_of_an_event_is_open(forwarded: Synthesised) -> None:
    (rule,) = forwarded.resources("AWS::Events::Rule")
    (permission,) = forwarded.resources("AWS::IAM::Policy")
    waits_for = forwarded.only("AWS::SES::ConfigurationSetEventDestination")["DependsOn"]
    assert {rule, permission, *forwarded.resources("AWS::SQS::QueuePolicy")} <= set(waits_for)


def test_every_target_has_the_same_encrypted_dead_letter_queue(forwarded: Synthesised) -> None:
    targets = forwarded.properties("AWS::Events::Rule")["Targets"]
    assert len(targets) == 2
    (letters,) = {target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] for target in targets}
    queue = forwarded.resources("AWS::SQS::Queue")[letters]["Properties"]
    assert queue["KmsMasterKeyId"]
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_only_this_rule_may_send_to_target_and_dead_letter_queue(forwarded: Synthesised) -> None:
    (rule,) = forwarded.resources("AWS::Events::Rule")
    found = statements(forwarded, "AWS::SQS::QueuePolicy", "events.amazonaws.com")
    assert len(found) == 2
    for statement in found:
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}}}


def test_eventbridge_may_use_the_keys_of_both_queues_for_rules_of_this_account(forwarded: Synthesised) -> None:
    found = statements(forwarded, "AWS::KMS::Key", "events.amazonaws.com")
    assert len(found) == 2
    for statement in found:
        assert sorted(statement["Action"]) == ["kms:Decrypt", "kms:GenerateDataKey"]
        assert text(statement["Condition"]["ArnLike"]["aws:SourceArn"]) == ANY_RULE


def test_the_forwarding_role_may_put_events_on_that_bus_and_is_for_rules_of_this_account(
    forwarded: Synthesised,
) -> None:
    (bus,) = forwarded.resources("AWS::Events::EventBus")
    (statement,) = forwarded.properties("AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("events:PutEvents", {"Fn::GetAtt": [bus, "Arn"]})
    (trust,) = forwarded.properties("AWS::IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert text(trust["Condition"]["ArnLike"]["aws:SourceArn"]) == ANY_RULE


def test_the_archive_keeps_what_the_rule_matches(forwarded: Synthesised) -> None:
    archive = forwarded.properties("AWS::Events::Archive")
    assert archive["RetentionDays"] == 7
    assert text(archive["SourceArn"]).endswith(":event-bus/default")
    assert archive["EventPattern"] == forwarded.properties("AWS::Events::Rule")["EventPattern"]


def test_failed_invocations_and_dead_letters_are_alarmed() -> None:
    def define(stack: cdk.Stack) -> None:
        action = actions.SnsAction(sns.Topic(stack, "Alarms"))
        publish(stack, alarm_actions=[action]).rule.add_queue(sqs.Queue(stack, "Queue"))

    synthesised = synthesise(define)
    (rule,) = synthesised.resources("AWS::Events::Rule")
    (topic,) = synthesised.resources("AWS::SNS::Topic")
    alarms = [it["Properties"] for it in synthesised.resources("AWS::CloudWatch::Alarm").values()]
    assert [it["MetricName"] for it in alarms if "MetricName" in it] == ["ApproximateNumberOfMessagesVisible"]
    (metrics,) = [it["Metrics"] for it in alarms if "Metrics" in it]
    lost = [it["MetricStat"]["Metric"] for it in metrics if "MetricStat" in it]
    # What goes to a dead-letter queue counts as no failure; what should and cannot does.
    assert {it["MetricName"] for it in lost} == {"FailedInvocations", "InvocationsFailedToBeSentToDlq"}
    assert all(it["Dimensions"] == [{"Name": "RuleName", "Value": {"Ref": rule}}] for it in lost)
    assert [it["Expression"] for it in metrics if "Expression" in it] == ["SUM(METRICS())"]
    assert all(it["AlarmActions"] == [{"Ref": topic}] for it in alarms)


def test_without_a_target_there_is_the_rule_and_no_dead_letter_queue() -> None:
    synthesised = published(lambda stack, destination: None)
    assert "Targets" not in synthesised.properties("AWS::Events::Rule")
    assert "AWS::SQS::Queue" not in {it["Type"] for it in synthesised.template["Resources"].values()}


def test_a_function_may_be_invoked_by_this_rule_alone() -> None:
    def define(stack: cdk.Stack, destination: EventBridgeDestination) -> None:
        code = lambda_.Code.from_inline("def handler(event, context): ...")
        runtime = lambda_.Runtime.PYTHON_3_14
        for name in ("One", "Two"):
            function = lambda_.Function(stack, name, runtime=runtime, handler="index.handler", code=code)
            destination.rule.add_function(function)

    synthesised = published(define)
    (rule,) = synthesised.resources("AWS::Events::Rule")
    permissions = [it["Properties"] for it in synthesised.resources("AWS::Lambda::Permission").values()]
    assert len(permissions) == 2
    assert all(it["SourceArn"] == {"Fn::GetAtt": [rule, "Arn"]} for it in permissions)
    assert {json.dumps(it["Arn"]) for it in synthesised.properties("AWS::Events::Rule")["Targets"]} == {
        json.dumps(it["FunctionName"]) for it in permissions
    }


def test_ones_own_bus_role_and_queues_are_used_and_imported_policies_are_told() -> None:
    def define(stack: cdk.Stack, destination: EventBridgeDestination) -> None:
        bus = events.EventBus.from_event_bus_arn(
            stack, "Bus", "arn:aws:events:eu-west-1:999988887777:event-bus/company"
        )
        role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
        letters = sqs.Queue.from_queue_attributes(
            stack,
            "Letters",
            queue_arn="arn:aws:sqs:eu-west-1:111122223333:letters",
            key_arn="arn:aws:kms:eu-west-1:111122223333:key/abc",
        )
        destination.rule.forward_to(bus, role=role, dead_letter_queue=letters)
        assert destination.rule.dead_letter_queue is None

    synthesised = published(define)
    (target,) = synthesised.properties("AWS::Events::Rule")["Targets"]
    assert target["Arn"] == "arn:aws:events:eu-west-1:999988887777:event-bus/company"
    assert target["DeadLetterConfig"] == {"Arn": "arn:aws:sqs:eu-west-1:111122223333:letters"}
    (role,) = synthesised.resources("AWS::IAM::Role")
    assert target["RoleArn"] == {"Fn::GetAtt": [role, "Arn"]}
    (statement,) = synthesised.properties("AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    assert statement["Resource"] == target["Arn"]
    warnings = "\n".join(synthesised.warnings())
    assert "must allow events.amazonaws.com sqs:SendMessage" in warnings
    assert "must allow events.amazonaws.com kms:GenerateDataKey and kms:Decrypt" in warnings


def test_ones_own_key_encrypts_the_dead_letter_queue() -> None:
    def define(stack: cdk.Stack) -> None:
        publish(stack, encryption_key=kms.Key(stack, "MyKey")).rule.forward_to(events.EventBus(stack, "Bus"))

    synthesised = synthesise(define)
    (key,) = synthesised.resources("AWS::KMS::Key")
    assert synthesised.properties("AWS::SQS::Queue")["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    assert len(statements(synthesised, "AWS::KMS::Key", "events.amazonaws.com")) == 1


def test_any_target_of_the_cdk_can_be_added() -> None:
    from aws_cdk import aws_events_targets as targets

    def define(stack: cdk.Stack, destination: EventBridgeDestination) -> None:
        destination.rule.add_target(targets.SnsTopic(sns.Topic(stack, "Topic"), retry_attempts=3))

    (target,) = published(define).properties("AWS::Events::Rule")["Targets"]
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 3


def test_two_destinations_of_one_set_have_a_rule_each() -> None:
    def define(stack: cdk.Stack) -> None:
        configuration_set = SendingConfigurationSet(stack, "Set")
        configuration_set.publish_to_event_bridge(events=["BOUNCE"])
        configuration_set.publish_to_event_bridge("Clicks", events=["CLICK"])

    rules = synthesise(define).resources("AWS::Events::Rule").values()
    assert sorted(it["Properties"]["EventPattern"]["detail-type"][0] for it in rules) == [
        "Email Bounced",
        "Email Clicked",
    ]


@pytest.mark.parametrize("given", ["default", "event-bus/default"])
def test_forwarding_to_the_default_bus_is_refused_for_it_would_never_end(stack: cdk.Stack, given: str) -> None:
    rule = publish(stack).rule
    bus = (
        events.EventBus.from_event_bus_name(stack, "Bus", given)
        if given == "default"
        else events.EventBus.from_event_bus_arn(
            stack, "Bus", stack.format_arn(service="events", resource="event-bus", resource_name="default")
        )
    )
    with pytest.raises(ValueError, match="Mail/Set/EventBridge/Rule: bus must be another than the rule's own"):
        rule.forward_to(bus)


def test_the_default_bus_of_another_account_is_no_loop(stack: cdk.Stack) -> None:
    arn = "arn:aws:events:eu-west-1:999988887777:event-bus/default"
    publish(stack).rule.forward_to(events.EventBus.from_event_bus_arn(stack, "Bus", arn))


def test_queues_that_eventbridge_can_not_use_are_refused(stack: cdk.Stack) -> None:
    rule = publish(stack).rule
    with pytest.raises(ValueError, match="queue must be a standard queue; for a FIFO queue use add_target"):
        rule.add_queue(sqs.Queue(stack, "Fifo", fifo=True))
    managed = sqs.Queue(stack, "Managed", encryption=sqs.QueueEncryption.KMS_MANAGED)
    with pytest.raises(ValueError, match="queue must be encrypted with a customer managed key or with SSE-SQS"):
        rule.add_queue(managed)
    with pytest.raises(
        ValueError, match="dead_letter_queue must be encrypted with a customer managed key or with SSE-SQS"
    ):
        rule.add_queue(sqs.Queue(stack, "Queue"), dead_letter_queue=managed)


@pytest.mark.parametrize("retention", [cdk.Duration.hours(36), cdk.Duration.hours(2), cdk.Duration.days(0)])
def test_an_archive_keeps_whole_days(stack: cdk.Stack, retention: cdk.Duration) -> None:
    with pytest.raises(ValueError, match="retention of Archive must be whole days, at least one, got '"):
        publish(stack).rule.archive(retention=retention)


def test_wrong_event_types_are_refused(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match=r"Mail/Set: events of EventBridge must be among .*got \['Email Bounced'\]"):
        SendingConfigurationSet(stack, "Set").publish_to_event_bridge(events=["Email Bounced"])


def test_findings_and_sending_status_of_tenants_are_matched_whole() -> None:
    synthesised = synthesise(lambda stack: SesAccountEvents(stack, "Account").add_queue(sqs.Queue(stack, "Queue")))
    rule = synthesised.properties("AWS::Events::Rule")
    assert rule["EventPattern"] == {
        "source": ["aws.ses"],
        "detail-type": [
            "Advisor Recommendation Status Open",
            "Advisor Recommendation Status Resolved",
            "Sending Status Enabled",
            "Sending Status Disabled",
        ],
    }
    assert len(rule["Targets"]) == 1
    assert len(statements(synthesised, "AWS::SQS::QueuePolicy", "events.amazonaws.com")) == 2


def test_account_events_can_be_chosen(stack: cdk.Stack) -> None:
    chosen = SesAccountEvents(stack, "Account", events=[AccountEventType.FINDING_OPEN, "Sending Status Disabled"])
    assert chosen.events == (AccountEventType.FINDING_OPEN, AccountEventType.SENDING_DISABLED)


@pytest.mark.parametrize("given", ["Sending Status Enabled", [], ["Sending Status Closed"]])
def test_wrong_account_events_are_refused(stack: cdk.Stack, given: Any) -> None:
    with pytest.raises(ValueError, match="Mail: events of Account must"):
        SesAccountEvents(stack, "Account", events=given)
