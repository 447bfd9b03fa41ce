from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from ses_constructs import ActiveReceiptRuleSet, InboundMailbox, ReplyAddresses
from tests.constructs.support import Synthesised, synthesise


def mailbox(stack: cdk.Stack, *recipients: str) -> InboundMailbox:
    return InboundMailbox(
        stack, "Mailbox", rule_set=ActiveReceiptRuleSet(stack, "Rules"), recipients=recipients or ["reply@example.com"]
    )


def define(stack: cdk.Stack) -> None:
    replies = ReplyAddresses(
        stack, "Replies", domain="Example.com", mailbox=mailbox(stack), lifetime=Duration.hours(12)
    )
    program = iam.Role(stack, "Program", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    replies.grant_make(program)


@pytest.fixture(scope="module")
def replies() -> Synthesised:
    return synthesise(define)


def functions(replies: Synthesised) -> dict[str, dict[str, Any]]:
    return {
        prefix: it["Properties"]["Environment"]["Variables"]
        for prefix in ("MailboxFunction", "RepliesFunction")
        for name, it in replies.resources("AWS::Lambda::Function").items()
        if name.startswith(prefix)
    }


def test_the_key_makes_macs_and_cannot_be_read_by_anybody(replies: Synthesised) -> None:
    ((name, key),) = [
        (name, it) for name, it in replies.resources("AWS::KMS::Key").items() if name.startswith("Replies")
    ]
    assert (key["Properties"]["KeySpec"], key["Properties"]["KeyUsage"]) == ("HMAC_256", "GENERATE_VERIFY_MAC")
    assert key["Properties"]["PendingWindowInDays"] == 30
    for variables in functions(replies).values():
        assert variables["REPLY_KEY_ARN"] == {"Fn::GetAtt": [name, "Arn"]}
        assert variables["REPLY_DOMAIN"] == "example.com"
    assert functions(replies)["RepliesFunction"]["LIFETIME_SECONDS"] == "43200"


def test_only_the_two_functions_may_use_the_key_and_only_for_that(replies: Synthesised) -> None:
    users = [
        name
        for name, it in replies.resources("AWS::IAM::Policy").items()
        for statement in it["Properties"]["PolicyDocument"]["Statement"]
        if statement["Resource"] == functions(replies)["RepliesFunction"]["REPLY_KEY_ARN"]
        and statement["Action"] == "kms:GenerateMac"
    ]
    assert sorted(name[:15] for name in users) == ["MailboxFunction", "RepliesFunction"]


def test_a_program_that_is_granted_to_make_addresses_may_call_the_function_and_no_more(replies: Synthesised) -> None:
    (policy,) = [it for name, it in replies.resources("AWS::IAM::Policy").items() if name.startswith("Program")]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Resource"]["Fn::GetAtt"][0].startswith("RepliesFunction")


def test_a_key_of_yours_is_used() -> None:
    def with_yours(stack: cdk.Stack) -> None:
        key = kms.Key.from_key_arn(
            stack, "Key", "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000000"
        )
        ReplyAddresses(stack, "Replies", domain="example.com", mailbox=mailbox(stack, "example.com"), key=key)

    replies = synthesise(with_yours)
    assert not [name for name in replies.resources("AWS::KMS::Key") if name.startswith("Replies")]
    for variables in functions(replies).values():
        assert variables["REPLY_KEY_ARN"].endswith("00000000-0000-4000-8000-000000000000")


def test_what_no_answer_could_come_by_is_refused() -> None:
    stack = cdk.Stack()
    box = mailbox(stack, "support@example.com", "reply@example.com")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"domain": "example"}, "domain must have at least two labels"),
        ({"domain": "${Token[TOKEN.1]}"}, "domain must be known at synthesis"),
        ({"domain": "example.org"}, r"must receive for example\.org or reply@example\.org, got 'support@"),
        ({"lifetime": Duration.minutes(59)}, "lifetime must be from 1 hour to 3,650 days"),
        ({"lifetime": Duration.days(3651)}, "lifetime must be from 1 hour to 3,650 days"),
    ]
    for number, (options, message) in enumerate(cases):
        arguments: dict[str, Any] = {"domain": "example.com", "mailbox": box, **options}
        with pytest.raises(ValueError, match=message):
            ReplyAddresses(stack, f"Replies{number}", **arguments)
    ReplyAddresses(stack, "Replies", domain="example.com", mailbox=box)
    with pytest.raises(ValueError, match="mailbox must not have other reply addresses"):
        ReplyAddresses(stack, "Others", domain="example.com", mailbox=box)
