"""What ``ses-constructs lab ...`` does."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ses_constructs.lab.demo import DOMAIN, deploy, run_demo, smtp_user
from ses_constructs.lab.errors import LabError
from ses_constructs.lab.lab import Lab
from ses_constructs.lab.steps import Steps

if TYPE_CHECKING:
    from types import FrameType


def demo(app: str, *, port: int | None) -> int:
    """Run the walk-through; 0 if all came true."""
    console = Console(highlight=False)
    try:
        run_demo(Path(app).resolve(), port=port, console=console)
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
            lab = steps.enter(Lab(port=port, work_dir=place / ".lab"))
        outputs = deploy(lab, place, steps)
        with steps("make SMTP credentials"):
            user, password = smtp_user(lab)
        console.print(_ways_in(lab, outputs, user, password))
        console.print("\nRunning until Ctrl-C.")
        signal.pause()
    except KeyboardInterrupt:
        console.print("\nStopped.")
    except LabError as error:
        return _failed(console, error)
    finally:
        steps.close()
    return 0


def _ways_in(lab: Lab, outputs: dict[str, str], user: str, password: str) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row()
    table.add_row("[bold]For any AWS SDK or CLI[/]", "\n".join(f"export {k}={v}" for k, v in lab.environment().items()))
    host, port = lab.submission
    table.add_row("[bold]SMTP with STARTTLS[/]", f"{host}:{port}\nuser {user}\npassword {password}")
    table.add_row("[bold]Its certificate[/]", str(lab.ca_certificate))
    table.add_row("[bold]Send from[/]", f"anything@{DOMAIN}, to bounce@simulator.amazonses.com for example")
    table.add_row("[bold]Stack outputs[/]", "\n".join(f"{name}: {value}" for name, value in outputs.items()))
    return table


def _failed(console: Console, error: LabError) -> int:
    console.print(f"[red bold]Failed:[/] {escape(str(error))}")
    return 1


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
