"""The environment of the lab's processes: nothing of the user's AWS account gets in."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

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
_OWN = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}


def refuse_real_credentials(environ: Mapping[str, str]) -> None:
    """Refuse to start in a shell that is set up for a real account.

    :raises LabError: naming the variables, and how to go on.
    """
    found = [name for name in _IN_THE_WAY if environ.get(name) and environ[name] != _OWN.get(name)]
    if found:
        unset = " ".join(f"-u {name}" for name in found)
        raise LabError(
            f"the lab does not start where AWS is set up for a real account: {', '.join(found)} is set. "
            f"Start it without, like this: env {unset} COMMAND"
        )


def aws_environment(endpoint_url: str, region: str, work_dir: Path) -> dict[str, str]:
    """Return the variables that point any AWS SDK, the AWS CLI and the CDK CLI to the lab, and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(work_dir / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(work_dir / "no-credentials"),
    }


def scrubbed(environ: Mapping[str, str], work_dir: Path) -> dict[str, str]:
    """Return the environment for a child: nothing about AWS, temporary files below *work_dir*, this Python first."""
    temporary = work_dir / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    # Python's own switches for this process are not for its children: without byte code, each would start slowly.
    left_out = ("AWS_", "PYTHONDONTWRITEBYTECODE", "LOCALSTACK_", "MINISTACK_", "GATEWAY_PORT", "EDGE_PORT")
    return {
        **{name: value for name, value in environ.items() if not name.startswith(left_out)},
        "TMPDIR": str(temporary),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", os.defpath)]),
    }
