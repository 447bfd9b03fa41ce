"""How many calls a domain costs from Python into the CDK, which is what a synth spends its time on."""

from typing import Any

import aws_cdk as cdk
import pytest
from jsii._kernel.providers.process import _NodeProcess

from benchmarks import synth

BUDGET = 13


def test_a_domain_with_its_records_and_four_destinations_stays_within_its_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    synth.ours(cdk.Stack(cdk.App(), "WarmUp"), ["warm-up.example.com"])
    calls = 0
    send = _NodeProcess.send

    def counting(self: Any, request: Any, response_type: Any) -> Any:
        nonlocal calls
        calls += 1
        return send(self, request, response_type)

    few, many = (cdk.Stack(cdk.App(), name) for name in ("Few", "Many"))
    monkeypatch.setattr(_NodeProcess, "send", counting)
    synth.ours(few, ["a.example.com"])
    first, calls = calls, 0
    synth.ours(many, [f"{name}.example.com" for name in "abcdefghijk"])
    assert (calls - first) / 10 <= BUDGET
