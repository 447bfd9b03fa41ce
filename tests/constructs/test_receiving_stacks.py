"""Receiving spread over stacks: each is deployed once, and what it needs is there before."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template

from ses_constructs import (
    ActiveReceiptRuleSet,
    Dns,
    InboundMailbox,
    InboundMx,
    MailForwarder,
    ReceiptAction,
    ReplyAddresses,
)
from tests.constructs.support import hosted_zone

Json = dict[str, Any]
FUNCTION = "arn:aws:lambda:us-east-1:111122223333:function:triage"


def resources(template: Json, resource_type: str) -> dict[str, Json]:
    return {id: it for id, it in template["Resources"].items() if it["Type"] == resource_type}


def templates(*stacks: cdk.Stack) -> list[Json]:
    return [dict(Template.from_stack(stack).to_json()) for stack in stacks]


def before(stack: cdk.Stack) -> set[str]:
    return {it.node.id for it in stack.dependencies}


def of_any_rule(policies: dict[str, Json], action: str) -> bool:
    """Whether what SES may do is confined to the rules of the account, and names no set of another stack."""
    documents = [it["Properties"].get("PolicyDocument") or it["Properties"]["KeyPolicy"] for it in policies.values()]
    found = [
        it
        for document in documents
        for it in document["Statement"]
        if action in it["Action"] and it["Principal"] == {"Service": "ses.amazonaws.com"}
    ]
    assert found
    for it in found:
        assert it["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    patterns = [it["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Join"][1] for it in found]
    return all(parts[-1] == ":receipt-rule-set/*:receipt-rule/*" for parts in patterns)


def test_a_mailbox_in_a_stack_of_its_own_comes_after_the_set_and_refers_to_none_of_its_rules() -> None:
    app = cdk.App()
    shared, desk, sales = (cdk.Stack(app, name) for name in ("Shared", "Desk", "Sales"))
    rules = ActiveReceiptRuleSet(shared, "Rules")
    rules.add_rule("First", rule_name="spam-filter", actions=[ReceiptAction.add_header("X-First", "1")])
    InboundMailbox(desk, "Mailbox", rule_set=rules, recipients=["desk@example.com"])
    InboundMailbox(sales, "Mailbox", rule_set=rules, recipients=["sales@example.com"])
    rules.add_rule("Last", actions=[ReceiptAction.add_header("X-Last", "1")])
    InboundMx(desk, "Mx", domain="example.com", dns=Dns.route53(hosted_zone(desk)), rule_set=rules)
    app.synth()
    assert (before(shared), before(desk), before(sales)) == (set(), {"Shared"}, {"Shared"})
    made, boxes, more = templates(shared, desk, sales)
    chain = resources(made, "AWS::SES::ReceiptRule")
    first, last = (next(id for id in chain if name in id) for name in ("First", "Last"))
    assert chain[last]["Properties"]["After"] == {"Ref": first}
    (activation,) = resources(made, "Custom::SesActiveReceiptRuleSet").values()
    assert {first, last} <= set(activation["DependsOn"])
    for template in (boxes, more):
        (rule,) = resources(template, "AWS::SES::ReceiptRule").values()
        assert rule["Properties"]["After"] == "spam-filter"
        (policy,) = resources(template, "AWS::S3::BucketPolicy").values()
        assert "Fn::ImportValue" in str(policy)  # the set itself is named: it is there before the bucket


def test_what_a_rule_uses_may_be_in_a_stack_that_comes_before() -> None:
    app = cdk.App()
    shared, mail = (cdk.Stack(app, name) for name in ("Shared", "Mail"))
    key = kms.Key(shared, "Key")
    bucket = s3.Bucket(shared, "Bucket", encryption=s3.BucketEncryption.KMS, encryption_key=key)
    topic = sns.Topic(shared, "Topic", master_key=key)
    dead = sqs.Queue(shared, "Dead", encryption_master_key=key)
    queue = sqs.Queue(
        shared,
        "Queue",
        encryption_master_key=key,
        visibility_timeout=cdk.Duration.minutes(18),
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=5),
    )
    rules = ActiveReceiptRuleSet(mail, "Rules")
    InboundMailbox(
        mail,
        "Mailbox",
        rule_set=rules,
        recipients=["desk@example.com"],
        bucket=bucket,
        topic=topic,
        queue=queue,
        dead_letter_queue=dead,
        bus=events.EventBus(shared, "Bus"),
        encryption_key=key,
    )
    rules.add_rule("Copy", actions=[ReceiptAction.store(bucket, client_side_key=key), ReceiptAction.publish(topic)])
    app.synth()
    assert (before(shared), before(mail)) == (set(), {"Shared"})
    (held,) = templates(shared)
    assert of_any_rule(resources(held, "AWS::S3::BucketPolicy"), "s3:PutObject")
    assert of_any_rule(resources(held, "AWS::SNS::TopicPolicy"), "sns:Publish")
    assert of_any_rule(resources(held, "AWS::KMS::Key"), "kms:GenerateDataKey")


def test_who_works_on_mail_may_be_in_a_stack_that_comes_after() -> None:
    app = cdk.App()
    mail, team = (cdk.Stack(app, name) for name in ("Mail", "Team"))
    box = InboundMailbox(
        mail,
        "Mailbox",
        rule_set=ActiveReceiptRuleSet(mail, "Rules"),
        recipients=["desk@example.com", "reply@example.com"],
    )
    identity = ses.EmailIdentity.from_email_identity_name(team, "Identity", "example.com")
    for name in ("Staff", "Archive"):
        MailForwarder(
            team,
            name,
            mailbox=box,
            aliases={"desk@example.com": "ann@example.net"},
            from_address="forwarder@example.com",
            identity=identity,
        )
    tickets = sqs.Queue(team, "Tickets", encryption_master_key=box.encryption_key)
    box.on_received("ToTickets", scope=team).add_queue(tickets)
    box.on_quarantined("ToSpam", scope=team).add_queue(tickets)
    app.synth()
    assert (before(mail), before(team)) == (set(), {"Mail"})
    _, worked = templates(mail, team)
    assert len(resources(worked, "AWS::Events::Rule")) == 4


def test_reply_addresses_may_be_in_a_stack_that_comes_before() -> None:
    app = cdk.App()
    mail, keys = (cdk.Stack(app, name) for name in ("Mail", "Keys"))
    box = InboundMailbox(
        mail, "Mailbox", rule_set=ActiveReceiptRuleSet(mail, "Rules"), recipients=["reply@example.com"]
    )
    ReplyAddresses(keys, "Replies", domain="example.com", mailbox=box)
    app.synth()
    assert (before(mail), before(keys)) == ({"Keys"}, set())


def rules_with(*actions: Callable[[lambda_.IFunction], ReceiptAction]) -> Json:
    stack = cdk.Stack(cdk.App(), "Mail")
    function = lambda_.Function.from_function_arn(stack, "Function", FUNCTION)
    ActiveReceiptRuleSet(stack, "Rules").add_rule("Rule", actions=[action(function) for action in actions])
    return templates(stack)[0]


def test_a_function_may_be_called_twice_by_a_rule_and_is_permitted_once() -> None:
    template = rules_with(ReceiptAction.invoke, lambda _: ReceiptAction.add_header("X-A", "1"), ReceiptAction.invoke)
    assert len(resources(template, "AWS::Lambda::Permission")) == 1
    (rule,) = resources(template, "AWS::SES::ReceiptRule").values()
    assert len(rule["Properties"]["Rule"]["Actions"]) == 3


def test_two_mailboxes_do_not_share_a_place() -> None:
    stack = cdk.Stack(cdk.App(), "Mail")
    rules, bucket = ActiveReceiptRuleSet(stack, "Rules"), s3.Bucket(stack, "Bucket")
    for prefix in ("", "desk/"):
        InboundMailbox(
            stack, f"Box{prefix[:4]}", rule_set=rules, recipients=["a@example.com"], bucket=bucket, prefix=prefix
        )
    with pytest.raises(ValueError, match="prefix must be another than that of Mail/Boxdesk, which has the same bucket"):
        InboundMailbox(stack, "Again", rule_set=rules, recipients=["b@example.com"], bucket=bucket, prefix="desk/")


def test_the_function_stops_writing_before_the_bucket_is_emptied() -> None:
    stack = cdk.Stack(cdk.App(), "Mail")
    forwarder = MailForwarder(
        stack,
        "Forwarder",
        rule_set=ActiveReceiptRuleSet(stack, "Rules"),
        aliases={"desk@example.com": "ann@example.net"},
        from_address="forwarder@example.com",
        identity=ses.EmailIdentity.from_email_identity_name(stack, "Identity", "example.com"),
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    (template,) = templates(stack)
    ((emptying, _),) = resources(template, "Custom::SesEmptyBucket").items()
    for construct in (forwarder.function, forwarder.mailbox.function):
        resource = construct.node.default_child
        assert isinstance(resource, lambda_.CfnFunction)
        function = stack.get_logical_id(resource)
        mappings = resources(template, "AWS::Lambda::EventSourceMapping")
        (mapping,) = [it for it in mappings.values() if it["Properties"]["FunctionName"] == {"Ref": function}]
        assert emptying in mapping["DependsOn"]
        assert emptying in template["Resources"][function]["DependsOn"]
