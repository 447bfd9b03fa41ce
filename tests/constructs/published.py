"""A publisher that keeps what it is given, for tests that ask what a construct publishes and nothing else."""

from collections.abc import Sequence

import aws_cdk as cdk
from constructs import Construct

from ses_constructs import Dns, DnsRecord


class Published(Dns):
    def __init__(self) -> None:
        self.records: dict[tuple[str, str], str] = {}

    def publish(
        self, scope: Construct, *, domain: str, records: Sequence[DnsRecord], removal_policy: cdk.RemovalPolicy
    ) -> None:
        for record in records:
            (value,) = record.values
            assert record.name.endswith(f".{domain}")
            assert (record.type, record.name) not in self.records
            self.records[record.type, record.name] = value


def tags(text: str) -> list[tuple[str, str]]:
    """The tag=value list of a record in the order in which it stands there; what is no such list fails."""
    pairs = [part.strip(" ").partition("=") for part in text.removesuffix(";").split(";")]
    assert all(name.isalpha() and separator for name, separator, _ in pairs), text
    return [(name, value) for name, _, value in pairs]
