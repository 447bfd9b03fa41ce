"""What a domain name is. Loads no part of the CDK, so that the doctor judges by the same rule."""

import re

LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
"""A host name label: letters, digits, hyphens inside, at most 63 octets (RFC 1123, section 2.1)."""

_LABEL = re.compile(LABEL)


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


def is_within(domain: str, parent: str) -> bool:
    """Whether *domain* is *parent* or lies below it. Both in lower case, without the final dot."""
    return domain == parent or domain.endswith(f".{parent}")
