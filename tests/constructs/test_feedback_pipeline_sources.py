"""Where bounces and complaints come from: every topic once, under an id that stays, also from other stacks."""

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match, Template

from ses_constructs import Dns, DomainIdentity, EventType, FeedbackPipeline, SendingConfigurationSet
from tests.constructs.support import Synthesised, synthesise, text

ARN = "arn:aws:sns:eu-west-1:111122223333:ses-events"
ENVIRONMENT = cdk.Environment(account="111122223333", region="eu-west-1")


def subscriptions(define: Callable[[cdk.Stack], object]) -> dict[str, Any]:
    """The logical ids of the subscriptions by the topic each is for."""
    found = synthesise(define).resources("AWS::SNS::Subscription")
    by_topic = {text(it["Properties"]["TopicArn"]): name for name, it in found.items()}
    assert len(by_topic) == len(found), "a topic is subscribed to twice"
    return by_topic


def pipeline_of(*topics: str, own: bool = False, imported_as: str = "Imported") -> dict[str, Any]:
    """The subscriptions of a pipeline with these topics, and with a topic of its own."""

    def define(stack: cdk.Stack) -> None:
        sources: list[Any] = [SendingConfigurationSet(stack, "Set")] if own else []
        for name in topics:
            is_arn = name.startswith("arn:")
            sources.append(sns.Topic.from_topic_arn(stack, imported_as, name) if is_arn else sns.Topic(stack, name))
        FeedbackPipeline(stack, "Feedback", sources=sources)

    return subscriptions(define)


def test_adding_removing_or_reordering_sources_renames_no_other_subscription() -> None:
    one = pipeline_of("A", "B", ARN, own=True)
    for other in (
        pipeline_of(ARN, "B", "A"),
        pipeline_of("B", own=True),
        pipeline_of("New", "B", ARN, own=True),
    ):
        kept = one.keys() & other.keys()
        assert kept
        assert {topic: one[topic] for topic in kept} == {topic: other[topic] for topic in kept}


def test_an_imported_topic_keeps_its_subscription_wherever_it_is_imported() -> None:
    assert pipeline_of(ARN, imported_as="Here")[ARN] == pipeline_of("A", ARN, imported_as="There")[ARN]


def test_a_topic_known_only_at_deployment_keeps_its_subscription_too() -> None:
    def with_import(id: str) -> Callable[[cdk.Stack], object]:
        def define(stack: cdk.Stack) -> None:
            arn = cdk.Fn.import_value("MailTopic")
            FeedbackPipeline(stack, "Feedback", sources=[sns.Topic.from_topic_arn(stack, id, arn)])

        return define

    (one,) = synthesise(with_import("One")).resources("AWS::SNS::Subscription")
    (other,) = synthesise(with_import("Other")).resources("AWS::SNS::Subscription")
    assert one == other


def test_a_stack_that_moves_into_a_stage_keeps_its_subscriptions() -> None:
    def logical_ids(scope: cdk.App | cdk.Stage) -> set[str]:
        stack = cdk.Stack(scope, "Mail", stack_name="mail")
        FeedbackPipeline(stack, "Feedback", sources=[sns.Topic(stack, "Topic")])
        return set(Template.from_stack(stack).find_resources("AWS::SNS::Subscription"))

    assert logical_ids(cdk.App()) == logical_ids(cdk.Stage(cdk.App(), "Production"))


def test_a_topic_that_was_a_source_may_become_the_topic_of_the_sets() -> None:
    def define(as_source: bool) -> Callable[[cdk.Stack], object]:
        def inner(stack: cdk.Stack) -> None:
            topic = sns.Topic(stack, "Topic")
            sets = [] if as_source else [SendingConfigurationSet(stack, "Set")]
            options: dict[str, Any] = {} if as_source else {"topic": topic}
            FeedbackPipeline(stack, "Feedback", sources=sets or [topic], **options)

        return inner

    assert subscriptions(define(True)) == subscriptions(define(False))


def test_a_source_that_is_named_twice_counts_once() -> None:
    def define(stack: cdk.Stack) -> None:
        topic = sns.Topic(stack, "Topic")
        news = SendingConfigurationSet(stack, "News")
        again = sns.Topic.from_topic_arn(stack, "Again", topic.topic_arn)
        FeedbackPipeline(stack, "Feedback", sources=[again, topic, news, topic, news], topic=topic)

    synthesised = synthesise(define)
    assert len(synthesised.resources("AWS::SNS::Subscription")) == 1
    assert len(synthesised.resources("AWS::SES::ConfigurationSetEventDestination")) == 1


def test_the_same_arn_imported_twice_is_one_topic() -> None:
    def define(stack: cdk.Stack) -> None:
        FeedbackPipeline(
            stack, "Feedback", sources=[sns.Topic.from_topic_arn(stack, name, ARN) for name in ("One", "Two")]
        )

    assert len(synthesise(define).resources("AWS::SNS::Subscription")) == 1


def test_a_set_may_have_two_pipelines_and_a_destination_called_feedback() -> None:
    def define(stack: cdk.Stack) -> None:
        news = SendingConfigurationSet(stack, "News")
        news.publish_to_sns("Feedback", events=["DELIVERY"])
        for name in ("Old", "New"):
            FeedbackPipeline(stack, name, sources=[news])

    assert len(synthesise(define).resources("AWS::SES::ConfigurationSetEventDestination")) == 3


@pytest.mark.parametrize(
    ("arn", "rule"),
    [
        ("arn:aws:sns:us-east-1:111122223333:mail", "must be in the region eu-west-1 of the stack"),
        ("arn:aws:sns:eu-west-1:444455556666:mail", "must be in the account 111122223333 of the stack"),
    ],
)
def test_topics_of_another_region_or_account_are_refused(arn: str, rule: str) -> None:
    stack = cdk.Stack(cdk.App(), "Mail", env=ENVIRONMENT)
    topic = sns.Topic.from_topic_arn(stack, "Topic", arn)
    with pytest.raises(ValueError, match=f"Mail/One: sources {rule}, got '{arn}'"):
        FeedbackPipeline(stack, "One", sources=[topic])
    with pytest.raises(ValueError, match=f"Mail/Two: topic {rule}, got '{arn}'"):
        FeedbackPipeline(stack, "Two", sources=[SendingConfigurationSet(stack, "Set")], topic=topic)


def test_sources_of_another_region_are_refused() -> None:
    app = cdk.App()
    here = cdk.Stack(app, "Here", env=ENVIRONMENT)
    there = cdk.Stack(app, "There", env=cdk.Environment(account="111122223333", region="us-east-1"))
    for source in (SendingConfigurationSet(there, "Set"), sns.Topic(there, "Topic")):
        with pytest.raises(ValueError, match="sources must be in the account and region of the stack"):
            FeedbackPipeline(here, f"Feedback{source.node.id}", sources=[source])


class TwoStacks:
    """Stacks A and B of one app, and what they become."""

    def __init__(self, environment: cdk.Environment | None) -> None:
        self.app = cdk.App()
        self.a = cdk.Stack(self.app, "A", env=environment)
        self.b = cdk.Stack(self.app, "B", env=environment)

    def synthesise(self) -> dict[str, Synthesised]:
        assembly = self.app.synth()
        return {
            stack.stack_name: Synthesised(stack, assembly.get_stack_by_name(stack.stack_name).template)
            for stack in (self.a, self.b)
        }

    def order(self) -> list[str]:
        """The stacks in the order of their deployment."""
        return [stack.stack_name for stack in self.app.synth().stacks]


@pytest.fixture(params=[None, ENVIRONMENT], ids=["agnostic", "bound"])
def stacks(request: pytest.FixtureRequest) -> TwoStacks:
    return TwoStacks(request.param)


def test_sets_and_identities_of_another_stack_publish_to_the_pipeline_which_is_deployed_first(
    stacks: TwoStacks,
) -> None:
    news = SendingConfigurationSet(stacks.a, "News")
    identity = DomainIdentity(stacks.a, "Identity", domain="example.com", dns=Dns.manual())
    feedback = FeedbackPipeline(stacks.b, "Feedback", sources=[news, identity])
    feedback.grant_read_suppressions(iam.User(stacks.a, "Application"))
    made = stacks.synthesise()
    assert stacks.order() == ["B", "A"]
    made["A"].only("AWS::SES::ConfigurationSetEventDestination")
    made["A"].only("Custom::SesIdentityNotifications")
    allowed = made["B"].properties("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    (ses,) = [it for it in allowed if it["Principal"] == {"Service": "ses.amazonaws.com"}]
    assert "aws:SourceAccount" in ses["Condition"]["StringEquals"]
    arns = [text(arn) for arn in ses["Condition"]["ArnLike"]["aws:SourceArn"]]
    assert [arn.rpartition(":")[2] for arn in arns] == ["configuration-set/*", "identity/*"]
    key = made["B"].properties("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    (ses,) = [it for it in key if it["Principal"] == {"Service": "ses.amazonaws.com"}]
    assert "aws:SourceAccount" in ses["Condition"]["StringEquals"]
    for stack in (stacks.a, stacks.b):
        found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("topic"))
        assert not found


def test_everything_of_the_users_may_be_in_another_stack(stacks: TwoStacks) -> None:
    key = kms.Key(stacks.a, "Key")
    dead_letters = sqs.Queue(stacks.a, "Dead", encryption_master_key=key)
    queue = sqs.Queue(
        stacks.a,
        "Queue",
        encryption_master_key=key,
        visibility_timeout=cdk.Duration.minutes(5),
        dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=5, queue=dead_letters),
    )
    string = dynamodb.AttributeType.STRING
    table = dynamodb.Table(
        stacks.a,
        "Table",
        partition_key=dynamodb.Attribute(name="address", type=string),
        sort_key=dynamodb.Attribute(name="scope", type=string),
        encryption_key=key,
    )
    FeedbackPipeline(
        stacks.b,
        "Feedback",
        sources=[SendingConfigurationSet(stacks.b, "Set")],
        queue=queue,
        dead_letter_queue=dead_letters,
        table=table,
        encryption_key=key,
    )
    made = stacks.synthesise()
    assert stacks.order() == ["A", "B"]
    for policy in made["A"].resources("AWS::SQS::QueuePolicy").values():
        (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
        (arn,) = statement["Condition"]["ArnLike"]["aws:SourceArn"]
        assert text(arn).endswith(":*")
    services = [it for it in made["A"].properties("AWS::KMS::Key")["KeyPolicy"]["Statement"] if it.get("Condition")]
    assert {it["Principal"]["Service"] for it in services} == {"ses.amazonaws.com", "sns.amazonaws.com"}


@pytest.mark.parametrize("set_in", ["a", "b"])
def test_the_users_topic_may_be_in_another_stack(stacks: TwoStacks, set_in: str) -> None:
    topic = sns.Topic(stacks.a, "Topic", master_key=kms.Key(stacks.a, "Key"))
    news = SendingConfigurationSet(getattr(stacks, set_in), "News")
    FeedbackPipeline(stacks.b, "Feedback", sources=[news], topic=topic)
    made = stacks.synthesise()
    assert stacks.order() == ["A", "B"]
    made["B"].only("AWS::SNS::Subscription")
    assert "ses.amazonaws.com" in json.dumps(made["A"].properties("AWS::SNS::TopicPolicy"))
    assert "ses.amazonaws.com" in json.dumps(made["A"].properties("AWS::KMS::Key"))


def test_a_topic_of_another_stack_may_be_a_source(stacks: TwoStacks) -> None:
    news = SendingConfigurationSet(stacks.a, "News").publish_to_sns(events=["BOUNCE"])
    FeedbackPipeline(stacks.b, "Feedback", sources=[news.topic])
    made = stacks.synthesise()
    assert stacks.order() == ["A", "B"]
    for policy in made["B"].resources("AWS::SQS::QueuePolicy").values():
        assert "ArnEquals" in json.dumps(policy), "the queues admit that topic alone"


def test_stacks_that_would_each_need_the_other_are_refused_with_the_way_round(stacks: TwoStacks) -> None:
    news = SendingConfigurationSet(stacks.a, "News")
    with pytest.raises(ValueError, match="B/Feedback: topic must be a topic in the stack of the configuration sets"):
        FeedbackPipeline(stacks.b, "Feedback", sources=[news], encryption_key=kms.Key(stacks.a, "Key"))


def test_the_way_round_can_be_deployed(stacks: TwoStacks) -> None:
    key = kms.Key(stacks.a, "Key")
    topic = sns.Topic(stacks.a, "Topic", master_key=key)
    news = SendingConfigurationSet(stacks.a, "News")
    FeedbackPipeline(stacks.b, "Feedback", sources=[news], topic=topic, encryption_key=key)
    assert stacks.order() == ["A", "B"]


def test_what_another_stack_only_imports_makes_no_pipeline_wait_for_it(stacks: TwoStacks) -> None:
    table = dynamodb.Table.from_table_name(stacks.a, "Table", "ledger")
    FeedbackPipeline(stacks.b, "Feedback", sources=[SendingConfigurationSet(stacks.a, "News")], table=table)
    assert stacks.order() == ["B", "A"]


def test_an_identity_cannot_have_two_pipelines(stack: cdk.Stack) -> None:
    identity = DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.manual())
    FeedbackPipeline(stack, "One", sources=[identity])
    with pytest.raises(ValueError, match="events must be such that have no topic yet"):
        FeedbackPipeline(stack, "Two", sources=[identity])


def test_a_pipeline_in_a_nested_stack_serves_its_parent(stack: cdk.Stack) -> None:
    news = SendingConfigurationSet(stack, "News")
    nested = cdk.NestedStack(stack, "Nested")
    FeedbackPipeline(nested, "Feedback", sources=[news], encryption_key=kms.Key(stack, "Key"))
    (destination,) = Template.from_stack(stack).find_resources("AWS::SES::ConfigurationSetEventDestination").values()
    (resource,) = Template.from_stack(stack).find_resources("AWS::CloudFormation::Stack")
    assert resource in destination["DependsOn"]


@pytest.fixture(scope="module")
def bridged() -> Synthesised:
    def define(stack: cdk.Stack) -> None:
        destination = SendingConfigurationSet(stack, "Set").publish_to_event_bridge(
            events=[EventType.BOUNCE, EventType.COMPLAINT]
        )
        FeedbackPipeline(stack, "Feedback", sources=[destination])

    return synthesise(define)


def test_the_rule_of_an_event_bridge_source_has_the_queue_as_a_target_and_the_pipelines_dead_letter_queue(
    bridged: Synthesised,
) -> None:
    ((rule_id, rule),) = bridged.resources("AWS::Events::Rule").items()
    (target,) = rule["Properties"]["Targets"]
    queue, dead_letters = target["Arn"], target["DeadLetterConfig"]["Arn"]
    assert "FeedbackQueue" in text(queue)
    assert "FeedbackDeadLetterQueue" in text(dead_letters)
    let_in = [
        statement["Condition"]
        for policy in bridged.resources("AWS::SQS::QueuePolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "events.amazonaws.com"}
    ]
    own = {"Fn::GetAtt": [rule_id, "Arn"]}
    assert let_in == [{"ArnEquals": {"aws:SourceArn": own}}] * 2


def test_no_topic_is_made_for_an_event_bridge_source(bridged: Synthesised) -> None:
    types = {it["Type"] for it in bridged.template["Resources"].values()}
    assert not types & {"AWS::SNS::Topic", "AWS::SNS::Subscription"}


def test_an_event_bridge_source_that_tells_of_neither_bounces_nor_complaints_is_refused() -> None:
    stack = cdk.Stack(cdk.App(), "Mail")
    destination = SendingConfigurationSet(stack, "Set").publish_to_event_bridge(events=[EventType.OPEN])
    with pytest.raises(ValueError, match=r"must publish BOUNCE or COMPLAINT.*got 'OPEN'"):
        FeedbackPipeline(stack, "Feedback", sources=[destination])


def test_an_event_bridge_source_of_another_stack_is_refused_with_a_way_round() -> None:
    app = cdk.App()
    destination = SendingConfigurationSet(cdk.Stack(app, "A"), "Set").publish_to_event_bridge(events=["BOUNCE"])
    with pytest.raises(ValueError, match="of another stack give the set itself"):
        FeedbackPipeline(cdk.Stack(app, "B"), "Feedback", sources=[destination])
