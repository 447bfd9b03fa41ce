"""The one error of the lab."""

from pathlib import Path

_TAIL = 20  # lines


class LabError(Exception):
    """A step of the lab did not come true; the message names the step, the reason, and what to do."""


def tail(log: Path) -> str:
    """Return the last lines of a log, for an error message."""
    if not log.is_file():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-_TAIL:]
    return "".join(f"\n  {line}" for line in lines)
