from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns

from ses_constructs import ActiveReceiptRuleSet, BounceTemplate, Dns, InboundMx, Invocation, ReceiptAction
from tests.constructs.support import Synthesised, hosted_zone, synthesise, text

INSTANCE = "arn:aws:connect:us-east-1:111122223333:instance/00000000-0000-4000-8000-000000000000"


def define(stack: cdk.Stack) -> None:
    key = kms.Key(stack, "Key")
    bucket = s3.Bucket(stack, "Bucket", encryption=s3.BucketEncryption.KMS, encryption_key=key)
    topic = sns.Topic(stack, "Topic", master_key=key)
    function = lambda_.Function.from_function_arn(
        stack, "Function", "arn:aws:lambda:us-east-1:111122223333:function:triage"
    )
    rules = ActiveReceiptRuleSet(stack, "Mail")
    rules.add_rule(
        "Support",
        recipients=["support@example.com", ".example.com"],
        actions=[
            ReceiptAction.add_header("X-Mailbox", "support"),
            ReceiptAction.invoke(function, invocation=Invocation.REQUEST_RESPONSE),
            ReceiptAction.store(bucket, prefix="mail/", topic=topic),
            ReceiptAction.stop(),
        ],
    )
    rules.add_rule(
        "Rest",
        require_tls=False,
        actions=[
            ReceiptAction.publish(topic),
            ReceiptAction.work_mail("arn:aws:workmail:us-east-1:111122223333:organization/m-1"),
            ReceiptAction.connect(INSTANCE),
            ReceiptAction.bounce(BounceTemplate.MAILBOX_DOES_NOT_EXIST, sender="postmaster@example.com"),
        ],
    )
    rules.block("Spammers", "192.0.2.0/24")
    InboundMx(stack, "Mx", domain="example.com", dns=Dns.route53(hosted_zone(stack)), rule_set=rules)


@pytest.fixture(scope="module")
def mail() -> Synthesised:
    return synthesise(define)


def rule(mail: Synthesised, name: str) -> tuple[str, dict[str, Any]]:
    ((logical_id, found),) = [
        (id, it) for id, it in mail.resources("AWS::SES::ReceiptRule").items() if id.startswith(f"Mail{name}")
    ]
    return logical_id, found


def statements(mail: Synthesised, resource_type: str, action: str) -> list[dict[str, Any]]:
    found = []
    for resource in mail.resources(resource_type).values():
        properties = resource["Properties"]
        document = properties.get("PolicyDocument") or properties["KeyPolicy"]
        found += [it for it in document["Statement"] if action in it["Action"]]
    return found


def test_rules_are_chained_in_the_order_in_which_they_are_written(mail: Synthesised) -> None:
    first, (_, second) = rule(mail, "Support"), rule(mail, "Rest")
    assert "After" not in first[1]["Properties"]
    assert second["Properties"]["After"] == {"Ref": first[0]}


def test_a_rule_scans_and_wants_tls_unless_told_otherwise(mail: Synthesised) -> None:
    support, rest = (rule(mail, name)[1]["Properties"]["Rule"] for name in ("Support", "Rest"))
    assert (support["Enabled"], support["ScanEnabled"], support["TlsPolicy"]) == (True, True, "Require")
    assert rest["TlsPolicy"] == "Optional"
    assert support["Recipients"] == ["support@example.com", ".example.com"]
    assert "Recipients" not in rest  # every verified domain


def test_actions_run_in_the_order_in_which_they_are_written(mail: Synthesised) -> None:
    support, rest = (rule(mail, name)[1]["Properties"]["Rule"]["Actions"] for name in ("Support", "Rest"))
    assert [list(it) for it in support] == [["AddHeaderAction"], ["LambdaAction"], ["S3Action"], ["StopAction"]]
    assert [list(it) for it in rest] == [["SNSAction"], ["WorkmailAction"], ["ConnectAction"], ["BounceAction"]]
    assert support[1]["LambdaAction"]["InvocationType"] == "RequestResponse"
    assert rest[0]["SNSAction"]["Encoding"] == "Base64"
    assert rest[3]["BounceAction"]["SmtpReplyCode"] == "550"


def test_every_permission_is_confined_to_the_rules_of_this_set(mail: Synthesised) -> None:
    (write,) = statements(mail, "AWS::S3::BucketPolicy", "s3:PutObject")
    (publish,) = statements(mail, "AWS::SNS::TopicPolicy", "sns:Publish")
    use = [
        it
        for it in statements(mail, "AWS::KMS::Key", "kms:GenerateDataKey")
        if it["Principal"] == {"Service": "ses.amazonaws.com"}
    ]
    assert use
    for statement in (write, publish, *use):
        assert statement["Principal"] == {"Service": "ses.amazonaws.com"}
        conditions = statement["Condition"]
        assert conditions["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        assert confined(conditions["ArnLike"]["aws:SourceArn"])
    assert text(write["Resource"]).endswith("/mail/*")
    (invoke,) = [
        it["Properties"]
        for it in mail.resources("AWS::Lambda::Permission").values()
        if it["Properties"]["Principal"] == "ses.amazonaws.com"
    ]
    assert confined(invoke["SourceArn"])
    assert invoke["SourceAccount"] == {"Ref": "AWS::AccountId"}
    trust = next(
        it["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
        for id, it in mail.resources("AWS::IAM::Role").items()
        if "ConnectRole" in id
    )
    assert confined(trust["Condition"]["ArnLike"]["aws:SourceArn"])


def confined(arn: Any) -> bool:
    written = text(arn)
    return ":receipt-rule-set/${MailRuleSet" in written and written.endswith("}:receipt-rule/*")


def test_a_rule_waits_for_what_ses_tries_when_it_is_made(mail: Synthesised) -> None:
    waits_for = " ".join(rule(mail, "Support")[1]["DependsOn"])
    for name in ("BucketPolicy", "TopicPolicy", "Key", "Invoke"):
        assert name in waits_for


def test_the_set_is_active_from_the_last_rule_to_the_last_rule_and_the_mx_comes_after(mail: Synthesised) -> None:
    ((activation, resource),) = mail.resources("Custom::SesActiveReceiptRuleSet").items()
    assert {rule(mail, "Support")[0], rule(mail, "Rest")[0]} <= set(resource["DependsOn"])
    group = mail.only("AWS::Route53::RecordSetGroup")
    assert activation in group["DependsOn"]
    (record,) = group["Properties"]["RecordSets"]
    assert (record["Name"], record["Type"]) == ("example.com", "MX")
    assert text(record["ResourceRecords"][0]) == "10 inbound-smtp.${AWS::Region}.${AWS::URLSuffix}"


def test_an_address_range_is_blocked_for_the_account(mail: Synthesised) -> None:
    assert mail.properties("AWS::SES::ReceiptFilter")["Filter"]["IpFilter"] == {
        "Cidr": "192.0.2.0/24",
        "Policy": "Block",
    }


def test_rules_can_follow_a_rule_of_somebody_elses_set() -> None:
    def add(stack: cdk.Stack) -> None:
        theirs = ses.ReceiptRuleSet.from_receipt_rule_set_name(stack, "Theirs", "company")
        rules = ActiveReceiptRuleSet(stack, "Mail", existing=theirs, after="spam-filter")
        rules.add_rule("Stop", actions=[ReceiptAction.stop()])

    made = synthesise(add)
    properties = made.properties("AWS::SES::ReceiptRule")
    assert (properties["RuleSetName"], properties["After"]) == ("company", "spam-filter")
    assert "AWS::SES::ReceiptRuleSet" not in {it["Type"] for it in made.template["Resources"].values()}
    assert made.properties("Custom::SesActiveReceiptRuleSet")["Owned"] == "false"


def test_an_imported_bucket_and_topic_are_warned_about_with_the_statement_they_need() -> None:
    def add(stack: cdk.Stack) -> None:
        bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "theirs")
        topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:us-east-1:111122223333:theirs")
        ActiveReceiptRuleSet(stack, "Mail").add_rule("Store", actions=[ReceiptAction.store(bucket, topic=topic)])

    warnings = " ".join(synthesise(add).warnings())
    assert "s3:PutObject" in warnings
    assert "sns:Publish" in warnings


def test_a_bucket_elsewhere_is_written_to_by_a_role() -> None:
    def add(stack: cdk.Stack) -> None:
        bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "theirs")
        role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("ses.amazonaws.com"))
        ActiveReceiptRuleSet(stack, "Mail").add_rule("Store", actions=[ReceiptAction.store(bucket, role=role)])

    made = synthesise(add)
    assert "IamRoleArn" in made.properties("AWS::SES::ReceiptRule")["Rule"]["Actions"][0]["S3Action"]
    assert made.warnings() == []


@pytest.mark.parametrize(("region", "warned"), [("eu-west-1", False), ("eu-central-2", True), (None, False)])
def test_a_region_that_does_not_receive_is_warned_about_and_nothing_worse(region: str | None, warned: bool) -> None:
    app = cdk.App()
    stack = cdk.Stack(app, "Mail", env=cdk.Environment(region=region))
    ActiveReceiptRuleSet(stack, "Rules")
    assert bool(Synthesised(stack, {}).warnings()) is warned


def test_the_list_of_receiving_regions_can_be_replaced() -> None:
    app = cdk.App(context={"ses-constructs:receivingRegions": ["eu-central-2"]})
    stack = cdk.Stack(app, "Mail", env=cdk.Environment(region="eu-central-2"))
    ActiveReceiptRuleSet(stack, "Rules")
    assert Synthesised(stack, {}).warnings() == []


STOP = ReceiptAction.stop()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda rules: rules.add_rule("R", actions=[]), "must name at least one"),
        (lambda rules: rules.add_rule("R", actions=[STOP] * 11), "at most 10"),
        (lambda rules: rules.add_rule("R", actions=["stop"]), "must be made by ReceiptAction"),
        (lambda rules: rules.add_rule("R", actions=[STOP], recipients="a@example.com"), "must be a list"),
        (lambda rules: rules.add_rule("R", actions=[STOP], recipients=["example.com"] * 501), "at most 500"),
        (lambda rules: rules.add_rule("R", actions=[STOP], recipients=["@example.com"]), "like ann@"),
        (lambda rules: rules.add_rule("R", actions=[STOP], recipients=["*@example.com"]), "like ann@"),
        (lambda rules: rules.add_rule("R", actions=[STOP], recipients=["*.example.com"]), "like ann@"),
        (lambda rules: rules.add_rule("R", actions=[STOP], rule_name="-x"), "must be 1 to 64"),
        (lambda rules: rules.add_rule("R", actions=[ReceiptAction.add_header("X Y", "v")]), "letters, digits and dash"),
        (lambda rules: rules.add_rule("R", actions=[ReceiptAction.add_header("X", "a\nb")]), "in one line"),
        (
            lambda rules: rules.add_rule(
                "R", actions=[ReceiptAction.bounce(BounceTemplate("250", None, "ok"), sender="a@example.com")]
            ),
            "must be 400 to 599",
        ),
        (lambda rules: rules.block("F", "2001:db8::/32"), "must be an IPv4 address"),
        (lambda rules: rules.block("F", "10.0.0.0/33"), "must be an IPv4 address"),
    ],
)
def test_what_ses_would_refuse_is_refused_before(wrong: Callable[[ActiveReceiptRuleSet], object], message: str) -> None:
    rules = ActiveReceiptRuleSet(cdk.Stack(), "Rules")
    with pytest.raises(ValueError, match=message):
        wrong(rules)


def test_a_two_hundred_and_first_rule_is_refused() -> None:
    rules = ActiveReceiptRuleSet(cdk.Stack(), "Rules")
    for number in range(200):
        rules.add_rule(f"R{number}", actions=[STOP])
    with pytest.raises(ValueError, match="at most 200 rules"):
        rules.add_rule("R200", actions=[STOP])
