"""What users of cdk-nag would otherwise have to find out, and to say themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Sequence


def acknowledge_objects(scope: object, arns: Sequence[str]) -> None:
    """Say of permissions for the objects under a prefix that they cannot be narrower.

    :param scope: the policy, or the role with it; anything that is no construct is left alone.
    """
    if not isinstance(scope, Construct):
        return
    stack = Stack.of(scope)
    for arn in arns:
        Validations.of(scope).acknowledge(
            Acknowledgment(
                id=f"AwsSolutions::AwsSolutions-IAM5[Resource::{_flat(stack.resolve(arn))}]",
                reason="An object has no ARN before it is there: a prefix is the narrowest that S3 knows",
            )
        )


def _flat(value: Any) -> str:
    """Write an ARN as cdk-nag does, with the logical ids of what it refers to."""
    match value:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": parts}:
            return f"<{'.'.join(parts)}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_flat(part) for part in parts)
    return str(value)
