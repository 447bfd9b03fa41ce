"""What stacks do to the account's active rule set and to mail that they hold: deployed, rolled back and deleted."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ses as ses

from ses_constructs import ActiveReceiptRuleSet, InboundMailbox, ReceiptAction
from ses_constructs.lab import Lab, LabError
from tests.lab.arriving import bring, write
from tests.lab.stage import client

pytestmark = pytest.mark.lab

Define = Callable[[cdk.Stack], object]
STACK = "Receiving"


@dataclass
class Account:
    """An account where somebody else receives mail already."""

    lab: Lab
    workshop: Path
    theirs: str = field(default_factory=lambda: f"theirs-{uuid.uuid4().hex[:8]}")
    deployments: int = 0

    def client(self, service: str) -> Any:
        return client(self.lab, service)

    def deploy(self, *define: Define) -> None:
        self.deployments += 1
        out = self.workshop / f"cdk.out.{self.deployments}"
        app = cdk.App(outdir=str(out))
        stack = cdk.Stack(app, STACK)
        for part in define:
            part(stack)
        app.synth()
        self.lab.deploy_assembly(out)

    def destroy(self) -> None:
        self.lab.delete_stack(STACK)

    def make_active(self, name: str | None) -> None:
        self.client("ses").set_active_receipt_rule_set(**({"RuleSetName": name} if name is not None else {}))

    def active(self) -> str | None:
        found: str | None = self.client("ses").describe_active_receipt_rule_set().get("Metadata", {}).get("Name")
        return found

    def sets(self) -> dict[str, list[str]]:
        """The rules of every set."""
        v1 = self.client("ses")
        names = [it["Name"] for it in v1.list_receipt_rule_sets()["RuleSets"]]
        return {name: [it["Name"] for it in v1.describe_receipt_rule_set(RuleSetName=name)["Rules"]] for name in names}

    def seen(self) -> tuple[str | None, dict[str, list[str]]]:
        """All that others could miss."""
        return self.active(), self.sets()

    def reasons(self) -> str:
        events = self.client("cloudformation").describe_stack_events(StackName=STACK)["StackEvents"]
        return " ".join(it.get("ResourceStatusReason", "") for it in events if "FAILED" in it["ResourceStatus"])


@pytest.fixture
def account(ses_lab: Lab, tmp_path: Path) -> Iterator[Account]:
    account = Account(ses_lab, tmp_path)
    v1 = account.client("ses")
    v1.create_receipt_rule_set(RuleSetName=account.theirs)
    rule: Any = {"Name": "spam-filter", "Enabled": True, "Actions": [{"StopAction": {"Scope": "RuleSet"}}]}
    v1.create_receipt_rule(RuleSetName=account.theirs, Rule=rule)
    account.make_active(account.theirs)
    yield account
    account.destroy()
    account.make_active(None)
    for name in account.sets():
        v1.delete_receipt_rule_set(RuleSetName=name)


def rules(**options: Any) -> Define:
    def define(stack: cdk.Stack) -> None:
        made = ActiveReceiptRuleSet(stack, "Rules", **options)
        made.add_rule("Stop", rule_name="ours", actions=[ReceiptAction.stop()])

    return define


def rules_of_theirs(account: Account) -> Define:
    def define(stack: cdk.Stack) -> None:
        theirs = ses.ReceiptRuleSet.from_receipt_rule_set_name(stack, "Theirs", account.theirs)
        made = ActiveReceiptRuleSet(stack, "Rules", existing=theirs, after="spam-filter")
        made.add_rule("Stop", rule_name="ours", actions=[ReceiptAction.stop()])

    return define


def fail(stack: cdk.Stack) -> None:
    """Define something that cannot be deployed, after everything else."""
    broken = cdk.CfnResource(
        stack,
        "Broken",
        type="AWS::Route53::RecordSetGroup",
        properties={"HostedZoneId": "Z000000000000000", "RecordSets": []},
    )
    broken.node.add_dependency(stack.node.find_child("Rules"))


def test_a_stack_does_not_displace_anothers_active_set_and_its_events_name_it(account: Account) -> None:
    before = account.seen()
    with pytest.raises(LabError, match=rf"the receipt rule set {account.theirs} is active.*take_over=True"):
        account.deploy(rules())
    assert f"the receipt rule set {account.theirs} is active" in account.reasons()
    assert account.seen() == before


def test_a_stack_that_takes_over_puts_everything_back_when_it_goes(account: Account) -> None:
    before = account.seen()
    account.deploy(rules(take_over=True))
    active, sets = account.seen()
    assert active is not None
    assert active != account.theirs
    assert sets == {**before[1], active: ["ours"]}
    account.destroy()
    assert account.seen() == before


def test_a_stack_that_fails_after_it_took_over_puts_everything_back(account: Account) -> None:
    before = account.seen()
    with pytest.raises(LabError):
        account.deploy(rules(take_over=True), fail)
    assert account.seen() == before


def test_an_update_that_fails_leaves_the_set_active_that_was(account: Account) -> None:
    account.deploy(rules(take_over=True, rule_set_name="ours-1"))
    before = account.seen()
    with pytest.raises(LabError):
        account.deploy(rules(take_over=True, rule_set_name="ours-2"), fail)
    assert account.seen() == before
    account.destroy()
    assert account.active() == account.theirs


def test_a_set_of_another_name_is_active_in_one_step_and_the_first_one_is_put_back_in_the_end(
    account: Account,
) -> None:
    before = account.seen()
    account.deploy(rules(take_over=True, rule_set_name="ours-1"))
    account.deploy(rules(take_over=True, rule_set_name="ours-2"))
    assert account.seen() == ("ours-2", {**before[1], "ours-2": ["ours"]})
    account.destroy()
    assert account.seen() == before


def test_what_somebody_made_active_meanwhile_stays_so_when_the_stack_goes(account: Account) -> None:
    before = account.seen()
    account.make_active(None)
    account.deploy(rules())
    account.make_active(account.theirs)
    account.destroy()
    assert account.seen() == before


def test_rules_come_and_go_in_a_set_that_somebody_else_owns_and_it_stays_active(account: Account) -> None:
    before = account.seen()
    account.deploy(rules_of_theirs(account))
    assert account.seen() == (account.theirs, {account.theirs: ["spam-filter", "ours"]})
    account.destroy()
    assert account.seen() == before


def mailbox(removal_policy: cdk.RemovalPolicy) -> Define:
    def define(stack: cdk.Stack) -> None:
        made = ActiveReceiptRuleSet(stack, "Rules", take_over=True)
        box = InboundMailbox(
            stack, "Mailbox", rule_set=made, recipients=["box@stacks.example.com"], removal_policy=removal_policy
        )
        cdk.CfnOutput(stack, "Bucket", value=box.bucket.bucket_name)

    return define


def receive(account: Account) -> str:
    """Receive a mail, and return the bucket once it holds the mail and what was made of it."""
    account.client("sesv2").create_email_identity(EmailIdentity="stacks.example.com")
    bring(account.lab, "box@stacks.example.com", write())
    (stored,) = [it.action for it in account.lab.received()[-1].actions if it.action["type"] == "S3"]
    name = str(stored["bucketName"])

    def announced() -> bool:
        return bool(account.client("s3").list_objects_v2(Bucket=name, Prefix="parsed/")["KeyCount"])

    account.lab.wait_for(announced, timeout=40, describe="the parsed mail")
    return name


def buckets(account: Account) -> set[str]:
    return {it["Name"] for it in account.client("s3").list_buckets()["Buckets"]}


@pytest.fixture
def identity(account: Account) -> Iterator[None]:
    yield
    account.client("sesv2").delete_email_identity(EmailIdentity="stacks.example.com")


def test_a_bucket_that_is_to_go_goes_with_all_the_mail_in_it(account: Account, identity: None) -> None:
    before = account.seen()
    account.deploy(mailbox(cdk.RemovalPolicy.DESTROY))
    bucket = receive(account)
    account.destroy()
    assert bucket not in buckets(account)
    assert account.seen() == before


def test_mail_that_is_to_stay_outlives_its_stack_and_the_stack_comes_again(account: Account, identity: None) -> None:
    account.deploy(mailbox(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE))
    bucket = receive(account)
    account.destroy()
    kept = account.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"]
    assert kept >= 2
    account.deploy(mailbox(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE))
    assert account.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == kept


def test_a_bucket_that_is_to_stay_after_all_is_not_emptied(account: Account, identity: None) -> None:
    account.deploy(mailbox(cdk.RemovalPolicy.DESTROY))
    bucket = receive(account)
    kept = account.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"]
    account.deploy(mailbox(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE))
    account.destroy()
    assert account.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == kept


def test_a_mailbox_in_a_stack_of_its_own_receives_with_a_bucket_of_another_and_goes_before_the_set(
    account: Account, identity: None
) -> None:
    before = account.seen()
    out = account.workshop / "cdk.out.stacks"
    app = cdk.App(outdir=str(out))
    storage, shared, desk = (cdk.Stack(app, name) for name in ("Storage", STACK, "Desk"))
    bucket = s3.Bucket(storage, "Bucket", encryption=s3.BucketEncryption.KMS)
    made = ActiveReceiptRuleSet(shared, "Rules", take_over=True)
    made.add_rule("First", rule_name="first", actions=[ReceiptAction.add_header("X-First", "1")])
    for name in ("box", "copy"):  # one mail may be for both
        InboundMailbox(
            desk,
            name.title(),
            rule_set=made,
            recipients=["box@stacks.example.com"],
            bucket=bucket,
            prefix=f"{name}/",
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
    made.add_rule("Last", rule_name="last", actions=[ReceiptAction.add_header("X-Last", "1")])
    app.synth()
    account.lab.deploy_assembly(out)
    ours = account.active()
    assert ours is not None
    first, box, copy, last = account.sets()[ours]
    assert (first, last) == ("first", "last")
    assert "Box" in box
    assert "Copy" in copy
    account.client("sesv2").create_email_identity(EmailIdentity="stacks.example.com")
    bring(account.lab, "box@stacks.example.com", write())
    received = account.lab.received()[-1]
    stored = [it for it in received.actions if it.action["type"] == "S3"]
    assert [it.error for it in stored] == [None, None]
    name = stored[0].action["bucketName"]

    def announced() -> bool:
        found = [it["Key"] for it in account.client("s3").list_objects_v2(Bucket=name)["Contents"]]
        return {f"{it}/parsed/{received.message_id}/mail.json" for it in ("box", "copy")} <= set(found)

    account.lab.wait_for(announced, timeout=40, describe="both announcements")
    for name in ("Desk", STACK, "Storage"):
        account.lab.delete_stack(name)
    assert account.seen() == before
