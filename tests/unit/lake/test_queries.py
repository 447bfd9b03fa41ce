"""Every saved query, run by DuckDB on Parquet with the table's types, against rows counted by hand."""

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ses_constructs import MessageTag
from ses_constructs.sending.lake.queries import FUNCTIONS_FOR_DUCKDB, QUERIES
from tests.unit.lake.events import (
    Json,
    bounce,
    clicked,
    complaint,
    delay,
    delivery,
    opened,
    reject,
    rendering_failure,
    send,
    subscription,
)
from tests.unit.lake.parquet import folder, write

ROOT = Path(__file__).parents[3]

Row = tuple[Any, ...]
Ask = Callable[..., list[Row]]

TODAY = "2026-03-31"

# The messages of two days and two campaigns, and one from before the window.
SPRING: Json = {"campaign": "spring"}
M1: Json = {"message_id": "m1", "to": ("ann@example.com",), **SPRING}
M2: Json = {"message_id": "m2", "to": ("Bob@Example.com", "cleo@example.net"), **SPRING}
M3: Json = {"message_id": "m3", "to": ("dan@example.org",), **SPRING, "sent": "2026-03-29T23:59:59.999Z"}
M4: Json = {"message_id": "m4", "to": ("ann@example.com",)}
M5: Json = {"message_id": "m5", "to": ("eve@example.net",), "campaign": "winter"}
OLD: Json = {"message_id": "old", "to": ("ann@example.com",), "sent": "2025-12-24T18:00:00.000Z"}

EVENTS = {
    "2026-03-29": [send(**M3), delay("dan@example.org", **M3)],
    "2026-03-30": [
        send(**M1),
        send(**M1),  # delivered by Firehose twice
        delivery(1000, **M1),
        opened("Likely", **M1),
        opened("Unlikely", **M1),
        opened("Unlikely", **M1),
        clicked("Likely", **M1),
        complaint("ann@example.com", **M1),
        send(**M2),
        delivery(3000, ("Bob@Example.com",), **M2),
        bounce("Permanent", "General", "cleo@example.net", **M2),
        opened(None, **M2),  # from before SES told bots
        clicked("Unlikely", **M2),
        bounce("Transient", "MailboxFull", "dan@example.org", **M3),
        rendering_failure(**M4),
        subscription(**M4),
    ],
    "2026-03-31": [
        send(**M5),
        delivery(9000, **M5),
        complaint("eve@example.net", feedback="not-spam", **M5),
        complaint("eve@example.net", sub_type="OnAccountSuppressionList", feedback=None, **M5),
        bounce("Permanent", "NoEmail", **M5),
        reject(**M5),
    ],
    "2025-12-24": [send(**OLD), delivery(60_000, **OLD), bounce("Permanent", "General", "ann@example.com", **OLD)],
}


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    lake = tmp_path_factory.mktemp("lake")
    folders = defaultdict(list)
    for day, events in EVENTS.items():
        for event in events:
            folders[folder(event, day)].append(event)
    for place, events in folders.items():
        write(lake / place / "object.parquet", events)
    connection = duckdb.connect()
    functions = FUNCTIONS_FOR_DUCKDB.read_text()
    (view,) = re.findall(r"^--   CREATE VIEW.*?\n--   \);", functions, flags=re.MULTILINE | re.DOTALL)
    connection.execute(functions)
    connection.execute(re.sub(r"^--", "", view, flags=re.MULTILINE).replace("'events/**'", f"'{lake}/events/**'"))
    queries = {query.name: query.sql for query in QUERIES}

    def run(name: str, *parameters: str) -> list[Row]:
        return connection.execute(queries[name].replace("current_date", f"DATE '{TODAY}'"), parameters).fetchall()

    return run


def test_the_funnel_counts_each_message_once_and_only_people(ask: Ask) -> None:
    assert ask("delivery_funnel") == [
        # sent, not rendered, rejected, delivered, delayed, hard, soft, complained, opened, clicked, unsubscribed
        ("2026-03-30", "shop-news", 3, 1, 1, 3, 0, 2, 0, 2, 2, 1, 1),
        ("2026-03-29", "shop-news", 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0),
    ]


def test_bounces_by_sub_type_and_domain(ask: Ask) -> None:
    assert ask("bounces") == [
        ("Permanent", "General", "example.net", 1),
        ("Permanent", "NoEmail", None, 1),
        ("Transient", "MailboxFull", "example.org", 1),
    ]


def test_complaints_are_those_of_people_who_complained(ask: Ask) -> None:
    assert ask("complaint_rate") == [("spring", 2, 1, 50.0), ("winter", 1, 0, 0.0)]


def test_opens_and_clicks_without_bots(ask: Ask) -> None:
    assert ask("engagement") == [("spring", 2, 2, 1, 2), ("winter", 1, 0, 0, 0)]


def test_the_slowest_domain_comes_first(ask: Ask) -> None:
    assert ask("slowest_domains") == [
        ("example.net", 1, 9.0, 9.0, 9.0),
        ("example.com", 2, 1.0, 3.0, 3.0),
    ]


def test_the_history_of_an_address_is_its_own_and_not_that_of_its_neighbours(ask: Ask) -> None:
    history = ask("address_history", " BOB@example.com ")
    assert [(kind, message, detail) for _, kind, message, _, detail in history] == [
        ("Send", "m2", None),
        ("Delivery", "m2", "250 2.0.0 OK 1774862103 4fb4d7f45d1cf-5ab - gsmtp"),
        ("Open", "m2", "Mozilla/5.0 (X11)"),
        ("Click", "m2", "https://shop.example.com/spring?a=1&b=2"),
    ]
    assert {subject for _, _, _, subject, _ in history} == {"Spring has come"}


def test_the_history_of_an_address_goes_back_to_the_first_day_and_includes_bounces_without_a_name(ask: Ask) -> None:
    assert [kind for at, kind, *_ in ask("address_history", "ann@example.com") if at < "2026"] == ["Send"]
    eve = [(kind, detail) for _, kind, _, _, detail in ask("address_history", "eve@example.net")]
    assert ("Bounce", "Permanent NoEmail") in eve


def test_the_history_of_a_message(ask: Ask) -> None:
    assert ask("message_history", "m3") == [
        ("2026-03-29T23:59:59.999Z", "Send", "dan@example.org", None),
        ("2026-03-30T09:15:05.000Z", "Bounce", "dan@example.org", "Transient MailboxFull"),
        ("2026-03-30T09:25:00.000Z", "DeliveryDelay", "dan@example.org", "MailboxFull"),
    ]


def test_the_objects_of_an_address_are_found_for_its_erasure(ask: Ask) -> None:
    found = [re.sub(r".*/events/", "", location) for (location,) in ask("objects_of_address", "DAN@example.org")]
    assert found == [
        "day=2026-03-29/event_type=DeliveryDelay/object.parquet",
        "day=2026-03-29/event_type=Send/object.parquet",
        "day=2026-03-30/event_type=Bounce/object.parquet",
    ]


def test_the_tags_that_queries_group_by_are_those_of_the_convention() -> None:
    used = {tag for query in QUERIES for tag in re.findall(r"mail\.tags, '([^']+)'", query.sql)}
    assert {tag for tag in used if not tag.startswith("ses:")} <= set(MessageTag)
    assert used


def test_the_documented_tags_are_those_of_the_convention() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \|", (ROOT / "docs" / "tags.md").read_text(), flags=re.MULTILINE)
    assert rows == list(MessageTag)


def test_the_documented_queries_are_those_that_athena_lists() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs" / "event_lake.md").read_text(), flags=re.MULTILINE)
    assert [row for row in rows if row in {query.name for query in QUERIES}] == [query.name for query in QUERIES]


def test_every_file_of_queries_is_one_that_athena_lists() -> None:
    files = {path.name.removesuffix(".sql") for path in FUNCTIONS_FOR_DUCKDB.parent.glob("*.sql")}
    assert files - {"athena.duckdb"} == {query.name for query in QUERIES}
