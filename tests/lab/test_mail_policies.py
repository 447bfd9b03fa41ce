"""The example of mail policies, deployed by the real CDK CLI, and read back as the rest of the world reads it."""

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ses_constructs.lab import Lab

EXAMPLE = Path(__file__).parents[2] / "examples" / "mail_policies"
STACK = "MailPoliciesExample"

pytestmark = pytest.mark.lab

Records = dict[tuple[str, str], str]


class World:
    """The zones of two organisations, and what anybody sees of them."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._zones = {name: lab.create_hosted_zone(name) for name in ("example.com", "example.net")}

    def context(self, **more: str) -> dict[str, str]:
        domain, report_domain = self._zones
        return {
            "hosted_zone_id": self._zones[domain],
            "hosted_zone_name": domain,
            "report_zone_id": self._zones[report_domain],
            "report_zone_name": report_domain,
            **more,
        }

    def deploy(self, **more: str) -> None:
        self._lab.deploy(EXAMPLE, context=self.context(**more))

    def records(self) -> Records:
        route53 = self._lab.session().client("route53")
        found: list[Any] = []
        for zone_id in self._zones.values():
            found += route53.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
        return {
            (it["Type"], it["Name"].rstrip(".")): it["ResourceRecords"][0]["Value"]
            for it in found
            if it["Type"] not in ("NS", "SOA")
        }

    def fetch(self, path: str, scheme: str = "https") -> tuple[int, str, str]:
        """Ask the distribution that `mta-sts` leads to. The lab knows it by that name; a header tells it of TLS."""
        url = urlsplit(self._lab.endpoint_url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=30)
        host = self.records()["CNAME", "mta-sts.example.com"]
        connection.request("GET", path, headers={"Host": host, "X-Forwarded-Proto": scheme})
        answer = connection.getresponse()
        seen = answer.status, answer.headers.get("Content-Type", ""), answer.read().decode()
        connection.close()
        return seen


@pytest.fixture
def world(ses_lab: Lab) -> Iterator[World]:
    yield World(ses_lab)
    ses_lab.delete_stack(STACK)


def test_the_policies_are_seen_change_together_and_go(ses_lab: Lab, world: World) -> None:
    world.deploy()
    testing = world.records()
    assert (
        testing["TXT", "_dmarc.example.com"] == '"v=DMARC1; p=reject; np=reject; rua=mailto:dmarc-reports@example.net"'
    )
    assert testing["TXT", "example.com._report._dmarc.example.net"] == '"v=DMARC1"'
    assert testing["TXT", "_smtp._tls.example.com"] == '"v=TLSRPTv1; rua=mailto:tls-reports@example.net"'
    assert testing["TXT", "default._bimi.example.com"].startswith('"v=BIMI1; l=https://www.example.com/logo.svg; ')
    assert testing["TXT", "plain._bimi.example.com"] == '"v=BIMI1; l=; a=;"'

    mx = "mx: inbound-smtp.us-east-1.amazonaws.com"
    policy = f"version: STSv1\r\nmode: testing\r\n{mx}\r\nmax_age: 1209600\r\n"
    assert world.fetch("/.well-known/mta-sts.txt") == (200, "text/plain", policy)
    assert world.fetch("/.well-known/mta-sts.txt", scheme="http")[0] == 403
    assert world.fetch("/index.html")[0] == 404

    world.deploy(mta_sts_mode="enforce")
    enforced = world.records()
    changed = {key for key in testing.keys() | enforced.keys() if testing.get(key) != enforced.get(key)}
    assert changed == {("TXT", "_mta-sts.example.com")}
    assert world.fetch("/.well-known/mta-sts.txt")[2] == policy.replace("testing", "enforce")

    ses_lab.destroy(EXAMPLE, context=world.context())
    assert not world.records()
