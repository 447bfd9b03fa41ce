"""The example of the event lake, deployed by the real CDK CLI, with events of all ten types written into it."""

import io
import json
import re
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
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


def put(lab: Lab, stream: str, records: Iterable[Json]) -> None:
    """Write records as SES does: one document and a newline each."""
    answer = (
        lab.session()
        .client("firehose")
        .put_record_batch(
            DeliveryStreamName=stream, Records=[{"Data": f"{json.dumps(record)}\n".encode()} for record in records]
        )
    )
    assert answer["FailedPutCount"] == 0


def keys(lab: Lab, bucket: str, prefix: str, count: int) -> list[str]:
    def all_there() -> list[str] | None:
        found = lab.session().client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return sorted(it["Key"] for it in found) if len(found) >= count else None

    there = lab.wait_for(all_there, timeout=20, describe=f"{count} objects under {prefix}")
    assert len(there) == count
    return there


def rows(lab: Lab, bucket: str, key: str) -> list[Json]:
    """The events of an object, back in the form in which SES wrote them."""
    body = lab.session().client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return read_back(io.BytesIO(body))


def test_every_event_is_in_its_folder_with_nothing_lost_and_what_does_not_fit_is_kept_as_an_error(
    ses_lab: Lab, outputs: dict[str, str]
) -> None:
    misfit = {"eventType": "Send", "mail": "not an object"}
    put(ses_lab, outputs["StreamName"], [misfit, {"no": "event type"}, *events.all_types()])
    found = keys(ses_lab, outputs["BucketName"], "events/", 10)
    folders = {re.sub(r"events/day=\d{4}-\d\d-\d\d/event_type=(\w+)/.*", r"\1", key) for key in found}
    assert folders == set(schema.EVENT_TYPES)
    after = {event["eventType"]: event for key in found for event in rows(ses_lab, outputs["BucketName"], key)}
    for before in events.all_types():
        assert dict(leaves(after[before["eventType"]])) == dict(leaves(before))
    errors = keys(ses_lab, outputs["BucketName"], "errors/", 2)
    assert [re.sub(r"/day=\d{4}-\d\d-\d\d/.*", "", key) for key in errors] == [
        "errors/format-conversion-failed",
        "errors/processing-failed",
    ]


def test_the_workgroup_has_the_queries_and_its_limits(ses_lab: Lab, outputs: dict[str, str]) -> None:
    athena = ses_lab.session().client("athena")
    ids = athena.list_named_queries(WorkGroup=outputs["WorkgroupName"])["NamedQueryIds"]
    saved = athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
    assert {it["Name"]: it["QueryString"] for it in saved} == {query.name: query.sql for query in QUERIES}
    assert {it["Database"] for it in saved} == {outputs["DatabaseName"]}
    configuration = athena.get_work_group(WorkGroup=outputs["WorkgroupName"])["WorkGroup"]["Configuration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == 2**30


def test_ses_writes_to_the_stream_through_its_role(ses_lab: Lab, outputs: dict[str, str]) -> None:
    answer = (
        ses_lab.session()
        .client("sesv2")
        .get_configuration_set_event_destinations(ConfigurationSetName=outputs["NewsName"])
    )
    (destination,) = answer["EventDestinations"]
    assert destination["Enabled"] is True
    assert set(destination["MatchingEventTypes"]) == set(EventType)
    firehose = destination["KinesisFirehoseDestination"]
    assert firehose["DeliveryStreamArn"].endswith(f":deliverystream/{outputs['StreamName']}")
    role = ses_lab.session().client("iam").get_role(RoleName=firehose["IamRoleArn"].rpartition("/")[2])["Role"]
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
    objects = {
        "events/day=2026-03-30/event_type=Open/shared": [
            events.opened(to=("ann@example.com", "bob@example.com")),
            events.opened(to=("bob@example.com",)),
            events.opened(to=("ann@example.com",)),
        ],
        "events/day=2026-03-30/event_type=Send/hers": [events.send(to=("ANN@example.com",))],
        "events/day=2026-03-30/event_type=Send/spelled": [events.send(to=both)],
    }
    for key, content in objects.items():
        write(tmp_path / "object", content)
        client.upload_file(str(tmp_path / "object"), bucket, key)

    namespace: dict[str, Any] = {}
    (script,) = re.findall(r"```python\n(import io\n.*?)```", (ROOT / "docs/event_lake.md").read_text(), re.DOTALL)
    exec(script, namespace)
    assert namespace["erase"](" ann@example.com", [f"s3://{bucket}/{key}" for key in objects]) == 4

    shared, spelled = keys(ses_lab, bucket, "events/", 2)
    kept = rows(ses_lab, bucket, shared)
    assert [event["mail"]["destination"] for event in kept] == [["erased", "bob@example.com"], ["bob@example.com"]]
    assert [event["open"]["ipAddress"] for event in kept] == ["erased", "203.0.113.9"]
    assert "ann@" not in json.dumps([*kept, *rows(ses_lab, bucket, spelled)]).lower()
    assert dict(leaves(kept[1])) == dict(leaves(events.opened(to=("bob@example.com",))))
    versions = client.list_object_versions(Bucket=bucket).get("Versions", [])
    assert sorted(it["Key"] for it in versions) == [shared, spelled]


def test_a_lake_in_the_users_own_bucket_key_database_and_workgroup_takes_events(ses_lab: Lab, tmp_path: Path) -> None:
    session = ses_lab.session()
    unique = uuid.uuid4().hex[:8]
    bucket, database, workgroup = f"own-{unique}", f"own_{unique}", f"own-{unique}"
    session.client("s3").create_bucket(Bucket=bucket)
    session.client("glue").create_database(DatabaseInput={"Name": database})
    session.client("athena").create_work_group(Name=workgroup)
    key_arn = session.client("kms").create_key()["KeyMetadata"]["Arn"]

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
    SendingConfigurationSet(stack, "News").publish_to_firehose(events=["SEND"], lake=lake)
    cdk.CfnOutput(stack, "StreamName", value=lake.stream.delivery_stream_name)
    app.synth()
    outputs = ses_lab.deploy_assembly(tmp_path / "cdk.out")["OwnLake"]

    put(ses_lab, outputs["StreamName"], [events.send()])
    (key,) = keys(ses_lab, bucket, "events/", 1)
    assert [event["mail"]["messageId"] for event in rows(ses_lab, bucket, key)] == ["m1"]
    assert len(session.client("athena").list_named_queries(WorkGroup=workgroup)["NamedQueryIds"]) == len(QUERIES)
    ses_lab.delete_stack("OwnLake")
    keys(ses_lab, bucket, "events/", 1)  # what is the user's stays


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
