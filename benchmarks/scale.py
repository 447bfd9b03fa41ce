"""The figures of docs/scale.md: the pipeline at 100 million mails a day, printed as the tables of that page.

python -m benchmarks.scale [--check docs/scale.md]

What the handler's own code does (calls, conflicts, sizes of items) is what it does here, against a table in memory with
a clock of its own, in benchmarks/simulated.py. Everything else is arithmetic on the assumptions, limits and prices below.
"""

import argparse
import hashlib
import json
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count
from math import ceil
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "lambda")]

from benchmarks.handlers import event  # noqa: E402 - found from here on
from benchmarks.simulated import Clock, Table, size  # noqa: E402 - likewise
from feedback import ledger as ledger_module  # noqa: E402 - likewise
from feedback.core import read  # noqa: E402 - likewise
from feedback.items import Fact, SoftBounces  # noqa: E402 - likewise

MAILS_A_DAY = 100_000_000
# The share of mails at which SES puts an account under review, for hard bounces and complaints:
# https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html. Soft bounces are a guess.
HARD, COMPLAINTS, SOFT = 0.05, 0.001, 0.01
FEEDBACK = HARD + COMPLAINTS + SOFT
SPANS = {"over the whole day": 24, "in two hours": 2}

BATCH = 100
TIMEOUT_HIDDEN = 181  # seconds that a message in hand, or one that failed, is hidden
RECEIVES = 5
CPU_SECONDS_AN_EVENT = 0.001  # assumed, with the seventh of a processor that 256 MB have
RULE = SoftBounces(5, 30 * 86_400)

IN_FLIGHT = 120_000  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
POLLERS, MOST_FUNCTIONS = 5, 1000  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
# A second, of a partition: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
PARTITION_WRITES = 1000
KEY_REUSE = 300  # seconds: SQS's default, SNS's and DynamoDB's own

# US dollars in us-east-1 on 24 November 2026. docs/scale.md names the pages.
SNS_PUBLISH, SQS_REQUEST, LAMBDA_REQUEST = 0.50e-6, 0.40e-6, 0.20e-6
LAMBDA_GB_SECOND = 0.0000133334  # arm64
WRITE_UNIT, READ_UNIT = 0.625e-6, 0.125e-6
LOG_GB, STORED_GB_MONTH, RECOVERY_GB_MONTH = 0.50, 0.25, 0.20
KMS_REQUEST = 0.03 / 10_000
GB = 2**30

Rows = list[list[str]]


class Costs(NamedTuple):
    """Of one event, on average."""

    calls: float
    read_units: float
    write_units: float
    index_units: float
    seconds: float
    """That a function takes for a batch."""
    item_bytes: float


def facts(body: str) -> tuple[Fact, ...]:
    return read(body, "", soft_bounces_count=True).facts


def soft(body: str) -> str:
    return body.replace('"Permanent"', '"Transient"').replace('"General"', '"MailboxFull"')


def complaint(body: str) -> str:
    document = json.loads(body)
    bounce = document.pop("bounce")
    document["eventType"] = "Complaint"
    document["complaint"] = {
        "feedbackId": bounce["feedbackId"],
        "complaintFeedbackType": "abuse",
        "complainedRecipients": [{"emailAddress": bounce["bouncedRecipients"][0]["emailAddress"]}],
        "timestamp": bounce["timestamp"],
    }
    return json.dumps(document)


def of_one_address(number: int) -> str:
    """A bounce of one mail of many to the same address, each at another second."""
    at = f"2026-03-02T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000Z"
    return event(number).replace(f"customer{number}@", "hot@").replace("2026-03-02T08:15:33.907Z", at)


def record(bodies: Iterable[str], batch: int, table: Table | None = None) -> tuple[Table, Costs]:
    """Record one batch after the other."""
    clock = Clock()
    table = table if table is not None else Table(clock)
    table._clock = clock
    found, ended = list(bodies), 0.0

    def work() -> None:
        nonlocal ended
        ledger = ledger_module.Ledger(table, "suppressions", RULE)  # type: ignore[arg-type]  # as much as is called
        for start in range(0, len(found), batch):
            assert not ledger.record(fact for body in found[start : start + batch] for fact in facts(body))
        ended = clock.now

    clock.spawn(work)
    clock.run()
    events = len(found)
    batches = ceil(events / batch)
    costs = Costs(
        table.calls / events,
        table.read_units / events,
        table.write_units / events,
        table.index_units / events,
        ended / batches + CPU_SECONDS_AN_EVENT * min(batch, events),
        sum(map(size, table.items.values())) / len(table.items),
    )
    return table, costs


def volumes() -> Rows:
    rows = []
    for span, hours in SPANS.items():
        rates = [MAILS_A_DAY * share / hours / 3600 for share in (1, HARD, FEEDBACK)]
        rows.append([span, *[f"{rate:,.0f}" for rate in rates]])
    return rows


def kinds() -> Rows:
    """What one event of each kind costs, in full batches, each of another address."""
    rows = []
    for name, made in {
        "hard bounce, new address": event,
        "complaint, new address": lambda number: complaint(event(number)),
        "soft bounce, new address": lambda number: soft(event(number)),
    }.items():
        _, costs = record((made(number) for number in range(1000)), BATCH)
        rows.append([name, *_cost_cells(costs)])
    table, _ = record((event(number) for number in range(1000)), BATCH)
    for name, bodies in {
        "the same told again": [event(number) for number in range(1000)],
        "another bounce of a known address": [
            event(number).replace("beef-00000000", "beef-00000001").replace("08:15:33", "09:15:33")
            for number in range(1000)
        ],
    }.items():
        table.calls = table.read_units = table.write_units = table.index_units = 0
        _, costs = record(bodies, BATCH, table)
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


class Race(NamedTuple):
    """What becomes of events of one address in functions that run at once."""

    conflicts: int
    tries: int
    """The most receives that one event took."""
    dead: int
    """Events that used up their receives."""
    seconds: float
    write_units: int


def race(functions: int, events: int) -> Race:
    """Let *functions* at once each have one of the events, until none is left; what fails waits, as SQS lets it."""
    clock = Clock()
    table = Table(clock)
    waiting: list[tuple[float, int, int]] = [(0.0, 0, number) for number in range(events)]
    tries: Counter[int] = Counter()
    dead: list[int] = []

    def function() -> None:
        ledger = ledger_module.Ledger(table, "suppressions", RULE)  # type: ignore[arg-type]  # as much as is called
        while waiting:
            due = min(waiting)
            waiting.remove(due)
            at, receives, number = due
            if at > clock.now:
                clock.sleep(at - clock.now)
            tries[number] += 1
            if ledger.record(facts(of_one_address(number))):
                if receives + 1 == RECEIVES:
                    dead.append(number)
                else:
                    waiting.append((clock.now + TIMEOUT_HIDDEN, receives + 1, number))

    original = ledger_module.time.sleep
    ledger_module.time.sleep = clock.sleep  # type: ignore[assignment]  # pauses pass on the clock
    random.seed(1)
    try:
        for _ in range(functions):
            clock.spawn(function)
        clock.run()
    finally:
        ledger_module.time.sleep = original
    return Race(table.conflicts, max(tries.values()), len(dead), clock.now, table.write_units)


def races() -> Rows:
    rows = []
    for functions in (2, 5, 10, 25, 50, 100):
        found = race(functions, 1000)
        rows.append(
            [
                str(functions),
                f"{found.conflicts:,}",
                str(found.tries),
                str(found.dead),
                f"{found.seconds:,.0f}",
                f"{found.write_units:,}",
            ]
        )
    _, together = record(map(of_one_address, range(1000)), BATCH)
    rows.append(
        ["1, in batches of 100", "0", "1", "0", f"{together.seconds * 10:,.0f}", f"{together.write_units * 1000:,.0f}"]
    )
    return rows


def partitions() -> Rows:
    """How evenly a hash of the whole address spreads those of one domain. DynamoDB's own hash is not public."""
    rows = []
    for name, made in {
        "one domain": lambda number: f"user{number}@gmail.com",
        "a million domains": lambda number: f"user@d{number}.example",
    }.items():
        parts = Counter(hashlib.md5(made(number).encode()).digest()[0] % 64 for number in range(1_000_000))
        rows.append([name, f"{max(parts.values()) / (1_000_000 / 64):.2f}"])
    return rows


def concurrency() -> Rows:
    rows = []
    for span, hours in SPANS.items():
        rate = MAILS_A_DAY * FEEDBACK / hours / 3600
        for batch in (max(1, min(BATCH, int(rate / POLLERS))), BATCH):
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


def outage(rate: float, seconds: int, receives: int = RECEIVES) -> Outage:
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
            taken = min(visible[done], IN_FLIGHT - in_flight)
            visible[done] -= taken
            if done + 1 == receives:
                parked += taken
            else:
                in_flight += taken
                due[now + TIMEOUT_HIDDEN, done + 1] += taken
        most = max(most, in_flight)
    return Outage(most, parked, in_flight + visible.total())


def outages() -> Rows:
    rows = []
    for span, hours in SPANS.items():
        rate = MAILS_A_DAY * FEEDBACK / hours / 3600
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
    """The partition REASON#DAY of the index."""
    rows = []
    for span, hours in SPANS.items():
        _, costs = record((event(number) for number in range(1000)), BATCH)
        writes = MAILS_A_DAY * HARD / hours / 3600 * costs.index_units
        rows.append([span, f"{writes:,.0f}", f"{writes / PARTITION_WRITES:.0%}"])
    return rows


def key_requests() -> Rows:
    """Each principal asks for a data key once in the time that it is used again.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html,
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html and
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html.
    """
    periods = 86_400 // KEY_REUSE
    functions = ceil(float(concurrency()[-1][4]))
    parts = {
        "topic: one producer, SES": periods * 2,
        "queue: one producer, SNS, and one consumer": periods * 3,
        "dead-letter queue: two producers, and one consumer": periods * 5,
        f"table: {functions} functions, and as many again of yours": periods * functions * 2,
    }
    rows = [[name, f"{requests:,}"] for name, requests in parts.items()]
    total = sum(parts.values())
    return [*rows, ["all", f"{total:,}"], ["all, dollars a month", f"{total * 30 * KMS_REQUEST:.2f}"]]


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
    events = 1_000_000 * FEEDBACK
    batch = int(MAILS_A_DAY * FEEDBACK / 86_400 / POLLERS)
    _, costs = record((event(number) for number in range(100 * batch)), batch)
    per_receive = min(10, batch)
    gb = costs.item_bytes * events / GB
    yield "SNS: one publication an event", events * SNS_PUBLISH
    yield "SQS: sent singly, received and deleted by the ten", events * (1 + 2 / per_receive) * SQS_REQUEST
    yield "Lambda: calls", events / batch * LAMBDA_REQUEST
    yield "Lambda: 256 MB for as long", events / batch * costs.seconds * 0.25 * LAMBDA_GB_SECOND
    yield "DynamoDB: reads", events * costs.read_units * READ_UNIT
    yield "DynamoDB: writes of items", events * costs.write_units * WRITE_UNIT
    yield "DynamoDB: writes of the index", events * costs.index_units * WRITE_UNIT
    yield "DynamoDB: a month of storage and recovery", gb * (STORED_GB_MONTH + RECOVERY_GB_MONTH)
    yield "CloudWatch Logs", events * logged_bytes() / GB * LOG_GB
    yield "KMS", float(key_requests()[-1][1]) / 30 / (MAILS_A_DAY / 1_000_000)


def price_rows() -> Rows:
    found = list(prices())
    total = sum(price for _, price in found)
    return [
        *[[name, f"{price:.4f}"] for name, price in found],
        ["all, of a million mails", f"{total:.2f}"],
        ["all, of 100 million mails", f"{total * 100:.0f}"],
        ["all, of a million bounces and complaints", f"{total / FEEDBACK:.2f}"],
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
    "index": (["sent", "writes a second to BOUNCE#day", "of what one partition takes"], index),
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
