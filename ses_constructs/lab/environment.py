"""The environment of the lab's processes: nothing of the user's AWS account gets in."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ses_constructs.lab.errors import LabError

ACCOUNT = "000000000000"
ACCESS_KEY_ID = "test"
SECRET_ACCESS_KEY = "test"  # the emulator's own: any value works

# What would win over the lab's own settings in a program that is started beside it, or shows that a shell is set up for
# a real account. A shared credentials file alone is not in the way: the lab's environment points to an empty one.
_IN_THE_WAY = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# The lab's own, and what the documentation of moto tells a test suite to set: https://docs.getmoto.org
_DUMMIES = {ACCESS_KEY_ID, SECRET_ACCESS_KEY, "testing"}

# All that the emulator needs of the user's environment. Its functions inherit it, so nothing else is passed on: a token
# of a build server is as little their business as the files of a home folder.
_SERVER_NEEDS = ("LANG", "LC_", "LD_LIBRARY_PATH", "DYLD_", "PATH", "PYTHON", "SYSTEMROOT", "TZ", "VIRTUAL_ENV")

# Python's own switches for this process are not for its children: without byte code, each would start slowly.
_SLOW = "PYTHONDONTWRITEBYTECODE"


def refuse_real_credentials(environ: Mapping[str, str]) -> None:
    """Refuse to start in a shell that is set up for a real account.

    :raises LabError: naming the variables, and how to go on.
    """
    found = [name for name in _IN_THE_WAY if environ.get(name) and not _harmless(name, environ[name])]
    if found:
        unset = " ".join(f"-u {name}" for name in found)
        raise LabError(
            f"the lab does not start where AWS is set up for a real account: {', '.join(found)} is set. "
            f"Start it without, like this: env {unset} COMMAND"
        )


def aws_environment(endpoint_url: str, region: str, work_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that point any AWS SDK, the AWS CLI and the CDK CLI to the lab, and to nothing else."""
    proxied = environ.get("no_proxy") or environ.get("NO_PROXY")
    no_proxy = ",".join(filter(None, (proxied, "127.0.0.1", "localhost")))
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **_no_account(work_dir),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,  # programs differ in which of the two they ask first
    }


def scrubbed(environ: Mapping[str, str], work_dir: Path) -> dict[str, str]:
    """Return the environment for the CDK CLI and the user's app: theirs, but for AWS; temporary files in *work_dir*."""
    left_out = ("AWS_", "AMAZON_", "LOCALSTACK_", "MINISTACK_", "GATEWAY_PORT", "EDGE_PORT", _SLOW)
    return {
        **{name: value for name, value in environ.items() if not name.startswith(left_out)},
        **_places(environ, work_dir),
    }


def server_environment(environ: Mapping[str, str], work_dir: Path) -> dict[str, str]:
    """Return the environment for the emulator and the functions in it: no secret, no home folder but an empty one."""
    home = work_dir / "home"
    home.mkdir(parents=True, exist_ok=True)
    return {
        **{name: it for name, it in environ.items() if name.startswith(_SERVER_NEEDS) and name != _SLOW},
        **_places(environ, work_dir),
        **_no_account(work_dir),
        "HOME": str(home),
    }


def _harmless(name: str, value: str) -> bool:
    if name == "AWS_ENDPOINT_URL":
        return urlsplit(value).hostname in ("127.0.0.1", "localhost", "::1")
    return name in _KEYS and value in _DUMMIES


def _places(environ: Mapping[str, str], work_dir: Path) -> dict[str, str]:
    temporary = work_dir / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        "TMPDIR": str(temporary),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", os.defpath)]),
    }


def _no_account(work_dir: Path) -> dict[str, str]:
    return {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(work_dir / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(work_dir / "no-credentials"),
    }
