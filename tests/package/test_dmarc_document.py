"""What docs/dmarc.md shows: the mailbox for reports, and the stages of a roll-out that name it."""

import json
from typing import Any

import aws_cdk as cdk
import pytest

import ses_constructs
from tests.constructs.support import hosted_zone
from tests.package.test_documents import ROOT, block_with, blocks

DOCUMENT = "docs/dmarc.md"
NAMES = ("Dmarc", "DmarcReportAuthorisation", "Dns", "DomainIdentity", "TlsRpt")


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    """The names after every block has run, and what the expressions among them are, in ``stages``."""
    stack = cdk.Stack(cdk.App(), "Mail")
    namespace: dict[str, Any] = {
        **{name: getattr(ses_constructs, name) for name in NAMES},
        "stack": stack,
        "zone": hosted_zone(stack),
        "zone_of_example_net": hosted_zone(stack, "example.net"),
    }
    mailbox = block_with(DOCUMENT, "reports = DmarcReports(")
    exec(mailbox, namespace)
    namespace["stages"] = []
    for block in blocks(ROOT / DOCUMENT, "python"):
        if block.startswith("Dmarc("):
            namespace["stages"].append(eval(block, namespace))
        elif block != mailbox:
            exec(block, namespace)
    return namespace


def test_every_stage_names_the_mailbox_for_reports(shown: dict[str, Any]) -> None:
    assert len(shown["stages"]) == 2
    assert {tuple(it.aggregate_reports) for it in shown["stages"]} == {("dmarc@reports.example.com",)}


def test_the_alarm_of_the_third_stage_is_one(shown: dict[str, Any]) -> None:
    (call,) = [part for part in (ROOT / DOCUMENT).read_text().split("`") if part.startswith("reports.alarm_on_")]
    assert eval(call, shown) is not None


def test_the_records_in_dns_name_the_mailbox(shown: dict[str, Any]) -> None:
    template = json.dumps(cdk.assertions.Template.from_stack(shown["stack"]).to_json())
    assert "rua=mailto:dmarc@reports.example.com" in template
    assert "v=TLSRPTv1; rua=mailto:dmarc@reports.example.com" in template
