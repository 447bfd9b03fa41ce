"""The queue that a function reads, and the one for what it cannot do.

See https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html and, for the visibility time-out,
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aws_cdk import Annotations, Duration, Token
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs

from ses_constructs._kit.checks import fail, is_token
from ses_constructs._kit.keys import checked_key
from ses_constructs._kit.queues import check_queue
from ses_constructs._kit.stacks import same_place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from constructs import Construct

_RETENTION = Duration.days(14)  # the most that SQS offers
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
_DEFAULT_VISIBILITY_TIMEOUT = 30


class Delivery(NamedTuple):
    """How the queue hands out messages."""

    max_receive_count: int
    visibility_timeout: int
    """Seconds."""


def make_queue(scope: Construct, id: str, key: kms.IKey) -> sqs.Queue:
    """Define a dead-letter queue."""
    return sqs.Queue(scope, id, encryption_master_key=key, enforce_ssl=True, retention_period=_RETENTION)


def make_main_queue(
    scope: Construct, id: str, key: kms.IKey, *, dead_letter_queue: sqs.IQueue, delivery: Delivery
) -> sqs.Queue:
    """Define a queue that a function reads."""
    return sqs.Queue(
        scope,
        id,
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=_RETENTION,
        visibility_timeout=Duration.seconds(delivery.visibility_timeout),
        dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=delivery.max_receive_count, queue=dead_letter_queue),
    )


def check_queues(scope: Construct, queue: sqs.IQueue, dead_letter_queue: sqs.IQueue, delivery: Delivery) -> None:
    """Refuse the user's queues where they are known to be wrong, and warn where nothing is known of them."""
    if queue.queue_arn == dead_letter_queue.queue_arn:
        fail(scope, "dead_letter_queue", "must be another queue than queue", queue.node.path)
    for parameter, given in (("queue", queue), ("dead_letter_queue", dead_letter_queue)):
        _check_deliverable(scope, parameter, given)
    resource = queue.node.default_child
    if isinstance(resource, sqs.CfnQueue):
        _check_visibility_timeout(scope, resource, delivery.visibility_timeout)
        _check_redrive(scope, resource, dead_letter_queue, delivery.max_receive_count)
    else:
        Annotations.of(scope).add_warning_v2(
            "ses-constructs:importedQueue",
            "The queue is imported, so it cannot be seen from here whether it hides messages for "
            f"{delivery.visibility_timeout} seconds and redrives to the dead-letter queue after "
            f"{delivery.max_receive_count} receives.",
        )


def _check_deliverable(scope: Construct, parameter: str, queue: sqs.IQueue) -> None:
    """Refuse a queue that SNS can never deliver to."""
    if queue.fifo:
        fail(scope, parameter, "must be a standard queue: no standard topic delivers to a FIFO queue", queue.node.path)
    same_place(scope, parameter, queue, queue.queue_arn)
    check_queue(scope, parameter, queue)
    key = queue.encryption_master_key
    if key is not None:
        checked_key(scope, f"encryption key of {parameter}", key)


def _check_visibility_timeout(scope: Construct, queue: sqs.CfnQueue, least: int) -> None:
    timeout = queue.visibility_timeout
    seconds = timeout if timeout is not None else _DEFAULT_VISIBILITY_TIMEOUT
    if not Token.is_unresolved(seconds) and seconds < least:
        rule = f"must hide messages for at least {least} seconds: six times the function's timeout and batching_window"
        fail(scope, "queue", rule, int(seconds))


def _check_redrive(scope: Construct, queue: sqs.CfnQueue, dead_letter_queue: sqs.IQueue, count: int) -> None:
    policy: Mapping[str, Any] | None = queue.redrive_policy
    rule = f"must redrive to dead_letter_queue after max_receive_count ({count}) receives"
    if policy is None:
        fail(scope, "queue", rule, "no redrive policy")
    if Token.is_unresolved(policy):
        return
    target, receives = policy.get("deadLetterTargetArn"), policy.get("maxReceiveCount")
    arn = dead_letter_queue.queue_arn
    # Of two imported ones the ARNs may be written differently and mean the same.
    comparable = isinstance(dead_letter_queue, sqs.Queue) or not (Token.is_unresolved(target) or is_token(arn))
    if comparable and target != arn:
        fail(scope, "queue", rule, "another dead-letter queue")
    if not Token.is_unresolved(count) and not Token.is_unresolved(receives) and str(receives) != str(count):
        fail(scope, "queue", rule, f"{receives} receives")
