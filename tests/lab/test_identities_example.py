"""The life of the identities example in a lab that verifies domains by their DNS records."""

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sns as sns

from ses_constructs import DomainIdentity, EmailAddressIdentity
from ses_constructs.lab import Lab, LabError

EXAMPLE = Path(__file__).parents[2] / "examples" / "identities"
STACK = "IdentitiesExample"
ZONE = "example.com"
DOMAIN = "mail.example.com"
TESTER = "tester@example.com"

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(verify_identities="dns") as lab:
        yield lab


class Deployment:
    """The stack, changed by handing new templates to CloudFormation."""

    def __init__(self, lab: Lab, workshop: Path) -> None:
        self.lab = lab
        self._workshop = workshop
        self._count = 0
        self.zone_id = lab.create_hosted_zone(ZONE)
        self.v1 = lab.session().client("ses")
        self.v2 = lab.session().client("sesv2")
        self.cloudformation = lab.session().client("cloudformation")

    def deploy(self, change: Any = None, **context: str) -> dict[str, str]:
        self._count += 1
        out = self._workshop / f"cdk.out.{self._count}"
        known = {"hosted_zone_id": self.zone_id, "hosted_zone_name": ZONE, **context}

        class ChangedApp(cdk.App):
            def __init__(self) -> None:
                super().__init__(outdir=str(out), context=known)

            def synth(self, **options: Any) -> Any:
                stack = self.node.find_child(STACK)
                if change is not None:
                    change(stack)
                return super().synth(**options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cdk, "App", ChangedApp)
            runpy.run_path(str(EXAMPLE / "app.py"))
        return dict(self.lab.deploy_assembly(out)[STACK])

    def resources(self) -> dict[str, str]:
        found = self.cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        return {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in found}

    def settings(self) -> dict[str, Any]:
        """Everything that custom resources set on the domain."""
        identity = self.v2.get_email_identity(EmailIdentity=DOMAIN)
        attributes = self.v1.get_identity_notification_attributes(Identities=[DOMAIN])["NotificationAttributes"]
        policies = {name: json.loads(policy) for name, policy in identity["Policies"].items()}
        return {"policies": policies, "notifications": attributes[DOMAIN], "verified": identity["VerificationStatus"]}

    def status(self) -> str:
        return str(self.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"])


@pytest.fixture
def deployment(lab: Lab, tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(lab, tmp_path)
    yield deployment
    lab.delete_stack(STACK)
    ses = lab.session().client("sesv2")
    for identity in ses.list_email_identities()["EmailIdentities"]:
        ses.delete_email_identity(EmailIdentity=identity["IdentityName"])
    lab.session().client("route53").delete_hosted_zone(Id=deployment.zone_id)


def identity_in(stack: cdk.Stack) -> DomainIdentity:
    identity = stack.node.find_child("Domain")
    assert isinstance(identity, DomainIdentity)
    return identity


def with_more(stack: cdk.Stack) -> None:
    """One more topic and one more policy."""
    identity = identity_in(stack)
    identity.set_notification_topic(sns.Topic(stack, "Deliveries"), events=["DELIVERY"], headers=True)
    identity.add_sending_policy("Agency", principals=["777788889999"])


def with_more_and_a_fault(stack: cdk.Stack) -> None:
    """The same, and then a topic that SES cannot publish to."""
    with_more(stack)
    tester = stack.node.find_child("Tester")
    assert isinstance(tester, EmailAddressIdentity)
    nowhere = sns.Topic.from_topic_arn(stack, "Nowhere", "arn:aws:sns:us-east-1:000000000000:nowhere")
    tester.set_notification_topic(nowhere, events=["DELIVERY"]).node.add_dependency(
        stack.node.find_child("Domain").node.find_child("Agency"),
        stack.node.find_child("Domain").node.find_child("Notifications"),
    )


def test_the_real_cli_deploys_it_and_a_bounce_without_configuration_set_gets_on_record(lab: Lab) -> None:
    context = {"hosted_zone_id": lab.create_hosted_zone(ZONE), "hosted_zone_name": ZONE}
    outputs = lab.deploy(EXAMPLE, context=context)[STACK]
    lab.session().client("sesv2").send_email(
        FromEmailAddress=f"hello@{DOMAIN}",
        Destination={"ToAddresses": ["bounce@simulator.amazonses.com"]},
        Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
    )
    ledger = lab.session().resource("dynamodb").Table(outputs["SuppressionTableName"])
    key = {"address": "bounce@simulator.amazonses.com", "scope": "account"}
    item = lab.wait_for(lambda: ledger.get_item(Key=key).get("Item"), timeout=30, describe="the bounce on the ledger")
    assert item["reason"] == "BOUNCE"
    lab.destroy(EXAMPLE, context=context)
    assert lab.session().client("sesv2").list_email_identities()["EmailIdentities"] == []
    lab.session().client("route53").delete_hosted_zone(Id=context["hosted_zone_id"])


def test_once_deployed_the_domain_is_verified_shared_and_silent(deployment: Deployment) -> None:
    deployment.deploy()
    settings = deployment.settings()
    assert settings["verified"] == "SUCCESS"
    ((statement,),) = [policy["Statement"] for policy in settings["policies"].values()]
    assert statement["Principal"] == {"AWS": ["arn:aws:iam::111122223333:root"]}
    notifications = settings["notifications"]
    assert notifications["BounceTopic"] == notifications["ComplaintTopic"]
    assert notifications["ForwardingEnabled"] is False


def test_a_second_deployment_changes_nothing(deployment: Deployment) -> None:
    outputs = deployment.deploy()
    before = deployment.resources(), deployment.settings()
    assert deployment.deploy() == outputs
    assert (deployment.resources(), deployment.settings()) == before


def test_a_change_is_made_in_place_and_can_be_taken_out_again(deployment: Deployment) -> None:
    deployment.deploy()
    before, settings = deployment.resources(), deployment.settings()
    deployment.deploy(with_more)
    changed = deployment.settings()
    assert before.items() <= deployment.resources().items()
    assert "DeliveryTopic" in changed["notifications"]
    assert changed["notifications"]["HeadersInDeliveryNotificationsEnabled"] is True
    assert len(changed["policies"]) == 2
    deployment.deploy()
    assert (deployment.resources(), deployment.settings()) == (before, settings)


def test_a_change_that_fails_is_rolled_back(deployment: Deployment) -> None:
    deployment.deploy()
    before = deployment.resources(), deployment.settings()
    with pytest.raises(LabError, match=r"SES refused the notification topics of tester@example\.com.*does not exist"):
        deployment.deploy(with_more_and_a_fault)
    assert deployment.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert (deployment.resources(), deployment.settings()) == before


def test_a_first_deployment_that_fails_leaves_nothing(deployment: Deployment) -> None:
    with pytest.raises(LabError, match="SES refused the notification topics"):
        deployment.deploy(with_more_and_a_fault)
    assert deployment.v2.list_email_identities()["EmailIdentities"] == []


def test_without_its_records_the_deployment_says_what_is_missing(deployment: Deployment) -> None:
    def elsewhere(stack: cdk.Stack) -> None:
        records = identity_in(stack).node.find_child("Records")
        assert isinstance(records, cdk.CfnResource)
        records.add_property_override("HostedZoneId", other)
        records.add_property_override(
            "RecordSets", [{"Name": f"x.{DOMAIN}", "Type": "TXT", "TTL": "60", "ResourceRecords": ['"x"']}]
        )
        wait = identity_in(stack).node.find_child("Verification").node.find_child("Resource").node.default_child
        assert isinstance(wait, cdk.CfnResource)
        wait.add_property_override("TimeoutSeconds", 1)

    other = deployment.lab.create_hosted_zone(ZONE)
    expected = rf"{DOMAIN} is not verified after 1 s: there is no record of such a name.*needs CNAME \w+\._domainkey"
    with pytest.raises(LabError, match=expected):
        deployment.deploy(elsewhere)


def test_an_identity_that_exists_stops_the_deployment_or_is_adopted_and_outlives_the_stack(
    deployment: Deployment,
) -> None:
    deployment.v2.create_email_identity(EmailIdentity=DOMAIN)
    with pytest.raises(LabError, match="already exists"):
        deployment.deploy()
    deployment.deploy(existing="adopt")
    assert deployment.settings()["verified"] == "SUCCESS"
    identity = deployment.v2.get_email_identity(EmailIdentity=DOMAIN)
    assert identity["MailFromAttributes"]["MailFromDomain"] == f"bounce.{DOMAIN}"
    deployment.lab.delete_stack(STACK)
    settings = deployment.settings()
    assert settings["policies"] == {}
    assert not {"BounceTopic", "ComplaintTopic"} & settings["notifications"].keys()
    assert settings["notifications"]["ForwardingEnabled"] is True
