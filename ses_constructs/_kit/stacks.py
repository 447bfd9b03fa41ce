"""Where a resource is: its account and region, and which stack is deployed before which.

See https://docs.aws.amazon.com/cdk/v2/guide/resources.html#resource-stack.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aws_cdk import Stack

from ses_constructs._kit.checks import fail, is_token

if TYPE_CHECKING:
    from aws_cdk import IResource
    from constructs import Construct, IConstruct

# Any token but account, region and partition, which are those of whatever stack they are used in.
_REFERENCE = re.compile(r"\$\{Token\[(?!AWS\.)")


def same_place(scope: Construct, parameter: str, resource: IResource, arn: str) -> None:
    """Refuse a resource that is known to be in another account or region than *scope*."""
    here = Stack.of(scope)
    parts = arn.split(":")
    if len(parts) < 6:  # one token: defined in a stack, to which a reference must be possible
        place = Stack.of(resource).environment
        if place != here.environment:
            rule = f"must be in the account and region of the stack, which are {here.environment}"
            fail(scope, parameter, rule, place)
        return
    for what, given, own in (("region", parts[3], here.region), ("account", parts[4], here.account)):
        if not is_token(given) and not is_token(own) and given != own:
            fail(scope, parameter, f"must be in the {what} {own} of the stack", arn)


def stack_of(resource: IConstruct, arn: str | None = None) -> str | None:
    """Return the path of the stack that a reference to *resource* leads to; None if its ARN leads to none."""
    return None if arn is not None and not _REFERENCE.search(arn) else Stack.of(resource).node.path


def lineage(scope: Construct) -> list[str]:
    """Return the paths of the stack of *scope* and of those that it is nested in, which are deployed as one."""
    paths: list[str] = []
    stack: Stack | None = Stack.of(scope)
    while stack is not None:
        paths.append(stack.node.path)
        stack = stack.nested_stack_parent
    return paths
