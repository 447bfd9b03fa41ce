"""The code of the bundled Lambda handlers."""

from functools import cache
from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk import aws_lambda as lambda_

_MARKER = ".ses-constructs-handlers"
_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def handlers_directory() -> Path:
    """Return the folder of the handlers: inside an installed wheel, or beside the package in a checkout."""
    for candidate in (_PACKAGE / "_lambda", _PACKAGE.parent / "lambda"):
        if (candidate / _MARKER).is_file():
            return candidate
    raise FileNotFoundError(f"ses-constructs: the Lambda handlers are missing beside {_PACKAGE}; reinstall the package")


def handler_code(name: str) -> lambda_.Code:
    """Return the code of one handler and what the handlers share.

    Byte code is left out, so that the asset's hash is the same from a checkout and from an installed wheel.
    """
    return lambda_.Code.from_asset(
        str(handlers_directory()),
        exclude=["/*", f"!/{name}", "!/ses_common", "__pycache__", "*.pyc"],
        ignore_mode=IgnoreMode.GIT,
    )
