from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from ses_constructs import EventType, SendingConfigurationSet
from tests.constructs.support import Synthesised, synthesise, text


@pytest.fixture(scope="module")
def published() -> Synthesised:
    """A set that publishes two event types to a topic of its own."""

    def define(stack: cdk.Stack) -> None:
        SendingConfigurationSet(stack, "Set").publish_to_sns(events=[EventType.BOUNCE, "RENDERING_FAILURE", "BOUNCE"])

    return synthesise(define)


def ses_statement(policy: dict[str, Any]) -> dict[str, Any]:
    (statement,) = [it for it in policy["Statement"] if it.get("Principal") == {"Service": "ses.amazonaws.com"}]
    return dict(statement)


def set_arn(synthesised: Synthesised) -> str:
    (logical_id,) = synthesised.resources("AWS::SES::ConfigurationSet")
    prefix = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:configuration-set/"
    return f"{prefix}${{{logical_id}}}"


def test_mail_is_only_handed_to_servers_with_tls_and_reputation_is_measured(published: Synthesised) -> None:
    properties = published.properties("AWS::SES::ConfigurationSet")
    assert properties["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert properties["ReputationOptions"] == {"ReputationMetricsEnabled": True}


def test_the_destination_is_enabled_and_gets_each_event_type_once(published: Synthesised) -> None:
    destination = published.properties("AWS::SES::ConfigurationSetEventDestination")["EventDestination"]
    assert destination["Enabled"] is True
    assert destination["MatchingEventTypes"] == ["bounce", "renderingFailure"]
    (topic,) = published.resources("AWS::SNS::Topic")
    assert destination["SnsDestination"] == {"TopicARN": {"Ref": topic}}


def test_ses_checks_the_topic_at_creation_so_its_policy_comes_first(published: Synthesised) -> None:
    (policy,) = published.resources("AWS::SNS::TopicPolicy")
    assert policy in published.only("AWS::SES::ConfigurationSetEventDestination")["DependsOn"]


def test_only_this_configuration_set_may_publish_to_the_topic(published: Synthesised) -> None:
    statement = ses_statement(published.properties("AWS::SNS::TopicPolicy")["PolicyDocument"])
    assert statement["Action"] == "sns:Publish"
    condition = statement["Condition"]["StringEquals"]
    assert condition["AWS:SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert text(condition["AWS:SourceArn"]) == set_arn(published)


def test_the_topic_is_encrypted_with_a_key_that_ses_may_use_for_this_configuration_set(published: Synthesised) -> None:
    (key,) = published.resources("AWS::KMS::Key")
    assert published.properties("AWS::SNS::Topic")["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    statement = ses_statement(published.properties("AWS::KMS::Key")["KeyPolicy"])
    assert sorted(statement["Action"]) == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert text(statement["Condition"]["ArnLike"]["aws:SourceArn"]) == set_arn(published)
    assert published.properties("AWS::KMS::Key")["EnableKeyRotation"] is True


def test_the_topic_refuses_publishers_without_tls(published: Synthesised) -> None:
    statements = published.properties("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert any(
        it["Effect"] == "Deny" and it["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} for it in statements
    )


def test_ones_own_topic_and_key_are_used_and_ses_is_let_in() -> None:
    def define(stack: cdk.Stack) -> None:
        key = kms.Key(stack, "MyKey")
        topic = sns.Topic(stack, "MyTopic", master_key=key)
        destination = SendingConfigurationSet(stack, "Set").publish_to_sns(events=["SEND"], topic=topic)
        assert destination.topic is topic

    synthesised = synthesise(define)
    assert len(synthesised.resources("AWS::SNS::Topic")) == 1
    ses_statement(synthesised.properties("AWS::SNS::TopicPolicy")["PolicyDocument"])
    ses_statement(synthesised.properties("AWS::KMS::Key")["KeyPolicy"])
    assert not synthesised.warnings()


def test_an_imported_topic_or_key_gets_a_warning_that_names_the_statement_to_add() -> None:
    def define(stack: cdk.Stack) -> None:
        topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:eu-west-1:111122223333:mail")
        key = kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-1:111122223333:key/abc")
        SendingConfigurationSet(stack, "Set").publish_to_sns(events=["SEND"], topic=topic, encryption_key=key)

    warnings = "\n".join(synthesise(define).warnings())
    assert "must allow ses.amazonaws.com sns:Publish" in warnings
    assert "must allow ses.amazonaws.com kms:GenerateDataKey and kms:Decrypt" in warnings


def test_a_second_topic_needs_only_another_id() -> None:
    def define(stack: cdk.Stack) -> None:
        configuration_set = SendingConfigurationSet(stack, "Set")
        configuration_set.publish_to_sns(events=["SEND"])
        configuration_set.publish_to_sns("Clicks", events=["CLICK"])

    assert len(synthesise(define).resources("AWS::SNS::Topic")) == 2


@pytest.mark.parametrize(
    ("events", "rule"),
    [
        ("BOUNCE", "must be a list of event types, got 'BOUNCE'"),
        ([], "at least one"),
        (["BOUNCED"], r"must be among SEND, REJECT, .*SUBSCRIPTION, got \['BOUNCED'\]"),
        (["BOUNCE", "bounce"], r"got \['bounce'\]"),
        ([None], r"got \['None'\]"),
    ],
)
def test_wrong_event_types_are_refused(stack: cdk.Stack, events: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rf"Mail/Set: events of Sns .*{rule}|Mail/Set: events of Sns {rule}"):
        SendingConfigurationSet(stack, "Set").publish_to_sns(events=events)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "name.with.dots"])
def test_a_name_that_ses_refuses_is_refused(stack: cdk.Stack, name: str) -> None:
    with pytest.raises(ValueError, match="Mail/Set: configuration_set_name must be 1 to 64"):
        SendingConfigurationSet(stack, "Set", configuration_set_name=name)


def test_a_fifo_topic_is_refused(stack: cdk.Stack) -> None:
    topic = sns.Topic(stack, "Topic", fifo=True, topic_name="mail.fifo")
    with pytest.raises(ValueError, match="Mail/Set: topic of Sns must be a standard topic"):
        SendingConfigurationSet(stack, "Set").publish_to_sns(events=["BOUNCE"], topic=topic)


def test_an_imported_fifo_topic_is_refused(stack: cdk.Stack) -> None:
    topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:eu-west-1:111122223333:mail.fifo")
    with pytest.raises(ValueError, match="must be a standard topic"):
        SendingConfigurationSet(stack, "Set").publish_to_sns(events=["BOUNCE"], topic=topic)


def test_a_topic_under_the_aws_managed_key_is_refused(stack: cdk.Stack) -> None:
    topic = sns.Topic(stack, "Topic", master_key=kms.Alias.from_alias_name(stack, "Alias", "alias/aws/sns"))
    with pytest.raises(ValueError, match="Mail/Set: topic of Sns must be encrypted with a customer managed key"):
        SendingConfigurationSet(stack, "Set").publish_to_sns(events=["BOUNCE"], topic=topic)


def test_an_aws_managed_key_is_refused_for_a_new_topic(stack: cdk.Stack) -> None:
    key = kms.Alias.from_alias_name(stack, "Alias", "alias/aws/sns")
    with pytest.raises(ValueError, match="Mail/Set: encryption_key of Sns must be a customer managed key"):
        SendingConfigurationSet(stack, "Set").publish_to_sns(events=["BOUNCE"], encryption_key=key)


def test_an_eleventh_destination_is_refused(stack: cdk.Stack) -> None:
    configuration_set = SendingConfigurationSet(stack, "Set")
    topic = sns.Topic(stack, "Topic")
    for number in range(10):
        configuration_set.publish_to_sns(f"Sns{number}", events=["SEND"], topic=topic)
    with pytest.raises(ValueError, match=r"Mail/Set: .*at most 10 event destinations"):
        configuration_set.publish_to_sns("OneMore", events=["SEND"], topic=topic)
