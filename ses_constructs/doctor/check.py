"""One row of the report while it is being made: DNS is asked through it, and findings are written down in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from ses_constructs._kit.records import DnsRecord
from ses_constructs.doctor.findings import Finding, Severity


class Status(StrEnum):
    """How DNS answered."""

    FOUND = "found"
    EMPTY = "no record of this type"
    ABSENT = "NXDOMAIN"
    TIMEOUT = "timeout"
    SERVFAIL = "servfail"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What DNS says of one name and type.

    :param values: one text a record: the joined strings of a TXT, ``"10 host"`` of an MX, names without the final dot
        and in lower case.
    """

    status: Status
    values: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether it is an answer at all, if only that nothing is there."""
        return self.status in (Status.FOUND, Status.EMPTY, Status.ABSENT)


Lookup = Callable[[str, str], Answer]
"""Asks DNS for a name and a type."""

_UNKNOWN = {
    Status.TIMEOUT: ("dns-timeout", "the resolver gave no answer in time"),
    Status.SERVFAIL: (
        "dns-servfail",
        "the resolver answers SERVFAIL: the zone's servers fail, or its DNSSEC is broken",
    ),
    Status.REFUSED: ("dns-refused", "the resolver refuses to answer, or sends what is no answer"),
}


@dataclass(slots=True)
class Check:
    """One subject, examined.

    :param subject: what the row is called: ``DKIM``, ``SPF``, ...
    :param facts: what is there, in a few words each.
    """

    subject: str
    lookup: Lookup
    facts: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    is_skipped: bool = False

    def ask(self, name: str, type: str) -> tuple[str, ...] | None:
        """Return what is there, perhaps nothing; None, with a finding, if that cannot be known."""
        answer = self.lookup(name, type)
        if answer.is_known:
            return answer.values
        code, reason = _UNKNOWN[answer.status]
        self.report(code, name, f"{type} cannot be looked up: {reason}.")
        return None

    def report(self, code: str, name: str, message: str, *records: DnsRecord) -> None:
        """Write a finding down, once."""
        finding = Finding(code, name, message, records)
        if finding not in self.findings:
            self.findings.append(finding)

    def skip(self, code: str, name: str, message: str) -> None:
        """Say why nothing was looked at."""
        self.is_skipped = True
        self.report(code, name, message)

    @property
    def result(self) -> str:
        """``ok``, or the worst that was found; ``skipped`` if nothing was looked at."""
        if self.is_skipped:
            return "skipped"
        found = {finding.severity for finding in self.findings}
        return next((severity.value for severity in Severity if severity in found and severity != Severity.HINT), "ok")
