import json
import os
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from ses_constructs import AnymailSubscription, EventType, SendingConfigurationSet, SnsEventDestination
from tests.constructs.support import Synthesised, synthesise, text

ANY_TOPIC = "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:*"
URL = "https://www.example.com/hooks/ses?stage=prod"


def publish(stack: cdk.Stack, **options: Any) -> SnsEventDestination:
    return SendingConfigurationSet(stack, "Set").publish_to_sns(events=list(EventType), **options)


def statements(synthesised: Synthesised, resource_type: str, service: str) -> list[dict[str, Any]]:
    name = "KeyPolicy" if resource_type == "AWS::KMS::Key" else "PolicyDocument"
    return [
        statement
        for resource in synthesised.resources(resource_type).values()
        for statement in resource["Properties"][name]["Statement"]
        if statement["Principal"] == {"Service": service}
    ]


def function(stack: cdk.Stack) -> lambda_.Function:
    code = lambda_.Code.from_inline("def handler(event, context): ...")
    return lambda_.Function(stack, "Function", runtime=lambda_.Runtime.PYTHON_3_14, handler="index.handler", code=code)


@pytest.fixture(scope="module")
def subscribed() -> Synthesised:
    """An encrypted queue, a function and a URL behind one topic."""

    def define(stack: cdk.Stack) -> None:
        destination = publish(stack)
        queue = sqs.Queue(stack, "Queue", encryption_master_key=kms.Key(stack, "QueueKey"))
        destination.subscribe_queue("Queue", queue, events=["BOUNCE", "RENDERING_FAILURE"], tags={"campaign": ["a"]})
        destination.subscribe_function("Function", function(stack))
        destination.subscribe_url("Url", URL)

    return synthesise(define)


def by_protocol(synthesised: Synthesised) -> dict[str, dict[str, Any]]:
    found = synthesised.resources("AWS::SNS::Subscription").values()
    return {it["Properties"]["Protocol"]: it["Properties"] for it in found}


def test_the_queue_gets_the_events_themselves_and_the_others_signed_envelopes(subscribed: Synthesised) -> None:
    found = by_protocol(subscribed)
    assert found["sqs"]["RawMessageDelivery"] is True
    assert "RawMessageDelivery" not in found["lambda"]
    assert "RawMessageDelivery" not in found["https"]
    assert found["https"]["Endpoint"] == URL


def test_filters_are_on_the_body_for_ses_sets_no_attributes(subscribed: Synthesised) -> None:
    found = by_protocol(subscribed)
    assert found["sqs"]["FilterPolicyScope"] == "MessageBody"
    assert found["sqs"]["FilterPolicy"] == {
        "eventType": ["Bounce", "Rendering Failure"],
        "mail": {"tags": {"campaign": ["a"]}},
    }
    assert "FilterPolicy" not in found["lambda"]


def test_every_event_type_is_filtered_by_its_name_in_the_json() -> None:
    synthesised = synthesise(
        lambda stack: publish(stack).subscribe_queue("Queue", sqs.Queue(stack, "Queue"), events=list(EventType))
    )
    names = synthesised.properties("AWS::SNS::Subscription")["FilterPolicy"]["eventType"]
    # https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
    assert names == [
        "Send", "Reject", "Bounce", "Complaint", "Delivery", "Open", "Click",
        "Rendering Failure", "DeliveryDelay", "Subscription",
    ]  # fmt: skip


@pytest.mark.skipif("SES_EVENT_CORPUS" not in os.environ, reason="needs SES_EVENT_CORPUS, a folder of sample events")
def test_the_names_are_those_of_real_events() -> None:
    from ses_constructs.sending.subscriptions import _EVENT_TYPES

    seen = set()
    for path in (Path(os.environ["SES_EVENT_CORPUS"]) / "event-publishing").glob("*.json"):
        found = json.loads(path.read_text())
        seen |= {found["eventType"]} if "eventType" in found else set()
    assert seen <= set(_EVENT_TYPES.values())
    assert len(seen) == len(EventType)


def test_all_of_them_share_one_dead_letter_queue_that_only_this_topic_may_send_to(subscribed: Synthesised) -> None:
    (letters,) = {
        it["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] for it in by_protocol(subscribed).values()
    }
    assert subscribed.resources("AWS::SQS::Queue")[letters]["Properties"]["KmsMasterKeyId"]
    (topic,) = subscribed.resources("AWS::SNS::Topic")
    found = statements(subscribed, "AWS::SQS::QueuePolicy", "sns.amazonaws.com")
    assert len(found) == 2  # and the queue's own
    for statement in found:
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": topic}}}
    alarm = subscribed.properties("AWS::CloudWatch::Alarm")
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [letters, "QueueName"]}}]


def test_sns_may_use_the_keys_of_the_queues_for_topics_of_this_account_only(subscribed: Synthesised) -> None:
    found = statements(subscribed, "AWS::KMS::Key", "sns.amazonaws.com")
    assert len(found) == 2
    for statement in found:
        assert sorted(statement["Action"]) == ["kms:Decrypt", "kms:GenerateDataKey"]
        assert text(statement["Condition"]["ArnLike"]["aws:SourceArn"]) == ANY_TOPIC


def test_the_function_may_be_invoked_by_this_topic_alone(subscribed: Synthesised) -> None:
    (topic,) = subscribed.resources("AWS::SNS::Topic")
    permission = subscribed.properties("AWS::Lambda::Permission")
    assert (permission["Principal"], permission["SourceArn"]) == ("sns.amazonaws.com", {"Ref": topic})


def test_an_endpoint_that_is_down_is_tried_for_longer_than_a_minute_and_within_what_sns_allows(
    subscribed: Synthesised,
) -> None:
    policy = by_protocol(subscribed)["https"]["DeliveryPolicy"]["healthyRetryPolicy"]
    seconds = policy["numRetries"] * (policy["minDelayTarget"] + policy["maxDelayTarget"]) / 2
    assert 1800 < seconds <= 3600


def test_ones_own_dead_letter_queue_and_topic_are_used_and_imported_policies_are_told() -> None:
    def define(stack: cdk.Stack) -> None:
        topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:eu-west-1:111122223333:mail")
        letters = sqs.Queue.from_queue_arn(stack, "Letters", "arn:aws:sqs:eu-west-1:111122223333:letters")
        queue = sqs.Queue.from_queue_attributes(
            stack,
            "Queue",
            queue_arn="arn:aws:sqs:eu-west-1:111122223333:events",
            key_arn="arn:aws:kms:eu-west-1:111122223333:key/abc",
        )
        destination = publish(stack, topic=topic)
        destination.subscribe_queue("Queue", queue, dead_letter_queue=letters)
        assert destination.dead_letter_queue is None

    synthesised = synthesise(define)
    subscription = synthesised.properties("AWS::SNS::Subscription")
    assert subscription["RedrivePolicy"] == {"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:111122223333:letters"}
    warnings = "\n".join(synthesised.warnings())
    assert "must allow sns.amazonaws.com sqs:SendMessage with aws:SourceArn arn:aws:sns:eu-west-1" in warnings
    assert "must allow sns.amazonaws.com kms:GenerateDataKey and kms:Decrypt" in warnings


def test_basic_authentication_is_a_reference_to_the_secret_in_the_template() -> None:
    def define(stack: cdk.Stack) -> None:
        secret = secretsmanager.Secret.from_secret_complete_arn(
            stack, "Secret", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:hook-abcdef"
        )
        publish(stack).subscribe_url("Url", URL, credentials=secret, credentials_version="v2")

    resolve = "{{resolve:secretsmanager:arn:aws:secretsmanager:eu-west-1:111122223333:secret:hook-abcdef:SecretString"
    endpoint = synthesise(define).properties("AWS::SNS::Subscription")["Endpoint"]
    assert endpoint == (
        f"https://{resolve}:username::v2}}}}:{resolve}:password::v2}}}}@www.example.com/hooks/ses?stage=prod"
    )


def test_an_event_type_that_is_not_published_is_refused(stack: cdk.Stack) -> None:
    destination = SendingConfigurationSet(stack, "Set").publish_to_sns(events=["BOUNCE", "COMPLAINT"])
    with pytest.raises(
        ValueError, match=r"Mail/Set/Sns: events of Hook must be among the published BOUNCE, COMPLAINT, got \['OPEN'\]"
    ):
        destination.subscribe_url("Hook", URL, events=["BOUNCE", "OPEN"])


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"events": "BOUNCE"}, "events of Hook must be a list of event types"),
        ({"events": []}, "events of Hook must name at least one"),
        ({"events": ["Bounce"]}, "events of Hook must be among the published"),
        ({"tags": {}}, "tags of Hook must name at least one tag"),
        ({"tags": {"campaign": "spring"}}, "tags of Hook must be a list of tag values"),
        ({"tags": {"campaign": []}}, "tags of Hook must name at least one of tag values"),
        ({"tags": {name: ["a"] for name in "abcdef"}}, "tags of Hook must make a filter of at most 5 keys"),
        ({"events": ["SEND"], "tags": {name: ["a"] for name in "abcde"}}, "tags of Hook must make .*got 6"),
        ({"tags": {"a": ["x"] * 51}}, "events of Hook and tags must make a filter of at most 150 .*got 153"),
        ({"events": ["SEND", "OPEN"], "tags": {"a": ["x"] * 26}}, "events of Hook and tags .*got 156"),
        ({"url": "http://www.example.com/"}, "url of Hook must be an https:// URL"),
        ({"url": "https://"}, "url of Hook must be an https:// URL"),
        ({"url": "https://www.example.com/a b"}, "url of Hook must be an https:// URL"),
        ({"url": "https://me:secret@www.example.com/x"}, "url of Hook must be without user name .*got '/x'"),
        ({"credentials_version": "v2"}, "url of Hook can have a version of credentials only with credentials"),
    ],
)
def test_what_can_not_be_filtered_or_reached_is_refused(stack: cdk.Stack, options: dict[str, Any], rule: str) -> None:
    options = {"url": URL, **options}
    with pytest.raises(ValueError, match=f"Mail/Set/Sns: {rule}"):
        publish(stack).subscribe_url("Hook", options.pop("url"), **options)


def test_a_password_in_a_url_is_not_repeated_in_the_error(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="url of Hook") as error:
        publish(stack).subscribe_url("Hook", "https://me:hunter2@www.example.com/x")
    assert "hunter2" not in str(error.value)


def test_filters_up_to_the_limits_are_taken(stack: cdk.Stack) -> None:
    destination = publish(stack)
    destination.subscribe_url("Tags", URL, tags={"a": [str(number) for number in range(50)]})
    destination.subscribe_url("Keys", f"{URL}&keys", events=["SEND"], tags={name: ["x"] for name in "abcd"})


def test_queues_that_sns_can_not_use_are_refused(stack: cdk.Stack) -> None:
    destination = publish(stack)
    with pytest.raises(ValueError, match="queue of Fifo must be a standard queue"):
        destination.subscribe_queue("Fifo", sqs.Queue(stack, "Fifo", fifo=True))
    managed = sqs.Queue(stack, "Managed", encryption=sqs.QueueEncryption.KMS_MANAGED)
    with pytest.raises(
        ValueError, match="queue of Managed must be encrypted with a customer managed key or with SSE-SQS"
    ):
        destination.subscribe_queue("Managed", managed)


@pytest.fixture(scope="module")
def anymail() -> Synthesised:
    def define(stack: cdk.Stack) -> None:
        tracking = AnymailSubscription(
            stack, "Tracking", topic=publish(stack).topic, anymail_url="https://www.example.com/anymail/"
        )
        inbox = sns.Topic(stack, "Inbox")
        AnymailSubscription(
            stack,
            "Inbound",
            topic=inbox,
            anymail_url="https://www.example.com/anymail",
            webhook="inbound",
            credentials=tracking.credentials,
            dead_letter_queue=tracking.dead_letter_queue,
        )

    return synthesise(define)


def test_anymail_gets_each_webhook_its_url_with_basic_authentication_and_no_raw_delivery(anymail: Synthesised) -> None:
    (secret,) = anymail.resources("AWS::SecretsManager::Secret")
    found = anymail.resources("AWS::SNS::Subscription").values()
    resolve = f"{{{{resolve:secretsmanager:${{{secret}}}:SecretString"
    start = f"https://{resolve}:username::}}}}:{resolve}:password::}}}}@www.example.com/anymail/amazon_ses"
    assert [text(it["Properties"]["Endpoint"]) for it in found] == [f"{start}/tracking/", f"{start}/inbound/"]
    for it in found:
        assert it["Properties"]["Protocol"] == "https"
        assert "RawMessageDelivery" not in it["Properties"]
        assert "RedrivePolicy" in it["Properties"]


def test_the_password_that_is_made_needs_no_escape_in_a_url(anymail: Synthesised) -> None:
    generated = anymail.properties("AWS::SecretsManager::Secret")["GenerateSecretString"]
    assert json.loads(generated["SecretStringTemplate"]) == {"username": "anymail"}
    assert generated["GenerateStringKey"] == "password"
    assert generated["ExcludePunctuation"] is True
    assert generated["PasswordLength"] >= 32


def test_two_topics_may_share_a_dead_letter_queue(anymail: Synthesised) -> None:
    found = statements(anymail, "AWS::SQS::QueuePolicy", "sns.amazonaws.com")
    assert {json.dumps(it["Condition"]["ArnEquals"]["aws:SourceArn"]) for it in found} == {
        json.dumps({"Ref": topic}) for topic in anymail.resources("AWS::SNS::Topic")
    }


def test_another_version_of_the_secret_makes_another_subscription() -> None:
    def endpoint(**options: Any) -> Any:
        synthesised = synthesise(
            lambda stack: AnymailSubscription(
                stack, "Anymail", topic=sns.Topic(stack, "Topic"), anymail_url="https://www.example.com", **options
            )
        )
        return synthesised.properties("AWS::SNS::Subscription")["Endpoint"]  # to change it replaces the subscription

    assert len({text(endpoint(**options)) for options in ({}, {"credentials_version": "v2"})}) == 2


def test_ones_own_key_encrypts_secret_and_dead_letter_queue() -> None:
    def define(stack: cdk.Stack) -> None:
        AnymailSubscription(
            stack,
            "Anymail",
            topic=sns.Topic(stack, "Topic"),
            anymail_url="https://www.example.com/anymail",
            encryption_key=kms.Key(stack, "MyKey"),
        )

    synthesised = synthesise(define)
    (key,) = synthesised.resources("AWS::KMS::Key")
    for kind, name in (("AWS::SecretsManager::Secret", "KmsKeyId"), ("AWS::SQS::Queue", "KmsMasterKeyId")):
        assert synthesised.properties(kind)[name] == {"Fn::GetAtt": [key, "Arn"]}


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"webhook": "track"}, "webhook must be one of tracking, inbound"),
        ({"webhook": "inbound", "events": ["BOUNCE"]}, "events must not be given for the webhook inbound"),
        ({"anymail_url": "http://www.example.com/anymail"}, "anymail_url must be an https:// URL"),
        ({"events": ["Bounced"]}, "events of Subscription must be among"),
    ],
)
def test_what_anymail_does_not_take_is_refused(stack: cdk.Stack, options: dict[str, Any], rule: str) -> None:
    options = {"anymail_url": "https://www.example.com/anymail", **options}
    with pytest.raises(ValueError, match=f"Mail/Anymail: {rule}"):
        AnymailSubscription(stack, "Anymail", topic=sns.Topic(stack, "Topic"), **options)
