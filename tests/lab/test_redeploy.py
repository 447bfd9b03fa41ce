"""A stack that was deleted and comes back: what it kept is there, and the way of docs/redeploy.md leads past it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_route53 as route53

from ses_constructs import Dmarc, Dns, DomainIdentity
from ses_constructs.lab import LabError
from tests.lab.zones import Zone, fail

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.lab


def hosted_zone(stack: cdk.Stack, zone: Zone) -> route53.IHostedZone:
    return route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id=zone.id, zone_name=zone.name)


def identity(zone: Zone, **arguments: Any) -> Callable[[cdk.Stack], object]:
    def define(stack: cdk.Stack) -> None:
        DomainIdentity(stack, "Identity", domain=zone.name, dns=Dns.route53(hosted_zone(stack, zone)), **arguments)

    return define


def as_documented(zone: Zone) -> Callable[[cdk.Stack], object]:
    """The example of the document, as it stands there."""
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "redeploy.md").read_text(), flags=re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(example, namespace)
    return lambda stack: namespace["define_mail"](stack, hosted_zone(stack, zone))


def found(zone: Zone) -> dict[str, Any]:
    client = zone.lab.session().client("sesv2")
    answer: dict[str, Any] = dict(client.get_email_identity(EmailIdentity=zone.name))
    return {name: answer[name] for name in ("DkimAttributes", "MailFromAttributes", "FeedbackForwardingStatus")}


@pytest.fixture
def kept(zone: Zone) -> Zone:
    """A zone with what a deleted stack has left in it."""
    zone.deploy(identity(zone))
    zone.destroy()
    return zone


def test_what_was_kept_stops_the_same_stack_and_is_left_as_it_is(kept: Zone) -> None:
    before = kept.records(), found(kept)
    with pytest.raises(LabError, match="already exists"):
        kept.deploy(identity(kept))
    assert (kept.records(), found(kept)) == before


def test_it_is_adopted_as_it_is_and_left_behind_once_more(kept: Zone) -> None:
    before = kept.records(), found(kept)
    assert len(before[0]) == 8
    for _ in range(2):
        kept.deploy(as_documented(kept))
        assert (kept.records(), found(kept)) == before
    kept.destroy()
    assert (kept.records(), found(kept)) == before


def test_what_was_there_is_left_behind_and_what_was_made_is_not(kept: Zone) -> None:
    dmarc = next(it for it in kept.records() if it["Name"].startswith("_dmarc."))
    kept.write({name: it for name, it in dmarc.items() if name != "Name"}, action="DELETE", name="_dmarc.")
    before = kept.records()
    destroyed = {"existing": "adopt", "removal_policy": cdk.RemovalPolicy.DESTROY}
    kept.deploy(identity(kept, **destroyed))
    assert dmarc in kept.records()
    kept.destroy()
    assert kept.records() == before


def test_a_rollback_leaves_records_and_identity_as_they_were_found(kept: Zone) -> None:
    before = kept.records(), found(kept)
    with pytest.raises(LabError):
        kept.deploy(identity(kept, existing="adopt"), fail)
    assert (kept.records(), found(kept)) == before


def test_a_record_that_says_something_else_stops_the_deployment_and_is_named(kept: Zone) -> None:
    before = kept.records(), found(kept)
    with pytest.raises(
        LabError, match=r"there is a record _dmarc\..* already .*v=DMARC1; p=none.*delete it or leave it"
    ):
        kept.deploy(identity(kept, existing="adopt", dmarc=Dmarc(policy="reject")))
    assert (kept.records(), found(kept)) == before


def test_an_adopted_record_follows_what_is_declared_later(kept: Zone) -> None:
    kept.deploy(identity(kept, existing="adopt"))
    kept.deploy(identity(kept, existing="adopt", dmarc=Dmarc(policy="reject")))
    (dmarc,) = [it for it in kept.records() if it["Name"].startswith("_dmarc.")]
    assert dmarc["ResourceRecords"] == [{"Value": '"v=DMARC1; p=reject"'}]
