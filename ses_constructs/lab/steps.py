"""Progress on the terminal: one line a step, and an error that names the step that failed."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, TypeVar

from ses_constructs.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from rich.console import Console

T = TypeVar("T")


class Steps:
    """Call it with a step's name for a ``with`` block."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stack = contextlib.ExitStack()

    def enter(self, manager: AbstractContextManager[T]) -> T:
        """Enter a context that lasts longer than one step, until :meth:`close`."""
        return self._stack.enter_context(manager)

    def close(self) -> None:
        """Leave what was entered."""
        self._stack.close()

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Show that the step runs, then that it came true and how long it took."""
        started = time.monotonic()
        try:
            with self._console.status(f"{name} ..."):
                yield
        except Exception as error:
            self._console.print(f"[red]✗[/] {name}")
            # Whatever goes wrong in a step, a refused call or a bug, the user is told where.
            raise LabError(f"{name}: {error}") from error
        self._console.print(f"[green]✓[/] {name} [dim]{time.monotonic() - started:.1f} s[/]")
