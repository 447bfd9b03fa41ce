"""Good input made bad: cut, doubled, overwritten, and with pieces put in that mean something to a parser."""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
_Step = tuple[str, float, float, bytes]


def mutated(seeds: Sequence[bytes], pieces: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return a strategy for what becomes of *seeds* in a few steps, with *pieces* and any other bytes put in."""
    place = st.floats(0, 1)
    put_in = st.one_of(st.sampled_from(pieces), st.binary(max_size=8))
    steps = st.lists(
        st.tuples(st.sampled_from(["insert", "cut", "repeat", "end", "splice"]), place, place, put_in), max_size=8
    )
    return st.builds(_apply, st.sampled_from(seeds), st.sampled_from(seeds), steps)


def _apply(seed: bytes, other: bytes, steps: Sequence[_Step]) -> bytes:
    content = seed
    for step, first, second, piece in steps:
        start, stop = sorted(int(it * len(content)) for it in (first, second))
        match step:
            case "insert":
                content = content[:start] + piece + content[start:]
            case "cut":
                content = content[:start] + content[stop:]
            case "repeat" if len(content) < 100_000:
                content = content[:stop] + content[start:stop] * 3 + content[stop:]
            case "end":
                content = content[:stop]
            case "splice":
                content = content[:start] + other[int(second * len(other)) :]
    return content
