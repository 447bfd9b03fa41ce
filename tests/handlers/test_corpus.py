"""Every sample event in the folder that the variable SES_EVENT_CORPUS names, through the handler.

The folder has a table SOURCES.tsv whose column ``wrapper`` says what the transport is, and is not part of the project.
"""

import base64
import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.handlers.conftest import Pipeline
from tests.handlers.samples import Json

FOLDER = Path(os.environ.get("SES_EVENT_CORPUS", ""))
GROUPS = ("event-publishing/", "identity-notifications/", "eventbridge/", "firehose/")

if not os.environ.get("SES_EVENT_CORPUS"):
    pytest.skip("SES_EVENT_CORPUS names no folder of sample events", allow_module_level=True)

COUNTED = {("Transient", "MailboxFull"), ("Undetermined", "Undetermined")}
HARD = {"General", "NoEmail", "Suppressed", "OnAccountSuppressionList", "EmailValidationSuppressed"}
LISTS = {"OnAccountSuppressionList", "OnTenantSuppressionList"}
SPARED = {"not-spam", "auth-failure"}


def samples() -> list[tuple[str, str]]:
    with (FOLDER / "SOURCES.tsv").open() as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    return [(row["file"], row["wrapper"]) for row in rows if row["file"].startswith(GROUPS)]


def bodies(file: str, wrapper: str) -> list[str]:
    """What would lie in the queue."""
    text = (FOLDER / file).read_text()
    match wrapper:
        case "raw" | "sns-http" | "sns-lambda" | "eventbridge":
            return [text]
        case "sqs":
            return [record["body"] for record in json.loads(text)["Records"]]
        case "firehose-ndjson":
            return text.splitlines()
        case "firehose-lambda":
            return [base64.b64decode(record["data"]).decode() for record in json.loads(text)["records"]]
    raise AssertionError(f"{file}: {wrapper} is a wrapper that this test does not know")


def inner(content: Json) -> Json:
    """Take a known sample out of its envelopes, without the code under test."""
    if "Records" in content:
        return inner(content["Records"][0]["Sns"])
    if isinstance(content.get("Message"), str):
        return inner(json.loads(content["Message"]))
    detail: Json = content.get("detail", content)
    return detail


def bare(address: str) -> str:
    return address.rpartition("<")[2].removesuffix(">").strip().lower()


def expected(document: Json) -> Iterator[tuple[tuple[str, str], tuple[str, bool]] | str]:
    """(address, scope) and (status, echo) of each entry, or the reason for the dead-letter queue."""
    kind = document.get("eventType", document.get("notificationType"))
    tenant = document.get("mail", {}).get("tags", {}).get("ses:tenant-name", [None])[0]
    if kind == "Bounce":
        bounce = document["bounce"]
        type, sub_type = bounce["bounceType"], bounce["bounceSubType"]
        if type in ("Transient", "Undetermined"):
            for recipient in bounce["bouncedRecipients"]:
                replied = sub_type == "General" and "status" not in recipient
                if (type, sub_type) in COUNTED or (sub_type == "General" and not replied):
                    yield (bare(recipient["emailAddress"]), "account"), ("WATCHED", False)
            return
        assert type == "Permanent"
        assert sub_type in HARD | LISTS | {"UnsubscribedRecipient"}
        status = "UNSUBSCRIBED" if sub_type == "UnsubscribedRecipient" else "SUPPRESSED"
        recipients = bounce["bouncedRecipients"]
    elif kind == "Complaint":
        complaint = document["complaint"]
        sub_type = complaint.get("complaintSubType")
        if not sub_type and complaint.get("complaintFeedbackType") in SPARED:
            return
        status = "SUPPRESSED"
        recipients = complaint["complainedRecipients"]
    else:
        return
    if sub_type == "OnTenantSuppressionList" and tenant is None:
        yield "MissingTenant"
        return
    scope = f"tenant/{tenant}" if sub_type == "OnTenantSuppressionList" else "account"
    for recipient in recipients:
        yield (bare(recipient["emailAddress"]), scope), (status, sub_type in LISTS)


@pytest.mark.parametrize(("file", "wrapper"), samples())
def test_a_sample_has_the_outcome_that_its_type_calls_for(pipeline: Pipeline, file: str, wrapper: str) -> None:
    queued = bodies(file, wrapper)
    assert queued
    entries = [entry for body in queued for entry in expected(inner(json.loads(body)))]
    assert pipeline.handle(*queued) == []
    ledger = {key: (item["status"], item["echo"]) for key, item in pipeline.ledger().items()}
    assert ledger == dict(entry for entry in entries if not isinstance(entry, str))
    reasons = [attributes["Reason"] for _, attributes in pipeline.dead_letters()]
    assert reasons == [entry for entry in entries if isinstance(entry, str)]


def test_all_samples_in_one_batch_leave_what_they_leave_one_by_one(pipeline: Pipeline) -> None:
    queued = [body for file, wrapper in samples() for body in bodies(file, wrapper)]
    for body in queued:
        assert pipeline.handle(body) == []
    one_by_one = {key: {**item, "version": 0} for key, item in pipeline.ledger().items()}
    for address, scope in one_by_one:
        pipeline.table.delete_item(Key={"address": address, "scope": scope})
    assert pipeline.handle(*reversed(queued)) == []
    assert {key: {**item, "version": 0} for key, item in pipeline.ledger().items()} == one_by_one
    assert one_by_one
