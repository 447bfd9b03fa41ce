"""What can be seen from outside: logs, metrics, and what is wrong with the settings."""

import json

import pytest

from feedback import handler as handler_module
from tests.handlers.conftest import Pipeline
from tests.handlers.samples import bounce, complaint, raw

HARD = raw(bounce("Permanent", "General", "u1@example.com"))


def test_logs_name_no_address_and_hold_no_body(pipeline: Pipeline, caplog: pytest.LogCaptureFixture) -> None:
    bodies = [
        raw(bounce("Permanent", "General", "Secret.Name@example.com", message_id="0100-abc")),
        raw(bounce("Permanent", "brand.new@example.com", "Secret.Name@example.com")),
        raw(complaint("secret.name@example.com", "secret.name@example.com")),
        raw(bounce("Permanent", "General", "secret.name@@example.com")),
        raw({"eventType": "secret.name@example.com"}),
        '{"secret.name@example.com',
    ]
    pipeline.handle(*bodies)
    written = [json.dumps(record.__dict__, default=str) for record in caplog.records] + [json.dumps(pipeline.printed)]
    assert not [line for line in written if "secret.name" in line.lower() or "example.com" in line.lower()]
    (record,) = [record.__dict__ for record in caplog.records if record.__dict__.get("ses_message_id") == "0100-abc"]
    assert (record["message"], record["sub_type"], len(record["address_hash"])) == ("Suppressed", "General", 16)


def test_an_unknown_sub_type_is_pointed_out(pipeline: Pipeline, caplog: pytest.LogCaptureFixture) -> None:
    pipeline.handle(raw(bounce("Permanent", "SomethingNew", "ann@example.com")), HARD)
    warnings = [record.__dict__ for record in caplog.records if record.levelname == "WARNING"]
    assert [warning["sub_type"] for warning in warnings] == ["SomethingNew"]


def test_metrics_are_in_the_embedded_format(pipeline: Pipeline) -> None:
    pipeline.handle(HARD, HARD, raw(complaint(None, "ann@example.com", sub_type="OnAccountSuppressionList")), "garbage")
    (entry,) = pipeline.printed
    (definition,) = entry["_aws"]["CloudWatchMetrics"]
    assert (definition["Namespace"], definition["Dimensions"]) == ("SesConstructs/Feedback", [["Pipeline"]])
    assert entry["Pipeline"] == "Email-test/Feedback"
    assert pipeline.metrics == {"Suppressed": 3, "Echoes": 1, "Parked": 1}


@pytest.mark.parametrize(
    "name", ["TABLE_NAME", "DEAD_LETTER_QUEUE_URL", "MAX_RECEIVE_COUNT", "ADDRESS_HASH_KEY", "PIPELINE_NAME"]
)
def test_a_missing_setting_is_named(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    handler_module._settings.cache_clear()
    with pytest.raises(RuntimeError, match=name):
        pipeline.handle(HARD)
