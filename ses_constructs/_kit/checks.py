"""Checks of what users pass in: they let tokens through, and an error says where, the rule, and the value given."""

import re
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

from constructs import Construct

T = TypeVar("T")

# A host name label: letters, digits, hyphens inside, at most 63 octets (RFC 1123, section 2.1).
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


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


def domain_problem(domain: str) -> str | None:
    """Say what is wrong with a domain name, or None. Limits: RFC 1035, section 2.3.4."""
    if domain.endswith("."):
        return "must be written without the final dot"
    if not domain.isascii():
        return "must be in its ASCII form (punycode, RFC 5891)"
    if len(domain) > 253:
        return "must be at most 253 characters"
    labels = domain.split(".")
    if len(labels) < 2:
        return "must have at least two labels, like example.com"
    if not all(_LABEL.fullmatch(label) for label in labels):
        return "must consist of labels of 1 to 63 letters, digits and inner hyphens"
    if labels[-1].isdigit():
        return "must not end in a number"
    return None


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


def is_within(domain: str, parent: str) -> bool:
    """Whether *domain* is *parent* or lies below it. Both in lower case, without the final dot."""
    return domain == parent or domain.endswith(f".{parent}")
