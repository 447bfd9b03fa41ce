"""Checks of what users pass in: they let tokens through, and an error says where, the rule, and the value given."""

from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

from aws_cdk import RemovalPolicy, Token
from constructs import Construct

from ses_constructs._kit.domains import domain_problem, is_within

__all__ = [
    "check_removal_policy",
    "check_whole_number",
    "domain_name",
    "domain_problem",
    "fail",
    "is_token",
    "is_within",
    "items",
]

T = TypeVar("T")

_REMOVAL_POLICIES = (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, RemovalPolicy.RETAIN, RemovalPolicy.DESTROY)


def fail(scope: Construct, parameter: str, rule: str, value: object, *, id: str | None = None) -> NoReturn:
    """Raise the ValueError that every check raises. The path costs a call into the CDK, so it is read only here.

    :param id: id of a construct in *scope* that is not made yet, for the CDK's own would refuse the value its way.
    """
    path = scope.node.path if id is None else f"{scope.node.path}/{id}".removeprefix("/")
    raise ValueError(f"{path}: {parameter} {rule}, got {value!r}")


def is_token(value: str) -> bool:
    """Whether the text holds a value that is known only at deploy time. Needs no call into the CDK."""
    return "${Token[" in value


def items(scope: Construct, parameter: str, value: Sequence[T], *, what: str) -> Sequence[T]:
    """Refuse an empty list, and a plain string where a list is expected, before jsii takes it apart by letters."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        fail(scope, parameter, f"must be a list of {what}", value)
    if not value:
        fail(scope, parameter, f"must name at least one of {what}", value)
    return value


def domain_name(scope: Construct, parameter: str, value: Any) -> str:
    """Check a domain name, and return it in lower case: DNS and SES compare domains without regard to case."""
    if not isinstance(value, str):
        fail(scope, parameter, "must be a domain name", value)
    if is_token(value):
        return value
    problem = domain_problem(value)
    if problem is not None:
        fail(scope, parameter, problem, value)
    return value.lower()


def check_whole_number(scope: Construct, parameter: str, value: Any, least: int, most: int) -> None:
    """Refuse what is no whole number from *least* to *most*."""
    if Token.is_unresolved(value):
        return
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        fail(scope, parameter, f"must be a whole number from {least:,} to {most:,}", value)


def check_removal_policy(scope: Construct, value: Any) -> None:
    """Refuse ``SNAPSHOT``, which neither keys nor tables know."""
    if value not in _REMOVAL_POLICIES:
        fail(scope, "removal_policy", f"must be among {', '.join(it.name for it in _REMOVAL_POLICIES)}", value)
