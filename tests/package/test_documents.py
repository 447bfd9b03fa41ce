"""Every code block of README and docs does what it shows."""

import ast
import re
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from aws_cdk.assertions import Template
from moto import mock_aws

from feedback.handler import _METRICS

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(), flags=re.DOTALL)


def block_with(document: str, marker: str) -> str:
    (found,) = [block for block in blocks(ROOT / document, "python") if marker in block]
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_python_blocks_are_python_and_shell_blocks_name_targets_that_exist(document: Path) -> None:
    for block in blocks(document, "python"):
        ast.parse(block)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"(?:\$ |`)make ([a-z-]+)", document.read_text())) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_inside_the_project_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_the_table_of_the_readme_names_every_public_name() -> None:
    import ses_constructs

    rows = [line.split("|")[1] for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| `")]
    documented = set(re.findall(r"`(\w+)", "".join(rows)))
    assert set(ses_constructs.__all__) <= documented


@mock_aws
def test_may_mail_asks_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    table = boto3.resource("dynamodb").create_table(
        TableName="ledger",
        KeySchema=[
            {"AttributeName": "address", "KeyType": "HASH"},
            {"AttributeName": "scope", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "address", "AttributeType": "S"},
            {"AttributeName": "scope", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    entries: dict[str, dict[str, Any]] = {
        "gone": {"status": "SUPPRESSED"},
        "left": {"status": "UNSUBSCRIBED"},
        "full": {"status": "SUPPRESSED", "expires_at": int(time.time()) + 60},
        "healed": {"status": "SUPPRESSED", "expires_at": int(time.time()) - 60},
        "watched": {"status": "WATCHED", "expires_at": int(time.time()) + 60},
        "lifted": {"status": "LIFTED"},
    }
    for name, entry in entries.items():
        table.put_item(Item={"address": f"{name}@example.com", "scope": "account", **entry})
    namespace: dict[str, Any] = {}
    exec(block_with("README.md", "def may_mail"), namespace)
    example = SimpleNamespace(**namespace)
    asked = ("Gone", "left", "full", "healed", "watched", "lifted", "new")
    may = [name for name in asked if example.may_mail("ledger", f"{name}@example.com")]
    assert may == ["healed", "watched", "lifted", "new"]


def test_the_costs_in_the_readme_count_what_there_is() -> None:
    """Prices of CloudWatch: 0.10 dollars an alarm, three times that with a band, and 0.30 a metric; of KMS: 1.00."""
    namespace: dict[str, Any] = {}
    exec(block_with("README.md", "DomainIdentity(stack"), namespace)
    template = Template.from_stack(namespace["stack"])
    alarms = template.find_resources("AWS::CloudWatch::Alarm").values()
    bands = [it for it in alarms if "ThresholdMetricId" in it["Properties"]]
    keys = template.find_resources("AWS::KMS::Key")
    idle = len(keys) + 0.1 * (len(alarms) + 2 * len(bands))
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert (len(keys), len(alarms) - len(bands), len(bands)) == (1, 4, 1), "what the sentence names"
    assert f"about {idle:.2f} US dollars a month: one KMS key (1.00), four alarms (0.10 each)" in readme
    assert len(_METRICS) == 8, "what the sentence names"
    assert f"up to {0.3 * len(_METRICS):.2f} for eight metrics" in readme


@pytest.mark.package
def test_the_way_to_a_real_account_needs_no_python_and_no_node_of_the_user(tmp_path: Path) -> None:
    (commands,) = [block for block in blocks(ROOT / "README.md", "console") if "npx cdk deploy" in block]
    shell = [line.removeprefix("$ ") for line in commands.replace("\\\n", " ").splitlines() if line.startswith("$ ")]
    # What would call AWS is replaced by what makes the same template.
    shell = [
        re.sub(r"cdk deploy", f"cdk synth --quiet --output {tmp_path}", it) for it in shell if "bootstrap" not in it
    ]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    run = subprocess.run(
        ["/bin/sh", "-e"],
        input="\n".join(shell),
        cwd=ROOT,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert [it.name for it in tmp_path.glob("*.template.json")] == ["Email-prod.template.json"]


def test_the_ledger_page_puts_a_pipeline_on_a_dashboard() -> None:
    namespace: dict[str, Any] = {}
    exec(block_with("docs/ledger.md", "feedback.widgets()"), namespace)
    template = Template.from_stack(namespace["stack"])
    template.resource_count_is("AWS::CloudWatch::Dashboard", 1)
