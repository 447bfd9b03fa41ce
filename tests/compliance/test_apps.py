"""The reference app and every example under the rules of cfn-lint, cdk-nag AwsSolutions, and the CDK itself."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data

ROOT = Path(__file__).parents[2]
APPS = {
    "the reference app, dev": (".", {"stage": "dev"}),
    "the reference app, prod": (".", {"stage": "prod"}),
    **{str(place.relative_to(ROOT)): (str(place), {}) for place in sorted((ROOT / "examples").iterdir())},
}

# Runs each app.py as it is, with an App that has cdk-nag in it; a finding makes the synth fail. Several in one process,
# since loading the CDK and cdk-nag takes longer than a synth.
RUN_CHECKED = """
import contextlib, json, os, runpy, sys, traceback
import aws_cdk
from cdk_nag import AwsSolutionsChecks

Original = aws_cdk.App
for job in json.loads(sys.argv[1]):
    class CheckedApp(Original):
        def __init__(self):
            settings = json.load(open("cdk.json")).get("context", {})
            super().__init__(outdir=job["out"], context={**settings, **job["context"]})
            aws_cdk.Validations.of(self).add_plugins(AwsSolutionsChecks(self))
            if job["fault"]:
                from aws_cdk import aws_s3

                aws_s3.Bucket(aws_cdk.Stack(self, "Faulty"), "Fault")

    aws_cdk.App = CheckedApp
    os.chdir(job["place"])
    with open(job["out"] + ".log", "w") as log, contextlib.redirect_stderr(log):
        try:
            runpy.run_path("app.py", run_name="__main__")
        except (Exception, SystemExit):
            traceback.print_exc()
            print("FAILED", file=log)
"""


@dataclass(frozen=True)
class Job:
    """One app to synthesise, in a process with others."""

    place: str
    out: Path
    context: dict[str, str]
    fault: bool = False

    @property
    def log(self) -> str:
        return Path(f"{self.out}.log").read_text()

    def start(self, *others: "Job") -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment.pop("CDK_VALIDATION", None)
        jobs = [
            {"place": str(ROOT / it.place), "out": str(it.out), "context": it.context, "fault": it.fault}
            for it in (self, *others)
        ]
        return subprocess.Popen(
            [sys.executable, "-c", RUN_CHECKED, json.dumps(jobs)], env=environment, stderr=subprocess.DEVNULL
        )


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Job]:
    """All apps, synthesised in two processes side by side."""
    out = tmp_path_factory.mktemp("out")
    jobs = {
        name: Job(place, out / str(number), context) for number, (name, (place, context)) in enumerate(APPS.items())
    }
    jobs["fault"] = Job(".", out / "fault", {}, fault=True)
    jobs["unknown stage"] = Job(".", out / "unknown", {"stage": "moon"})
    every = list(jobs.values())
    for process in [half[0].start(*half[1:]) for half in (every[::2], every[1::2])]:
        assert process.wait() == 0
    return jobs


@pytest.fixture(scope="module", params=APPS)
def assembly(request: pytest.FixtureRequest, jobs: dict[str, Job]) -> Path:
    job = jobs[request.param]
    assert "FAILED" not in job.log, job.log
    return job.out


def test_cdk_nag_and_the_cdks_validation_find_nothing(assembly: Path) -> None:
    report = json.loads((assembly / "validation-report.json").read_text())
    assert not any(plugin["violations"] for plugin in report["pluginReports"])


def test_cdk_nag_would_find_a_fault(jobs: dict[str, Job]) -> None:
    assert "ValidationFailed" in jobs["fault"].log
    report = json.loads((jobs["fault"].out / "validation-report.json").read_text())
    rules = [violation["ruleName"] for plugin in report["pluginReports"] for violation in plugin["violations"]]
    assert "AwsSolutions-S1" in rules


def test_cfn_lint_finds_nothing(assembly: Path) -> None:
    templates = [str(template) for template in assembly.glob("*.template.json")]
    assert templates
    # W3005: the CDK writes a DependsOn beside a reference that says the same.
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--ignore-checks", "W3005", "--", *templates]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonses.html
WITHOUT_RESOURCE = {
    "dynamodb:ListStreams",
    "ses:DeleteSuppressedDestination",
    "ses:DescribeActiveReceiptRuleSet",
    "ses:SetActiveReceiptRuleSet",
    "ses:GetIdentityNotificationAttributes",
    "ses:PutSuppressedDestination",
    "ses:SetIdentityFeedbackForwardingEnabled",
    "ses:SetIdentityHeadersInNotificationsEnabled",
    "ses:SetIdentityNotificationTopic",
}


# What is in a bucket has no ARN before it is there: a folder of objects is the narrowest that S3 knows.
FOLDER_OF_OBJECTS = re.compile(r'\["", \[\{"Fn::GetAtt": \["\w+", "Arn"\]\}, "/\w+/\*"\]\]')
# A bucket that goes with its stack is emptied.
ALL_OBJECTS = re.compile(FOLDER_OF_OBJECTS.pattern.replace(r"/\w+/", r"/(?:\w+/)?"))
EMPTYING = {"s3:DeleteObject", "s3:DeleteObjectVersion"}


def test_no_policy_has_a_wildcard_that_aws_does_not_force(assembly: Path) -> None:
    for template in assembly.glob("*.template.json"):
        for name, resource in json.loads(template.read_text())["Resources"].items():
            if resource["Type"] != "AWS::IAM::Policy":
                continue
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                actions, resource = statement["Action"], statement["Resource"]
                actions = [actions] if isinstance(actions, str) else actions
                if resource == "*":
                    assert WITHOUT_RESOURCE.issuperset(actions), f"{name}: {statement}"
                else:
                    narrow = ALL_OBJECTS if EMPTYING.issuperset(actions) else FOLDER_OF_OBJECTS
                    assert "*" not in narrow.sub("", json.dumps([actions, resource])), f"{name}: {statement}"


def test_production_is_protected_and_development_can_be_destroyed(jobs: dict[str, Job]) -> None:
    for stage in ("dev", "prod"):
        out = jobs[f"the reference app, {stage}"].out
        stack = json.loads((out / "manifest.json").read_text())["artifacts"][f"Email-{stage}"]
        assert stack["properties"].get("terminationProtection", False) is (stage == "prod")
        assert stack["properties"]["tags"] == {"Application": "email", "Stage": stage}


def test_an_unknown_stage_is_named_with_those_that_exist(jobs: dict[str, Job]) -> None:
    assert "cdk.json knows no stage 'moon', only: dev, prod" in jobs["unknown stage"].log


def test_every_action_in_a_policy_exists(assembly: Path) -> None:
    """Against the service authorisation reference, as the package policy-sentry carries it."""
    actions = {
        action
        for template in assembly.glob("*.template.json")
        for resource in json.loads(template.read_text())["Resources"].values()
        for statement in statements(resource.get("Properties", {}))
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    # `kms:*` and `sqs:*`: the account's own access to its key, and the denial of everything without TLS.
    unknown = {
        action
        for action in actions
        if not action.endswith(":*") and not get_action_data(*action.split(":", maxsplit=1))
    }
    assert unknown == set()


def statements(value: Any) -> Iterator[dict[str, Any]]:
    """Every policy statement, wherever it is."""
    if isinstance(value, dict):
        if "Effect" in value and "Action" in value:
            yield value
        for item in value.values():
            yield from statements(item)
    elif isinstance(value, list):
        for item in value:
            yield from statements(item)


def test_cloudwatch_may_publish_to_every_topic_that_is_told_of_an_alarm(assembly: Path) -> None:
    def lets_in(policy: Any) -> bool:
        return any(it["Principal"] == {"Service": "cloudwatch.amazonaws.com"} for it in policy["Statement"])

    for template in assembly.glob("*.template.json"):
        resources = json.loads(template.read_text())["Resources"]
        of_type = {
            kind: [it["Properties"] for it in resources.values() if it["Type"] == kind]
            for kind in ("AWS::CloudWatch::Alarm", "AWS::SNS::TopicPolicy")
        }
        told = [it for alarm in of_type["AWS::CloudWatch::Alarm"] for it in alarm.get("AlarmActions", [])]
        for name in {action["Ref"] for action in told if "Ref" in action}:
            # A policy takes the place of the one that a topic has by itself, which lets in the whole account.
            policies = [it for it in of_type["AWS::SNS::TopicPolicy"] if {"Ref": name} in it["Topics"]]
            assert all(lets_in(it["PolicyDocument"]) for it in policies), name
            key = resources[name]["Properties"].get("KmsMasterKeyId", {}).get("Fn::GetAtt")
            assert key is None or lets_in(resources[key[0]]["Properties"]["KeyPolicy"]), name
