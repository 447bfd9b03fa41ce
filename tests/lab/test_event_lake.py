"""The example of the event lake, deployed by the real CDK CLI, with events of all ten types written into it."""

import io
import json
import re
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from ses_constructs import EventLake, EventType, SendingConfigurationSet
from ses_constructs.lab import Lab
from ses_constructs.sending.lake import schema
from ses_constructs.sending.lake.queries import QUERIES
from tests.unit.lake import events
from tests.unit.lake.parquet import leaves, read_back, write

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "event_lake"
STACK = "EventLakeExample"

pytestmark = pytest.mark.lab

Json = dict[str, Any]


@pytest.fixture(scope="module")
def outputs(ses_lab: Lab) -> Iterator[dict[str, str]]:
    yield ses_lab.deploy(EXAMPLE)[STACK]
    ses_lab.delete_stack(STACK)


def objects(lab: Lab, bucket: str, prefix: str = "") -> set[str]:
    found = lab.session().client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {it["Key"] for it in found}


def put(lab: Lab, stream: str, bucket: str, records: Sequence[Json]) -> list[str]:
    """Write records as SES does, one document and a newline each; return the objects that they became."""
    before = objects(lab, bucket)
    answer = (
        lab.session()
        .client("firehose")
        .put_record_batch(
            DeliveryStreamName=stream, Records=[{"Data": f"{json.dumps(record)}\n".encode()} for record in records]
        )
    )
    assert answer["FailedPutCount"] == 0

    def made() -> list[str] | None:
        found = [key for key in objects(lab, bucket) - before if not key.startswith("raw/")]
        return sorted(found) if len(found) >= len(records) else None

    found = lab.wait_for(made, timeout=20, describe=f"{len(records)} objects")
    assert len(found) == len(records)
    return found


def rows(lab: Lab, bucket: str, key: str) -> list[Json]:
    """The events of an object, back in the form in which SES wrote them."""
    body = lab.session().client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return read_back(io.BytesIO(body))


def test_every_event_is_in_its_folder_with_nothing_lost_and_what_does_not_fit_is_kept_as_an_error(
    ses_lab: Lab, outputs: dict[str, str]
) -> None:
    misfit = {"eventType": "Send", "mail": "not an object"}
    records = [misfit, {"no": "event type"}, *events.all_types()]
    found = put(ses_lab, outputs["StreamName"], outputs["BucketName"], records)
    folders = {re.sub(r"/day=\d{4}-\d\d-\d\d/.*", "", key) for key in found if key.startswith("errors/")}
    assert folders == {"errors/format-conversion-failed", "errors/processing-failed"}
    kept = [key for key in found if key.startswith("events/")]
    folders = {re.sub(r"events/day=\d{4}-\d\d-\d\d/event_type=(\w+)/.*", r"\1", key) for key in kept}
    assert folders == set(schema.EVENT_TYPES)
    after = {event["eventType"]: event for key in kept for event in rows(ses_lab, outputs["BucketName"], key)}
    for before in events.all_types():
        assert dict(leaves(after[before["eventType"]])) == dict(leaves(before))


def ask(lab: Lab, outputs: dict[str, str], name: str, *parameters: str) -> list[list[str | None]]:
    """The rows of a saved query, run by its text as a user of Athena would."""
    athena = lab.session().client("athena")
    ids = athena.list_named_queries(WorkGroup=outputs["WorkgroupName"])["NamedQueryIds"]
    saved = {it["Name"]: it for it in athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]}[name]
    execution = athena.start_query_execution(
        QueryString=saved["QueryString"],
        QueryExecutionContext={"Database": saved["Database"]},
        WorkGroup=saved["WorkGroup"],
        **({"ExecutionParameters": list(parameters)} if parameters else {}),
    )["QueryExecutionId"]

    def ended() -> str | None:
        status = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
        return None if status["State"] in ("QUEUED", "RUNNING") else status.get("StateChangeReason") or status["State"]

    assert lab.wait_for(ended, timeout=20, describe="the query") == "SUCCEEDED"
    found = athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
    return [[value.get("VarCharValue") for value in row["Data"]] for row in found[1:]]


def test_the_workgroup_has_the_queries_and_its_limits(ses_lab: Lab, outputs: dict[str, str]) -> None:
    athena = ses_lab.session().client("athena")
    ids = athena.list_named_queries(WorkGroup=outputs["WorkgroupName"])["NamedQueryIds"]
    saved = athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
    assert {it["Name"]: it["QueryString"] for it in saved} == {query.name: query.sql for query in QUERIES}
    assert {it["Database"] for it in saved} == {outputs["DatabaseName"]}
    configuration = athena.get_work_group(WorkGroup=outputs["WorkgroupName"])["WorkGroup"]["Configuration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == 2**30


def test_saved_queries_run_in_the_labs_athena(ses_lab: Lab, outputs: dict[str, str]) -> None:
    now = datetime.now(UTC).isoformat()
    mine = [
        event | {"mail": event["mail"] | {"messageId": "q1", "timestamp": now, "destination": ["zoe@example.org"]}}
        for event in (events.send(), events.bounce("Transient", "MailboxFull", "zoe@example.org"))
    ]
    put(ses_lab, outputs["StreamName"], outputs["BucketName"], mine)
    assert [kind for _, kind, *_ in ask(ses_lab, outputs, "address_history", "'ZOE@example.org'")] == ["Bounce", "Send"]
    assert ["q1"] not in ask(ses_lab, outputs, "message_history", "'unknown'")
    assert ["Transient", "MailboxFull", "example.org", "1"] in ask(ses_lab, outputs, "bounces")
    day, _, sent, *_ = ask(ses_lab, outputs, "delivery_funnel")[0]
    assert (day, sent) == (now[:10], "1")
    for name in ("complaint_rate", "engagement", "slowest_domains"):
        ask(ses_lab, outputs, name)


def test_ses_writes_to_the_stream_through_its_role(ses_lab: Lab, outputs: dict[str, str]) -> None:
    answer = (
        ses_lab.session()
        .client("sesv2")
        .get_configuration_set_event_destinations(ConfigurationSetName=outputs["NewsName"])
    )
    (destination,) = answer["EventDestinations"]
    assert destination["Enabled"] is True
    assert set(destination["MatchingEventTypes"]) == set(EventType)
    target = destination["KinesisFirehoseDestination"]
    assert target["DeliveryStreamArn"].endswith(f":deliverystream/{outputs['StreamName']}")
    role = ses_lab.session().client("iam").get_role(RoleName=target["IamRoleArn"].rpartition("/")[2])["Role"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    source = statement["Condition"]["StringEquals"]["aws:SourceArn"]
    assert source == f"arn:aws:ses:{ses_lab.region}:{ses_lab.account}:configuration-set/{outputs['NewsName']}"


@pytest.mark.parametrize("versioned", [False, True], ids=["without versions", "with versions"])
def test_an_address_is_erased_and_what_concerns_others_stays(
    ses_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versioned: bool
) -> None:
    for name, value in ses_lab.environment().items():
        monkeypatch.setenv(name, value)
    client = ses_lab.session().client("s3")
    bucket = f"lake-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=bucket)
    if versioned:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    both = ("Ann <Ann@example.com>", "bob@example.com")
    content = {
        "events/day=2026-03-30/event_type=Open/shared": [
            events.opened(to=("ann@example.com", "bob@example.com")),
            events.opened(to=("bob@example.com",)),
            events.opened(to=("ann@example.com",)),
        ],
        "events/day=2026-03-30/event_type=Send/hers": [events.send(to=("ANN@example.com",))],
        "events/day=2026-03-30/event_type=Send/spelled": [events.send(to=both)],
    }
    for key, found in content.items():
        write(tmp_path / "object", found)
        client.upload_file(str(tmp_path / "object"), bucket, key)

    namespace: dict[str, Any] = {}
    (script,) = re.findall(r"```python\n(import io\n.*?)```", (ROOT / "docs/event_lake.md").read_text(), re.DOTALL)
    exec(script, namespace)
    assert namespace["erase"](" ann@example.com", [f"s3://{bucket}/{key}" for key in content]) == 4

    shared, spelled = sorted(objects(ses_lab, bucket))
    kept = rows(ses_lab, bucket, shared)
    assert [event["mail"]["destination"] for event in kept] == [["erased", "bob@example.com"], ["bob@example.com"]]
    assert [event["open"]["ipAddress"] for event in kept] == ["erased", "203.0.113.9"]
    assert "ann@" not in json.dumps([*kept, *rows(ses_lab, bucket, spelled)]).lower()
    assert dict(leaves(kept[1])) == dict(leaves(events.opened(to=("bob@example.com",))))
    versions = client.list_object_versions(Bucket=bucket).get("Versions", [])
    assert sorted(it["Key"] for it in versions) == [shared, spelled]


def test_mail_is_in_a_lake_of_the_users_own_bucket_key_database_and_workgroup_and_in_their_own_stream(
    ses_lab: Lab, tmp_path: Path
) -> None:
    session = ses_lab.session()
    unique = uuid.uuid4().hex[:8]
    bucket, database, workgroup, raw = f"own-{unique}", f"own_{unique}", f"own-{unique}", f"raw-{unique}"
    domain = f"own{unique}.example.com"
    session.client("sesv2").create_email_identity(EmailIdentity=domain)
    for name in (bucket, raw):
        session.client("s3").create_bucket(Bucket=name)
    session.client("glue").create_database(DatabaseInput={"Name": database})
    results = {"ResultConfiguration": {"OutputLocation": f"s3://{bucket}/answers/"}}
    session.client("athena").create_work_group(Name=workgroup, Configuration=results)
    key_arn = session.client("kms").create_key()["KeyMetadata"]["Arn"]
    stream_arn = session.client("firehose").create_delivery_stream(
        DeliveryStreamName=f"own-{unique}",
        ExtendedS3DestinationConfiguration={
            "BucketARN": f"arn:aws:s3:::{raw}",
            "RoleARN": f"arn:aws:iam::{ses_lab.account}:role/own-{unique}",
        },
    )["DeliveryStreamARN"]

    app = cdk.App(outdir=str(tmp_path / "cdk.out"))
    stack = cdk.Stack(app, "OwnLake")
    lake = EventLake(
        stack,
        "Lake",
        bucket=s3.Bucket.from_bucket_name(stack, "Bucket", bucket),
        encryption_key=kms.Key.from_key_arn(stack, "Key", key_arn),
        database_name=database,
        workgroup_name=workgroup,
    )
    news = SendingConfigurationSet(stack, "News")
    news.publish_to_firehose(events=["SEND"], lake=lake)
    own_stream = firehose.DeliveryStream.from_delivery_stream_arn(stack, "Stream", stream_arn)
    news.publish_to_firehose("Own", events=["BOUNCE"], stream=own_stream)
    cdk.CfnOutput(stack, "NewsName", value=news.configuration_set_name)
    app.synth()
    outputs = ses_lab.deploy_assembly(tmp_path / "cdk.out")["OwnLake"]

    message_id = session.client("sesv2").send_email(
        FromEmailAddress=f"hello@{domain}",
        Destination={"ToAddresses": ["bounce@simulator.amazonses.com"]},
        Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
        ConfigurationSetName=outputs["NewsName"],
    )["MessageId"]
    (key,) = ses_lab.wait_for(lambda: objects(ses_lab, bucket, "events/"), timeout=20, describe="the event")
    (raw_key,) = ses_lab.wait_for(lambda: objects(ses_lab, raw), timeout=20, describe="the event of the other stream")
    told = {it.event_type: it.document for it in ses_lab.events() if it.message_id == message_id}
    (row,) = rows(ses_lab, bucket, key)
    assert dict(leaves(row)) == dict(leaves(told["Send"]))
    body = session.client("s3").get_object(Bucket=raw, Key=raw_key)["Body"].read()
    assert json.loads(body) == told["Bounce"]
    assert len(session.client("athena").list_named_queries(WorkGroup=workgroup)["NamedQueryIds"]) == len(QUERIES)
    ((_, kind, *_),) = ask(ses_lab, {"WorkgroupName": workgroup}, "message_history", f"'{message_id}'")
    assert kind == "Send"
    ses_lab.delete_stack("OwnLake")
    assert key in objects(ses_lab, bucket)  # what is the user's stays
    assert workgroup in [it["Name"] for it in session.client("athena").list_work_groups()["WorkGroups"]]


def test_the_names_of_tags_travel_with_a_message(ses_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ses_lab.environment().items():
        monkeypatch.setenv(name, value)
    ses = ses_lab.session().client("sesv2")
    ses.create_email_identity(EmailIdentity="tags.example.com")
    ses.create_configuration_set(ConfigurationSetName="tagged")
    namespace: dict[str, Any] = {}
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/tags.md").read_text(), re.DOTALL)
    exec(block, namespace)
    message_id = namespace["send_news"]("news@tags.example.com", "ann@example.com", "tagged", "spring-sale-2026")
    (sent,) = [event for event in ses_lab.events() if event.message_id == message_id and event.event_type == "Send"]
    tags = sent.document["mail"]["tags"]
    assert (tags["stream"], tags["campaign"]) == (["news"], ["spring-sale-2026"])
