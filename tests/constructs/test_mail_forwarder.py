import json
from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ses as ses

from mail_forwarder import handler
from ses_constructs import (
    ActiveReceiptRuleSet,
    Dns,
    DomainIdentity,
    EmailAddressIdentity,
    InboundMailbox,
    MailForwarder,
    SendingConfigurationSet,
)
from tests.constructs.support import Synthesised, synthesise, text

ALIASES: dict[str, str | Sequence[str]] = {
    "Info@example.com": "ann@example.net",
    "sales-*@example.org": ["ann@example.net", "bob@example.net"],
    "boss@example.org": "bob@example.net",
}


def define(stack: cdk.Stack) -> None:
    identity = DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.manual())
    MailForwarder(
        stack,
        "Forwarder",
        rule_set=ActiveReceiptRuleSet(stack, "Rules"),
        aliases=ALIASES,
        from_address="forwarder@mail.example.com",
        identity=identity,
        configuration_set=SendingConfigurationSet(stack, "Forwarded"),
    )


@pytest.fixture(scope="module")
def forwarder() -> Synthesised:
    return synthesise(define)


def statements(forwarder: Synthesised) -> list[dict[str, Any]]:
    (policy,) = [
        it for name, it in forwarder.resources("AWS::IAM::Policy").items() if name.startswith("ForwarderFunctionRole")
    ]
    found: list[dict[str, Any]] = policy["Properties"]["PolicyDocument"]["Statement"]
    return found


def function(forwarder: Synthesised) -> dict[str, Any]:
    (found,) = [
        it["Properties"]
        for name, it in forwarder.resources("AWS::Lambda::Function").items()
        if name.startswith("ForwarderFunction")
    ]
    return dict(found)


def test_ses_receives_for_addresses_and_for_the_whole_domain_of_a_pattern(forwarder: Synthesised) -> None:
    rule = forwarder.properties("AWS::SES::ReceiptRule")["Rule"]
    assert rule["Recipients"] == ["example.org", "info@example.com"]


def test_the_function_knows_the_aliases_in_lower_case(forwarder: Synthesised) -> None:
    variables = function(forwarder)["Environment"]["Variables"]
    assert json.loads(variables["ALIASES"]) == {
        "info@example.com": ["ann@example.net"],
        "sales-*@example.org": ["ann@example.net", "bob@example.net"],
        "boss@example.org": ["bob@example.net"],
    }
    assert text(variables["CONFIGURATION_SET"]).startswith("${Forwarded")


def test_the_function_may_send_from_its_one_address_alone(forwarder: Synthesised) -> None:
    (sending,) = [it for it in statements(forwarder) if "ses:SendRawEmail" in it["Action"]]
    assert sending["Condition"] == {"StringLike": {"ses:FromAddress": ["forwarder@mail.example.com"]}}
    resources = [text(it).partition(":ses:")[2] for it in sending["Resource"]]
    assert [it.rpartition(":")[2].partition("/")[0] for it in resources] == ["identity", "configuration-set"]


def test_the_function_reads_mail_and_writes_only_its_marks(forwarder: Synthesised) -> None:
    def objects(action: str) -> set[str]:
        found: set[str] = set()
        for statement in statements(forwarder):
            actions, resources = statement["Action"], statement["Resource"]
            if action in ([actions] if isinstance(actions, str) else actions):
                found |= {
                    text(it).partition("}")[2] for it in (resources if isinstance(resources, list) else [resources])
                }
        return found

    assert objects("s3:PutObject") == {"/forwarded/*"}
    assert objects("s3:GetObject") == {"/forwarded/*", "/mail/*", "/parsed/*"}
    assert objects("s3:DeleteObject") == set()


def test_two_forward_at_a_time_and_the_queue_hides_a_mail_longer_than_that_takes(forwarder: Synthesised) -> None:
    (mapping,) = [
        it["Properties"]
        for name, it in forwarder.resources("AWS::Lambda::EventSourceMapping").items()
        if name.startswith("ForwarderFunction")
    ]
    assert (mapping["BatchSize"], mapping["ScalingConfig"]) == (1, {"MaximumConcurrency": 2})
    (queue,) = [
        it["Properties"]
        for name, it in forwarder.resources("AWS::SQS::Queue").items()
        if name.startswith("ForwarderQueue")
    ]
    assert queue["VisibilityTimeout"] == 6 * function(forwarder)["Timeout"]


def test_one_rule_leads_from_the_bus_to_the_queue_with_the_dead_letter_queue_behind_it(forwarder: Synthesised) -> None:
    rule = forwarder.properties("AWS::Events::Rule")
    assert rule["EventPattern"]["detail-type"] == ["Email Received"]
    (target,) = rule["Targets"]
    assert target["Arn"]["Fn::GetAtt"][0].startswith("ForwarderQueue")
    assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0].startswith("ForwarderDeadLetterQueue")


def test_its_metrics_are_those_that_the_function_publishes(forwarder: Synthesised) -> None:
    made = forwarder.stack.node.find_child("Forwarder")
    assert isinstance(made, MailForwarder)
    metrics = [made.metric_forwarded(), made.metric_stopped(), made.metric_without_alias()]
    assert {it.metric_name for it in metrics} <= set(handler._METRICS)
    name = function(forwarder)["Environment"]["Variables"]["FORWARDER_NAME"]
    assert [(it.namespace, it.dimensions) for it in metrics] == [("SesConstructs/Inbound", {"Forwarder": name})] * 3


def test_a_mailbox_of_yours_and_an_imported_identity_will_do() -> None:
    def with_yours(stack: cdk.Stack) -> None:
        mailbox = InboundMailbox(
            stack, "Box", rule_set=ActiveReceiptRuleSet(stack, "Rules"), recipients=["example.com"], prefix="people/"
        )
        made = MailForwarder(
            stack,
            "Forwarder",
            mailbox=mailbox,
            aliases={"*@example.com": cdk.CfnParameter(stack, "Target").value_as_string},
            from_address="forwarder@example.com",
            identity=ses.EmailIdentity.from_email_identity_name(stack, "Identity", "example.com"),
        )
        assert made.mailbox is mailbox

    forwarder = synthesise(with_yours)
    assert len(forwarder.resources("AWS::S3::Bucket")) == 1
    assert function(forwarder)["Environment"]["Variables"]["KEY_PREFIX"] == "people/"
    assert text(function(forwarder)["Environment"]["Variables"]["ALIASES"]) == '{"*@example.com":["${Target}"]}'
    assert any("/people/forwarded/*" in json.dumps(it["Resource"]) for it in statements(forwarder))


@pytest.mark.parametrize(
    ("aliases", "message"),
    [
        ({}, r"aliases must be addresses"),
        ("info@example.com", r"aliases must be addresses"),
        ({"info": "ann@example.net"}, r"an alias must be like info@example\.com.*got 'info'"),
        ({"@example.com": "ann@example.net"}, "an alias must be like"),
        ({"*": "ann@example.net"}, "an alias must be like"),
        ({"info@*.example.com": "ann@example.net"}, "an alias must be like"),
        ({"${Token[TOKEN.1]}@example.com": "ann@example.net"}, "known at synthesis"),
        ({"a@example.com": "b@example.net", "A@example.com": "c@example.net"}, "name each address once"),
        ({"info@example.com": []}, "must name at least one of addresses"),
        ({"info@example.com": "ann"}, "must be addresses to forward to, got 'ann'"),
        ({"info@example.com": ["*@example.net"]}, "must be addresses to forward to"),
        ({"a@example.com": "B@example.com", "b@example.com": "c@example.net"}, "must not be aliases themselves"),
        ({"all@example.com": [f"{it}@example.net" for it in range(51)]}, "must be at most 50 addresses, got 51"),
        (
            {f"a{it}@example.com": "ann@example.net" for it in range(100)},
            r"at most 3,000 bytes as JSON.*got '3,791 bytes'",
        ),
    ],
)
def test_aliases_that_lead_nowhere_are_refused(aliases: Mapping[str, str | Sequence[str]], message: str) -> None:
    stack = cdk.Stack()
    with pytest.raises(ValueError, match=message):
        MailForwarder(
            stack,
            "Forwarder",
            aliases=aliases,
            from_address="forwarder@example.com",
            identity=EmailAddressIdentity(stack, "Identity", address="forwarder@example.com"),
        )


def test_what_excludes_each_other_is_refused() -> None:
    stack = cdk.Stack()
    identity = DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.manual())
    rules = ActiveReceiptRuleSet(stack, "Rules")
    mailbox = InboundMailbox(stack, "Box", rule_set=rules, recipients=["example.com"])
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "rule_set and mailbox must be one of them, got 'neither'"),
        ({"rule_set": rules, "mailbox": mailbox}, "got 'both'"),
        ({"mailbox": mailbox, "removal_policy": cdk.RemovalPolicy.DESTROY}, "removal_policy is for a new mailbox"),
        ({"mailbox": mailbox, "from_address": "me"}, "from_address must be an address, got 'me'"),
        ({"mailbox": mailbox, "from_address": "me@example.net"}, "must be an address of example.com"),
        ({"mailbox": mailbox, "max_receive_count": 0}, "max_receive_count must be a whole number"),
    ]
    for number, (options, message) in enumerate(cases):
        arguments: dict[str, Any] = {"from_address": "me@example.com", **options}
        with pytest.raises(ValueError, match=message):
            MailForwarder(
                stack,
                f"Forwarder{number}",
                aliases={"info@example.com": "a@example.net"},
                identity=identity,
                **arguments,
            )
