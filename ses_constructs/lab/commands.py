"""What ``ses-constructs lab ...`` does."""

from __future__ import annotations

import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from ses_constructs.lab.demo import DOMAIN, deploy, run_demo, smtp_user
from ses_constructs.lab.errors import LabError
from ses_constructs.lab.lab import Lab
from ses_constructs.lab.steps import Steps

if TYPE_CHECKING:
    from types import FrameType


def demo(app: str, *, port: int | None) -> int:
    """Run the walk-through; 0 if all came true."""
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        run_demo(Path(app).resolve(), port=port, console=console)
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 128 + signal.SIGINT
    except LabError as error:
        return _failed(console, error)
    return 0


def up(app: str, *, port: int | None) -> int:
    """Keep a lab with the app running until Ctrl-C."""
    console = Console(highlight=False)
    place = Path(app).resolve()
    signal.signal(signal.SIGTERM, _as_interrupt)
    steps = Steps(console)
    try:
        with steps("start the lab"):
            lab = steps.enter(Lab(port=port, work_dir=place / ".lab" / "up"))
        stacks = deploy(lab, place, steps)
        with steps("make SMTP credentials"):
            user, password = smtp_user(lab)
        _show_ways_in(console, lab, stacks, user, password)
        console.print("\nRunning until Ctrl-C.")
        signal.pause()
    except KeyboardInterrupt:
        console.print("\nStopped.")
    except LabError as error:
        return _failed(console, error)
    finally:
        steps.close()
    return 0


def _show_ways_in(console: Console, lab: Lab, stacks: dict[str, dict[str, str]], user: str, password: str) -> None:
    host, port = lab.submission
    sections = {
        "For any AWS SDK or CLI": [f"export {name}={shlex.quote(value)}" for name, value in lab.environment().items()],
        "SMTP with STARTTLS": [
            f"{host}:{port}",
            f"user {user}",
            f"password {password}",
            f"certificate {lab.ca_certificate}",
        ],
        "SMTP for mail that comes in": ["{}:{}".format(*lab.mx)],
        "Send from": [f"anything@{DOMAIN}, to bounce@simulator.amazonses.com for example"],
        **{
            f"Outputs of {stack}": [f"{name}: {value}" for name, value in outputs.items()]
            for stack, outputs in stacks.items()
        },
    }
    for title, lines in sections.items():
        console.print(f"\n[bold]{escape(title)}[/]")
        for line in lines:
            # Lines to copy: neither wrapped nor cut, however narrow the terminal is.
            console.print(f"  {escape(line)}", soft_wrap=True)


def _failed(console: Console, error: LabError) -> int:
    console.print(f"[red bold]Failed:[/] {escape(str(error))}")
    return 1


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
