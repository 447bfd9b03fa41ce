"""The example of docs/fleet.md: more domains than a stack can hold."""

import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk

ROOT = Path(__file__).parents[2]


def synthesised(domains: list[str]) -> dict[str, dict[str, Any]]:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "fleet.md").read_text(), flags=re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(example, namespace)
    app = cdk.App()
    namespace["define_fleet"](app, domains, hosted_zone_id="Z1", zone_name="example.com")
    return {stack.stack_name: stack.template["Resources"] for stack in app.synth().stacks}


def domains_of(resources: dict[str, Any]) -> set[str]:
    found = [it["Properties"] for it in resources.values() if it["Type"] == "AWS::SES::EmailIdentity"]
    return {properties["EmailIdentity"] for properties in found}


def test_every_domain_is_in_one_stack_and_no_stack_is_too_large() -> None:
    domains = [f"d{number}.example.com" for number in range(300)]
    stacks = synthesised(domains)
    assert sorted(domain for resources in stacks.values() for domain in domains_of(resources)) == sorted(domains)
    assert max(len(resources) for resources in stacks.values()) <= 500


def test_a_domain_that_is_added_moves_no_other_into_another_stack() -> None:
    before = synthesised(["a.example.com", "c.example.com"])
    after = synthesised(["a.example.com", "b.example.com", "c.example.com"])
    for name, resources in before.items():
        assert domains_of(resources) <= domains_of(after[name])
