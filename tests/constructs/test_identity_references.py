"""An identity as other constructs see it, however late its names are known."""

from typing import Any, cast

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from ses_constructs import Dns, DomainIdentity, EmailAddressIdentity
from ses_constructs.identity import SendingIdentity
from tests.constructs.support import hosted_zone, synthesise, text


def domain(stack: cdk.Stack, **arguments: Any) -> DomainIdentity:
    return DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.route53(hosted_zone(stack)), **arguments)


def adopted(stack: cdk.Stack) -> SendingIdentity:
    return domain(stack, existing="adopt")


def address(stack: cdk.Stack) -> SendingIdentity:
    return EmailAddressIdentity(stack, "Identity", address="news@example.com")


EVERY_KIND = pytest.mark.parametrize("kind", [domain, adopted, address])


def logical_ids(template: dict[str, Any]) -> list[str]:
    types = ("AWS::SES::EmailIdentity", "Custom::SesEmailIdentity")
    return [name for name, it in template["Resources"].items() if it["Type"] in types]


def test_records_follow_an_identity_whose_logical_id_is_changed_afterwards() -> None:
    def define(stack: cdk.Stack) -> None:
        identity = domain(stack)
        cast("ses.CfnEmailIdentity", identity.node.default_child).override_logical_id("KeptFromBefore")
        cdk.CfnOutput(stack, "Name", value=identity.records[0].name)

    synthesised = synthesise(define)
    assert "KeptFromBefore" in synthesised.resources("AWS::SES::EmailIdentity")
    first, *_ = synthesised.properties("AWS::Route53::RecordSetGroup")["RecordSets"]
    assert text(first["Name"]) == "${KeptFromBefore.DkimDNSTokenName1}"
    assert text(synthesised.template["Outputs"]["Name"]["Value"]) == "${KeptFromBefore.DkimDNSTokenName1}"


def test_records_follow_an_identity_that_the_stack_renames() -> None:
    stack = cdk.Stack(cdk.App(), "Mail")
    resource = cast("ses.CfnEmailIdentity", domain(stack).node.default_child)
    stack.rename_logical_id(stack.get_logical_id(resource), "Renamed")
    template = dict(Template.from_stack(stack).to_json())
    assert logical_ids(template) == ["Renamed"]
    (group,) = [it for it in template["Resources"].values() if it["Type"] == "AWS::Route53::RecordSetGroup"]
    assert text(group["Properties"]["RecordSets"][2]["ResourceRecords"][0]) == "${Renamed.DkimDNSTokenValue3}"


def test_records_of_an_identity_are_what_is_published(stack: cdk.Stack) -> None:
    identity = domain(stack)
    records = identity.records
    resources = Template.from_stack(stack).to_json()["Resources"]
    (group,) = [it for it in resources.values() if it["Type"] == "AWS::Route53::RecordSetGroup"]
    published = group["Properties"]["RecordSets"]
    assert [it["Type"] for it in published] == [record.type for record in records]
    assert [it["TTL"] for it in published] == [str(record.ttl) for record in records]
    for record_set, record in zip(published, records, strict=True):
        assert text(stack.resolve(record.name)) == text(record_set["Name"])
        assert [text(stack.resolve(it)) for it in record.presentation()] == [
            text(it) for it in record_set["ResourceRecords"]
        ]


@EVERY_KIND
def test_what_depends_on_the_identity_waits_for_the_resource(kind: Any) -> None:
    def define(stack: cdk.Stack) -> None:
        sns.Topic(stack, "Topic").node.add_dependency(kind(stack).identity)

    synthesised = synthesise(define)
    assert set(logical_ids(synthesised.template)) <= set(synthesised.only("AWS::SNS::Topic")["DependsOn"])


@EVERY_KIND
def test_the_resource_is_within_reach_for_what_the_library_does_not_offer(kind: Any) -> None:
    def define(stack: cdk.Stack) -> None:
        identity = kind(stack).identity
        cast("cdk.CfnResource", identity.node.default_child).add_property_override(
            "DkimAttributes.SigningEnabled", True
        )

    template = synthesise(define).template
    (name,) = logical_ids(template)
    assert template["Resources"][name]["Properties"]["DkimAttributes"] == {"SigningEnabled": True}


@EVERY_KIND
def test_another_stack_sees_name_and_arn_and_is_deployed_after_it(kind: Any) -> None:
    app = cdk.App()
    mail, other = (cdk.Stack(app, name) for name in ("Mail", "Other"))
    identity = kind(mail)
    cdk.CfnOutput(other, "Name", value=identity.identity.email_identity_name)
    cdk.CfnOutput(other, "Arn", value=identity.identity_arn)
    stacks = {it.stack_name: it for it in app.synth().stacks}
    assert "Mail" in [it.id for it in stacks["Other"].dependencies]
    outputs = stacks["Other"].template["Outputs"]
    imported = outputs["Name"]["Value"]["Fn::ImportValue"]
    assert outputs["Arn"]["Value"]["Fn::Join"][1][-1] == {"Fn::ImportValue": imported}
    (exported,) = stacks["Mail"].template["Outputs"].values()
    assert exported["Value"] == {"Ref": logical_ids(stacks["Mail"].template)[0]}
