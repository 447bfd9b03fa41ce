"""Checks of what a pipeline is given besides sources and queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Duration, Token
from aws_cdk import aws_dynamodb as dynamodb

from ses_constructs._kit.checks import fail
from ses_constructs._kit.keys import checked_key
from ses_constructs._kit.stacks import same_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

_KEY_SCHEMA = {"HASH": "address", "RANGE": "scope"}
# https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
_LONGEST_WINDOW = 300


def check_jump_threshold(scope: Construct, value: Any) -> None:
    """Refuse what is no number of standard deviations. It becomes part of an expression, so no token will do."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and not Token.is_unresolved(value)
    if not number or value <= 0:
        fail(scope, "jump_threshold", "must be a number above 0, known at synth", value)


def batching_seconds(scope: Construct, window: Any) -> int:
    """Check the batching window. The visibility time-out follows from it, so no token will do."""
    if window is None:
        return 1  # the least for a batch of more than ten messages
    known = isinstance(window, Duration) and not window.is_unresolved()
    seconds = window.to_seconds(integral=False) if known else 0
    if not 1 <= seconds <= _LONGEST_WINDOW or seconds != int(seconds):
        rule = f"must be a Duration of 1 to {_LONGEST_WINDOW} whole seconds, known at synth"
        fail(scope, "batching_window", rule, window if not known else f"{seconds:g} seconds")
    return int(seconds)


def age_seconds(scope: Construct, threshold: Any) -> float:
    """Check the age at which to raise the alarm."""
    if threshold is None:
        return 15 * 60
    if not isinstance(threshold, Duration):
        fail(scope, "age_threshold", "must be a Duration", threshold)
    if threshold.is_unresolved():
        if threshold.unit_label() != "seconds":  # another unit cannot be converted before deployment
            fail(scope, "age_threshold", "must be in seconds where it is known only at deployment", str(threshold))
        return threshold.to_seconds()
    seconds = threshold.to_seconds(integral=False)
    if seconds < 1:
        fail(scope, "age_threshold", "must be at least a second", f"{seconds:g} seconds")
    return seconds


def check_table(scope: Construct, table: dynamodb.ITable) -> None:
    """Refuse a table that is known to have other keys, or to be out of reach."""
    same_place(scope, "table", table, table.table_arn)
    if table.encryption_key is not None:
        checked_key(scope, "encryption key of table", table.encryption_key)
    resource = table.node.default_child
    if not isinstance(resource, dynamodb.CfnTable | dynamodb.CfnGlobalTable):
        return
    keys = _members(resource.key_schema, "attribute_name", "key_type")
    types = dict(_members(resource.attribute_definitions, "attribute_name", "attribute_type"))
    found = {kind: name for name, kind in keys}
    if keys and (found != _KEY_SCHEMA or any(types.get(name, "S") != "S" for name in found.values())):
        given = ", ".join(f"{name} ({types.get(name, 'unknown')})" for name, _ in keys)
        fail(scope, "table", "must have the partition key address and the sort key scope, both strings", given)


def _members(values: object, *names: str) -> list[tuple[str, str]]:
    """Read two members of each struct, as far as it is known before deployment."""
    structs: Sequence[Any] = values if isinstance(values, list) else []
    found = [tuple(getattr(struct, name, None) for name in names) for struct in structs]
    return [(first, second) for first, second in found if isinstance(first, str) and isinstance(second, str)]
