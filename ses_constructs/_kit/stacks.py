"""Where a resource is: its account and region, and which stack is deployed before which.

See https://docs.aws.amazon.com/cdk/v2/guide/resources.html#resource-stack.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from aws_cdk import Stack

from ses_constructs._kit.checks import fail, is_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk import IResource
    from constructs import Construct, IConstruct

_stacks: WeakKeyDictionary[IConstruct, Stack] = WeakKeyDictionary()

# Any token but account, region and partition, which are those of whatever stack they are used in.
_REFERENCE = re.compile(r"\$\{Token\[(?!AWS\.)")


def stack_around(construct: IConstruct, *, parent: IConstruct | None = None) -> Stack:
    """Return the stack of a construct. Each look is a call into the CDK, so what was seen is remembered.

    :param parent: what the construct is in, of which more may be known.
    """
    if isinstance(construct, Stack):
        return construct
    stack = _stacks.get(construct)
    if stack is None:
        stack = Stack.of(construct) if parent is None else stack_around(parent)
        _stacks[construct] = stack
    return stack


def same_place(scope: Construct, parameter: str, resource: IResource, arn: str, *, account: bool = True) -> None:
    """Refuse a resource that is known to be in another account or region than *scope*.

    :param account: whether the account matters, or the region alone.
    """
    here = stack_around(scope)
    parts = arn.split(":")
    if len(parts) < 6:  # one token: defined in a stack, to which a reference must be possible
        there = stack_around(resource)
        if there is here:
            return
        place = there.environment
        if place != here.environment and (account or there.region != here.region):
            rule = f"must be in the account and region of the stack, which are {here.environment}"
            fail(scope, parameter, rule, place)
        return
    for what, given, own in (("region", parts[3], here.region), ("account", parts[4], here.account)):
        if what == "account" and not account:
            continue
        if not is_token(given) and not is_token(own) and given != own:
            fail(scope, parameter, f"must be in the {what} {own} of the stack", arn)


def stack_of(resource: IConstruct, arn: str | None = None) -> str | None:
    """Return the path of the stack that a reference to *resource* leads to; None if its ARN leads to none."""
    return None if arn is not None and not _REFERENCE.search(arn) else Stack.of(resource).node.path


def can_name(scope: Construct, resource: IConstruct, source: IConstruct, source_arn: Callable[[], str]) -> bool:
    """Whether the policy of *resource* can name *source*.

    Not so if the resource is in another stack than *scope*, where it is needed, and the source is not with it: of the
    two stacks each would have to be deployed before the other.
    """
    place = stack_around(resource)
    return place is stack_around(scope) or stack_around(source) is place or stack_of(source, source_arn()) is None


def lineage(scope: Construct) -> list[str]:
    """Return the paths of the stack of *scope* and of those that it is nested in, which are deployed as one."""
    paths: list[str] = []
    stack: Stack | None = Stack.of(scope)
    while stack is not None:
        paths.append(stack.node.path)
        stack = stack.nested_stack_parent
    return paths
