"""Templates in the lab: what is filled in, and what a Rendering Failure tells."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.lab.stage import Stage

pytestmark = pytest.mark.lab

FAVOURITES = "{{#if names}}{{#each names}}[{{@index}} {{this}}]{{/each}}{{else}}none{{/if}}"


@pytest.fixture
def template(stage: Stage) -> str:
    name = f"template-{stage.configuration_set}"
    stage.client("sesv2").create_email_template(
        TemplateName=name,
        TemplateContent={
            "Subject": "Hello, {{user.name}}",
            "Text": f"Likes {FAVOURITES}",
            "Html": "<b>{{user.name}}</b>",
        },
    )
    return name


def send(stage: Stage, template: str, data: dict[str, Any]) -> str:
    sent = stage.client("sesv2").send_email(
        FromEmailAddress=stage.sender,
        Destination={"ToAddresses": ["somebody@example.net"]},
        Content={"Template": {"TemplateName": template, "TemplateData": json.dumps(data)}},
        ConfigurationSetName=stage.configuration_set,
    )
    return str(sent["MessageId"])


def raw(stage: Stage, message_id: str) -> str:
    return next(it.raw.decode() for it in stage.lab.messages() if it.message_id == message_id)


def test_variables_conditions_and_lists_are_filled_in(stage: Stage, template: str) -> None:
    text = raw(stage, send(stage, template, {"user": {"name": "Ann & Bo"}, "names": ["red", "blue"]}))
    assert "Subject: Hello, Ann & Bo" in text
    assert "Likes [0 red][1 blue]" in text
    assert "<b>Ann & Bo</b>" in text  # SES escapes nothing
    assert "Likes none" in raw(stage, send(stage, template, {"user": {"name": "Ann"}}))


def test_missing_data_is_a_rendering_failure_after_a_successful_call(stage: Stage, template: str) -> None:
    stage.publish("RENDERING_FAILURE")
    stage.received(1)
    message_id = send(stage, template, {"names": []})
    (envelope,) = stage.received(1)
    document = json.loads(envelope["Message"])
    assert document["eventType"] == "Rendering Failure"
    assert document["failure"] == {
        "errorMessage": "Attribute 'user.name' is not present in the rendering data.",
        "templateName": template,
    }
    assert document["mail"]["messageId"] == message_id
    assert not document["mail"].keys() & {"headers", "commonHeaders"}
    assert stage.types(message_id, 1) == ["Rendering Failure"]
    assert not [it for it in stage.lab.messages() if it.message_id == message_id]


def test_bulk_sends_are_one_message_an_entry_with_tags_of_their_own(stage: Stage, template: str) -> None:
    def entry(name: str, data: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
        entry: dict[str, Any] = {"Destination": {"ToAddresses": [f"{name}@example.net"]}, **more}
        if data is not None:
            replacement = {"ReplacementTemplateData": json.dumps(data)}
            entry["ReplacementEmailContent"] = {"ReplacementTemplate": replacement}
        return entry

    answer = stage.client("sesv2").send_bulk_email(
        FromEmailAddress=stage.sender,
        DefaultContent={"Template": {"TemplateName": template, "TemplateData": '{"user": {"name": "Friend"}}'}},
        DefaultEmailTags=[{"Name": "campaign", "Value": "autumn"}],
        BulkEmailEntries=[
            entry("a", None),
            entry("b", {"user": {"name": "Bo"}}, ReplacementTags=[{"Name": "campaign", "Value": "winter"}]),
            entry("c", {"other": 1}),
            {"Destination": {"ToAddresses": ["nobody"]}},
        ],
        ConfigurationSetName=stage.configuration_set,
    )
    results = answer["BulkEmailEntryResults"]
    assert [it["Status"] for it in results] == ["SUCCESS", "SUCCESS", "SUCCESS", "INVALID_PARAMETER"]
    first, second, failed = (it["MessageId"] for it in results[:3])
    messages = {it.message_id: it for it in stage.lab.messages()}
    assert b"Hello, Friend" in messages[first].raw
    assert b"Hello, Bo" in messages[second].raw
    assert [messages[it].tags["campaign"] for it in (first, second)] == [["autumn"], ["winter"]]
    assert stage.types(failed, 1) == ["Rendering Failure"]


def test_api_v1_sends_templates_alike(stage: Stage, template: str) -> None:
    ses = stage.client("ses")
    options = {"Source": stage.sender, "Template": template, "ConfigurationSetName": stage.configuration_set}
    destination = {"ToAddresses": ["somebody@example.net"]}
    sent = ses.send_templated_email(Destination=destination, TemplateData='{"user": {"name": "Ann"}}', **options)
    assert "Hello, Ann" in raw(stage, sent["MessageId"])
    failed = ses.send_templated_email(Destination=destination, TemplateData="{}", **options)
    assert stage.types(failed["MessageId"], 1) == ["Rendering Failure"]
    bulk = ses.send_bulk_templated_email(
        DefaultTemplateData="{}",
        Destinations=[
            {"Destination": destination, "ReplacementTemplateData": '{"user": {"name": "Bo"}}'},
            {"Destination": destination},
        ],
        **options,
    )["Status"]
    assert [it["Status"] for it in bulk] == ["Success", "Success"]
    assert "Hello, Bo" in raw(stage, bulk[0]["MessageId"])
    assert stage.types(bulk[1]["MessageId"], 1) == ["Rendering Failure"]


def test_a_test_rendering_shows_the_message_or_the_missing_attribute(stage: Stage, template: str) -> None:
    v1, v2 = stage.client("ses"), stage.client("sesv2")
    data = '{"user": {"name": "Ann"}}'
    assert "Hello, Ann" in v2.test_render_email_template(TemplateName=template, TemplateData=data)["RenderedTemplate"]
    assert "Hello, Ann" in v1.test_render_template(TemplateName=template, TemplateData=data)["RenderedTemplate"]
    missing = r"Attribute 'user\.name' is not present"
    with pytest.raises(v2.exceptions.BadRequestException, match=missing):
        v2.test_render_email_template(TemplateName=template, TemplateData="{}")
    with pytest.raises(v1.exceptions.MissingRenderingAttributeException, match=missing):
        v1.test_render_template(TemplateName=template, TemplateData="{}")


def test_a_template_that_is_not_there_and_data_that_is_no_json_are_refused(stage: Stage, template: str) -> None:
    with pytest.raises(ClientError, match="does not exist"):
        send(stage, "nowhere", {})
    with pytest.raises(ClientError, match="not valid JSON"):
        stage.client("sesv2").test_render_email_template(TemplateName=template, TemplateData="{")
