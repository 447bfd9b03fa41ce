"""Who may do what with the suppression ledger, and what the handler is told about soft bounces."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from ses_constructs import FeedbackPipeline, SendingConfigurationSet, SoftBounces
from tests.constructs.support import Synthesised, synthesise

INDEX = "by_reason_and_day"


@pytest.fixture(scope="module")
def pipeline() -> Synthesised:
    def define(stack: cdk.Stack) -> None:
        feedback = FeedbackPipeline(stack, "Feedback", sources=[SendingConfigurationSet(stack, "News")])
        feedback.grant_read_suppressions(iam.User(stack, "Reader"))
        feedback.grant_lift(iam.User(stack, "Lifter"))
        feedback.grant_erase(iam.User(stack, "Eraser"))

    return synthesise(define)


def statements(synthesised: Synthesised, user: str) -> list[dict[str, Any]]:
    return [
        {**statement, "Action": statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]}
        for policy in synthesised.resources("AWS::IAM::Policy").values()
        if any(user in str(it) for it in policy["Properties"].get("Users", []))
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def on_the_table(synthesised: Synthesised, user: str) -> dict[str, Any]:
    (found,) = [it for it in statements(synthesised, user) if it["Action"][0].startswith("dynamodb:")]
    return found


def key_actions(synthesised: Synthesised, user: str) -> set[str]:
    return {action for it in statements(synthesised, user) for action in it["Action"] if action.startswith("kms:")}


def test_entries_are_listed_by_reason_and_day_in_a_small_sparse_index(pipeline: Synthesised) -> None:
    (index,) = pipeline.properties("AWS::DynamoDB::Table")["GlobalSecondaryIndexes"]
    assert index["IndexName"] == INDEX
    assert index["KeySchema"] == [
        {"AttributeName": "listed_under", "KeyType": "HASH"},
        {"AttributeName": "address", "KeyType": "RANGE"},
    ]
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["status", "expires_at"]}


def test_what_heals_is_deleted_by_its_time_to_live(pipeline: Synthesised) -> None:
    ttl = pipeline.properties("AWS::DynamoDB::Table")["TimeToLiveSpecification"]
    assert ttl == {"AttributeName": "expires_at", "Enabled": True}


def test_reading_reaches_the_table_and_its_index_and_nothing_else(pipeline: Synthesised) -> None:
    (table,) = pipeline.resources("AWS::DynamoDB::Table")
    arn = {"Fn::GetAtt": [table, "Arn"]}
    statement = on_the_table(pipeline, "Reader")
    assert statement["Resource"] == [arn, {"Fn::Join": ["", [arn, f"/index/{INDEX}"]]}]
    assert key_actions(pipeline, "Reader") == {"kms:Decrypt", "kms:DescribeKey"}


def test_lifting_changes_the_attributes_of_a_lift_alone_and_reads_nothing_else(pipeline: Synthesised) -> None:
    statement = on_the_table(pipeline, "Lifter")
    assert statement["Action"] == ["dynamodb:UpdateItem"]
    attributes = set(statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"])
    assert {"address", "scope", "status", "lifted_at", "lifted_by", "lifted_because", "version"} <= attributes
    assert not {"events", "soft_bounces", "reasons", "original_address", "first_seen_at"} & attributes
    returned = statement["Condition"]["StringEqualsIfExists"]["dynamodb:ReturnValues"]
    assert set(returned) == {"NONE", "UPDATED_OLD", "UPDATED_NEW"}
    assert "kms:GenerateDataKey" in key_actions(pipeline, "Lifter")


def test_erasing_finds_and_deletes_and_cannot_write(pipeline: Synthesised) -> None:
    assert sorted(on_the_table(pipeline, "Eraser")["Action"]) == ["dynamodb:DeleteItem", "dynamodb:Query"]


def variables(synthesised: Synthesised) -> dict[str, Any]:
    found: dict[str, Any] = synthesised.properties("AWS::Lambda::Function")["Environment"]["Variables"]
    return found


def test_soft_bounces_count_by_default(pipeline: Synthesised) -> None:
    settings = variables(pipeline)
    assert (settings["SOFT_BOUNCE_THRESHOLD"], settings["SOFT_BOUNCE_WINDOW"]) == ("5", str(30 * 86_400))


@pytest.fixture(scope="module")
def own_table() -> Synthesised:
    """With a table from elsewhere, and soft bounces left out."""

    def define(stack: cdk.Stack) -> None:
        news = SendingConfigurationSet(stack, "News")
        table = dynamodb.Table.from_table_name(stack, "Ledger", "ledger")
        feedback = FeedbackPipeline(stack, "Feedback", sources=[news], table=table, soft_bounces=None)
        feedback.grant_read_suppressions(iam.User(stack, "Reader"))

    return synthesise(define)


def test_soft_bounces_can_be_left_out(own_table: Synthesised) -> None:
    assert not [name for name in variables(own_table) if name.startswith("SOFT")]


def test_the_index_of_a_table_from_elsewhere_may_be_read_too(own_table: Synthesised) -> None:
    assert f"/index/{INDEX}" in str(on_the_table(own_table, "Reader")["Resource"])


def test_soft_bounces_are_set_in_words_that_the_handler_reads() -> None:
    settings = SoftBounces(threshold=3, window=cdk.Duration.days(7)).environment()
    assert settings == {"SOFT_BOUNCE_THRESHOLD": "3", "SOFT_BOUNCE_WINDOW": "604800"}


@pytest.mark.parametrize("threshold", [0, 21])
def test_a_threshold_that_the_ledger_cannot_count_to_is_refused(threshold: int) -> None:
    with pytest.raises(ValueError, match=f"threshold must be 1 to 20, got {threshold}"):
        SoftBounces(threshold=threshold)


@pytest.mark.parametrize(("window", "got"), [(cdk.Duration.hours(23), "0.958333"), (cdk.Duration.days(366), "366")])
def test_a_window_out_of_range_is_refused(window: cdk.Duration, got: str) -> None:
    with pytest.raises(ValueError, match=f"window must be 1 to 365 days, got {got} days"):
        SoftBounces(window=window)


def test_the_handler_keeps_as_many_soft_bounces_as_the_threshold_may_be() -> None:
    from feedback.items import MOST_SOFT_BOUNCES

    SoftBounces(threshold=MOST_SOFT_BOUNCES)
