"""What the library costs at synth, as ratios against the same resources written by hand, printed as JSON.

python benchmarks/synth.py [--rounds 5]

Each figure is the median of runs in turn, each in a process of its own, with the CDK's template validation off:
absolute times depend on the machine, the ratios hardly do. Targets are in the output beside the figures.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aws_cdk as cdk

DOMAINS_IN_A_STACK = 40  # CloudFormation ends at 500 resources
EVENTS = ("BOUNCE", "COMPLAINT", "DELIVERY", "SEND")


def ours(stack: "cdk.Stack", domains: list[str]) -> None:
    from aws_cdk import aws_route53 as route53
    from aws_cdk import aws_sns as sns

    from ses_constructs import Dns, DomainIdentity, SendingConfigurationSet

    topic = sns.Topic(stack, "Topic")
    zone = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.com")
    dns = Dns.route53(zone)
    for number, domain in enumerate(domains):
        configuration_set = SendingConfigurationSet(stack, f"Set{number}")
        for event in EVENTS:
            configuration_set.publish_to_sns(event, events=[event], topic=topic)
        DomainIdentity(stack, f"Identity{number}", domain=domain, dns=dns, configuration_set=configuration_set)


def by_hand(stack: "cdk.Stack", domains: list[str]) -> None:
    """Use the CDK's own constructs, as its documentation shows them."""
    from aws_cdk import RemovalPolicy
    from aws_cdk import aws_route53 as route53
    from aws_cdk import aws_ses as ses
    from aws_cdk import aws_sns as sns

    topic = sns.Topic(stack, "Topic")
    zone = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.com")
    for number, domain in enumerate(domains):
        configuration_set = ses.ConfigurationSet(
            stack, f"Set{number}", tls_policy=ses.ConfigurationSetTlsPolicy.REQUIRE, reputation_metrics=True
        )
        configuration_set.apply_removal_policy(RemovalPolicy.RETAIN)
        for event in EVENTS:
            configuration_set.add_event_destination(
                event, destination=ses.EventDestination.sns_topic(topic), events=[ses.EmailSendingEvent[event]]
            )
        identity = ses.EmailIdentity(
            stack,
            f"Identity{number}",
            identity=ses.Identity.domain(domain),
            configuration_set=configuration_set,
            mail_from_domain=f"bounce.{domain}",
        )
        identity.apply_removal_policy(RemovalPolicy.RETAIN)
        for place, record in enumerate(identity.dkim_records):
            route53.CfnRecordSet(
                stack,
                f"Dkim{number}-{place}",
                hosted_zone_id=zone.hosted_zone_id,
                name=record.name,
                type="CNAME",
                resource_records=[record.value],
                ttl="1800",
            )
        route53.MxRecord(
            stack,
            f"Mx{number}",
            zone=zone,
            record_name=f"bounce.{domain}.",
            values=[route53.MxRecordValue(host_name=f"feedback-smtp.{stack.region}.amazonses.com", priority=10)],
        )
        for name, host, value in (
            ("Spf", f"bounce.{domain}.", "v=spf1 include:amazonses.com ~all"),
            ("Dmarc", f"_dmarc.{domain}.", "v=DMARC1; p=none"),
        ):
            route53.TxtRecord(stack, f"{name}{number}", zone=zone, record_name=host, values=[value])


def floor(stack: "cdk.Stack", domains: list[str]) -> None:
    """Plain CloudFormation through the CDK's thinnest class: what no construct can undercut by much."""
    from aws_cdk import CfnResource

    def resource(id: str, type: str, properties: dict[str, Any]) -> None:
        CfnResource(stack, id, type=f"AWS::{type}", properties=properties)

    resource("Topic", "SNS::Topic", {})
    region = {"Ref": "AWS::Region"}
    for number, domain in enumerate(domains):
        this = {"Ref": f"Set{number}"}
        resource(f"Set{number}", "SES::ConfigurationSet", {"DeliveryOptions": {"TlsPolicy": "REQUIRE"}})
        for event in EVENTS:
            destination = {
                "Enabled": True,
                "MatchingEventTypes": [event],
                "SnsDestination": {"TopicARN": {"Ref": "Topic"}},
            }
            properties = {"ConfigurationSetName": this, "EventDestination": destination}
            resource(f"{event}{number}", "SES::ConfigurationSetEventDestination", properties)
        resource(
            f"Identity{number}",
            "SES::EmailIdentity",
            {
                "EmailIdentity": domain,
                "ConfigurationSetAttributes": {"ConfigurationSetName": this},
                "MailFromAttributes": {"MailFromDomain": f"bounce.{domain}"},
            },
        )
        mx = {"Fn::Join": ["", ["10 feedback-smtp.", region, ".amazonses.com"]]}
        records: list[tuple[Any, str, Any]] = [
            (f"bounce.{domain}", "MX", mx),
            (f"bounce.{domain}", "TXT", '"v=spf1 include:amazonses.com ~all"'),
            (f"_dmarc.{domain}", "TXT", '"v=DMARC1; p=none"'),
        ]
        for token in (1, 2, 3):
            name, value = (
                {"Fn::GetAtt": [f"Identity{number}", f"DkimDNSToken{it}{token}"]} for it in ("Name", "Value")
            )
            records.append((name, "CNAME", value))
        for place, (name, type, value) in enumerate(records):
            properties = {"HostedZoneId": "Z1", "Name": name, "Type": type, "TTL": "1800", "ResourceRecords": [value]}
            resource(f"Record{number}-{place}", "Route53::RecordSet", properties)


def nothing(stack: "cdk.Stack", domains: list[str]) -> None:
    """Leave the app as small as it gets."""


def imported(stack: "cdk.Stack", domains: list[str]) -> None:
    """Import the library, and leave the app as small as it gets."""
    import ses_constructs  # noqa: F401 - the import is what is measured


VARIANTS: dict[str, Callable[["cdk.Stack", list[str]], None]] = {
    "ours": ours,
    "by_hand": by_hand,
    "floor": floor,
    "nothing": nothing,
    "imported": imported,
}


def run(variant: str, domains: int) -> dict[str, float]:
    """Build and synthesise in this process: seconds, calls into jsii a domain, memory of its Node process."""
    started = time.perf_counter()
    import aws_cdk as cdk
    from jsii._kernel import providers

    if variant not in ("nothing", "imported"):
        # What every variant needs is loaded before the clock starts.
        cdk.Stack(cdk.App(), "WarmUp")
        VARIANTS[variant](cdk.Stack(cdk.App(), "WarmUp"), ["warm-up.example.com"])
        started = time.perf_counter()

    calls = 0
    original = providers.process._NodeProcess.send

    def counting(self: Any, request: Any, response_type: Any) -> Any:
        nonlocal calls
        calls += 1
        return original(self, request, response_type)

    providers.process._NodeProcess.send = counting  # type: ignore[method-assign]  # a measuring point, nothing else
    app = cdk.App()
    names = [f"d{number}.example.com" for number in range(domains)]
    for start in range(0, max(domains, 1), DOMAINS_IN_A_STACK):
        VARIANTS[variant](cdk.Stack(app, f"Stack{start}"), names[start : start + DOMAINS_IN_A_STACK])
    built = calls
    app.synth()
    return {
        "seconds": time.perf_counter() - started,
        "calls_a_domain": round(built / max(domains, 1), 2),
        "node_mb": _node_memory_mb(),
    }


def _node_memory_mb() -> float:
    """Peak memory of the jsii process, where /proc tells it."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if not children.exists():
        return 0.0
    peaks = []
    pending = children.read_text().split()
    while pending:
        child = pending.pop()
        status = Path(f"/proc/{child}/status").read_text()
        peaks += [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
        pending += Path(f"/proc/{child}/task/{child}/children").read_text().split()
    return max(peaks, default=0) / 1024


def measure(variant: str, domains: int) -> dict[str, float]:
    """Run a variant in a process of its own."""
    environment = {**os.environ, "CDK_VALIDATION": "false"}
    command = [sys.executable, __file__, "--run", variant, str(domains)]
    result = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(result.stdout)
    return measured


def ratio(
    figure: str, one: tuple[str, int], other: tuple[str, int], rounds: int
) -> tuple[float, list[dict[str, float]]]:
    """Return the median of *one* / *other* over pairs of runs, and the last pair."""
    pairs = [[measure(*one), measure(*other)] for _ in range(rounds)]
    return round(statistics.median(a[figure] / b[figure] for a, b in pairs), 3), pairs[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--run", nargs=2, metavar=("VARIANT", "DOMAINS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        variant, domains = arguments.run
        print(json.dumps(run(variant, int(domains))))
        return
    rounds = arguments.rounds
    measure("ours", 1)  # fills the caches of Python and jsii
    hand, (last, last_by_hand) = ratio("seconds", ("ours", 100), ("by_hand", 100), rounds)
    bare, _ = ratio("seconds", ("ours", 100), ("floor", 100), rounds)
    growth, _ = ratio("seconds", ("ours", 1000), ("ours", 100), 1)
    smallest, _ = ratio("seconds", ("imported", 0), ("nothing", 0), rounds)
    figures = {
        "jsii calls a domain": {
            "value": last["calls_a_domain"],
            "target": 10,
            "by hand": last_by_hand["calls_a_domain"],
        },
        "100 domains against the CDK's constructs by hand": {"value": hand, "target": 0.80},
        "100 domains against bare CfnResource": {"value": bare, "target": 1.35},
        "a domain at 1,000 against a domain at 100": {"value": round(growth / 10, 3), "target": 1.10},
        "smallest app with the library against without": {"value": smallest, "target": 1.05},
        "memory of Node against by hand": {
            "value": round(last["node_mb"] / last_by_hand["node_mb"], 3),
            "target": 1.05,
        },
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
