"""The report, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from ses_constructs.doctor.examination import exit_status
from ses_constructs.doctor.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ses_constructs.doctor.check import Check
    from ses_constructs.doctor.findings import Finding

_COLOURS = {
    "ok": "green",
    "error": "red",
    "warning": "yellow",
    "hint": "cyan",
    "unchecked": "magenta",
    "skipped": "bright_black",
}


def show(console: Console, domain: str, checks: Sequence[Check]) -> None:
    """Print the table, then every finding with the lines to add, the worst first."""
    table = Table(title=f"Mail from {escape(printable(domain))}", title_justify="left", title_style="bold")
    table.add_column("check", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("found", overflow="fold")
    for check in checks:
        facts = escape(printable("; ".join(dict.fromkeys(check.facts))))
        table.add_row(check.subject, _coloured(check.result, check.result), facts)
    console.print(table)
    order = list(Severity)
    found = [(finding, check.subject) for check in checks for finding in check.findings]
    for finding, subject in sorted(found, key=lambda it: order.index(it[0].severity)):
        _show_finding(console, finding, subject)


def as_json(domain: str, checks: Sequence[Check]) -> str:
    """Return the report as JSON; docs/doctor.md says what is in it."""
    report: dict[str, Any] = {
        "domain": domain,
        "exitStatus": exit_status(checks),
        "checks": [
            {
                "subject": check.subject,
                "result": check.result,
                "facts": check.facts,
                "findings": [_finding(finding) for finding in check.findings],
            }
            for check in checks
        ],
    }
    return json.dumps(report, indent=2)


def printable(text: str) -> str:
    """Return the text with its control characters written out: a TXT record must not command the terminal."""
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)


def _show_finding(console: Console, finding: Finding, subject: str) -> None:
    console.print(
        f"\n{_coloured(finding.severity, finding.severity)} {subject}: {escape(printable(finding.name))} "
        f"[dim]({finding.code})[/]"
    )
    console.print(Padding(escape(printable(finding.message)), (0, 0, 0, 2)))
    for record in finding.records:
        # A line to copy: neither wrapped nor cut, however narrow the terminal is.
        for line in record.lines():
            console.print(f"    {escape(printable(line))}", soft_wrap=True)


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "name": finding.name,
        "message": finding.message,
        "records": [
            {"name": record.name, "type": record.type, "ttl": record.ttl, "value": value, "line": line}
            for record in finding.records
            for value, line in zip(record.values, record.lines(), strict=True)
        ],
    }


def _coloured(text: str, severity: str) -> str:
    return f"[{_COLOURS[severity]} bold]{text}[/]"
