"""The pytest fixture ``ses_lab``, there wherever ses-constructs[lab] is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ses_constructs.lab import Lab


@pytest.fixture(scope="session")
def ses_lab() -> Iterator[Lab]:
    """Give the whole test session a local SES; see :class:`ses_constructs.lab.Lab`."""
    from ses_constructs.lab import Lab

    with Lab() as lab:
        yield lab
