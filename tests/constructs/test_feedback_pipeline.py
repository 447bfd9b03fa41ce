import json
import re
from typing import Any, cast

import aws_cdk as cdk
import pytest
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from ses_constructs import FeedbackPipeline, SendingConfigurationSet
from tests.constructs.support import Synthesised, synthesise, text


@pytest.fixture(scope="module")
def pipeline() -> Synthesised:
    """Two configuration sets, everything made by the pipeline, and an application that reads the ledger."""

    def define(stack: cdk.Stack) -> None:
        sets = [SendingConfigurationSet(stack, name) for name in ("News", "Invoices")]
        feedback = FeedbackPipeline(stack, "Feedback", sources=sets)
        feedback.grant_read_suppressions(iam.User(stack, "Application"))
        feedback.grant_redrive(iam.User(stack, "Operator"))

    return synthesise(define)


def queues(synthesised: Synthesised) -> tuple[str, str]:
    """The logical ids of the queue and of its dead-letter queue."""
    found = synthesised.resources("AWS::SQS::Queue")
    (main,) = [name for name, it in found.items() if "RedrivePolicy" in it["Properties"]]
    target = found[main]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    return main, target


def statements(synthesised: Synthesised, role_part: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in synthesised.resources("AWS::IAM::Policy").values()
        if any(role_part in str(it) for key in ("Roles", "Users") for it in policy["Properties"].get(key, []))
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def test_each_configuration_set_publishes_bounces_and_complaints_to_one_topic(pipeline: Synthesised) -> None:
    (topic,) = pipeline.resources("AWS::SNS::Topic")
    destinations = [
        it["Properties"] for it in pipeline.resources("AWS::SES::ConfigurationSetEventDestination").values()
    ]
    assert len(destinations) == 2
    for destination in destinations:
        assert destination["EventDestination"]["MatchingEventTypes"] == ["bounce", "complaint"]
        assert destination["EventDestination"]["SnsDestination"] == {"TopicARN": {"Ref": topic}}


def test_ses_begins_to_publish_only_when_the_way_to_the_queue_is_open(pipeline: Synthesised) -> None:
    ((name, subscription),) = pipeline.resources("AWS::SNS::Subscription").items()
    assert set(pipeline.resources("AWS::SQS::QueuePolicy")) <= set(subscription["DependsOn"])
    for destination in pipeline.resources("AWS::SES::ConfigurationSetEventDestination").values():
        assert name in destination["DependsOn"]


def test_a_message_that_sns_cannot_deliver_is_kept(pipeline: Synthesised) -> None:
    main, dead_letters = queues(pipeline)
    subscription = pipeline.properties("AWS::SNS::Subscription")
    assert subscription["Endpoint"] == {"Fn::GetAtt": [main, "Arn"]}
    assert subscription["RedrivePolicy"] == {"deadLetterTargetArn": {"Fn::GetAtt": [dead_letters, "Arn"]}}


def test_queues_keep_messages_for_the_longest_time_and_hide_them_as_long_as_the_function_may_have_them(
    pipeline: Synthesised,
) -> None:
    main, _ = queues(pipeline)
    found = pipeline.resources("AWS::SQS::Queue")
    assert {it["Properties"]["MessageRetentionPeriod"] for it in found.values()} == {14 * 24 * 3600}
    timeout = pipeline.properties("AWS::Lambda::Function")["Timeout"]
    window = pipeline.properties("AWS::Lambda::EventSourceMapping")["MaximumBatchingWindowInSeconds"]
    assert found[main]["Properties"]["VisibilityTimeout"] == 6 * timeout + window


def test_failures_are_reported_message_by_message(pipeline: Synthesised) -> None:
    main, _ = queues(pipeline)
    mapping = pipeline.properties("AWS::Lambda::EventSourceMapping")
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": [main, "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_one_customer_key_encrypts_topic_queues_and_table(pipeline: Synthesised) -> None:
    (key,) = pipeline.resources("AWS::KMS::Key")
    arn = {"Fn::GetAtt": [key, "Arn"]}
    assert pipeline.properties("AWS::SNS::Topic")["KmsMasterKeyId"] == arn
    assert all(it["Properties"]["KmsMasterKeyId"] == arn for it in pipeline.resources("AWS::SQS::Queue").values())
    assert pipeline.properties("AWS::DynamoDB::Table")["SSESpecification"]["KMSMasterKeyId"] == arn


def test_no_service_may_use_the_key_for_somebody_elses_resources(pipeline: Synthesised) -> None:
    policy = pipeline.properties("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    services = [it for it in policy if "Service" in it["Principal"]]
    assert {it["Principal"]["Service"] for it in services} == {"ses.amazonaws.com", "sns.amazonaws.com"}
    for statement in services:
        assert ":${AWS::AccountId}:" in text(statement["Condition"]["ArnLike"]["aws:SourceArn"])


def test_only_the_topic_may_send_to_the_queues(pipeline: Synthesised) -> None:
    (topic,) = pipeline.resources("AWS::SNS::Topic")
    for policy in pipeline.resources("AWS::SQS::QueuePolicy").values():
        allowed = [it for it in policy["Properties"]["PolicyDocument"]["Statement"] if it["Effect"] == "Allow"]
        assert len(allowed) == 1
        assert allowed[0]["Principal"] == {"Service": "sns.amazonaws.com"}
        assert {"Ref": topic} in (
            condition := allowed[0]["Condition"]["ArnEquals"]["aws:SourceArn"],
            *(condition if isinstance(condition, list) else []),
        )


def test_the_ledger_survives_mistakes(pipeline: Synthesised) -> None:
    table = pipeline.only("AWS::DynamoDB::Table")
    # Not even a rollback may try to delete it: it is protected, and the rollback would fail.
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert pipeline.only("AWS::KMS::Key")["DeletionPolicy"] == "RetainExceptOnCreate"


def test_the_function_may_do_what_it_needs_and_no_more(pipeline: Synthesised) -> None:
    allowed: set[str] = set()
    for statement in statements(pipeline, "FunctionRole"):
        assert statement["Effect"] == "Allow"
        assert "*" not in json.dumps(statement["Resource"])
        assert not any("*" in action for action in statement["Action"])
        allowed |= {statement["Action"]} if isinstance(statement["Action"], str) else set(statement["Action"])
    assert {action for action in allowed if action.startswith("dynamodb:")} == {
        "dynamodb:BatchGetItem",
        "dynamodb:PartiQLInsert",
        "dynamodb:PartiQLUpdate",
    }
    assert "sqs:SendMessage" in allowed
    role = pipeline.only("AWS::IAM::Role")
    assert "ManagedPolicyArns" not in role["Properties"]


def test_reading_the_ledger_allows_no_writing(pipeline: Synthesised) -> None:
    allowed = statements(pipeline, "Application")
    named = {action for statement in allowed for action in statement["Action"] if action.startswith("dynamodb:")}
    assert named == {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}
    (key,) = pipeline.resources("AWS::KMS::Key")
    (use,) = [statement for statement in allowed if statement["Resource"] == {"Fn::GetAtt": [key, "Arn"]}]
    assert sorted(use["Action"]) == ["kms:Decrypt", "kms:DescribeKey"]


def test_who_moves_dead_letters_back_may_do_that_and_no_more(pipeline: Synthesised) -> None:
    main, dead_letters = queues(pipeline)
    (key,) = pipeline.resources("AWS::KMS::Key")
    allowed = {
        statement["Resource"]["Fn::GetAtt"][0]: statement["Action"] for statement in statements(pipeline, "Operator")
    }
    assert allowed.keys() == {main, dead_letters, key}
    assert allowed[main] == "sqs:SendMessage"
    assert {"sqs:StartMessageMoveTask", "sqs:ReceiveMessage", "sqs:DeleteMessage"} <= set(allowed[dead_letters])
    assert set(allowed[key]) == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_no_resource_has_a_fixed_name_so_the_stack_can_be_deployed_twice(pipeline: Synthesised) -> None:
    names = re.compile(r"^(Name|(Topic|Queue|Table|Function|Role|Alarm|LogGroup|Rule)Name)$")
    for logical_id, resource in pipeline.template["Resources"].items():
        properties = resource.get("Properties", {})
        fixed = [name for name, value in properties.items() if names.match(name) and isinstance(value, str)]
        assert not fixed, f"{logical_id}: {fixed}"


def test_logs_are_json_and_do_not_pile_up(pipeline: Synthesised) -> None:
    (group,) = pipeline.resources("AWS::Logs::LogGroup")
    logging = pipeline.properties("AWS::Lambda::Function")["LoggingConfig"]
    assert logging == {"LogFormat": "JSON", "LogGroup": {"Ref": group}}
    assert pipeline.properties("AWS::Logs::LogGroup")["RetentionInDays"] == 90


def test_everything_can_be_the_users_own() -> None:
    def define(stack: cdk.Stack) -> None:
        key = kms.Key(stack, "MyKey")
        dead_letters = sqs.Queue(stack, "MyDeadLetters", encryption_master_key=key)
        queue = sqs.Queue(
            stack,
            "MyQueue",
            encryption_master_key=key,
            visibility_timeout=cdk.Duration.minutes(5),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=3, queue=dead_letters),
        )
        string = dynamodb.AttributeType.STRING
        table = dynamodb.Table(
            stack,
            "MyTable",
            partition_key=dynamodb.Attribute(name="address", type=string),
            sort_key=dynamodb.Attribute(name="scope", type=string),
            encryption_key=kms.Key(stack, "TableKey"),
        )
        topic = sns.Topic(stack, "MyTopic", master_key=key)
        feedback = FeedbackPipeline(
            stack,
            "Feedback",
            sources=[SendingConfigurationSet(stack, "Set")],
            topic=topic,
            queue=queue,
            dead_letter_queue=dead_letters,
            table=table,
            encryption_key=key,
            max_receive_count=3,
        )
        assert (feedback.topic, feedback.queue, feedback.table) == (topic, queue, table)

    synthesised = synthesise(define)
    assert {name[:2] for name in synthesised.resources("AWS::SQS::Queue")} == {"My"}
    assert len(synthesised.resources("AWS::SNS::Topic")) == len(synthesised.resources("AWS::DynamoDB::Table")) == 1
    keys = synthesised.resources("AWS::KMS::Key")
    assert {name[:5] for name in keys} == {"MyKey", "Table"}
    usable = {
        it["Resource"]["Fn::GetAtt"][0] for it in statements(synthesised, "Role") if "kms:Decrypt" in it["Action"]
    }
    assert usable == set(keys), "the function can use the keys of queue and table"
    environment = synthesised.properties("AWS::Lambda::Function")["Environment"]["Variables"]
    assert environment["MAX_RECEIVE_COUNT"] == "3"
    assert not synthesised.warnings()


def test_topics_that_have_ses_events_already_are_subscribed_to() -> None:
    def define(stack: cdk.Stack) -> None:
        topics = [sns.Topic(stack, name) for name in ("Bounces", "Complaints")]
        feedback = FeedbackPipeline(stack, "Feedback", sources=topics)
        assert feedback.topic is None

    synthesised = synthesise(define)
    assert len(synthesised.resources("AWS::SNS::Topic")) == 2
    assert len(synthesised.resources("AWS::SNS::Subscription")) == 2


def test_destroy_is_possible_when_the_user_says_so() -> None:
    def define(stack: cdk.Stack) -> None:
        FeedbackPipeline(
            stack,
            "Feedback",
            sources=[SendingConfigurationSet(stack, "Set")],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    table = synthesise(define).only("AWS::DynamoDB::Table")
    assert table["DeletionPolicy"] == "Delete"
    assert table["Properties"]["DeletionProtectionEnabled"] is False


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"sources": []}, "sources must name at least one"),
        ({"sources": "arn:aws:sns:eu-west-1:111122223333:mail"}, "sources must be a list"),
        (
            {"sources": ["news"]},
            "sources must be each a SendingConfigurationSet, an identity, .* or an EventBridgeDestination, got 'news'",
        ),
        *(
            ({"max_receive_count": count}, f"max_receive_count must be a whole number from 1 to 1,000, got {count!r}")
            for count in (0, 1001, 2.5, "5", True)
        ),
        ({"max_concurrency": 1}, "max_concurrency must be a whole number from 2 to 1,000, got 1"),
        *(
            ({"batching_window": window}, "batching_window must be a Duration of 1 to 300 whole seconds")
            for window in (cdk.Duration.seconds(0), cdk.Duration.minutes(6), cdk.Duration.millis(1500), 5)
        ),
        ({"age_threshold": 900}, "age_threshold must be a Duration, got 900"),
        ({"age_threshold": cdk.Duration.minutes(0)}, "age_threshold must be at least a second, got '0 seconds'"),
        *(
            ({"jump_threshold": threshold}, "jump_threshold must be a number above 0, known at synth")
            for threshold in (0, -1, "4", True)
        ),
        ({"removal_policy": cdk.RemovalPolicy.SNAPSHOT}, "removal_policy must be among"),
    ],
)
def test_bad_arguments_are_refused(stack: cdk.Stack, arguments: dict[str, Any], rule: str) -> None:
    given = {"sources": [SendingConfigurationSet(stack, "Set")], **arguments}
    with pytest.raises(ValueError, match=f"Mail/Feedback: {rule}"):
        FeedbackPipeline(stack, "Feedback", **given)


def test_a_queue_without_its_dead_letter_queue_is_refused(stack: cdk.Stack) -> None:
    sources = [SendingConfigurationSet(stack, "Set")]
    with pytest.raises(ValueError, match="must be given together, got 'queue alone'"):
        FeedbackPipeline(stack, "One", sources=sources, queue=sqs.Queue(stack, "Queue"))
    with pytest.raises(ValueError, match="must be given together, got 'dead_letter_queue alone'"):
        FeedbackPipeline(stack, "Two", sources=sources, dead_letter_queue=sqs.Queue(stack, "Dead"))


def test_a_topic_for_configuration_sets_without_any_is_refused(stack: cdk.Stack) -> None:
    topic = sns.Topic(stack, "Topic")
    with pytest.raises(ValueError, match="topic is for configuration sets"):
        FeedbackPipeline(stack, "Feedback", sources=[topic], topic=topic)


def test_fifo_sources_are_refused(stack: cdk.Stack) -> None:
    topic = sns.Topic(stack, "Topic", fifo=True, topic_name="mail.fifo")
    with pytest.raises(ValueError, match="Mail/Feedback: sources must be a standard topic"):
        FeedbackPipeline(stack, "Feedback", sources=[topic])


def test_a_receive_count_known_only_at_deployment_reaches_queue_and_function() -> None:
    def define(stack: cdk.Stack) -> None:
        count = cast(int, cdk.CfnParameter(stack, "Receives", type="Number", default=4).value_as_number)
        FeedbackPipeline(stack, "Feedback", sources=[SendingConfigurationSet(stack, "Set")], max_receive_count=count)

    synthesised = synthesise(define)
    main, _ = queues(synthesised)
    redrive = synthesised.resources("AWS::SQS::Queue")[main]["Properties"]["RedrivePolicy"]
    environment = synthesised.properties("AWS::Lambda::Function")["Environment"]["Variables"]
    assert redrive["maxReceiveCount"] == environment["MAX_RECEIVE_COUNT"] == {"Ref": "Receives"}
