"""The tables of reports against the rows that the function writes, and saved queries against rows counted by hand."""

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dmarc_reports import aggregate, tls
from dmarc_reports.handler import _lines, _origin
from ses_constructs.receiving.reports.queries import QUERIES
from ses_constructs.receiving.reports.schema import TABLES
from ses_constructs.sending.lake.queries import FUNCTIONS_FOR_DUCKDB
from tests.unit.dmarc_reports.samples import Record, aggregate_report, tls_report
from tests.unit.dmarc_reports.test_reports import RFC_7489, RFC_9990, TLS
from tests.unit.lake.parquet import arrow_type, leaves, read

ROOT = Path(__file__).parents[3]
Json = dict[str, Any]
Row = tuple[Any, ...]
Ask = Callable[..., list[Row]]

TODAY = date(2026, 3, 31)
DETAIL: Json = {
    "sesMessageId": "3eh6f2p0example",
    "receivedAt": "2026-03-03T01:00:00.000Z",
    "from": [{"name": "", "address": "noreply@receiver.example"}],
    "verdicts": {"dmarc": "PASS"},
}
TRUSTED = _origin(DETAIL)
FORGED = _origin({**DETAIL, "from": [{"name": "", "address": "eve@other.example"}], "verdicts": {"dmarc": "FAIL"}})


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("dmarc", [*aggregate.rows(RFC_7489), *aggregate.rows(RFC_9990)]),
        ("tls", tls.rows(json.dumps(TLS).encode())),
    ],
    ids=["dmarc", "tls"],
)
def test_nothing_of_a_row_is_lost_in_its_table_and_no_column_is_for_nothing(table: str, rows: list[Json]) -> None:
    for row in rows:
        written = {**row, **TRUSTED}
        assert set(written) == set(TABLES[table])
        kept = {name: read(written[name], arrow_type(kind), {}) for name, kind in TABLES[table].items()}
        assert dict(leaves(kept)) == dict(leaves(written))


OURS = {"example.com": "pass"}
SES = Record("192.0.2.1", 97, "pass", "pass", {**OURS, "amazonses.com": "pass"}, ("bounce.example.com", "pass"))
SES_BROKEN = Record("192.0.2.1", 3, "fail", "fail", {"example.com": "fail"}, ("bounce.example.com", "fail"))
CRM = Record("198.51.100.9", 50, "fail", "fail", {"crm.example": "pass"}, ("crm.example", "pass"))
LIST = Record("203.0.113.5", 7, "fail", "fail", {}, ("lists.example", "pass"), ("mailing_list",))
ALUMNI = Record("203.0.113.6", 4, "pass", "fail", OURS, ("alumni.example", "pass"))
# What receivers say of all mail that fails while the record is in test mode explains nothing.
FORGERY = Record("203.0.113.66", 40, reasons=("policy_test_mode",), disposition="quarantine")


def days_ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


# In the order of what each day's report says; two reporters, one forger, and one report from before the window.
REPORTS = [
    *(("dmarc", days_ago(days), aggregate_report(days_ago(days), SES), TRUSTED) for days in range(3, 14)),
    ("dmarc", days_ago(2), aggregate_report(days_ago(2), SES, SES_BROKEN, CRM, LIST, ALUMNI), TRUSTED),
    ("dmarc", days_ago(1), aggregate_report(days_ago(1), SES, FORGERY, reporter="other.example"), TRUSTED),
    ("dmarc", days_ago(1), aggregate_report(days_ago(1), Record("192.0.2.99", 10**6)), FORGED),
    ("dmarc", days_ago(1), aggregate_report(days_ago(1), SES, domain="example.net"), TRUSTED),
    ("dmarc", days_ago(40), aggregate_report(days_ago(40), FORGERY), TRUSTED),
    (
        "tls",
        days_ago(2),
        tls_report(days_ago(2), 990, {"certificate-expired": 8, "starttls-not-supported": 2}),
        TRUSTED,
    ),
    ("tls", days_ago(1), tls_report(days_ago(1), 1_000, {}), TRUSTED),
    ("tls", days_ago(1), tls_report(days_ago(1), 0, {"certificate-expired": 500}, reporter="Eve"), FORGED),
]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    bucket = tmp_path_factory.mktemp("bucket")
    for number, (table, day, report, origin) in enumerate(REPORTS):
        rows = aggregate.rows(report) if table == "dmarc" else tls.rows(report)
        assert {row["begins_at"][:10] for row in rows} == {day}
        place = bucket / table / f"day={day}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.json.gz").write_bytes(_lines(rows, origin))
    connection = duckdb.connect()
    connection.execute(FUNCTIONS_FOR_DUCKDB.read_text())
    (views,) = re.findall(r"```sql\n(CREATE VIEW.*?)```", (ROOT / "docs/dmarc.md").read_text(), flags=re.DOTALL)
    connection.execute(views.replace("'dmarc/", f"'{bucket}/dmarc/").replace("'tls/", f"'{bucket}/tls/"))
    queries = {query.name: query.sql for query in QUERIES}

    def run(name: str) -> list[Row]:
        return connection.execute(queries[name].replace("current_date", f"DATE '{TODAY}'")).fetchall()

    return run


def test_the_pass_rate_is_that_of_reports_that_somebody_vouches_for(ask: Ask) -> None:
    rate = ask("pass_rate")
    assert rate[:2] == [
        # messages, passed, percent, quarantined, rejected
        ("example.com", days_ago(1), 137, 97, 70.8, 40, 0),
        ("example.com", days_ago(2), 161, 101, 62.73, 0, 0),
    ]
    assert rate[-1] == ("example.net", days_ago(1), 97, 97, 100.0, 0, 0)
    assert len(rate) == 14


def test_sources_are_told_by_what_dkim_and_spf_prove(ask: Ask) -> None:
    assert ask("sources") == [
        # signed by, MAIL FROM, addresses, messages, passed, percent
        ("example.com", "amazonses.com, example.com", "bounce.example.com", 1, 13 * 97, 13 * 97, 100.0),
        ("example.com", "crm.example", "crm.example", 1, 50, 0, 0.0),
        ("example.com", "", "", 2, 43, 0, 0.0),
        ("example.com", "", "lists.example", 1, 7, 0, 0.0),
        ("example.com", "example.com", "alumni.example", 1, 4, 4, 100.0),
        ("example.net", "amazonses.com, example.com", "bounce.example.com", 1, 97, 97, 100.0),
    ]


def test_ones_own_failing_sources_come_first_and_forwarded_mail_is_none(ask: Ask) -> None:
    assert ask("failing_sources") == [
        # failed, passed, signed by, MAIL FROM, reporters, last day
        ("example.com", "192.0.2.1", 3, 13 * 97, "example.com, amazonses.com", "bounce.example.com", 2, days_ago(1)),
        ("example.com", "198.51.100.9", 50, 0, "crm.example", "crm.example", 1, days_ago(2)),
        ("example.com", "203.0.113.66", 40, 0, "", "", 1, days_ago(1)),
    ]


def test_forwarders_are_told_by_receivers_or_by_a_signature_that_held(ask: Ask) -> None:
    assert ask("forwarders") == [
        ("example.com", "203.0.113.5", "mailing_list", "lists.example", 7, 0),
        ("example.com", "203.0.113.6", "DKIM alone", "alumni.example", 4, 4),
    ]


def test_a_domain_is_ready_if_what_is_known_to_be_ours_passes_day_after_day(ask: Ask) -> None:
    assert ask("ready_for_quarantine") == [
        # ready, days, messages, failed of known, failed of unknown, unknown addresses
        ("example.com", True, 13, 11 * 97 + 161 + 137, 3, 90, 2),
        ("example.net", False, 1, 97, 0, 0, 0),
    ]


def test_reporters_are_all_who_report_also_those_whom_nobody_vouches_for(ask: Ask) -> None:
    assert ask("reporters") == [
        # sent by, authenticated, reports, messages, percent, last day
        ("receiver.example", "other.example", False, 1, 10**6, 0.0, days_ago(1)),
        ("receiver.example", "receiver.example", True, 13, 11 * 97 + 161 + 97, 95.47, days_ago(1)),
        ("other.example", "receiver.example", True, 1, 137, 70.8, days_ago(1)),
    ]


def test_sessions_to_our_servers_by_day_and_by_kind_of_failure(ask: Ask) -> None:
    assert ask("tls_pass_rate") == [
        ("example.com", days_ago(1), 1_000, 1_000, 100.0),
        ("example.com", days_ago(2), 1_000, 990, 99.0),
    ]
    assert ask("tls_failures") == [
        ("example.com", "sts", "certificate-expired", "mx.example.com", 8, 1, days_ago(2)),
        ("example.com", "sts", "starttls-not-supported", "mx.example.com", 2, 1, days_ago(2)),
    ]


def test_the_documented_queries_are_those_that_athena_lists() -> None:
    names = [query.name for query in QUERIES]
    rows = re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs" / "dmarc.md").read_text(), flags=re.MULTILINE)
    assert [row for row in rows if row in names] == names


def test_every_file_of_queries_is_one_that_athena_lists() -> None:
    files = {path.stem for path in QUERIES[0].folder.glob("*.sql")}
    assert files == {query.name for query in QUERIES}
