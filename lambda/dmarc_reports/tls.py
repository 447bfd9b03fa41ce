"""TLS reports (RFC 8460, section 4.4) to one row a policy and kind of result. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dmarc_reports import values
from ses_common.envelope import Unusable

if TYPE_CHECKING:
    from dmarc_reports.values import Row

_MOST_BYTES = 5 * 1024 * 1024  # in memory JSON can become thirty times as large


def rows(content: bytes) -> list[Row]:
    """Return the rows of a report: one for the sessions that worked, and one for each kind of failure.

    :raises Unusable: if it is none.
    """
    if len(content) > _MOST_BYTES:
        raise Unusable("TooLarge", f"The TLS report has more than {_MOST_BYTES:,} bytes.")
    try:
        report = json.loads(content)
    except (ValueError, RecursionError):
        raise Unusable("BrokenJson", "The report is not JSON.") from None
    span = _object(report, "date-range")
    common = {
        "report_id": _text(report, "report-id"),
        "reporter": _text(report, "organization-name"),
        "begins_at": _moment(span, "start-datetime"),
        "ends_at": _moment(span, "end-datetime"),
    }
    found: list[Row] = []
    for entry in _objects(report, "policies"):
        policy, summary = _object(entry, "policy"), _object(entry, "summary")
        shared = {
            **common,
            "domain": _text(policy, "policy-domain").lower().rstrip("."),
            "policy_type": _text(policy, "policy-type").lower(),
        }
        found.append({**shared, **_result("success", _count(summary, "total-successful-session-count"), {})})
        failures = _objects(entry, "failure-details")
        found += [
            {**shared, **_result(_text(it, "result-type"), _count(it, "failed-session-count"), it)} for it in failures
        ]
        untold = _count(summary, "total-failure-session-count") - sum(
            _count(it, "failed-session-count") for it in failures
        )
        if untold > 0:
            found.append({**shared, **_result("not-told", untold, {})})
    if len(found) > values.MOST_ROWS:
        raise Unusable("TooManyRows", f"The report has more than {values.MOST_ROWS:,} policies and failures.")
    if not found or common["begins_at"] is None or not all(row["domain"] for row in found):
        raise Unusable("NotAReport", "The report does not say for which domain and days it is.")
    return found


def _result(kind: str, sessions: int, details: dict[str, Any]) -> Row:
    return {
        "result": kind,
        "sessions": sessions,
        "sending_ip": _text(details, "sending-mta-ip"),
        "receiving_host": _text(details, "receiving-mx-hostname").lower(),
        "failure_reason": _text(details, "failure-reason-code"),
    }


def _object(document: Any, name: str) -> dict[str, Any]:
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}


def _objects(document: Any, name: str) -> list[dict[str, Any]]:
    value = document.get(name) if isinstance(document, dict) else None
    return [it for it in value if isinstance(it, dict)] if isinstance(value, list) else []


def _text(document: Any, name: str) -> str:
    return values.text(document.get(name) if isinstance(document, dict) else None)


def _count(document: dict[str, Any], name: str) -> int:
    return values.count(document.get(name))


def _moment(document: dict[str, Any], name: str) -> str | None:
    try:
        moment = datetime.fromisoformat(_text(document, name))
    except ValueError:
        return None
    return values.moment(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
