"""Filling calls that take so many entries, and so many bytes, at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_T = TypeVar("_T")


def fill(entries: Iterable[_T], *, most: int, most_bytes: int, weigh: Callable[[_T], int]) -> Iterator[list[_T]]:
    """Yield *entries* in their order, as many at a time as a call takes. One that alone is more goes alone."""
    call: list[_T] = []
    size = 0
    for entry in entries:
        weight = weigh(entry)
        if call and (len(call) == most or size + weight > most_bytes):
            yield call
            call, size = [], 0
        call.append(entry)
        size += weight
    if call:
        yield call
