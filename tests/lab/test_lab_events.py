"""What the lab's SES makes of messages, against what AWS documents and what real accounts were seen to emit."""

import json
import os
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.lab.stage import Stage, create_stack

pytestmark = pytest.mark.lab

# The test file of https://www.eicar.org, in two parts so that no scanner takes this file for it.
EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@pytest.mark.parametrize(
    ("local", "events"),
    [
        ("success", ["Send", "Delivery"]),
        ("bounce", ["Send", "Bounce"]),
        ("ooto", ["Send", "Delivery", "Bounce"]),
        ("complaint", ["Send", "Delivery", "Complaint"]),
        ("suppressionlist", ["Send", "Bounce"]),
    ],
)
@pytest.mark.parametrize("label", ["", "+a-label"])
def test_the_mailbox_simulator_does_what_it_does_on_aws(
    stage: Stage, local: str, label: str, events: list[str]
) -> None:
    message_id = stage.send(f"{local}{label}@simulator.amazonses.com")
    assert stage.types(message_id, len(events)) == events


def test_one_bounce_event_tells_of_all_recipients_of_a_request(stage: Stage) -> None:
    message_id = stage.send(*(f"bounce+{number}@simulator.amazonses.com" for number in (1, 2)), "success@example.net")
    assert stage.types(message_id, 3) == ["Send", "Delivery", "Bounce"]
    (bounce,) = [it for it in stage.lab.events() if it.message_id == message_id and it.event_type == "Bounce"]
    addresses = [it["emailAddress"] for it in bounce.document["bounce"]["bouncedRecipients"]]
    assert addresses == ["bounce+1@simulator.amazonses.com", "bounce+2@simulator.amazonses.com"]


def test_a_message_with_a_virus_is_accepted_and_then_rejected(stage: Stage) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = stage.sender, "somebody@example.net", "Invoice"
    message.set_content("See attachment.")
    message.add_attachment(EICAR.encode(), maintype="application", subtype="octet-stream", filename="invoice.exe")
    ses = stage.client("sesv2")
    sent = ses.send_email(Content={"Raw": {"Data": message.as_bytes()}})
    assert stage.types(sent["MessageId"], 2) == ["Send", "Reject"]


# Events


def test_creating_a_destination_tells_the_topic_in_plain_text(stage: Stage) -> None:
    stage.publish("SEND")
    (envelope,) = stage.received(1)
    assert envelope["Message"] == "Successfully validated SNS topic for Amazon SES event publishing."


def test_only_the_wanted_events_are_published_with_subject_and_final_newline(stage: Stage) -> None:
    stage.publish("BOUNCE")
    stage.received(1)
    stage.send("bounce@simulator.amazonses.com")
    (envelope,) = stage.received(1)
    assert envelope["Subject"] == "Amazon SES Email Event Notification"
    assert envelope["Message"].endswith("}\n")
    assert json.loads(envelope["Message"])["eventType"] == "Bounce"


def test_tags_come_from_parameters_or_headers_and_the_parameters_replace(stage: Stage) -> None:
    message_id = stage.send("somebody@example.net", EmailTags=[{"Name": "campaign", "Value": "autumn"}])
    stage.types(message_id, 2)
    document = next(it.document for it in stage.lab.events() if it.message_id == message_id)
    tags = document["mail"]["tags"]
    assert tags["campaign"] == ["autumn"]
    assert tags["ses:configuration-set"] == [stage.configuration_set]
    assert tags["ses:from-domain"] == [stage.domain]

    raw = f"From: {stage.sender}\r\nTo: a@example.net\r\nX-SES-MESSAGE-TAGS: one=1, two=2\r\nSubject: s\r\n\r\nHello"
    ses = stage.client("sesv2")
    by_header = ses.send_email(Content={"Raw": {"Data": raw.encode()}})["MessageId"]
    replaced = ses.send_email(Content={"Raw": {"Data": raw.encode()}}, EmailTags=[{"Name": "three", "Value": "3"}])[
        "MessageId"
    ]
    messages = {it.message_id: it for it in stage.lab.messages()}
    assert (messages[by_header].tags["one"], messages[by_header].tags["two"]) == (["1"], ["2"])
    assert "one" not in messages[replaced].tags
    assert messages[replaced].tags["three"] == ["3"]
    assert b"X-SES-MESSAGE-TAGS" not in messages[by_header].raw


def test_mail_of_a_tenant_is_tagged_with_its_name_and_an_unknown_tenant_is_refused(stage: Stage) -> None:
    ses, tenant = stage.client("sesv2"), f"tenant-{stage.configuration_set}"
    ses.create_tenant(TenantName=tenant)
    raw = f"From: {stage.sender}\r\nTo: a@example.net\r\nX-SES-TENANT: {tenant}\r\nSubject: s\r\n\r\nHello"
    by_header = ses.send_email(Content={"Raw": {"Data": raw.encode()}})["MessageId"]
    messages = {it.message_id: it for it in stage.lab.messages()}
    assert messages[by_header].tags["ses:tenant-name"] == [tenant]
    assert b"X-SES-TENANT" not in messages[by_header].raw
    message_id = stage.send("somebody@example.net", TenantName=tenant)
    assert next(it.tags for it in stage.lab.messages() if it.message_id == message_id)["ses:tenant-name"] == [tenant]
    with pytest.raises(ses.exceptions.NotFoundException, match="Tenant <nowhere> does not exist"):
        stage.send("somebody@example.net", TenantName="nowhere")


def test_the_identitys_default_configuration_set_is_used_when_none_is_named(stage: Stage) -> None:
    domain = f"default.{stage.domain}"
    identity = {
        "Type": "AWS::SES::EmailIdentity",
        "Properties": {
            "EmailIdentity": domain,
            "ConfigurationSetAttributes": {"ConfigurationSetName": stage.configuration_set},
        },
    }
    create_stack(stage.lab, {"Identity": identity})
    message_id = stage.send("somebody@example.net", sender=f"hello@{domain}", ConfigurationSetName="")
    (message,) = [it for it in stage.lab.messages() if it.message_id == message_id]
    assert message.configuration_set == stage.configuration_set


def test_identity_notifications_have_the_other_shape(stage: Stage) -> None:
    ses = stage.client("ses")
    ses.set_identity_notification_topic(Identity=stage.domain, NotificationType="Bounce", SnsTopic=stage.topic_arn)
    (test,) = stage.received(1)
    assert json.loads(test["Message"])["notificationType"] == "AmazonSnsSubscriptionSucceeded"

    stage.send("bounce@simulator.amazonses.com")
    (envelope,) = stage.received(1)
    assert "Subject" not in envelope or envelope["Subject"] is None
    assert not envelope["Message"].endswith("\n")
    notification = json.loads(envelope["Message"])
    assert notification["notificationType"] == "Bounce"
    assert not notification["mail"].keys() & {"tags", "headers", "commonHeaders"}

    ses.set_identity_headers_in_notifications_enabled(Identity=stage.domain, NotificationType="Bounce", Enabled=True)
    stage.send("bounce@simulator.amazonses.com")
    (with_headers,) = stage.received(1)
    assert json.loads(with_headers["Message"])["mail"]["commonHeaders"]["subject"] == "Hello"

    attributes = ses.get_identity_notification_attributes(Identities=[stage.domain])["NotificationAttributes"]
    assert attributes[stage.domain]["BounceTopic"] == stage.topic_arn
    assert attributes[stage.domain]["HeadersInBounceNotificationsEnabled"] is True
    assert attributes[stage.domain]["ForwardingEnabled"] is True


def shape(value: Any) -> Any:
    """Keys and types all the way down; of a list, the shape of its first item."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


# Typed afresh from what accounts were seen to emit: keys, types, and null where SES sends null.
HEADERS = [{"name": "str", "value": "str"}]
MAIL = {
    "timestamp": "str",
    "source": "str",
    "sourceArn": "str",
    "sendingAccountId": "str",
    "messageId": "str",
    "destination": ["str"],
    "headersTruncated": "bool",
    "headers": HEADERS,
    "commonHeaders": {"from": ["str"], "to": ["str"], "messageId": "str", "subject": "str"},
}
PAYLOADS: dict[str, tuple[str, dict[str, Any]]] = {
    "Send": ("send", {}),
    "Delivery": (
        "delivery",
        {
            "timestamp": "str",
            "processingTimeMillis": "int",
            "recipients": ["str"],
            "smtpResponse": "str",
            "remoteMtaIp": "str",
            "reportingMTA": "str",
        },
    ),
    "Bounce": (
        "bounce",
        {
            "feedbackId": "str",
            "bounceType": "str",
            "bounceSubType": "str",
            "bouncedRecipients": [{"emailAddress": "str", "action": "str", "status": "str", "diagnosticCode": "str"}],
            "timestamp": "str",
            "remoteMtaIp": "str",
            "reportingMTA": "str",
        },
    ),
    "Complaint": (
        "complaint",
        {
            "feedbackId": "str",
            "complaintSubType": "NoneType",
            "complainedRecipients": [{"emailAddress": "str"}],
            "timestamp": "str",
            "userAgent": "str",
            "complaintFeedbackType": "str",
            "arrivalDate": "str",
        },
    ),
}


@pytest.mark.parametrize("event_type", PAYLOADS)
def test_events_have_the_keys_and_types_that_accounts_were_seen_to_emit(stage: Stage, event_type: str) -> None:
    local = {"Bounce": "bounce", "Complaint": "complaint"}.get(event_type, "success")
    message_id = stage.send(f"{local}@simulator.amazonses.com")
    stage.types(message_id, 2)
    (document,) = stage.lab.wait_for(
        lambda: [
            it.document for it in stage.lab.events() if it.message_id == message_id and it.event_type == event_type
        ],
        timeout=5,
        describe=event_type,
    )
    tags = document["mail"]["tags"]
    assert all(isinstance(values, list) for values in tags.values())
    assert {"ses:operation", "ses:source-ip", "ses:from-domain", "ses:caller-identity"} <= tags.keys()
    assert ("ses:outgoing-ip" in tags) is (event_type == "Delivery")
    key, payload = PAYLOADS[event_type]
    mail = {name: value for name, value in document["mail"].items() if name != "tags"}
    assert shape({**document, "mail": mail}) == {"eventType": "str", "mail": MAIL, key: payload}


@pytest.mark.skipif("SES_EVENT_CORPUS" not in os.environ, reason="needs the event corpus")
@pytest.mark.parametrize(
    ("sample", "local", "event_type"),
    [
        ("captured-sim-send", "ooto", "Send"),
        ("captured-sim-bounce", "bounce", "Bounce"),
        ("captured-sim-complaint", "complaint", "Complaint"),
        ("captured-sim-complaint-delivery", "complaint", "Delivery"),
    ],
)
def test_events_equal_captured_ones_key_by_key(stage: Stage, sample: str, local: str, event_type: str) -> None:
    captured = json.loads((Path(os.environ["SES_EVENT_CORPUS"]) / "event-publishing" / f"{sample}.json").read_text())
    message_id = stage.send(f"{local}@simulator.amazonses.com")
    (document,) = stage.lab.wait_for(
        lambda: [
            it.document for it in stage.lab.events() if it.message_id == message_id and it.event_type == event_type
        ],
        timeout=5,
        describe=event_type,
    )
    # The lab's API has no TLS, so it has no TLS version to tell.
    captured["mail"]["tags"].pop("ses:source-tls-version")
    assert shape(document) == shape(captured)


def test_api_v1_sends_simple_raw_and_templated_mail(stage: Stage) -> None:
    ses = stage.client("ses")
    to: Any = {"ToAddresses": ["somebody@example.net"]}
    content: Any = {"Subject": {"Data": "Simple"}, "Body": {"Text": {"Data": "t"}, "Html": {"Data": "<p>h</p>"}}}
    tags: Any = [{"Name": "campaign", "Value": "autumn"}]
    raw = f"From: {stage.sender}\r\nTo: a@example.net\r\nBcc: b@example.net\r\nSubject: Raw\r\n\r\nHello"
    template: Any = {
        "TemplateName": stage.configuration_set,
        "SubjectPart": "Hello {{name}}",
        "TextPart": "Dear {{name}}",
    }
    ses.create_template(Template=template)
    ids = {
        "SendEmail": ses.send_email(
            Source=stage.sender,
            Destination=to,
            Message=content,
            ConfigurationSetName=stage.configuration_set,
            Tags=tags,
        )["MessageId"],
        "SendRawEmail": ses.send_raw_email(RawMessage={"Data": raw.encode()})["MessageId"],
        "SendTemplatedEmail": ses.send_templated_email(
            Source=stage.sender, Destination=to, Template=template["TemplateName"], TemplateData='{"name": "Ada"}'
        )["MessageId"],
    }
    messages = {message.message_id: message for message in stage.lab.messages()}
    for operation, message_id in ids.items():
        assert messages[message_id].via == "v1"
        assert messages[message_id].tags["ses:operation"] == [operation]
    assert messages[ids["SendEmail"]].tags["campaign"] == ["autumn"]
    assert messages[ids["SendRawEmail"]].recipients == ["a@example.net", "b@example.net"]
    assert b"Bcc" not in messages[ids["SendRawEmail"]].raw
    assert b"Subject: Hello Ada" in messages[ids["SendTemplatedEmail"]].raw
    quota = ses.get_send_quota()
    assert quota["SentLast24Hours"] >= 3


def test_api_v2_sends_from_a_template_and_with_headers_of_ones_own(stage: Stage) -> None:
    ses = stage.client("sesv2")
    ses.create_email_template(
        TemplateName=stage.configuration_set,
        TemplateContent={"Subject": "Hello {{name}}", "Text": "t", "Html": "<p>{{name}}</p>"},
    )
    sent = ses.send_email(
        FromEmailAddress=stage.sender,
        Destination={"ToAddresses": ["somebody@example.net"]},
        Content={
            "Template": {
                "TemplateName": stage.configuration_set,
                "TemplateData": '{"name": "Ada"}',
                "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://example.com/u>"}],
            }
        },
    )
    (message,) = [it for it in stage.lab.messages() if it.message_id == sent["MessageId"]]
    assert b"<p>Ada</p>" in message.raw
    assert b"List-Unsubscribe: <https://example.com/u>" in message.raw
