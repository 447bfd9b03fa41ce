import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_cloudwatch_actions import SnsAction

from ses_constructs import (
    ActiveReceiptRuleSet,
    Dmarc,
    DmarcReportAuthorisation,
    DmarcReports,
    Dns,
    DomainIdentity,
    InboundMailbox,
    TlsRpt,
    VerdictPolicy,
)
from ses_constructs.receiving.reports.queries import QUERIES
from ses_constructs.receiving.reports.schema import TABLES
from tests.constructs.support import Synthesised, synthesise, text

ADDRESS = "dmarc@reports.example.com"
KEY_ARN = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-4333-8444-555555555555"


def define(stack: cdk.Stack) -> None:
    reports = DmarcReports(
        stack,
        "Reports",
        rule_set=ActiveReceiptRuleSet(stack, "Rules"),
        address=ADDRESS,
        domains=["Example.com", "example.net"],
        alarm_actions=[SnsAction(sns.Topic(stack, "Trouble"))],
    )
    reports.alarm_on_failures("example.com", percent=2.5)
    reports.alarm_on_failures("example.net", percent=10, least_messages=1)
    reports.grant_query(iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal()))
    dmarc = Dmarc(aggregate_reports=[reports.address])
    for domain in ("example.com", "example.net"):
        DomainIdentity(stack, domain, domain=domain, dns=Dns.manual(), dmarc=dmarc)
    TlsRpt(stack, "Tls", domain="example.com", dns=Dns.manual(), reports=[reports.address])


@pytest.fixture(scope="module")
def made() -> Synthesised:
    return synthesise(define)


def define_own(stack: cdk.Stack) -> None:
    dead_letters = sqs.Queue(stack, "DeadLetters", encryption=sqs.QueueEncryption.SQS_MANAGED)
    queue = sqs.Queue(
        stack,
        "Queue",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        visibility_timeout=cdk.Duration.seconds(1080),
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=3),
    )
    mailbox = InboundMailbox(
        stack,
        "Mailbox",
        rule_set=ActiveReceiptRuleSet(stack, "Rules"),
        recipients=[ADDRESS],
        spam=VerdictPolicy.FLAG,
        prefix="reports/",
    )
    reports = DmarcReports(
        stack,
        "Reports",
        mailbox=mailbox,
        address=ADDRESS,
        domains=["example.com"],
        bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "our-rows"),
        queue=queue,
        dead_letter_queue=dead_letters,
        max_receive_count=3,
        encryption_key=kms.Key.from_key_arn(stack, "Key", KEY_ARN),
        database_name="our_database",
        workgroup_name="our-workgroup",
    )
    reports.grant_query(iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal()))


@pytest.fixture(scope="module")
def own() -> Synthesised:
    return synthesise(define_own)


def statements(made: Synthesised, name: str) -> dict[str, set[str]]:
    """What the policies whose logical ids begin so allow: action by action, the resources as text."""
    found: dict[str, set[str]] = {}
    for logical_id, policy in made.resources("AWS::IAM::Policy").items():
        if not logical_id.startswith(name):
            continue
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            actions, resources = statement["Action"], statement["Resource"]
            for action in [actions] if isinstance(actions, str) else actions:
                for resource in resources if isinstance(resources, list) else [resources]:
                    found.setdefault(action, set()).add(text(resource))
    return found


def tables(made: Synthesised) -> dict[str, Any]:
    inputs = [it["Properties"]["TableInput"] for it in made.resources("AWS::Glue::Table").values()]
    return {it["Name"]: it for it in inputs}


def test_the_address_is_what_the_records_name(made: Synthesised) -> None:
    outputs = json.dumps(made.template["Outputs"])
    assert f"rua=mailto:{ADDRESS}" in outputs
    assert f"v=TLSRPTv1; rua=mailto:{ADDRESS}" in outputs


def test_a_domain_of_another_organisation_is_warned_about_until_it_is_authorised(made: Synthesised) -> None:
    (warning,) = [it for it in made.warnings() if "_report._dmarc" in it]
    assert "example.net._report._dmarc.reports.example.com" in warning

    def authorised(stack: cdk.Stack) -> None:
        define(stack)
        DmarcReportAuthorisation(
            stack,
            "Consent",
            policy_domains=["example.net"],
            report_domain="reports.example.com",
            dns=Dns.manual(),
        )

    assert not [it for it in synthesise(authorised).warnings() if "_report._dmarc" in it]


def test_an_address_at_a_mail_from_domain_would_get_nothing_and_is_refused(stack: cdk.Stack) -> None:
    reports = DmarcReports(
        stack,
        "Reports",
        rule_set=ActiveReceiptRuleSet(stack, "Rules"),
        address="dmarc@bounce.example.com",
        domains=["example.com"],
    )
    dmarc = Dmarc(aggregate_reports=[reports.address])
    with pytest.raises(ValueError, match="must not be at the MAIL FROM domain"):
        DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.manual(), dmarc=dmarc)


def test_spam_is_let_in_and_marked_for_it_would_be_missing_from_the_numbers(made: Synthesised) -> None:
    functions = [it["Properties"] for it in made.resources("AWS::Lambda::Function").values()]
    (policies,) = [it["Environment"]["Variables"] for it in functions if it["Handler"].startswith("inbound.")]
    assert (policies["SPAM_POLICY"], policies["VIRUS_POLICY"]) == ("FLAG", "QUARANTINE")


def test_a_mail_goes_from_the_mailbox_to_the_function_and_what_is_lost_on_the_way_to_the_same_dead_letters(
    made: Synthesised,
) -> None:
    rule = made.properties("AWS::Events::Rule")
    assert rule["EventPattern"]["detail"] == {"mailbox": ["Mail/Reports/Mailbox"]}
    (target,) = rule["Targets"]
    assert text(target["Arn"]).startswith("${ReportsQueue")
    assert text(target["DeadLetterConfig"]["Arn"]).startswith("${ReportsDeadLetterQueue")
    mappings = made.resources("AWS::Lambda::EventSourceMapping")
    (mapping,) = [it["Properties"] for id, it in mappings.items() if id.startswith("ReportsFunction")]
    assert (mapping["BatchSize"], mapping["FunctionResponseTypes"]) == (1, ["ReportBatchItemFailures"])


def test_the_function_may_do_what_it_does_and_nothing_else(made: Synthesised) -> None:
    allowed = statements(made, "ReportsFunction")
    assert {it.rpartition("}")[2] for it in allowed["s3:PutObject"]} == {"/dmarc/*", "/tls/*"}
    assert {it.rpartition("}")[2] for it in allowed["s3:GetObject"]} == {"/parsed/*"}
    assert {it for it in allowed if it.startswith("s3:")} == {"s3:PutObject", "s3:GetObject", "s3:ListBucket"}
    assert all(resource != "*" for resources in allowed.values() for resource in resources)


def test_one_key_encrypts_everything(made: Synthesised) -> None:
    assert len(made.resources("AWS::KMS::Key")) == 1
    for queue in made.resources("AWS::SQS::Queue").values():
        assert "ReportsKey" in json.dumps(queue["Properties"]["KmsMasterKeyId"])
    for bucket in made.resources("AWS::S3::Bucket").values():
        assert "ReportsKey" in json.dumps(bucket["Properties"]["BucketEncryption"])
    results = made.properties("AWS::Athena::WorkGroup")["WorkGroupConfiguration"]["ResultConfiguration"]
    assert results["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"


def test_rows_stay_thirteen_months_and_results_a_week(made: Synthesised) -> None:
    ((_, bucket),) = [it for it in made.resources("AWS::S3::Bucket").items() if it[0].startswith("ReportsBucket")]
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    ages = {it.get("Prefix"): it.get("ExpirationInDays") for it in rules if "ExpirationInDays" in it}
    assert ages == {"dmarc/": 400, "tls/": 400, "results/": 7}
    assert tables(made)["dmarc"]["Parameters"]["projection.day.range"] == "NOW-400DAYS,NOW"


def test_the_tables_describe_json_by_day_and_need_no_crawler(made: Synthesised) -> None:
    for name, table in tables(made).items():
        storage = table["StorageDescriptor"]
        assert {it["Name"]: it["Type"] for it in storage["Columns"]} == TABLES[name]
        assert storage["SerdeInfo"]["SerializationLibrary"] == "org.openx.data.jsonserde.JsonSerDe"
        assert text(storage["Location"]).endswith(f"/{name}/")
        assert table["PartitionKeys"] == [{"Name": "day", "Type": "string"}]
        assert table["Parameters"]["projection.enabled"] == "true"


def test_the_queries_are_saved_in_the_workgroup(made: Synthesised) -> None:
    saved = [it["Properties"] for it in made.resources("AWS::Athena::NamedQuery").values()]
    assert {it["Name"]: it["QueryString"] for it in saved} == {it.name: it.sql for it in QUERIES}


def test_who_may_query_reads_rows_and_no_mail(made: Synthesised) -> None:
    allowed = statements(made, "Analyst")
    assert {it.rpartition("}")[2] for it in allowed["s3:GetObject"]} == {"/dmarc/*", "/tls/*", "/results/*"}
    assert {it.rpartition("}")[2] for it in allowed["s3:PutObject"]} == {"/results/*"}
    assert len([it for it in allowed["glue:GetTable"] if ":table/" in it]) == 2
    assert len(allowed["kms:Decrypt"]) == 1


def test_metrics_are_of_the_named_domains_alone(stack: cdk.Stack) -> None:
    reports = DmarcReports(
        stack, "Reports", rule_set=ActiveReceiptRuleSet(stack, "Rules"), address=ADDRESS, domains=["example.com"]
    )
    passed = reports.metric_passed("EXAMPLE.com")
    assert passed.dimensions == {"Reports": "Mail/Reports", "Domain": "example.com"}
    assert (passed.namespace, passed.metric_name) == ("SesConstructs/DmarcReports", "Passed")
    assert reports.metric_pass_rate("example.com").period.to_days() == 1
    with pytest.raises(ValueError, match="Mail/Reports: domain must be among the domains"):
        reports.metric_messages("example.org")


def test_an_alarm_on_failures_looks_away_on_days_with_few_mails(made: Synthesised) -> None:
    alarms = [it["Properties"] for it in made.resources("AWS::CloudWatch::Alarm").values()]
    of_failures = [it for it in alarms if "failed DMARC" in it["AlarmDescription"]]
    expressions = [next(part["Expression"] for part in it["Metrics"] if "Expression" in part) for it in of_failures]
    assert [(it["Threshold"], it["ComparisonOperator"]) for it in of_failures] == [
        (2.5, "GreaterThanOrEqualToThreshold"),
        (10, "GreaterThanOrEqualToThreshold"),
    ]
    assert expressions == [
        "IF(messages >= 100, 100 * (messages - passed) / messages, 0)",
        "IF(messages >= 1, 100 * (messages - passed) / messages, 0)",
    ]
    assert all(it["AlarmActions"] for it in alarms)


def test_what_the_user_brings_is_used(own: Synthesised) -> None:
    for unwanted in ("AWS::Athena::WorkGroup", "AWS::Glue::Database"):
        assert unwanted not in {it["Type"] for it in own.template["Resources"].values()}
    assert {text(it["StorageDescriptor"]["Location"]) for it in tables(own).values()} == {
        "s3://our-rows/dmarc/",
        "s3://our-rows/tls/",
    }
    assert len(own.resources("AWS::SQS::Queue")) == 4  # two of the mailbox
    allowed = statements(own, "ReportsFunction")
    assert {it.rpartition("}")[2] for it in allowed["s3:GetObject"]} == {"/reports/parsed/*"}
    assert KEY_ARN in allowed["kms:GenerateDataKey"]
    analyst = statements(own, "Analyst")
    assert "s3:PutObject" not in analyst  # results are where the workgroup says
    assert analyst["kms:Decrypt"] == {KEY_ARN}


def build(**arguments: Any) -> Callable[[cdk.Stack], object]:
    def define(stack: cdk.Stack) -> None:
        rules = ActiveReceiptRuleSet(stack, "Rules")
        DmarcReports(
            stack, "Reports", **{"address": ADDRESS, "domains": ["example.com"], "rule_set": rules, **arguments}
        )

    return define


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"address": "Reports <dmarc@example.com>"}, "address must be a plain address"),
        ({"domains": []}, "domains must name at least one"),
        ({"domains": "example.com"}, "domains must be a list"),
        ({"domains": ["example"]}, "domains must have at least two labels"),
        ({"rule_set": None}, "rule_set and mailbox must be one or the other, got 'neither'"),
        ({"retention": cdk.Duration.hours(36)}, "retention must be whole days"),
        ({"scan_limit": cdk.Size.kibibytes(1)}, "scan_limit must be at least 10 MB"),
        ({"scan_limit": cdk.Size.gibibytes(1), "workgroup_name": "ours"}, "scan_limit is for a new workgroup"),
        ({"database_name": "Our-Database"}, "database_name must be 1 to 255 lower-case letters"),
        ({"max_receive_count": 0}, "max_receive_count must be a whole number from 1 to 1,000"),
        ({"removal_policy": cdk.RemovalPolicy.SNAPSHOT}, "removal_policy must be among"),
    ],
)
def test_what_cannot_work_is_refused(stack: cdk.Stack, arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=f"^Mail/Reports: {problem}"):
        build(**arguments)(stack)


def test_resources_that_exclude_each_other_are_refused(stack: cdk.Stack) -> None:
    rules = ActiveReceiptRuleSet(stack, "Rules")
    mailbox = InboundMailbox(stack, "Mailbox", rule_set=rules, recipients=[ADDRESS])
    queue = sqs.Queue(stack, "Queue")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "our-rows")
    other = cdk.Stack(stack, "Other")
    elsewhere = InboundMailbox(other, "Mailbox", rule_set=ActiveReceiptRuleSet(other, "Rules"), recipients=[ADDRESS])
    refused: list[tuple[dict[str, Any], str]] = [
        ({"mailbox": mailbox, "rule_set": rules}, "rule_set and mailbox must be one or the other, got 'both'"),
        ({"mailbox": elsewhere}, "mailbox must be in the same stack"),
        ({"mailbox": mailbox, "queue": queue}, "queue and dead_letter_queue must be given together"),
        ({"mailbox": mailbox, "bucket": bucket, "retention": cdk.Duration.days(1)}, "retention is for a new"),
    ]
    for number, (arguments, problem) in enumerate(refused):
        with pytest.raises(ValueError, match=problem):
            DmarcReports(stack, f"Reports{number}", address=ADDRESS, domains=["example.com"], **arguments)
