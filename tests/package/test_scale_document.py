"""The figures of docs/scale.md are what the simulation says of the handler as it is."""

from pathlib import Path

import pytest

from benchmarks.scale import TABLES, markdown

PAGE = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
SLOW = {"races", "catching_up"}  # ten seconds each, so not after every change


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.package] if name in SLOW else []) for name in TABLES]
)
def test_each_table_is_what_the_simulation_prints(name: str) -> None:
    assert markdown(name) in PAGE
