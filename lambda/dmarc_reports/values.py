"""Values as strangers write them, fit for a table: bounded, and without what cannot be seen. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Row = dict[str, Any]

MOST_ROWS = 100_000
"""Of one report; large senders see some ten thousand."""
_LONGEST = 1_000  # characters of any text
_LARGEST = 10**12 - 1  # of any number, so that the sum of all never passes a bigint
_YEARS = range(2000, 10_000)


def text(value: object) -> str:
    """Return a text without line ends, control characters and halves of surrogates; empty if it is none."""
    if not isinstance(value, str):
        return ""
    value = value[:_LONGEST].strip()
    return value if value.isprintable() else "".join(it for it in value if it.isprintable())


def count(value: object) -> int:
    """Return a number of mails or sessions; 0 for what is none."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST else 0


def moment(value: datetime) -> str | None:
    """Return a point in time as the rows have it, ``2026-03-02T00:00:00Z``; None if nobody can mean it."""
    try:
        value = value.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if value.year in _YEARS else None
