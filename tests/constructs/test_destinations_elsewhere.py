"""Destinations whose topic, key or queue is in another stack, in the parent of a nested one, or in another region."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match, Template

from ses_constructs import AnymailSubscription, EventLake, SendingConfigurationSet, SesAccountEvents
from tests.constructs.support import text

PLACE = "${AWS::Region}:${AWS::AccountId}"
ANY_SET = f"arn:${{AWS::Partition}}:ses:{PLACE}:configuration-set/*"
ANY_TOPIC = f"arn:${{AWS::Partition}}:sns:{PLACE}:*"
ANY_RULE = f"arn:${{AWS::Partition}}:events:{PLACE}:rule/*"


class Stacks(NamedTuple):
    app: cdk.App
    data: cdk.Stack
    mail: cdk.Stack

    def statements(self, resource_type: str, service: str) -> Iterator[dict[str, Any]]:
        """What the policies of a type in the stack with the data say of a service."""
        self.app.synth()
        policies = [
            it["Properties"].get("KeyPolicy") or it["Properties"]["PolicyDocument"]
            for it in Template.from_stack(self.data).to_json()["Resources"].values()
            if it["Type"] == resource_type
        ]
        for policy in policies:
            for statement in policy["Statement"]:
                if statement.get("Principal") == {"Service": f"{service}.amazonaws.com"}:
                    yield statement


@pytest.fixture
def stacks() -> Stacks:
    app = cdk.App()
    return Stacks(app, cdk.Stack(app, "Data"), cdk.Stack(app, "Mail"))


def test_a_topic_and_its_key_in_another_stack_let_in_the_configuration_sets_of_the_account(stacks: Stacks) -> None:
    topic = sns.Topic(stacks.data, "Topic", master_key=kms.Key(stacks.data, "Key"))
    for name in ("Receipts", "News"):
        made = SendingConfigurationSet(stacks.mail, name).publish_to_sns(events=["BOUNCE"], topic=topic)
        assert made.topic is topic
    for kind in ("AWS::SNS::TopicPolicy", "AWS::KMS::Key"):
        for statement in stacks.statements(kind, "ses"):
            assert text(statement["Condition"]["ArnLike"]["aws:SourceArn"]) == ANY_SET
            assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
        assert list(stacks.statements(kind, "ses"))
    # Its policy is changed, so nobody need be told what it must say.
    imported = Match.string_like_regexp(".*is imported.*")
    assert Annotations.from_stack(stacks.mail).find_warning("*", imported) == []


def test_a_key_in_another_stack_encrypts_a_new_topic(stacks: Stacks) -> None:
    key = kms.Key(stacks.data, "Key")
    SendingConfigurationSet(stacks.mail, "News").publish_to_sns(events=["BOUNCE"], encryption_key=key)
    (statement,) = stacks.statements("AWS::KMS::Key", "ses")
    assert text(statement["Condition"]["ArnLike"]["aws:SourceArn"]) == ANY_SET


def test_an_imported_set_is_named_wherever_the_topic_is(stacks: Stacks) -> None:
    topic = sns.Topic(stacks.data, "Topic")
    imported = SendingConfigurationSet.from_configuration_set_name(stacks.mail, "News", "news")
    imported.publish_to_sns(events=["BOUNCE"], topic=topic)
    (statement,) = stacks.statements("AWS::SNS::TopicPolicy", "ses")
    assert text(statement["Condition"]["StringEquals"]["AWS:SourceArn"]) == ANY_SET.replace("*", "news")


def test_queues_of_another_stack_let_in_topics_of_the_account_or_theirs_alone(stacks: Stacks) -> None:
    topic = sns.Topic(stacks.data, "Topic")
    news = SendingConfigurationSet(stacks.mail, "News")
    news.publish_to_sns("New", events=["BOUNCE"]).subscribe_queue("Far", sqs.Queue(stacks.data, "Far"))
    news.publish_to_sns("Theirs", events=["BOUNCE"], topic=topic).subscribe_queue(
        "Near", sqs.Queue(stacks.data, "Near")
    )
    far, near = (it["Condition"] for it in stacks.statements("AWS::SQS::QueuePolicy", "sns"))
    assert text(far["ArnLike"]["aws:SourceArn"]) == ANY_TOPIC
    assert list(near["ArnEquals"]["aws:SourceArn"]) == ["Ref"]  # the topic beside the queue


def test_a_queue_of_another_stack_lets_in_rules_of_the_account(stacks: Stacks) -> None:
    rule = SendingConfigurationSet(stacks.mail, "News").publish_to_event_bridge(events=["BOUNCE"]).rule
    rule.add_queue(sqs.Queue(stacks.data, "Queue"), dead_letter_queue=sqs.Queue(stacks.data, "DeadLetters"))
    found = list(stacks.statements("AWS::SQS::QueuePolicy", "events"))
    assert len(found) == 2
    assert {text(it["Condition"]["ArnLike"]["aws:SourceArn"]) for it in found} == {ANY_RULE}


@pytest.mark.parametrize(
    "publish",
    [
        lambda data, news: news.publish_to_firehose(events=["SEND"], lake=EventLake(data, "Lake")),
        lambda data, news: news.publish_to_firehose(
            events=["SEND"],
            lake=EventLake(news, "Lake", bucket=s3.Bucket(data, "Bucket", encryption_key=kms.Key(data, "Key"))),
        ),
        lambda data, news: news.publish_to_event_bridge(
            events=["SEND"], encryption_key=kms.Key(data, "Key")
        ).rule.forward_to(events.EventBus(data, "Bus")),
    ],
    ids=["lake", "bucket and key", "bus and key"],
)
def test_other_resources_of_another_stack_are_used_too(
    stacks: Stacks, publish: Callable[[cdk.Stack, SendingConfigurationSet], object]
) -> None:
    publish(stacks.data, SendingConfigurationSet(stacks.mail, "News"))
    stacks.app.synth()
    assert [it.node.id for it in stacks.mail.dependencies] == ["Data"]


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        named = {str(it) for key, it in value.items() if key == "Ref"}
        named |= {str(it[0]) for key, it in value.items() if key == "Fn::GetAtt"}
        named |= {str(name) for key, it in value.items() if key == "DependsOn" for name in it}
        return named.union(*(references(it) for it in value.values()))
    return set().union(*(references(it) for it in value)) if isinstance(value, list) else set()


def test_a_nested_stack_publishes_to_what_is_in_its_parent_without_a_cycle() -> None:
    app = cdk.App()
    parent = cdk.Stack(app, "Parent")
    news = SendingConfigurationSet(cdk.NestedStack(parent, "Nested"), "News")
    topic = sns.Topic(parent, "Topic", master_key=kms.Key(parent, "Key"))
    published = news.publish_to_sns(events=["SEND"], topic=topic)
    published.subscribe_queue("Queue", sqs.Queue(parent, "SnsQueue"))
    news.publish_to_event_bridge(events=["SEND"]).rule.add_queue(sqs.Queue(parent, "EventsQueue"))
    resources = Template.from_stack(parent).to_json()["Resources"]
    waits = {name: references(it) & set(resources) for name, it in resources.items()}
    while ready := [name for name, others in waits.items() if not others & waits.keys()]:
        for name in ready:
            del waits[name]
    assert waits == {}  # else what is left refers to itself, round about


def test_what_is_in_another_region_is_refused(stacks: Stacks) -> None:
    stack = cdk.Stack(stacks.app, "Here", env=cdk.Environment(account="111122223333", region="eu-west-1"))
    news = SendingConfigurationSet(stack, "News")
    topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:us-east-1:444455556666:topic")
    with pytest.raises(ValueError, match="Here/News: topic of Sns must be in the region eu-west-1 of the stack, got"):
        news.publish_to_sns(events=["SEND"], topic=topic)
    for place in ("us-east-1:111122223333", "eu-west-1:444455556666"):
        arn = f"arn:aws:firehose:{place}:deliverystream/theirs"
        stream = firehose.DeliveryStream.from_delivery_stream_arn(stack, f"Stream{place}", arn)
        with pytest.raises(
            ValueError, match=r"Here/News: stream of Firehose must be in the (region|account) .* got 'arn"
        ):
            news.publish_to_firehose(events=["SEND"], stream=stream)
    # SES publishes to a topic of another account if its policy says so.
    abroad = sns.Topic.from_topic_arn(stack, "Abroad", "arn:aws:sns:eu-west-1:444455556666:topic")
    news.publish_to_sns(events=["SEND"], topic=abroad)


@pytest.mark.parametrize("alias", ["alias/aws/sqs", "alias/ours"])
def test_a_key_on_which_nothing_can_be_granted_is_refused(stacks: Stacks, alias: str) -> None:
    key = kms.Alias.from_alias_name(stacks.mail, "Key", alias)
    news = SendingConfigurationSet(stacks.mail, "News")
    topic = sns.Topic(stacks.mail, "Topic")
    rule = r"encryption_key.* must be a (customer managed key|key, not its alias)"
    for publish in (
        lambda: news.publish_to_sns(events=["SEND"], encryption_key=key),
        lambda: news.publish_to_event_bridge(events=["SEND"], encryption_key=key),
        lambda: SesAccountEvents(stacks.mail, "Account", encryption_key=key),
        lambda: AnymailSubscription(
            stacks.mail, "Anymail", topic=topic, anymail_url="https://www.example.com", encryption_key=key
        ),
    ):
        with pytest.raises(ValueError, match=rule):
            publish()


def test_a_sixth_target_is_refused(stacks: Stacks) -> None:
    rule = SesAccountEvents(stacks.mail, "Account")
    for number in range(5):
        rule.add_queue(sqs.Queue(stacks.mail, f"Queue{number}"))
    with pytest.raises(ValueError, match="Mail/Account: the rule can have at most 5 targets, got 6"):
        rule.forward_to(events.EventBus(stacks.mail, "Bus"))
