"""The reference app and every example under the rules of cfn-lint, cdk-nag AwsSolutions, and the CDK itself."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APPS = {
    "the reference app, dev": (".", {"stage": "dev"}),
    "the reference app, prod": (".", {"stage": "prod"}),
    **{str(place.relative_to(ROOT)): (str(place), {}) for place in sorted((ROOT / "examples").iterdir())},
}

# Runs app.py as it is, with an App that has cdk-nag in it; a finding makes the synth fail.
RUN_CHECKED = """
import json, runpy, sys
import aws_cdk
from cdk_nag import AwsSolutionsChecks

out, context, fault = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]

class CheckedApp(aws_cdk.App):
    def __init__(self):
        super().__init__(outdir=out, context={**json.load(open("cdk.json")).get("context", {}), **context})
        aws_cdk.Validations.of(self).add_plugins(AwsSolutionsChecks(self))
        if fault:
            from aws_cdk import aws_s3

            aws_s3.Bucket(aws_cdk.Stack(self, "Faulty"), "Fault")

aws_cdk.App = CheckedApp
runpy.run_path("app.py", run_name="__main__")
"""


@dataclass(frozen=True)
class Run:
    out: Path
    process: subprocess.Popen[str]

    def finish(self) -> tuple[int, str]:
        _, stderr = self.process.communicate()
        return self.process.returncode, stderr


def start(place: str, out: Path, context: dict[str, str], *, fault: bool = False) -> Run:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("CDK_VALIDATION", None)
    command = [sys.executable, "-c", RUN_CHECKED, str(out), json.dumps(context), "fault" if fault else ""]
    process = subprocess.Popen(
        command, cwd=ROOT / place, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    return Run(out, process)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """All synths side by side: each takes seconds, most of them in Node."""
    return {name: start(place, tmp_path_factory.mktemp("out"), context) for name, (place, context) in APPS.items()}


@pytest.fixture(scope="module", params=APPS)
def assembly(request: pytest.FixtureRequest, runs: dict[str, Run]) -> Path:
    run = runs[request.param]
    status, stderr = run.finish()
    assert status == 0, stderr
    return run.out


def test_cdk_nag_and_the_cdks_validation_find_nothing(assembly: Path) -> None:
    report = json.loads((assembly / "validation-report.json").read_text())
    assert not any(plugin["violations"] for plugin in report["pluginReports"])


def test_cdk_nag_would_find_a_fault(tmp_path: Path) -> None:
    status, stderr = start(".", tmp_path, {}, fault=True).finish()
    assert status != 0
    assert "AwsSolutions-S1" in stderr


def test_cfn_lint_finds_nothing(assembly: Path) -> None:
    templates = [str(template) for template in assembly.glob("*.template.json")]
    assert templates
    # W3005: the CDK writes a DependsOn beside a reference that says the same.
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--ignore-checks", "W3005", "--", *templates]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonses.html
WITHOUT_RESOURCE = {
    "ses:GetIdentityNotificationAttributes",
    "ses:SetIdentityFeedbackForwardingEnabled",
    "ses:SetIdentityHeadersInNotificationsEnabled",
    "ses:SetIdentityNotificationTopic",
}


def test_no_policy_has_a_wildcard_that_aws_does_not_force(assembly: Path) -> None:
    for template in assembly.glob("*.template.json"):
        for name, resource in json.loads(template.read_text())["Resources"].items():
            if resource["Type"] != "AWS::IAM::Policy":
                continue
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                actions, resource = statement["Action"], statement["Resource"]
                if resource == "*":
                    assert WITHOUT_RESOURCE.issuperset(actions), f"{name}: {statement}"
                else:
                    assert "*" not in json.dumps([actions, resource]), f"{name}: {statement}"


def test_production_is_protected_and_development_can_be_destroyed(runs: dict[str, Run]) -> None:
    for stage in ("dev", "prod"):
        run = runs[f"the reference app, {stage}"]
        run.process.wait()
        stack = json.loads((run.out / "manifest.json").read_text())["artifacts"][f"Email-{stage}"]
        assert stack["properties"].get("terminationProtection", False) is (stage == "prod")
        assert stack["properties"]["tags"] == {"Application": "email", "Stage": stage}


def test_an_unknown_stage_is_named_with_those_that_exist(tmp_path: Path) -> None:
    status, stderr = start(".", tmp_path, {"stage": "moon"}).finish()
    assert status != 0
    assert "cdk.json knows no stage 'moon', only: dev, prod" in stderr
