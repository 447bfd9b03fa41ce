"""The figures of docs/scale.md: the pipeline at 100 million mails a day, printed as the tables of that page.

python -m benchmarks.scale [--check docs/scale.md]

What the handler's own code does (calls, conflicts, sizes of items) is measured by benchmarks/measured.py. Everything
else is arithmetic on benchmarks/assumptions.py.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "lambda")]

from benchmarks import assumptions as aws  # noqa: E402 - found from here on
from benchmarks.handlers import event  # noqa: E402 - likewise
from benchmarks.measured import (  # noqa: E402 - likewise
    Costs,
    complaint,
    crowd,
    facts,
    of_one_address,
    record,
    soft,
)
from benchmarks.simulated import Clock, Table  # noqa: E402 - likewise

Rows = list[list[str]]


def volumes() -> Rows:
    rows = []
    for span, hours in aws.SPANS.items():
        rates = [aws.MAILS_A_DAY * share / hours / 3600 for share in (1, aws.HARD, aws.FEEDBACK)]
        rows.append([span, *[f"{rate:,.0f}" for rate in rates]])
    return rows


def kinds() -> Rows:
    """Return what one event of each kind costs, in full batches, each of another address."""
    rows = []
    new: dict[str, Callable[[int], str]] = {
        "hard bounce, new address": event,
        "complaint, new address": lambda number: complaint(event(number)),
        "soft bounce, new address": lambda number: soft(event(number)),
    }
    for name, made in new.items():
        _, costs = record((made(number) for number in range(1000)), aws.BATCH)
        rows.append([name, *_cost_cells(costs)])
    table, _ = record((event(number) for number in range(1000)), aws.BATCH)
    for name, bodies in {
        "the same told again": [event(number) for number in range(1000)],
        "another bounce of a known address": [
            event(number).replace("beef-00000000", "beef-00000001").replace("08:15:33", "09:15:33")
            for number in range(1000)
        ],
    }.items():
        table.calls = table.read_units = table.write_units = table.index_units = 0
        _, costs = record(bodies, aws.BATCH, table)
        rows.append([name, *_cost_cells(costs)])
    return rows


def _cost_cells(costs: Costs) -> list[str]:
    return [
        f"{costs.calls * 1000:.0f}",
        f"{costs.read_units:.1f}",
        f"{costs.write_units:.1f}",
        f"{costs.index_units:.1f}",
        f"{costs.item_bytes:,.0f}",
        f"{costs.seconds * 1000:.0f}",
    ]


def growth() -> Rows:
    """One address that bounces again and again, one event a batch."""
    rows = []
    table, done = Table(Clock()), 0
    for bounces in (1, 10, 50, 100, 1000):
        while done < bounces:
            table.write_units = 0
            table, costs = record([of_one_address(done)], 1, table)
            done += 1
        rows.append([f"{bounces:,}", f"{costs.item_bytes:,.0f}", f"{table.write_units}"])
    return rows


def races() -> Rows:
    bodies = [of_one_address(number) for number in range(1000)]
    found = {str(functions): crowd(functions, bodies) for functions in (2, 10, 50)}
    found["50, without pauses"] = crowd(50, bodies, pauses=False)
    _, together = record(map(of_one_address, range(1000)), aws.BATCH)
    return [
        *[
            [
                *(name, f"{it.conflicts:,}", str(it.tries), str(it.dead)),
                *(f"{it.seconds:,.0f}", f"{it.write_units:,}"),
            ]
            for name, it in found.items()
        ],
        ["1, in batches of 100", "0", "1", "0", f"{together.seconds * 10:,.0f}", f"{together.write_units * 1000:,.0f}"],
    ]


def partitions() -> Rows:
    """How evenly a hash of the whole address spreads those of one domain. DynamoDB's own hash is not public."""
    rows = []
    addresses: dict[str, Callable[[int], str]] = {
        "one domain": lambda number: f"user{number}@example.com",
        "a million domains": lambda number: f"user@d{number}.example",
    }
    for name, made in addresses.items():
        parts = Counter(hashlib.md5(made(number).encode()).digest()[0] % 64 for number in range(1_000_000))
        rows.append([name, f"{max(parts.values()) / (1_000_000 / 64):.2f}"])
    return rows


def concurrency() -> Rows:
    rows = []
    for span, hours in aws.SPANS.items():
        rate = aws.MAILS_A_DAY * aws.FEEDBACK / hours / 3600
        for batch in (max(1, min(aws.BATCH, int(rate / aws.POLLERS))), aws.BATCH):
            _, costs = record((event(number) for number in range(10 * batch)), batch)
            functions = rate / batch * costs.seconds
            rows.append(
                [
                    span,
                    f"{rate:,.0f}",
                    str(batch),
                    f"{costs.seconds * 1000:.0f}",
                    f"{functions:.1f}",
                    f"{functions * batch:,.0f}",
                ]
            )
    return rows


class Outage(NamedTuple):
    """An outage of DynamoDB, second by second."""

    most_in_flight: int
    parked: int
    backlog: int


def outage(rate: float, seconds: int, receives: int = aws.RECEIVES) -> Outage:
    """Every message is received, fails, is hidden, and received again, until it is parked."""
    due: Counter[tuple[int, int]] = Counter()  # by the second when they are visible again, and receives so far
    visible: Counter[int] = Counter()
    in_flight = parked = most = 0
    for now in range(seconds):
        visible[0] += round(rate)
        for done in range(receives):
            back = due.pop((now, done), 0)
            in_flight -= back
            visible[done] += back
        for done in sorted(visible, reverse=True):
            taken = min(visible[done], aws.IN_FLIGHT - in_flight)
            visible[done] -= taken
            if done + 1 == receives:
                parked += taken
            else:
                in_flight += taken
                due[now + aws.TIMEOUT_HIDDEN, done + 1] += taken
        most = max(most, in_flight)
    return Outage(most, parked, in_flight + visible.total())


def outages() -> Rows:
    rows = []
    for span, hours in aws.SPANS.items():
        rate = aws.MAILS_A_DAY * aws.FEEDBACK / hours / 3600
        for minutes, receives in ((10, 5), (60, 5), (60, 25)):
            found = outage(rate, minutes * 60, receives)
            rows.append(
                [
                    span,
                    str(minutes),
                    str(receives),
                    f"{found.most_in_flight:,}",
                    f"{found.parked:,}",
                    f"{found.backlog:,}",
                ]
            )
    return rows


def index() -> Rows:
    """Return what the partition REASON#DAY of the index takes, as long as DynamoDB does not split it."""
    rows = []
    _, costs = record((event(number) for number in range(1000)), aws.BATCH)
    for span, hours in aws.SPANS.items():
        writes = aws.MAILS_A_DAY * aws.HARD / hours / 3600 * costs.index_units
        backlog = 3600 * writes / (aws.PARTITION_WRITES - writes)
        rows.append([span, f"{writes:,.0f}", f"{writes / aws.PARTITION_WRITES:.0%}", f"{backlog / 60:,.0f}"])
    return rows


def catching_up() -> Rows:
    """Return what happens when a backlog of bounces of one day meets one partition of the index."""
    rows = []
    bodies = [event(number) for number in range(10_000)]
    for functions in (5, 20, 50):
        found = crowd(functions, bodies, batch=aws.BATCH, index_limit=aws.PARTITION_WRITES)
        share = found.again / len(bodies)
        rows.append([str(functions), f"{share:.1%}", f"{1_000_000 * share**aws.RECEIVES:,.0f}"])
    return rows


def key_requests() -> Rows:
    """Each principal asks for a data key once in the time that it is used again.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html,
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html and
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html.
    """
    periods = 86_400 // aws.KEY_REUSE
    functions = ceil(float(concurrency()[-1][4]))
    parts = {
        "topic: one producer, SES": periods * 2,
        "queue: one producer, SNS, and one consumer": periods * 3,
        "dead-letter queue: two producers, and one consumer": periods * 5,
        f"table: {functions} functions, and as many again of yours": periods * functions * 2,
    }
    rows = [[name, f"{requests:,}"] for name, requests in parts.items()]
    total = sum(parts.values())
    return [*rows, ["all", f"{total:,}"], ["all, dollars a month", f"{total * 30 * aws.KMS_REQUEST:.2f}"]]


def logged_bytes() -> float:
    """Of one event, with its share of the batch's metrics and of Lambda's own report."""
    fact = facts(event(1))[0]
    line = {
        "timestamp": "2026-03-02T08:15:33Z",
        "level": "INFO",
        "message": "Suppressed",
        "logger": "ses_constructs.feedback",
        "requestId": "0" * 36,
        **{"ses_message_id": fact.event["message_id"], "feedback_id": fact.event["feedback_id"]},
        **{"kind": "Bounce", "type": "Permanent", "sub_type": "General"},
        **{"why": "The mailbox or its domain does not exist.", "address_hash": "0" * 16, "scope": "account"},
    }
    return len(json.dumps(line)) + 2500 / 14


def prices() -> Iterator[tuple[str, float]]:
    """Yield what a million mails cost, in dollars, with batches of 14, as they are when the day is even."""
    events = 1_000_000 * aws.FEEDBACK
    batch = int(aws.MAILS_A_DAY * aws.FEEDBACK / 86_400 / aws.POLLERS)
    _, costs = record((event(number) for number in range(100 * batch)), batch)
    per_receive = min(10, batch)
    gb = costs.item_bytes * events / aws.GB
    yield "SNS: one publication an event", events * aws.SNS_PUBLISH
    yield "SQS: sent singly, received and deleted by the ten", events * (1 + 2 / per_receive) * aws.SQS_REQUEST
    yield "Lambda: calls", events / batch * aws.LAMBDA_REQUEST
    yield "Lambda: 256 MB for as long", events / batch * costs.seconds * 0.25 * aws.LAMBDA_GB_SECOND
    yield "DynamoDB: reads", events * costs.read_units * aws.READ_UNIT
    yield "DynamoDB: writes of items", events * costs.write_units * aws.WRITE_UNIT
    yield "DynamoDB: writes of the index", events * costs.index_units * aws.WRITE_UNIT
    yield "DynamoDB: a month of storage and recovery", gb * (aws.STORED_GB_MONTH + aws.RECOVERY_GB_MONTH)
    yield "CloudWatch Logs", events * logged_bytes() / aws.GB * aws.LOG_GB
    yield "KMS", float(key_requests()[-1][1]) / 30 / (aws.MAILS_A_DAY / 1_000_000)


def price_rows() -> Rows:
    found = list(prices())
    total = sum(price for _, price in found)
    return [
        *[[name, f"{price:.4f}"] for name, price in found],
        ["all, of a million mails", f"{total:.2f}"],
        ["all, of 100 million mails", f"{total * 100:.0f}"],
        ["all, of a million bounces and complaints", f"{total / aws.FEEDBACK:.2f}"],
    ]


TABLES = {
    "volumes": (["sent", "mails a second", "hard bounces a second", "events a second"], volumes),
    "kinds": (
        [
            *("event", "calls for 1,000", "read units", "write units", "index units", "bytes of the item"),
            "ms for a batch of 100",
        ],
        kinds,
    ),
    "growth": (["bounces of one address", "bytes of its item", "write units of the last"], growth),
    "races": (
        [
            *("functions at once", "conflicts", "most receives of one event", "dead letters"),
            *("seconds until all are recorded", "write units"),
        ],
        races,
    ),
    "partitions": (["a million addresses of", "busiest of 64 partitions, against the mean"], partitions),
    "concurrency": (
        ["sent", "events a second", "batch", "ms for a batch", "functions at once", "messages in flight"],
        concurrency,
    ),
    "outages": (
        [
            "sent",
            "minutes without DynamoDB",
            "`max_receive_count`",
            "most in flight",
            "dead letters",
            "still in the queue",
        ],
        outages,
    ),
    "index": (
        [
            *("sent", "writes a second to `BOUNCE#day`", "of what one partition takes"),
            "minutes to catch up after an hour",
        ],
        index,
    ),
    "catching_up": (["functions at once", "must come again", "dead letters of a million"], catching_up),
    "kms": (["requests to KMS", "a day"], key_requests),
    "price": (["part", "US dollars"], price_rows),
}


def markdown(name: str) -> str:
    header, rows = TABLES[name]
    lines = [header, ["---"] * len(header), *rows()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", type=Path, metavar="PAGE", help="fail if a table is not in the page")
    page = parser.parse_args().check
    tables = {name: markdown(name) for name in TABLES}
    if page is None:
        print("\n".join(tables.values()))
        return
    missing = [name for name, table in tables.items() if table not in page.read_text()]
    if missing:
        sys.exit(f"{page} has other figures: {', '.join(missing)}")


if __name__ == "__main__":
    main()
