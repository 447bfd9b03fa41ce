"""What a user gets from `pip install`: another app, in another environment, is the same as from the checkout."""

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.package


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def foreign_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and its run-time dependencies alone, in the versions that are tested."""
    place = tmp_path_factory.mktemp("foreign")
    venv.create(place / "venv", with_pip=True)
    python = place / "venv" / "bin" / "python"
    pinned = place / "constraints.txt"
    pinned.write_text("".join(f"{name}=={version(name)}\n" for name in ("aws-cdk-lib", "constructs", "jsii")))
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", str(pinned), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return python


def ten_lines() -> str:
    """The example of the README, which is what people copy."""
    (first, *_) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert "app.synth()" in first
    return str(first)


def own_resources() -> str:
    """The example of a pipeline around the user's own topic, queues, table and key, in two stacks."""
    return (ROOT / "examples" / "own_resources" / "app.py").read_text()


def synthesise(python: Path, place: Path, program: str) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """Run a program in an empty folder: the template of each stack, and the hashes of their assets."""
    place.mkdir()
    (place / "app.py").write_text(program)
    environment = {**os.environ, "CDK_OUTDIR": str(place / "cdk.out")}
    environment.pop("PYTHONPATH", None)
    subprocess.run([str(python), "app.py"], cwd=place, env=environment, check=True, capture_output=True)
    out = place / "cdk.out"
    templates = {it.name: json.loads(it.read_text()) for it in out.glob("*.template.json")}
    assets = {name for it in out.glob("*.assets.json") for name in json.loads(it.read_text())["files"]}
    return templates, assets


def test_the_wheel_carries_handlers_licence_and_types_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "ses_constructs/_lambda/feedback/handler.py" in names
    assert "ses_constructs/_lambda/.ses-constructs-handlers" in names
    assert "ses_constructs/py.typed" in names
    assert "ses_constructs/sending/lake/queries/bounces.sql" in names
    assert "ses_constructs/receiving/reports/queries/pass_rate.sql" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"ses_constructs"}
    assert not any("__pycache__" in name for name in names)


@pytest.mark.parametrize("program", [ten_lines, own_resources])
def test_a_foreign_app_from_the_wheel_is_the_same_as_from_the_checkout(
    foreign_python: Path, tmp_path: Path, program: Callable[[], str]
) -> None:
    from_wheel, wheel_assets = synthesise(foreign_python, tmp_path / "wheel", program())
    from_checkout, checkout_assets = synthesise(Path(sys.executable), tmp_path / "checkout", program())
    assert wheel_assets == checkout_assets
    assert from_wheel == from_checkout
    types = {it["Type"] for template in from_wheel.values() for it in template["Resources"].values()}
    assert {"AWS::SES::EmailIdentity", "AWS::Lambda::Function", "AWS::DynamoDB::Table"} <= types


def test_the_installed_package_needs_no_lab(foreign_python: Path) -> None:
    code = "import ses_constructs, importlib.util as u; print(u.find_spec('boto3'), u.find_spec('ministack'))"
    run = subprocess.run([str(foreign_python), "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.split() == ["None", "None"]
