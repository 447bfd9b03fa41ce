"""What the handler's own code does to the table of benchmarks/simulated.py: calls, units, conflicts, sizes of items."""

import heapq
import json
import random
from collections import Counter
from collections.abc import Iterable
from math import ceil
from typing import NamedTuple
from unittest import mock

from benchmarks import assumptions as aws
from benchmarks.handlers import event
from benchmarks.simulated import Clock, Table, size
from feedback.core import read
from feedback.items import Fact
from feedback.ledger import Ledger


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
    """Return a bounce of one of many mails to the same address, each at another second."""
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
        ledger = Ledger(table, "suppressions", aws.RULE)  # type: ignore[arg-type]  # as much as is called
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
        ended / batches + aws.CPU_SECONDS_AN_EVENT * min(batch, events),
        sum(map(size, table.items.values())) / len(table.items),
    )
    return table, costs


class Crowd(NamedTuple):
    """What becomes of events in functions that run at once."""

    conflicts: int
    tries: int
    """The most receives that one event took."""
    again: int
    """Events that had to come again at least once."""
    dead: int
    """Events that used up their receives."""
    seconds: float
    write_units: int


def crowd(
    functions: int, bodies: list[str], *, batch: int = 1, index_limit: float | None = None, pauses: bool = True
) -> Crowd:
    """Let *functions* at once each have a batch of the events, until none is left; what fails waits, as SQS lets it.

    *bodies* have one recipient each; *pauses* is whether the ledger pauses before it tries again.
    """
    clock = Clock()
    table = Table(clock, index_limit=index_limit)
    waiting = [(0.0, number) for number in range(len(bodies))]  # a heap of when they are visible
    tries: Counter[int] = Counter()
    dead: list[int] = []

    def function() -> None:
        ledger = Ledger(table, "suppressions", aws.RULE)  # type: ignore[arg-type]  # as much as is called
        while waiting:
            if waiting[0][0] > clock.now:
                clock.sleep(waiting[0][0] - clock.now)
                continue
            numbers: list[int] = []
            while waiting and len(numbers) < batch and waiting[0][0] <= clock.now:
                numbers.append(heapq.heappop(waiting)[1])
            tries.update(numbers)
            clock.sleep(aws.CPU_SECONDS_AN_EVENT * len(numbers))
            found = {number: facts(bodies[number]) for number in numbers}
            failures = ledger.record(fact for of_one in found.values() for fact in of_one)
            for number in (number for number, (fact,) in found.items() if fact.key in failures):
                if tries[number] == aws.RECEIVES:
                    dead.append(number)
                else:
                    heapq.heappush(waiting, (clock.now + aws.TIMEOUT_HIDDEN, number))

    def time() -> float:
        return clock.now

    with (
        mock.patch("time.sleep", clock.sleep if pauses else mock.Mock()),
        mock.patch("time.monotonic", time),
        mock.patch("random.random", random.Random(1).random),
    ):
        for _ in range(functions):
            clock.spawn(function)
        clock.run()
    again = sum(count > 1 for count in tries.values())
    return Crowd(table.conflicts, max(tries.values()), again, len(dead), clock.now, table.write_units)
