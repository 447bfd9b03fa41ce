"""The code blocks of README and docs that need the lab, run as they stand, the real CDK CLI in them."""

import re
from pathlib import Path
from typing import Any

import pytest

from ses_constructs.lab import Lab

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.lab


def block_with(document: str, marker: str) -> str:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), flags=re.DOTALL)
    (found,) = [block for block in blocks if marker in block]
    return str(found)


def test_the_readmes_test_passes_and_the_real_cli_destroys_what_it_deployed(
    ses_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    namespace: dict[str, Any] = {}
    exec(block_with("README.md", "def test_a_bounce_is_on_record"), namespace)
    namespace["test_a_bounce_is_on_record"](ses_lab)
    ses_lab.destroy(".")
    stacks = ses_lab.session().client("cloudformation").describe_stacks()["Stacks"]
    assert "Email-dev" not in {stack["StackName"] for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"}


def test_the_labs_own_example_deploys_the_feedback_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    namespace: dict[str, Any] = {}
    exec(block_with("docs/lab.md", "with Lab() as lab"), namespace)
    assert namespace["outputs"]["FeedbackExample"]["Domain"] == "mail.example.com"
    assert "http://127.0.0.1:" in capsys.readouterr().out


def test_the_labs_mail_is_tagged(ses_lab: Lab) -> None:
    namespace: dict[str, Any] = {}
    exec(block_with("docs/lab.md", "def test_a_mail_is_tagged"), namespace)
    namespace["test_a_mail_is_tagged"](ses_lab)


def test_the_labs_click_is_told(ses_lab: Lab) -> None:
    namespace: dict[str, Any] = {}
    exec(block_with("docs/lab.md", "def test_a_click_is_told"), namespace)
    namespace["test_a_click_is_told"](ses_lab)
