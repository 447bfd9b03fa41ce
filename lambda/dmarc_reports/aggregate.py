"""DMARC aggregate reports, of RFC 7489 (appendix C) and of RFC 9990, to one row a record. Pure.

Receivers take liberties; what is missing or odd is empty in the row, and the row is kept. A report without a domain, a
span of time or a record is none.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from dmarc_reports import values
from dmarc_reports.xml import parse
from ses_common.envelope import Unusable

if TYPE_CHECKING:
    from dmarc_reports.values import Row
    from dmarc_reports.xml import Element

_MOST_RESULTS = 100  # of DKIM in a record


def rows(content: bytes) -> list[Row]:
    """Return the rows of a report.

    :raises Unusable: if it is none.
    """
    report = parse(content)
    if report.name != "feedback":
        raise Unusable("NotAReport", "The root element is not <feedback>.")
    metadata, policy = report.child("report_metadata"), report.child("policy_published")
    span = metadata.child("date_range")
    common = {
        "report_id": _text(metadata, "report_id"),
        "reporter": _text(metadata, "org_name"),
        "begins_at": _moment(span, "begin"),
        "ends_at": _moment(span, "end"),
        "domain": _text(policy, "domain").lower().rstrip("."),
        "policy": _word(policy, "p"),
        "subdomain_policy": _word(policy, "sp"),
        "nonexistent_policy": _word(policy, "np"),
        "dkim_alignment": _word(policy, "adkim"),
        "spf_alignment": _word(policy, "aspf"),
        "testing": _word(policy, "testing"),
    }
    if not common["domain"] or common["begins_at"] is None:
        raise Unusable("NotAReport", "The report does not say for which domain and days it is.")
    found = [{**common, **_record(record)} for record in islice(report.all("record"), values.MOST_ROWS + 1)]
    if not found:
        raise Unusable("NotAReport", "The report has no record.")
    if len(found) > values.MOST_ROWS:
        raise Unusable("TooManyRows", f"The report has more than {values.MOST_ROWS:,} records.")
    return found


def _record(record: Element) -> Row:
    row, identifiers, results = record.child("row"), record.child("identifiers"), record.child("auth_results")
    evaluated = row.child("policy_evaluated")
    dkim, spf = _word(evaluated, "dkim"), _word(evaluated, "spf")
    spf_result = results.child("spf")
    return {
        "source_ip": _text(row, "source_ip"),
        "messages": values.count(row.value("count")),
        "disposition": _word(evaluated, "disposition"),
        "dkim": dkim,
        "spf": spf,
        "passed": "pass" in (dkim, spf),
        "override_reasons": [_word(it, "type") for it in evaluated.all("reason")][:_MOST_RESULTS],
        "header_from": _text(identifiers, "header_from").lower(),
        "envelope_from": _text(identifiers, "envelope_from").lower(),
        "envelope_to": _text(identifiers, "envelope_to").lower(),
        "dkim_results": [
            {"domain": _text(it, "domain").lower(), "selector": _text(it, "selector"), "result": _word(it, "result")}
            for it in results.all("dkim")
        ][:_MOST_RESULTS],
        "spf_domain": _text(spf_result, "domain").lower(),
        "spf_result": _word(spf_result, "result"),
    }


def _text(element: Element, name: str) -> str:
    return values.text(element.value(name))


def _word(element: Element, name: str) -> str:
    return _text(element, name).lower()


def _moment(element: Element, name: str) -> str | None:
    seconds = values.count(element.value(name).partition(".")[0])
    try:
        return values.moment(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError):  # after the year 9999
        return None
