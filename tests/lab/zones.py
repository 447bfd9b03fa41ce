"""A hosted zone with somebody else's records in it, and a stack with an identity that publishes there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from ses_constructs.lab import Lab

VERIFICATION = '"google-site-verification=aBcD-1234 \\"quoted\\""'
SPF = '"v=spf1 include:_spf.google.com include:mail.zendesk.com -all"'
MERGED = '"v=spf1 include:_spf.google.com include:mail.zendesk.com include:amazonses.com -all"'
APEX: list[dict[str, Any]] = [
    {"Type": "TXT", "TTL": 900, "ResourceRecords": [{"Value": VERIFICATION}, {"Value": SPF}]},
    {"Type": "MX", "TTL": 600, "ResourceRecords": [{"Value": "1 aspmx.l.google.com."}]},
]


class Zone:
    """The zone and the stack."""

    def __init__(self, lab: Lab, workshop: Path) -> None:
        self.lab = lab
        self.name = f"{workshop.name.replace('_', '-').lower()[:50].strip('-')}.example.com"
        self.id = lab.create_hosted_zone(self.name)
        self._workshop = workshop
        self._count = 0
        self._route53 = lab.session().client("route53")

    def write(self, *record_sets: dict[str, Any], action: str = "UPSERT", name: str = "") -> None:
        changes: Any = [
            {"Action": action, "ResourceRecordSet": {"Name": f"{name}{self.name}", **it}} for it in record_sets
        ]
        self._route53.change_resource_record_sets(HostedZoneId=self.id, ChangeBatch={"Changes": changes})

    def records(self) -> list[Any]:
        found = self._route53.list_resource_record_sets(HostedZoneId=self.id)["ResourceRecordSets"]
        return sorted(found, key=lambda it: (it["Name"], it["Type"]))

    def txt(self) -> list[str]:
        (apex,) = [it for it in self.records() if (it["Name"], it["Type"]) == (f"{self.name}.", "TXT")] or [{}]
        return [record["Value"] for record in apex.get("ResourceRecords", [])]

    def deploy(self, *define: Callable[[cdk.Stack], object]) -> None:
        self._count += 1
        out = self._workshop / f"cdk.out.{self._count}"
        app = cdk.App(outdir=str(out))
        stack = cdk.Stack(app, f"Zone-{self.id}")
        for part in define:
            part(stack)
        app.synth()
        self.lab.deploy_assembly(out)

    def destroy(self) -> None:
        self.lab.delete_stack(f"Zone-{self.id}")


def fail(stack: cdk.Stack) -> None:
    """Define something that cannot be deployed, after everything else."""
    broken = cdk.CfnResource(
        stack,
        "Broken",
        type="AWS::Route53::RecordSetGroup",
        properties={"HostedZoneId": "Z000000000000000", "RecordSets": []},
    )
    broken.node.add_dependency(stack.node.find_child("Identity"))
