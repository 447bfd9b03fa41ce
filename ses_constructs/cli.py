"""The command ``ses-constructs``."""

import argparse
import importlib.util
from collections.abc import Sequence

from ses_constructs.doctor.arguments import add_arguments, run_doctor


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="ses-constructs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    lab = commands.add_parser("lab", help="a local SES").add_subparsers(dest="lab", required=True, metavar="COMMAND")
    for name, help in (
        ("up", "start it with an app deployed, until Ctrl-C"),
        ("demo", "deploy the reference app, send mail through it, and show what was recorded"),
    ):
        command = lab.add_parser(name, help=help, description=help)
        command.add_argument("app", nargs="?", default=".", help="the folder of the app (default: this one)")
        command.add_argument("--port", type=int, help="of the AWS endpoint (default: a free one)")
    examination = commands.add_parser("doctor", help="examine the DNS and SES set-up of a domain")
    add_arguments(examination)
    options = parser.parse_args(arguments)
    if options.command == "doctor":
        return run_doctor(examination, options)
    if importlib.util.find_spec("ministack") is None:
        parser.error("the lab is not installed: pip install 'ses-constructs[lab]'")
    from ses_constructs.lab import commands as lab_commands

    run = {"up": lab_commands.up, "demo": lab_commands.demo}[options.lab]
    return run(options.app, port=options.port)
