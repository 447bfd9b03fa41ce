"""Queues, keys and tables that the user brings: refused where known to be wrong, warned of where unknown."""

from typing import Any, NamedTuple

import aws_cdk as cdk
import pytest
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs

from ses_constructs import FeedbackPipeline, SendingConfigurationSet
from tests.constructs.support import Synthesised, synthesise

STRING, NUMBER = dynamodb.AttributeType.STRING, dynamodb.AttributeType.NUMBER
LONG_ENOUGH = cdk.Duration.seconds(181)


class Queues(NamedTuple):
    queue: sqs.IQueue
    dead_letter_queue: sqs.IQueue


def queues(
    stack: cdk.Stack,
    *,
    receives: int = 5,
    redrive: bool = True,
    queue: dict[str, Any] | None = None,
    dead_letters: dict[str, Any] | None = None,
) -> Queues:
    """Queues that are as they should be, but for what is said."""
    dead_letter_queue = sqs.Queue(stack, "Dead", **dead_letters or {})
    options: dict[str, Any] = {"visibility_timeout": LONG_ENOUGH, **(queue or {})}
    if redrive:
        options["dead_letter_queue"] = sqs.DeadLetterQueue(max_receive_count=receives, queue=dead_letter_queue)
    return Queues(sqs.Queue(stack, "Mine", **options), dead_letter_queue)


def pipeline(stack: cdk.Stack, **options: Any) -> FeedbackPipeline:
    return FeedbackPipeline(stack, "Feedback", sources=[SendingConfigurationSet(stack, "Set")], **options)


def test_queues_that_are_as_they_should_be_are_taken_without_a_warning() -> None:
    assert not synthesise(lambda stack: pipeline(stack, **queues(stack)._asdict())).warnings()


MANAGED = {"encryption": sqs.QueueEncryption.KMS_MANAGED}
FIFO = {"fifo": True}


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"queue": MANAGED}, "queue must be encrypted with a customer managed key or with SSE-SQS"),
        ({"dead_letters": MANAGED}, "dead_letter_queue must be encrypted with a customer managed key or with SSE-SQS"),
        ({"queue": FIFO, "dead_letters": FIFO}, "queue must be a standard queue"),
        ({"queue": {"visibility_timeout": cdk.Duration.minutes(3)}}, "queue must hide messages for at least 181 sec"),
        ({"queue": {"visibility_timeout": None}}, r"queue must hide messages for at least 181 seconds.*, got 30"),
        ({"redrive": False}, "queue must redrive to dead_letter_queue.*got 'no redrive policy'"),
        ({"receives": 3}, r"queue must redrive to .* after max_receive_count \(5\) receives, got '3 receives'"),
    ],
)
def test_a_queue_that_would_lose_or_repeat_messages_is_refused(
    stack: cdk.Stack, options: dict[str, Any], rule: str
) -> None:
    with pytest.raises(ValueError, match=f"Mail/Feedback: {rule}"):
        pipeline(stack, **queues(stack, **options)._asdict())


def test_the_queue_must_hide_messages_for_the_batching_window_too(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="queue must hide messages for at least 240 seconds"):
        pipeline(stack, batching_window=cdk.Duration.minutes(1), **queues(stack)._asdict())


def test_the_dead_letter_queue_must_be_the_one_that_the_queue_redrives_to(stack: cdk.Stack) -> None:
    queue, _ = queues(stack)
    with pytest.raises(ValueError, match=r"must redrive to dead_letter_queue .*, got 'another dead-letter queue'"):
        pipeline(stack, queue=queue, dead_letter_queue=sqs.Queue(stack, "Other"))


def test_a_queue_cannot_be_its_own_dead_letter_queue(stack: cdk.Stack) -> None:
    queue, _ = queues(stack)
    with pytest.raises(ValueError, match="dead_letter_queue must be another queue than queue"):
        pipeline(stack, queue=queue, dead_letter_queue=queue)


def imported(stack: cdk.Stack, name: str, region: str = "eu-west-1") -> sqs.IQueue:
    return sqs.Queue.from_queue_arn(stack, name, f"arn:aws:sqs:{region}:111122223333:{name.lower()}")


def test_of_imported_queues_the_user_is_told_what_they_must_be_and_allow() -> None:
    def define(stack: cdk.Stack) -> None:
        pipeline(stack, queue=imported(stack, "Main"), dead_letter_queue=imported(stack, "Dead"))

    warnings = synthesise(define).warnings()
    assert len(warnings) == 3
    (settings,) = [it for it in warnings if "hides messages" in it]
    assert "181 seconds" in settings
    assert "after 5 receives" in settings
    for name in ("Main", "Dead"):
        (policy,) = [it for it in warnings if f"Mail/{name}" in it]
        assert "sns.amazonaws.com sqs:SendMessage under the conditions" in policy
        assert "aws:SourceArn" in policy


def test_a_queue_of_another_region_is_refused() -> None:
    stack = cdk.Stack(cdk.App(), "Mail", env=cdk.Environment(account="111122223333", region="eu-west-1"))
    with pytest.raises(ValueError, match="dead_letter_queue must be in the region eu-west-1 of the stack"):
        pipeline(stack, queue=imported(stack, "Main"), dead_letter_queue=imported(stack, "Dead", region="us-east-1"))


def test_an_alias_is_refused_for_it_would_grant_nothing(stack: cdk.Stack) -> None:
    alias = kms.Alias.from_alias_name(stack, "Alias", "alias/mail")
    with pytest.raises(ValueError, match=r"encryption_key must be a key, not its alias, .* got 'alias/mail'"):
        pipeline(stack, encryption_key=alias)


def test_an_alias_of_a_key_in_the_stack_is_refused_with_a_queue_too(stack: cdk.Stack) -> None:
    alias = kms.Key(stack, "Key").add_alias("alias/mail")
    with pytest.raises(ValueError, match="encryption key of queue must be a key, not its alias"):
        pipeline(stack, **queues(stack, queue={"encryption_master_key": alias})._asdict())


def test_an_aws_managed_key_is_refused(stack: cdk.Stack) -> None:
    key = kms.Alias.from_alias_name(stack, "Alias", "alias/aws/sns")
    with pytest.raises(ValueError, match="encryption_key must be a customer managed key"):
        pipeline(stack, encryption_key=key)


def attribute(name: str, type: dynamodb.AttributeType = STRING) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=type)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"partition_key": attribute("address")}, r"address \(S\)"),
        ({"partition_key": attribute("email"), "sort_key": attribute("scope")}, r"email \(S\), scope \(S\)"),
        ({"partition_key": attribute("scope"), "sort_key": attribute("address")}, r"scope \(S\), address \(S\)"),
        ({"partition_key": attribute("address"), "sort_key": attribute("scope", NUMBER)}, r"address \(S\), scope \(N"),
    ],
)
def test_a_table_with_other_keys_is_refused(stack: cdk.Stack, keys: dict[str, Any], found: str) -> None:
    with pytest.raises(ValueError, match=f"table must have the partition key address and the sort key .*{found}"):
        pipeline(stack, table=dynamodb.Table(stack, "Table", **keys))


def test_a_global_table_is_looked_at_as_well(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="table must have the partition key address"):
        pipeline(stack, table=dynamodb.TableV2(stack, "Table", partition_key=attribute("email")))


def test_a_table_that_is_only_imported_is_taken(stack: cdk.Stack) -> None:
    assert pipeline(stack, table=dynamodb.Table.from_table_name(stack, "Table", "ledger")).table.table_name == "ledger"


def test_a_global_table_with_the_right_keys_is_taken() -> None:
    def define(stack: cdk.Stack) -> None:
        table = dynamodb.TableV2(stack, "Ledger", partition_key=attribute("address"), sort_key=attribute("scope"))
        pipeline(stack, table=table)

    synthesised: Synthesised = synthesise(define)
    (table,) = synthesised.resources("AWS::DynamoDB::GlobalTable")
    variables = synthesised.properties("AWS::Lambda::Function")["Environment"]["Variables"]
    assert variables["TABLE_NAME"] == {"Ref": table}
