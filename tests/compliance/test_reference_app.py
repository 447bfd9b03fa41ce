"""The reference app under the rules of others: cfn-lint, cdk-nag AwsSolutions, and the CDK's own validation."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAGES = ("dev", "prod")

SYNTHESISE = """
import json, sys
import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
import app as reference

context = json.load(open("cdk.json"))["context"]
app = cdk.App(context={**context, "stage": sys.argv[1]}, outdir=sys.argv[2])
cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
stack = reference.build(app)
if "--with-a-fault" in sys.argv:
    from aws_cdk import aws_s3 as s3

    s3.Bucket(stack, "Fault")
app.synth()
"""


def synthesise(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("CDK_VALIDATION", None)
    command = [sys.executable, "-c", SYNTHESISE, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module", params=STAGES)
def assembly(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app synthesised with validation on; a finding of cdk-nag or of the CDK makes the synth fail."""
    out = tmp_path_factory.mktemp("cdk.out")
    run = synthesise(request.param, str(out))
    assert run.returncode == 0, run.stderr
    return out


def test_cdk_nag_and_the_cdks_validation_find_nothing(assembly: Path) -> None:
    report = json.loads((assembly / "validation-report.json").read_text())
    assert not any(plugin["violations"] for plugin in report["pluginReports"])


def test_cdk_nag_would_find_a_fault(tmp_path: Path) -> None:
    run = synthesise("dev", str(tmp_path), "--with-a-fault")
    assert run.returncode != 0
    assert "AwsSolutions-S1" in run.stderr


def test_cfn_lint_finds_nothing(assembly: Path) -> None:
    templates = [str(template) for template in assembly.glob("*.template.json")]
    assert templates
    # W3005: the CDK writes a DependsOn beside a reference that says the same.
    run = subprocess.run(
        [str(Path(sys.executable).parent / "cfn-lint"), "--ignore-checks", "W3005", "--", *templates],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_production_is_protected_and_development_can_be_destroyed(assembly: Path) -> None:
    manifest = json.loads((assembly / "manifest.json").read_text())
    ((name, stack),) = [(n, it) for n, it in manifest["artifacts"].items() if it["type"] == "aws:cloudformation:stack"]
    assert stack["properties"].get("terminationProtection", False) is (name == "Email-prod")
    assert stack["properties"]["tags"] == {"Application": "email", "Stage": name.removeprefix("Email-")}
