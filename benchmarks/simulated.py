"""A DynamoDB table in memory with a clock of its own: what the ledger's calls cost, and what writers do to each other.

Threads stand for functions that run at once. Only one of them runs at a time, until its next call; the clock then jumps
to whoever is due next, so that a simulation is fast, and the same each time.
"""

import heapq
import random
import re
import threading
from collections.abc import Callable
from itertools import count
from math import ceil
from typing import Any

Json = dict[str, Any]

# Assumed; AWS speaks of single-digit milliseconds: https://aws.amazon.com/dynamodb/features/
READ_SECONDS, WRITE_SECONDS = 0.005, 0.010
_JITTER = 0.5

_INDEX = ("listed_under", "address", "scope", "status", "expires_at")


class Clock:
    """Time that passes when all wait."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, threading.Semaphore]] = []
        self._order = count()
        self._idle = threading.Semaphore(0)
        self._errors: list[BaseException] = []

    def spawn(self, work: Callable[[], object], at: float = 0.0) -> None:
        """Let *work* begin at a time, beside everything else."""
        wake = threading.Semaphore(0)

        def run() -> None:
            wake.acquire()
            try:
                work()
            except BaseException as error:  # raised where the simulation is run
                self._errors.append(error)
            self._idle.release()

        threading.Thread(target=run, daemon=True).start()
        heapq.heappush(self._due, (at, next(self._order), wake))

    def sleep(self, seconds: float) -> None:
        """Let others run, for *seconds*. For what was spawned alone."""
        wake = threading.Semaphore(0)
        heapq.heappush(self._due, (self.now + seconds, next(self._order), wake))
        self._idle.release()
        wake.acquire()

    def run(self) -> None:
        """Run until nobody waits any more."""
        while self._due:
            self.now, _, wake = heapq.heappop(self._due)
            wake.release()
            self._idle.acquire()
            if self._errors:
                raise self._errors[0]


class Table:
    """The client that the ledger is given. It understands the statements of the ledger, and no others."""

    def __init__(self, clock: Clock, *, index_limit: float | None = None) -> None:
        """:param index_limit: write units a second that the index takes; beyond, a write is refused as a whole."""
        self.items: dict[tuple[str, str], Json] = {}
        self.calls = self.conflicts = self.read_units = self.write_units = self.index_units = 0
        self._clock = clock
        self._chance = random.Random(1)
        self._index_limit = index_limit
        self._left, self._left_at = index_limit or 0.0, 0.0

    def batch_get_item(self, *, RequestItems: Json) -> Json:
        """Read, consistently."""
        self._wait(READ_SECONDS)
        ((name, request),) = RequestItems.items()
        found = []
        for key in request["Keys"]:
            item = self.items.get((key["address"]["S"], key["scope"]["S"]))
            self.read_units += max(1, ceil(size(item or {}) / 4096))
            if item is not None:
                found.append(item)
        return {"Responses": {name: found}}

    def batch_execute_statement(self, *, Statements: list[Json]) -> Json:
        """Write under conditions."""
        self._wait(WRITE_SECONDS)
        return {"Responses": [self._execute(it["Statement"], it["Parameters"]) for it in Statements]}

    def _wait(self, seconds: float) -> None:
        self.calls += 1
        self._clock.sleep(seconds * self._chance.uniform(1 - _JITTER, 1 + _JITTER))

    def _execute(self, statement: str, parameters: list[Json]) -> Json:
        if statement.startswith("INSERT"):
            item = dict(zip(re.findall(r"'(\w+)': \?", statement), parameters, strict=True))
            return self._put(item, expected=None)
        changed = re.findall(r'SET "(\w+)"=\?', statement)
        values, (address, scope, *version) = parameters[: len(changed)], parameters[len(changed) :]
        before = self.items[address["S"], scope["S"]]
        gone = re.findall(r'REMOVE "(\w+)"', statement)
        after = {name: it for name, it in before.items() if name not in gone}
        return self._put({**after, **dict(zip(changed, values, strict=True))}, expected=version[0])

    def _put(self, item: Json, expected: Json | None) -> Json:
        key = item["address"]["S"], item["scope"]["S"]
        before = self.items.get(key)
        # A condition that fails costs as much as a write of what is there.
        self.write_units += ceil(max(size(item), size(before or {})) / 1024)
        if (before["version"] if before is not None else None) != expected:
            self.conflicts += 1
            return {"Error": {"Code": "ConditionalCheckFailed" if expected else "DuplicateItem"}}
        units = _index_units(before or {}, item)
        if not self._index_takes(units):
            return {"Error": {"Code": "ThrottlingError"}}
        self.index_units += units
        self.items[key] = item
        return {}

    def _index_takes(self, units: int) -> bool:
        if self._index_limit is None:
            return True
        passed = self._clock.now - self._left_at
        self._left, self._left_at = min(self._index_limit, self._left + passed * self._index_limit), self._clock.now
        taken = units <= self._left
        self._left -= units * taken
        return taken


def size(item: Json) -> int:
    """Return the bytes that DynamoDB counts.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name) + _value_size(value) for name, value in item.items())


def _value_size(value: Json) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return ceil(len(content.strip("0")) / 2) + 1
        case "BOOL":
            return 1
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(part) for name, part in content.items())
        case _:
            raise ValueError(kind)


def _index_units(before: Json, after: Json) -> int:
    """Return what the sparse index costs: to put, to take away, or, if its key changes, both."""
    old, new = ({name: it[name] for name in _INDEX if name in it} for it in (before, after))
    listed = [it for it in (old, new) if "listed_under" in it]
    if not listed or old == new:
        return 0
    units = [ceil(size(it) / 1024) for it in listed]
    return sum(units) if old.get("listed_under") != new.get("listed_under") else max(units)
