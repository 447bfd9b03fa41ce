"""What docs/receiving.md shows of rules, mailboxes, forwarding and reply addresses, in one stack as it is written."""

import json
from typing import Any

import pytest

from tests.package.test_documents import ROOT, blocks

Json = dict[str, Any]


@pytest.fixture(scope="module")
def resources() -> list[Json]:
    namespace: Json = {}
    for block in blocks(ROOT / "docs" / "receiving.md", "python"):
        exec(block, namespace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDK_VALIDATION", "false")
        template = namespace["app"].synth().get_stack_by_name("Mail").template
    return list(template["Resources"].values())


def test_the_forwarder_takes_all_mail_of_its_domain(resources: list[Json]) -> None:
    rules = [it["Properties"]["Rule"] for it in resources if it["Type"] == "AWS::SES::ReceiptRule"]
    assert ["people.example.com"] in [it.get("Recipients") for it in rules]


def test_one_mailbox_and_one_function_know_the_domain_of_the_reply_addresses(resources: list[Json]) -> None:
    functions = [it["Properties"] for it in resources if it["Type"] == "AWS::Lambda::Function"]
    domains = [it.get("Environment", {}).get("Variables", {}).get("REPLY_DOMAIN") for it in functions]
    assert [it for it in domains if it is not None] == ["desk.example.com"] * 2


def test_the_map_of_aliases_has_room_for_as_many_as_the_document_says() -> None:
    aliases = {f"firstname.name{it:02}@example.com": ["somebody@example.net"] for it in range(50)}
    assert len(json.dumps(aliases, separators=(",", ":"))) <= 3_000
