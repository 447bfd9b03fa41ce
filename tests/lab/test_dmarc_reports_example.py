"""The DMARC reports example in the lab: reports come in by SMTP, rows are in S3, and saved queries count them."""

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ses_constructs.lab import Lab
from ses_constructs.receiving.reports.queries import QUERIES
from tests.lab.arriving import bring, write
from tests.lab.test_event_lake import ask
from tests.unit.dmarc_reports.samples import Record, aggregate_report, tls_report

EXAMPLE = Path(__file__).parents[2] / "examples" / "dmarc_reports"
ZONE = "dmarc.example.com"

pytestmark = pytest.mark.lab

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
OURS = Record("192.0.2.1", 90, "pass", "pass", {ZONE: "pass", "amazonses.com": "pass"}, (f"bounce.{ZONE}", "pass"))
FORGERY = Record("203.0.113.66", 10)


@pytest.fixture(scope="module")
def outputs(ses_lab: Lab) -> Iterator[dict[str, str]]:
    context = {"hosted_zone_id": ses_lab.create_hosted_zone(ZONE), "hosted_zone_name": ZONE}
    yield ses_lab.deploy(EXAMPLE, context=context)["DmarcReportsExample"]
    ses_lab.destroy(EXAMPLE, context=context)


def report(lab: Lab, address: str, content: bytes, *, subtype: str, name: str, **fields: str) -> None:
    """Bring a mail with one report: the mail is the file, or has it beside a text, or is a multipart/report."""
    message = write(subject=f"Report Domain: {ZONE} Submitter: receiver.example", **fields)
    if subtype == "zip":
        message.set_content(content, maintype="application", subtype=subtype, disposition="attachment", filename=name)
    else:
        message.add_attachment(content, maintype="application", subtype=subtype, filename=name)
    if subtype == "tlsrpt+gzip":
        message.set_type("multipart/report")
        message.set_param("report-type", "tlsrpt")
    bring(lab, address, message, sender="noreply@sender.example")


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"receiver.example!{ZONE}.xml", content)
    return packed.getvalue()


def rows(lab: Lab, bucket: str, count: int) -> dict[str, list[dict[str, Any]]]:
    """The rows of every object, when there are so many objects."""
    s3 = lab.session().client("s3")

    def stored() -> list[str] | None:
        found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        keys = [it["Key"] for it in found if not it["Key"].startswith("results/")]
        return keys if len(keys) >= count else None

    keys = lab.wait_for(stored, timeout=120, describe=f"{count} objects with rows")
    bodies = {key: gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys}
    return {key: [json.loads(line) for line in body.splitlines()] for key, body in bodies.items()}


def test_before_the_first_report_the_queries_have_no_rows(ses_lab: Lab, outputs: dict[str, str]) -> None:
    for query in QUERIES:
        assert ask(ses_lab, outputs, query.name) == []


def test_reports_of_every_kind_become_rows_and_the_saved_queries_count_them(
    ses_lab: Lab, outputs: dict[str, str]
) -> None:
    address = outputs["Address"]
    older = aggregate_report(YESTERDAY, OURS, FORGERY, domain=ZONE)
    newer = aggregate_report(
        YESTERDAY, OURS, domain=ZONE, reporter="other.example", namespace="urn:ietf:params:xml:ns:dmarc-2.0"
    )
    forged = aggregate_report(YESTERDAY, Record("192.0.2.99", 1_000_000), domain=ZONE, reporter="eve.example")
    tls = tls_report(YESTERDAY, 995, {"certificate-expired": 5}, domain=ZONE)
    report(ses_lab, address, zipped(older), subtype="zip", name="report.zip")
    report(ses_lab, address, gzip.compress(newer), subtype="gzip", name="report.xml.gz", X_Lab_Spam_Verdict="FAIL")
    report(ses_lab, address, gzip.compress(forged), subtype="gzip", name="e.xml.gz", X_Lab_Dmarc_Verdict="FAIL")
    report(ses_lab, address, gzip.compress(tls), subtype="tlsrpt+gzip", name="report.json.gz")

    found = rows(ses_lab, outputs["BucketName"], 4)
    assert sorted(key.rpartition("/")[0] for key in found) == [
        *[f"dmarc/day={YESTERDAY}"] * 3,
        f"tls/day={YESTERDAY}",
    ]
    every = [row for of_report in found.values() for row in of_report]
    assert {row["sent_by"] for row in every} == {"sender.example"}
    assert sorted(row["reporter"] for row in every if not row["authenticated"]) == ["eve.example"]

    def answer(name: str) -> list[list[str | None]]:
        return ask(ses_lab, outputs, name)

    assert answer("pass_rate") == [[ZONE, YESTERDAY, "190", "180", "94.74", "0", "0"]]
    assert answer("sources") == [
        [ZONE, f"amazonses.com, {ZONE}", f"bounce.{ZONE}", "1", "180", "180", "100.0"],
        [ZONE, "", "", "1", "10", "0", "0.0"],
    ]
    assert [it[1:4] for it in answer("failing_sources")] == [["203.0.113.66", "10", "0"]]
    assert answer("forwarders") == []
    ((domain, ready, *_),) = answer("ready_for_quarantine")
    assert (domain, str(ready).lower()) == (ZONE, "false")
    assert [it[0] for it in answer("reporters")] == ["eve.example", "receiver.example", "other.example"]
    assert answer("tls_pass_rate") == [[ZONE, YESTERDAY, "1000", "995", "99.5"]]
    assert [it[2:5] for it in answer("tls_failures")] == [["certificate-expired", f"mx.{ZONE}", "5"]]


def test_a_hostile_report_is_set_aside_with_its_reason_and_the_next_one_is_read(
    ses_lab: Lab, outputs: dict[str, str]
) -> None:
    before = len(rows(ses_lab, outputs["BucketName"], 0))
    address, day = outputs["Address"], "2026-03-02"
    entities = b'<!DOCTYPE f [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><feedback>&b;</feedback>'
    report(ses_lab, address, zipped(b"\0" * 30_000_000), subtype="zip", name="bomb.zip")
    report(ses_lab, address, entities, subtype="xml", name="bomb.xml")
    report(ses_lab, address, b"<html><p>Hello</p></html>", subtype="xml", name="report.xml")
    report(ses_lab, address, b"<" * 30_000_000, subtype="xml", name="large.xml")
    report(ses_lab, address, zipped(aggregate_report(day, OURS, domain=ZONE)), subtype="zip", name="report.zip")
    assert f"dmarc/day={day}" in {key.rpartition("/")[0] for key in rows(ses_lab, outputs["BucketName"], before + 1)}
    sqs = ses_lab.session().client("sqs")
    reasons: list[str] = []

    def parked() -> bool:
        answer = sqs.receive_message(
            QueueUrl=outputs["DeadLetterQueueUrl"], MessageAttributeNames=["All"], MaxNumberOfMessages=10
        )
        reasons.extend(it["MessageAttributes"]["Reason"]["StringValue"] for it in answer.get("Messages", []))
        return len(reasons) == 4

    ses_lab.wait_for(parked, timeout=60, describe="four dead letters")
    assert sorted(reasons) == ["HasDocumentType", "NotAReport", "TooLarge", "TooLarge"]


def test_the_records_name_the_address(ses_lab: Lab, outputs: dict[str, str]) -> None:
    route53 = ses_lab.session().client("route53")
    (zone,) = route53.list_hosted_zones_by_name(DNSName=ZONE, MaxItems="1")["HostedZones"]
    records = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    values = {it["Name"].rstrip("."): it["ResourceRecords"][0]["Value"] for it in records if it["Type"] == "TXT"}
    assert f"rua=mailto:{outputs['Address']}" in values[f"_dmarc.{ZONE}"]
    assert values[f"_smtp._tls.{ZONE}"] == f'"v=TLSRPTv1; rua=mailto:{outputs["Address"]}"'


def test_the_workgroup_has_the_queries(ses_lab: Lab, outputs: dict[str, str]) -> None:
    athena = ses_lab.session().client("athena")
    ids = athena.list_named_queries(WorkGroup=outputs["WorkgroupName"])["NamedQueryIds"]
    saved = athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
    assert {it["Name"] for it in saved} == {query.name for query in QUERIES}
