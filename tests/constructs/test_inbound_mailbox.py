from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from ses_constructs import ActiveReceiptRuleSet, InboundMailbox, VerdictPolicy
from tests.constructs.support import Synthesised, synthesise, text


def define(stack: cdk.Stack) -> None:
    rules = ActiveReceiptRuleSet(stack, "Rules")
    support = InboundMailbox(
        stack, "Support", rule_set=rules, recipients=["support@example.com"], spam=VerdictPolicy.FLAG, prefix="desk/"
    )
    InboundMailbox(
        stack,
        "Sales",
        rule_set=rules,
        recipients=["sales@example.com"],
        retention=cdk.Duration.days(7),
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    queue = sqs.Queue(stack, "Tickets", encryption=sqs.QueueEncryption.SQS_MANAGED)
    support.on_received().add_queue(queue)
    support.on_quarantined().add_queue(queue)
    support.grant_read_mail(iam.Role(stack, "Desk", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")))


@pytest.fixture(scope="module")
def mail() -> Synthesised:
    return synthesise(define)


def named(mail: Synthesised, resource_type: str, prefix: str) -> tuple[str, dict[str, Any]]:
    ((id, found),) = [(id, it) for id, it in mail.resources(resource_type).items() if id.startswith(prefix)]
    return id, found


def test_a_rule_stores_the_mail_and_tells_the_topic(mail: Synthesised) -> None:
    rules = mail.resources("AWS::SES::ReceiptRule").values()
    actions = [it["Properties"]["Rule"]["Actions"] for it in rules]
    assert [[list(action) for action in it] for it in actions] == [[["S3Action"]], [["S3Action"]]]
    first = actions[0][0]["S3Action"]
    assert first["ObjectKeyPrefix"] == "desk/mail/"
    assert "Topic" in text(first["TopicArn"])
    assert "KmsKeyArn" not in first  # or boto3 could not read it


def test_no_mail_comes_before_the_way_is_open_and_those_who_wait_listen(mail: Synthesised) -> None:
    ((_, rule),) = [it for it in mail.resources("AWS::SES::ReceiptRule").items() if "Support" in it[0]]
    waits_for = " ".join(rule["DependsOn"])
    for name in ("SupportSubscription", "SupportFunction", "SupportBucketPolicy", "SupportTopicPolicy", "OnReceived"):
        assert name in waits_for


def test_what_is_stored_is_encrypted_kept_private_and_deleted_in_the_end(mail: Synthesised) -> None:
    _, support = named(mail, "AWS::S3::Bucket", "SupportBucket")
    _, sales = named(mail, "AWS::S3::Bucket", "SalesBucket")
    rule = support["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert set(support["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    ages = [
        [it.get("ExpirationInDays") for it in bucket["Properties"]["LifecycleConfiguration"]["Rules"]][1:]
        for bucket in (support, sales)
    ]
    assert ages == [[90], [7]]


def test_mail_is_kept_unless_the_user_says_otherwise_and_then_the_bucket_is_emptied(mail: Synthesised) -> None:
    _, support = named(mail, "AWS::S3::Bucket", "SupportBucket")
    _, sales = named(mail, "AWS::S3::Bucket", "SalesBucket")
    assert (support["DeletionPolicy"], sales["DeletionPolicy"]) == ("RetainExceptOnCreate", "Delete")
    emptied = mail.properties("Custom::SesEmptyBucket")["BucketName"]
    assert text(emptied).startswith("${SalesBucket")
    assert {"Key": "ses-constructs:empty-on-delete", "Value": "true"} in sales["Properties"]["Tags"]
    assert "Tags" not in support["Properties"]


def test_the_function_may_do_what_it_does_and_nothing_else(mail: Synthesised) -> None:
    policies = [it for id, it in mail.resources("AWS::IAM::Policy").items() if id.startswith("SupportFunction")]
    statements = [it for policy in policies for it in policy["Properties"]["PolicyDocument"]["Statement"]]
    on_objects = {
        text(resource).rpartition("}")[2]: it["Action"]
        for it in statements
        for resource in (it["Resource"] if isinstance(it["Resource"], list) else [it["Resource"]])
        if str(it["Action"]).startswith("s3:") and it["Action"] != "s3:ListBucket"
    }
    assert set(on_objects) == {"/desk/mail/*", "/desk/parsed/*", "/desk/quarantine/*"}
    (put_events,) = [it for it in statements if it["Action"] == "events:PutEvents"]
    assert put_events["Condition"] == {"StringEquals": {"events:source": "ses-constructs.inbound"}}
    assert all(it["Resource"] != "*" for it in statements)


def test_who_reads_mail_does_not_read_what_is_in_quarantine(mail: Synthesised) -> None:
    _, policy = named(mail, "AWS::IAM::Policy", "DeskDefaultPolicy")
    (read,) = [it for it in policy["Properties"]["PolicyDocument"]["Statement"] if it["Action"] == "s3:GetObject"]
    assert [text(it).rpartition("}")[2] for it in read["Resource"]] == ["/desk/mail/*", "/desk/parsed/*"]


def test_a_rule_of_a_mailbox_hears_of_its_own_mail_alone(mail: Synthesised) -> None:
    _, rule = named(mail, "AWS::Events::Rule", "SupportOnReceived")
    assert rule["Properties"]["EventPattern"] == {
        "source": ["ses-constructs.inbound"],
        "detail-type": ["Email Received"],
        "detail": {"mailbox": ["Mail/Support"]},
    }
    assert "DeadLetterConfig" in rule["Properties"]["Targets"][0]
    _, quarantined = named(mail, "AWS::Events::Rule", "SupportOnQuarantined")
    assert quarantined["Properties"]["EventPattern"]["detail-type"] == ["Email Quarantined"]


def test_the_verdict_policies_reach_the_function(mail: Synthesised) -> None:
    _, function = named(mail, "AWS::Lambda::Function", "SupportFunction")
    variables = function["Properties"]["Environment"]["Variables"]
    assert (variables["SPAM_POLICY"], variables["VIRUS_POLICY"]) == ("FLAG", "QUARANTINE")


def test_everything_that_would_be_made_can_be_the_users_own() -> None:
    def add(stack: cdk.Stack) -> None:
        key = kms.Key(stack, "Key")
        dead = sqs.Queue(stack, "Dead", encryption_master_key=key)
        InboundMailbox(
            stack,
            "Support",
            rule_set=ActiveReceiptRuleSet(stack, "Rules"),
            recipients=["support@example.com"],
            bucket=s3.Bucket(stack, "Bucket", encryption_key=key, encryption=s3.BucketEncryption.KMS),
            topic=sns.Topic(stack, "Topic", master_key=key),
            queue=sqs.Queue(
                stack,
                "Queue",
                encryption_master_key=key,
                visibility_timeout=cdk.Duration.minutes(18),
                dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=5),
            ),
            dead_letter_queue=dead,
            bus=events.EventBus.from_event_bus_name(stack, "Bus", "default"),
            encryption_key=key,
        )

    made = synthesise(add)
    types = [it["Type"] for it in made.template["Resources"].values()]
    assert [types.count(f"AWS::{it}") for it in ("S3::Bucket", "SNS::Topic", "SQS::Queue", "KMS::Key")] == [1, 1, 2, 1]
    assert "AWS::Events::EventBus" not in types
    assert made.warnings() == []


def mailbox(**options: Any) -> Callable[[cdk.Stack], object]:
    def add(stack: cdk.Stack) -> object:
        given = {"recipients": ["a@example.com"], **options}
        if "bucket" in given:
            given["bucket"] = s3.Bucket(stack, "Bucket")
        return InboundMailbox(stack, "Support", rule_set=ActiveReceiptRuleSet(stack, "Rules"), **given)

    return add


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (mailbox(recipients=[]), "must name at least one"),
        (mailbox(recipients="a@example.com"), "must be a list"),
        (mailbox(spam="MAYBE"), "spam must be among FLAG, QUARANTINE, DROP"),
        (mailbox(prefix="desk"), "must end with a slash"),
        (mailbox(prefix="/desk/"), "must end with a slash"),
        (mailbox(max_receive_count=0), "from 1 to 1,000"),
        (mailbox(bucket=None, retention=cdk.Duration.days(1)), "is for a new bucket"),
        (mailbox(removal_policy=cdk.RemovalPolicy.SNAPSHOT), "removal_policy must be among"),
    ],
)
def test_what_cannot_work_is_refused(wrong: Callable[[cdk.Stack], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong(cdk.Stack(cdk.App(), "Mail"))
