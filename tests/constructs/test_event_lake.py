import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk.aws_cloudwatch_actions import SnsAction

from ses_constructs import EventLake, EventType, SendingConfigurationSet
from ses_constructs.sending.lake import schema
from tests.constructs.support import Synthesised, synthesise, text

DOCUMENT = Path(__file__).parents[2] / "docs" / "event_lake.md"
KEY_ARN = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-4333-8444-555555555555"


def define(stack: cdk.Stack) -> None:
    topic = sns.Topic(stack, "Trouble")
    lake = EventLake(stack, "Lake", keep_raw=True, alarm_actions=[SnsAction(topic)])
    for name in ("Receipts", "News"):
        SendingConfigurationSet(stack, name).publish_to_firehose(events=list(EventType), lake=lake)
    lake.grant_query(iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal()))


@pytest.fixture(scope="module")
def made() -> Synthesised:
    return synthesise(define)


def define_own(stack: cdk.Stack) -> None:
    lake = EventLake(
        stack,
        "Lake",
        bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "our-events"),
        encryption_key=kms.Key.from_key_arn(stack, "Key", KEY_ARN),
        database_name="our_database",
        workgroup_name="our-workgroup",
    )
    lake.grant_query(iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal()))


@pytest.fixture(scope="module")
def own() -> Synthesised:
    return synthesise(define_own)


def destination(made: Synthesised) -> dict[str, Any]:
    found: dict[str, Any] = made.properties("AWS::KinesisFirehose::DeliveryStream")[
        "ExtendedS3DestinationConfiguration"
    ]
    return found


def statements(made: Synthesised, name: str) -> list[dict[str, Any]]:
    """Statements of the one policy whose logical id begins so, each ARN as text."""
    policies = made.resources("AWS::IAM::Policy")
    (policy,) = [it for logical_id, it in policies.items() if logical_id.startswith(name)]
    found = []
    for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        found.append(
            {
                "actions": [actions] if isinstance(actions, str) else actions,
                "resources": [text(resource) for resource in resources],
                "conditions": statement.get("Condition", {}),
            }
        )
    return found


def allowed(made: Synthesised, name: str, service: str) -> dict[str, set[str]]:
    """Each resource of a service, with the actions that are allowed on it."""
    found: dict[str, set[str]] = {}
    for statement in statements(made, name):
        for resource in statement["resources"]:
            actions = {action for action in statement["actions"] if action.startswith(f"{service}:")}
            if actions:
                found.setdefault(resource, set()).update(actions)
    return found


def test_ses_may_write_to_the_stream_for_its_configuration_set_and_do_nothing_else(made: Synthesised) -> None:
    roles = {name: it["Properties"] for name, it in made.resources("AWS::IAM::Role").items() if "Firehose" in name}
    assert len(roles) == 2
    for name, role in roles.items():
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "ses.amazonaws.com"}
        condition = trust["Condition"]["StringEquals"]
        assert condition["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
        (configuration_set,) = [
            logical_id
            for logical_id in made.resources("AWS::SES::ConfigurationSet")
            if name.startswith(logical_id[:-8])
        ]
        assert text(condition["aws:SourceArn"]).endswith(f":configuration-set/${{{configuration_set}}}")
        # In the role itself, so that it cannot come after the destination that needs it.
        (policy,) = role["Policies"]
        (stream,) = made.resources("AWS::KinesisFirehose::DeliveryStream")
        assert policy["PolicyDocument"]["Statement"] == [
            {
                "Action": "firehose:PutRecordBatch",
                "Effect": "Allow",
                "Resource": {"Fn::GetAtt": [stream, "Arn"]},
            }
        ]


def test_both_configuration_sets_publish_every_event_to_the_one_stream(made: Synthesised) -> None:
    destinations = made.resources("AWS::SES::ConfigurationSetEventDestination").values()
    assert len(destinations) == 2
    for it in destinations:
        properties = it["Properties"]["EventDestination"]
        assert properties["Enabled"] is True
        assert len(properties["MatchingEventTypes"]) == 10
        assert "DeliveryStreamARN" in properties["KinesisFirehoseDestination"]


def test_the_stream_may_be_made_only_when_its_role_may_do_its_work(made: Synthesised) -> None:
    depends = made.only("AWS::KinesisFirehose::DeliveryStream")["DependsOn"]
    assert any(name.startswith("LakeStreamPolicy") for name in depends)


def test_the_stream_writes_events_errors_and_raw_copies_and_deletes_nothing(made: Synthesised) -> None:
    (bucket,) = made.resources("AWS::S3::Bucket")
    objects = {"s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"}
    assert allowed(made, "LakeStreamPolicy", "s3") == {
        f"${{{bucket}.Arn}}": {"s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"},
        f"${{{bucket}.Arn}}/events/*": objects,
        f"${{{bucket}.Arn}}/errors/*": objects,
        f"${{{bucket}.Arn}}/raw/*": objects,
    }


def test_the_folders_are_day_and_event_type_without_a_blank(made: Synthesised) -> None:
    stream = destination(made)
    assert stream["Prefix"] == "events/day=!{timestamp:yyyy-MM-dd}/event_type=!{partitionKeyFromQuery:event_type}/"
    assert stream["ErrorOutputPrefix"] == "errors/!{firehose:error-output-type}/day=!{timestamp:yyyy-MM-dd}/"
    (processor,) = stream["ProcessingConfiguration"]["Processors"]
    parameters = {it["ParameterName"]: it["ParameterValue"] for it in processor["Parameters"]}
    assert parameters == {
        "MetadataExtractionQuery": '{event_type: .eventType | gsub(" "; "")}',
        "JsonParsingEngine": "JQ-1.6",
    }
    assert stream["BufferingHints"]["SizeInMBs"] >= 64  # or Firehose refuses folders and conversion


def test_json_keys_keep_their_case_and_every_column_finds_its_key(made: Synthesised) -> None:
    conversion = destination(made)["DataFormatConversionConfiguration"]
    json_ = conversion["InputFormatConfiguration"]["Deserializer"]["OpenXJsonSerDe"]
    assert json_["CaseInsensitive"] is False
    columns = made.properties("AWS::Glue::Table")["TableInput"]["StorageDescriptor"]["Columns"]
    found = {json_["ColumnToJsonKeyMappings"].get(it["Name"], it["Name"]) for it in columns}
    assert found == set(schema.EVENT)


def test_partitions_need_no_crawler_and_reach_back_as_far_as_the_events_are_kept(made: Synthesised) -> None:
    table = made.properties("AWS::Glue::Table")["TableInput"]
    assert [it["Name"] for it in table["PartitionKeys"]] == ["day", "event_type"]
    assert table["Parameters"]["projection.enabled"] == "true"
    assert table["Parameters"]["projection.day.range"] == "NOW-400DAYS,NOW"
    assert "RenderingFailure" in table["Parameters"]["projection.event_type.values"].split(",")
    rules = made.properties("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    kept = {it["Prefix"]: it["ExpirationInDays"] for it in rules if "Prefix" in it}
    assert kept == {"events/": 400, "errors/": 30, "raw/": 30, "results/": 7}


def test_everything_is_encrypted_with_one_key_and_the_bucket_is_closed(made: Synthesised) -> None:
    (key,) = made.resources("AWS::KMS::Key")
    arn = {"Fn::GetAtt": [key, "Arn"]}
    stream = made.properties("AWS::KinesisFirehose::DeliveryStream")
    assert stream["DeliveryStreamEncryptionConfigurationInput"] == {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": arn}
    assert destination(made)["EncryptionConfiguration"]["KMSEncryptionConfig"]["AWSKMSKeyARN"] == arn
    result = made.properties("AWS::Athena::WorkGroup")["WorkGroupConfiguration"]["ResultConfiguration"]
    assert result["EncryptionConfiguration"] == {"EncryptionOption": "SSE_KMS", "KmsKey": arn}
    bucket = made.properties("AWS::S3::Bucket")
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert "VersioningConfiguration" not in bucket  # in a version an erased address would live on
    (tls,) = made.properties("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_data_and_their_key_stay_unless_the_user_says_otherwise(made: Synthesised) -> None:
    for kind in ("AWS::S3::Bucket", "AWS::KMS::Key"):
        assert made.only(kind)["DeletionPolicy"] == "RetainExceptOnCreate"
    destroyed = synthesise(lambda stack: EventLake(stack, "Lake", removal_policy=cdk.RemovalPolicy.DESTROY))
    for kind in ("AWS::S3::Bucket", "AWS::KMS::Key"):
        assert destroyed.only(kind)["DeletionPolicy"] == "Delete"
    assert "Custom::SesEmptyBucket" not in {it["Type"] for it in made.template["Resources"].values()}
    (emptying,) = destroyed.resources("Custom::SesEmptyBucket")
    for writer in ("AWS::KinesisFirehose::DeliveryStream", "AWS::Athena::WorkGroup"):
        assert emptying in destroyed.only(writer)["DependsOn"]  # so it is gone when the bucket is emptied


def test_whoever_may_query_reads_events_and_writes_results_and_nothing_else(made: Synthesised) -> None:
    (bucket,) = made.resources("AWS::S3::Bucket")
    writing = {"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}
    assert allowed(made, "AnalystDefaultPolicy", "s3") == {
        f"${{{bucket}.Arn}}": {"s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"},
        f"${{{bucket}.Arn}}/events/*": {"s3:GetObject"},
        f"${{{bucket}.Arn}}/results/*": {"s3:GetObject", *writing},
    }
    (listing,) = [it for it in statements(made, "AnalystDefaultPolicy") if "s3:ListBucket" in it["actions"]]
    assert listing["conditions"] == {"StringLike": {"s3:prefix": ["events/*", "results/*"]}}
    ((workgroup, actions),) = allowed(made, "AnalystDefaultPolicy", "athena").items()
    assert workgroup.endswith(f":workgroup/${{{next(iter(made.resources('AWS::Athena::WorkGroup')))}}}")
    assert "athena:StartQueryExecution" in actions
    assert not any(action.startswith(("athena:Create", "athena:Delete", "athena:Update")) for action in actions)


def test_each_fault_has_an_alarm_that_tells_somebody(made: Synthesised) -> None:
    found = [it["Properties"] for it in made.resources("AWS::CloudWatch::Alarm").values()]
    (topic,) = made.resources("AWS::SNS::Topic")
    assert all(it["AlarmActions"] == [{"Ref": topic}] for it in found)
    alarms = {it["MetricName"]: it for it in found if "MetricName" in it}
    assert set(alarms) == {
        "DeliveryToS3.Success",
        "DeliveryToS3.DataFreshness",
        "FailedConversion.Records",
        "IncomingLogEvents",
        "ThrottledRecords",
    }
    # Without its key the stream takes nothing at all, and none of the others sees it.
    (faults,) = [it["Metrics"] for it in found if "Metrics" in it]
    names = {it["MetricStat"]["Metric"]["MetricName"] for it in faults if "MetricStat" in it}
    assert names == {"KMSKeyAccessDenied", "KMSKeyDisabled", "KMSKeyInvalidState", "KMSKeyNotFound"}
    assert [it["Expression"] for it in faults if "Expression" in it] == ["SUM(METRICS())"]
    assert alarms["DeliveryToS3.Success"]["ComparisonOperator"] == "LessThanThreshold"
    (log_group,) = made.resources("AWS::Logs::LogGroup")
    assert destination(made)["CloudWatchLoggingOptions"]["LogGroupName"] == {"Ref": log_group}
    assert alarms["IncomingLogEvents"]["Dimensions"] == [{"Name": "LogGroupName", "Value": {"Ref": log_group}}]


def test_the_users_own_bucket_key_database_and_workgroup_are_used_and_none_is_made(own: Synthesised) -> None:
    kinds = {it["Type"] for it in own.template["Resources"].values()}
    assert not kinds & {"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Glue::Database", "AWS::Athena::WorkGroup"}
    assert text(destination(own)["BucketARN"]) == "arn:${AWS::Partition}:s3:::our-events"
    assert own.properties("AWS::Glue::Table")["DatabaseName"] == "our_database"
    queries = own.resources("AWS::Athena::NamedQuery").values()
    assert {it["Properties"]["WorkGroup"] for it in queries} == {"our-workgroup"}
    bucket = "arn:${AWS::Partition}:s3:::our-events"
    assert f"{bucket}/events/*" in allowed(own, "LakeStreamPolicy", "s3")
    assert allowed(own, "LakeStreamPolicy", "kms") == {KEY_ARN: {"kms:Decrypt", "kms:GenerateDataKey"}}
    # Where a workgroup of theirs puts results is not known here.
    assert allowed(own, "AnalystDefaultPolicy", "s3") == {
        bucket: {"s3:GetBucketLocation", "s3:ListBucket"},
        f"{bucket}/events/*": {"s3:GetObject"},
    }
    assert allowed(own, "AnalystDefaultPolicy", "kms") == {KEY_ARN: {"kms:Decrypt"}}


def test_the_key_of_the_users_bucket_is_found_there(stack: cdk.Stack) -> None:
    key = kms.Key(stack, "Key")
    bucket = s3.Bucket(stack, "Bucket", encryption_key=key)
    assert EventLake(stack, "Lake", bucket=bucket).encryption_key.key_arn == key.key_arn


def test_a_destination_without_stream_and_lake_makes_a_lake(stack: cdk.Stack) -> None:
    made = SendingConfigurationSet(stack, "News").publish_to_firehose(events=["SEND"])
    assert made.lake is not None
    assert made.stream.delivery_stream_arn == made.lake.stream.delivery_stream_arn


def test_a_stream_of_the_user_takes_the_place_of_the_lake() -> None:
    arn = "arn:aws:firehose:eu-west-1:111122223333:deliverystream/ours"

    def publish(stack: cdk.Stack) -> None:
        stream = firehose.DeliveryStream.from_delivery_stream_arn(stack, "Stream", arn)
        SendingConfigurationSet(stack, "News").publish_to_firehose(events=["SEND"], stream=stream)

    made = synthesise(publish)
    event_destination = made.properties("AWS::SES::ConfigurationSetEventDestination")["EventDestination"]
    assert event_destination["KinesisFirehoseDestination"]["DeliveryStreamARN"] == arn
    assert made.properties("AWS::IAM::Role")["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"] == arn
    assert "AWS::S3::Bucket" not in {it["Type"] for it in made.template["Resources"].values()}


def test_a_stream_that_ses_cannot_write_to_is_refused(stack: cdk.Stack) -> None:
    stream = firehose.DeliveryStream(
        stack,
        "Stream",
        source=firehose.KinesisStreamSource(kinesis.Stream(stack, "Source")),
        destination=firehose.S3Bucket(s3.Bucket(stack, "Bucket")),
    )
    with pytest.raises(ValueError, match=r"Mail/News: stream of Firehose must be .* written to directly"):
        SendingConfigurationSet(stack, "News").publish_to_firehose(events=["SEND"], stream=stream)


def test_a_stream_and_a_lake_exclude_each_other(stack: cdk.Stack) -> None:
    lake = EventLake(stack, "Lake")
    with pytest.raises(ValueError, match="stream and lake of Firehose exclude each other"):
        SendingConfigurationSet(stack, "News").publish_to_firehose(events=["SEND"], stream=lake.stream, lake=lake)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"retention": cdk.Duration.hours(36)}, "retention must be whole days, at least one, got"),
        ({"retention": cdk.Duration.days(0)}, "retention must be whole days, at least one, got"),
        ({"buffering_interval": cdk.Duration.seconds(59)}, "buffering_interval must be 60 to 900 seconds, got 59"),
        ({"buffering_interval": cdk.Duration.seconds(901)}, "buffering_interval must be 60 to 900 seconds, got 901"),
        ({"freshness_threshold": cdk.Duration.minutes(15)}, "freshness_threshold must be longer than"),
        ({"scan_limit": cdk.Size.mebibytes(9)}, "scan_limit must be at least 10 MB, got"),
        ({"scan_limit": cdk.Size.gibibytes(1), "workgroup_name": "ours"}, "scan_limit is for a new workgroup"),
        ({"removal_policy": cdk.RemovalPolicy.SNAPSHOT}, "removal_policy must be among"),
        ({"database_name": "Our-Database"}, "database_name must be 1 to 255 lower-case letters, digits and _, got"),
    ],
)
def test_what_aws_would_refuse_is_refused_with_the_value(given: dict[str, Any], message: str) -> None:
    stack = cdk.Stack(cdk.App(), "Mail")
    with pytest.raises(ValueError, match=f"Mail/Lake: {message}"):
        EventLake(stack, "Lake", **given)


def test_the_retention_of_the_users_bucket_is_theirs(stack: cdk.Stack) -> None:
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "ours")
    with pytest.raises(ValueError, match="retention is for a new bucket; yours has a life cycle of its own, got"):
        EventLake(stack, "Lake", bucket=bucket, retention=cdk.Duration.days(10))


@pytest.mark.parametrize(
    ("alias", "rule"),
    [("alias/aws/s3", "must be a customer managed key"), ("alias/ours", "must be a key, not its alias")],
)
def test_a_key_on_which_nothing_can_be_granted_is_refused(stack: cdk.Stack, alias: str, rule: str) -> None:
    key = kms.Alias.from_alias_name(stack, "Key", alias)
    with pytest.raises(ValueError, match=f"Mail/Lake: encryption_key {rule}"):
        EventLake(stack, "Lake", encryption_key=key)


def test_values_that_are_known_only_at_deployment_are_let_through(stack: cdk.Stack) -> None:
    days = cdk.CfnParameter(stack, "Days", type="Number")
    name = cdk.CfnParameter(stack, "Database")
    lake = EventLake(
        stack, "Lake", retention=cdk.Duration.days(days.value_as_number), database_name=name.value_as_string
    )
    parameters = stack.resolve(lake.table.table_input)["parameters"]
    assert parameters["projection.day.range"] == {"Fn::Join": ["", ["NOW-", {"Ref": "Days"}, "DAYS,NOW"]]}


def test_the_app_of_the_documentation_is_synthesised() -> None:
    (block,) = re.findall(r"```python\n(import aws_cdk.*?)```", DOCUMENT.read_text(), re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(block, namespace)
    assert isinstance(namespace["lake"], EventLake)


def test_two_lakes_live_side_by_side(stack: cdk.Stack) -> None:
    one, two = EventLake(stack, "One"), EventLake(stack, "Two")
    assert stack.resolve(one.workgroup_name) != stack.resolve(two.workgroup_name)


def test_a_program_without_a_lake_loads_nothing_of_firehose() -> None:
    code = (
        "import sys, aws_cdk\n"
        "from ses_constructs import SendingConfigurationSet\n"
        "SendingConfigurationSet(aws_cdk.Stack(aws_cdk.App(), 'Mail'), 'News').publish_to_sns(events=['SEND'])\n"
        "loaded = {'aws_kinesisfirehose', 'aws_athena', 'aws_glue', 'aws_ec2'} & "
        "{name.removeprefix('aws_cdk.') for name in sys.modules}\n"
        "sys.exit(repr(loaded) if loaded else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
