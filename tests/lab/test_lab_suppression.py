"""The account's suppression list and contact lists in the lab, and the one call a second."""

from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from ses_constructs.lab import Lab, LabError
from tests.lab.stage import Stage, create_stack, update_stack
from tests.lab.test_lab_tracking import event, html_of, listen, sent_message

pytestmark = pytest.mark.lab


@pytest.fixture
def address(stage: Stage) -> str:
    return f"somebody@{stage.configuration_set}.example.net"


def suppress(stage: Stage, address: str, reason: str) -> None:
    stage.client("sesv2").put_suppressed_destination(EmailAddress=address, Reason=reason)


def payload(stage: Stage, message_id: str, event_type: str) -> dict[str, Any]:
    return dict(event(stage, message_id, event_type)[event_type.lower()])


# The suppression list


def test_mail_to_a_bounced_address_is_accepted_and_bounces_without_delivery(stage: Stage, address: str) -> None:
    suppress(stage, address, "BOUNCE")
    message_id = stage.send(address, "other@example.net")
    assert stage.types(message_id, 3) == ["Send", "Delivery", "Bounce"]
    bounce = payload(stage, message_id, "Bounce")
    assert (bounce["bounceType"], bounce["bounceSubType"]) == ("Permanent", "OnAccountSuppressionList")
    assert [it["emailAddress"] for it in bounce["bouncedRecipients"]] == [address]
    assert "remoteMtaIp" not in bounce
    assert payload(stage, message_id, "Delivery")["recipients"] == ["other@example.net"]


def test_mail_to_an_address_that_complained_is_a_complaint_of_the_list(stage: Stage, address: str) -> None:
    suppress(stage, address, "COMPLAINT")
    message_id = stage.send(address)
    assert stage.types(message_id, 2) == ["Send", "Complaint"]
    complaint = payload(stage, message_id, "Complaint")
    assert complaint["complaintSubType"] == "OnAccountSuppressionList"
    assert not complaint.keys() & {"userAgent", "complaintFeedbackType", "arrivalDate"}


def test_the_reasons_of_the_set_count_before_those_of_the_account(stage: Stage, address: str) -> None:
    suppress(stage, address, "BOUNCE")
    ses, name = stage.client("sesv2"), stage.configuration_set
    for reasons, events in ((["COMPLAINT"], "Delivery"), (["BOUNCE"], "Bounce"), ([], "Delivery")):
        ses.put_configuration_set_suppression_options(ConfigurationSetName=name, SuppressedReasons=reasons)
        assert stage.types(stage.send(address), 2) == ["Send", events]


def test_the_account_says_which_reasons_count_and_can_change_them(stage: Stage, address: str) -> None:
    ses = stage.client("sesv2")
    suppress(stage, address, "BOUNCE")
    assert ses.get_account()["SuppressionAttributes"]["SuppressedReasons"] == ["BOUNCE", "COMPLAINT"]
    try:
        ses.put_account_suppression_attributes(SuppressedReasons=["COMPLAINT"])
        assert ses.get_account()["SuppressionAttributes"]["SuppressedReasons"] == ["COMPLAINT"]
        assert stage.types(stage.send(address), 2) == ["Send", "Delivery"]
    finally:
        ses.put_account_suppression_attributes(SuppressedReasons=["BOUNCE", "COMPLAINT"])


def test_entries_are_listed_by_reason_shown_and_deleted(stage: Stage, address: str) -> None:
    ses = stage.client("sesv2")
    suppress(stage, address, "BOUNCE")
    suppress(stage, f"x{address}", "COMPLAINT")

    def listed(**options: Any) -> set[str]:
        found = ses.list_suppressed_destinations(**options)["SuppressedDestinationSummaries"]
        return {it["EmailAddress"] for it in found} & {address, f"x{address}"}

    assert listed() == {address, f"x{address}"}
    assert listed(Reasons=["COMPLAINT"]) == {f"x{address}"}
    assert ses.get_suppressed_destination(EmailAddress=address)["SuppressedDestination"]["Reason"] == "BOUNCE"
    ses.delete_suppressed_destination(EmailAddress=address)
    for call in (ses.get_suppressed_destination, ses.delete_suppressed_destination):
        with pytest.raises(ses.exceptions.NotFoundException, match="does not exist on your suppression list"):
            call(EmailAddress=address)
    assert stage.types(stage.send(address), 2) == ["Send", "Delivery"]
    with pytest.raises(ClientError, match="Invalid suppression reason"):
        suppress(stage, address, "DISLIKE")


def test_hard_bounces_and_complaints_of_real_addresses_go_on_the_list_but_not_the_simulators(stage: Stage) -> None:
    ses = stage.client("sesv2")
    gone, cross = f"gone@{stage.configuration_set}.invalid", f"cross@{stage.domain}"
    message_id = stage.send(gone, cross, "bounce@simulator.amazonses.com")
    stage.types(message_id, 4)
    stage.lab.emit_complaint(message_id, cross)
    assert payload(stage, message_id, "Complaint")["complaintFeedbackType"] == "abuse"
    entry = ses.get_suppressed_destination(EmailAddress=gone)["SuppressedDestination"]
    assert entry["Attributes"]["MessageId"] == message_id
    assert ses.get_suppressed_destination(EmailAddress=cross)["SuppressedDestination"]["Reason"] == "COMPLAINT"
    with pytest.raises(ses.exceptions.NotFoundException):
        ses.get_suppressed_destination(EmailAddress="bounce@simulator.amazonses.com")
    assert payload(stage, stage.send(gone), "Bounce")["bounceSubType"] == "OnAccountSuppressionList"


# Contacts


@pytest.fixture
def contact_list(stage: Stage) -> Any:
    name = f"list-{stage.configuration_set}"
    topic = {"TopicName": "News", "DisplayName": "News", "DefaultSubscriptionStatus": "OPT_IN"}
    stage.client("sesv2").create_contact_list(ContactListName=name, Topics=[topic])
    yield name
    stage.client("sesv2").delete_contact_list(ContactListName=name)


def test_an_account_has_one_contact_list(stage: Stage, contact_list: str) -> None:
    with pytest.raises(stage.client("sesv2").exceptions.LimitExceededException):
        stage.client("sesv2").create_contact_list(ContactListName="another")


def test_contacts_are_made_listed_changed_and_deleted(stage: Stage, contact_list: str, address: str) -> None:
    ses = stage.client("sesv2")
    key = {"ContactListName": contact_list, "EmailAddress": address}
    ses.create_contact(**key)
    with pytest.raises(ses.exceptions.AlreadyExistsException):
        ses.create_contact(**key)
    out = [{"TopicName": "News", "SubscriptionStatus": "OPT_OUT"}]
    ses.update_contact(**key, TopicPreferences=out)
    found = ses.get_contact(**key)
    assert (found["TopicPreferences"], found["UnsubscribeAll"]) == (out, False)
    (listed,) = ses.list_contacts(ContactListName=contact_list)["Contacts"]
    assert listed["EmailAddress"] == address
    with pytest.raises(ClientError, match="Topic <Other> is not in"):
        ses.update_contact(**key, TopicPreferences=[{"TopicName": "Other", "SubscriptionStatus": "OPT_OUT"}])
    ses.delete_contact(**key)
    for call in (ses.get_contact, ses.delete_contact):
        with pytest.raises(ses.exceptions.NotFoundException):
            call(**key)


def test_unsubscribing_by_the_header_is_told_and_ends_mail_on_the_topic(
    stage: Stage, contact_list: str, address: str
) -> None:
    listen(stage, "SUBSCRIPTION")
    options = {"ListManagementOptions": {"ContactListName": contact_list, "TopicName": "News"}}
    message_id = stage.send(address, **options)
    message = sent_message(stage, message_id)
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    stage.lab.visit(message["List-Unsubscribe"].strip("<>"), method="POST")
    subscription = payload(stage, message_id, "Subscription")
    assert (subscription["contactList"], subscription["source"]) == (contact_list, "UnsubscribeHeader")
    assert subscription["oldTopicPreferences"] == {"unsubscribeAll": False, "topicSubscriptionStatus": []}
    assert subscription["newTopicPreferences"]["topicSubscriptionStatus"] == [
        {"topicName": "News", "subscriptionStatus": "OptOut"}
    ]
    again = stage.send(address, **options)
    assert stage.types(again, 2) == ["Send", "Bounce"]
    assert payload(stage, again, "Bounce")["bounceSubType"] == "UnsubscribedRecipient"
    assert stage.types(stage.send(address), 2) == ["Send", "Delivery"]


def test_the_unsubscribe_link_of_a_raw_message_takes_a_contact_off_everything(
    stage: Stage, contact_list: str, address: str
) -> None:
    raw = (
        f"From: {stage.sender}\r\nTo: {address}\r\nSubject: s\r\nX-SES-LIST-MANAGEMENT-OPTIONS: {contact_list}\r\n"
        'Content-Type: text/html\r\n\r\n<a href="{{amazonSESUnsubscribeUrl}}">Unsubscribe</a>'
    )
    ses = stage.client("sesv2")
    message_id = ses.send_email(Content={"Raw": {"Data": raw.encode()}})["MessageId"]
    link = html_of(stage, message_id).partition('href="')[2].partition('"')[0]
    stage.lab.visit(link)
    contact = ses.get_contact(ContactListName=contact_list, EmailAddress=address)
    assert contact["UnsubscribeAll"] is True


# Stacks


def test_stacks_make_templates_lists_pools_and_sets_that_use_them(stage: Stage) -> None:
    suffix = stage.configuration_set
    content = {"TemplateName": f"t-{suffix}", "SubjectPart": "Hello, {{name}}", "TextPart": "Hi"}
    topic = {"TopicName": "News", "DisplayName": "News", "DefaultSubscriptionStatus": "OPT_IN"}
    resources: dict[str, Any] = {
        "Template": {"Type": "AWS::SES::Template", "Properties": {"Template": content}},
        "List": {"Type": "AWS::SES::ContactList", "Properties": {"ContactListName": f"l-{suffix}", "Topics": [topic]}},
        "Pool": {"Type": "AWS::SES::DedicatedIpPool", "Properties": {"ScalingMode": "STANDARD"}},
        "Set": {
            "Type": "AWS::SES::ConfigurationSet",
            "Properties": {
                "DeliveryOptions": {
                    "SendingPoolName": {"Ref": "Pool"},
                    "TlsPolicy": "REQUIRE",
                    "MaxDeliverySeconds": 600,
                },
                "SuppressionOptions": {"SuppressedReasons": []},
                "TrackingOptions": {"CustomRedirectDomain": f"click.{stage.domain}", "HttpsPolicy": "REQUIRE"},
                "VdmOptions": {"DashboardOptions": {"EngagementMetrics": "ENABLED"}},
            },
        },
    }
    ses = stage.client("sesv2")
    name = f"Content-{suffix}"
    made = create_stack(stage.lab, resources, name=name)
    found = ses.get_configuration_set(ConfigurationSetName=made["Set"])
    assert found["DeliveryOptions"]["SendingPoolName"] == made["Pool"] == made["Pool"].lower()
    assert found["SuppressionOptions"]["SuppressedReasons"] == []
    assert ses.get_contact_list(ContactListName=made["List"])["Topics"] == [topic]

    resources["Template"]["Properties"]["Template"] = {**content, "SubjectPart": "Bye"}
    resources["Pool"]["Properties"]["ScalingMode"] = "MANAGED"
    updated = update_stack(stage.lab, name, resources)
    assert updated == made
    assert ses.get_email_template(TemplateName=made["Template"])["TemplateContent"]["Subject"] == "Bye"
    resources["Pool"]["Properties"]["ScalingMode"] = "STANDARD"
    with pytest.raises(LabError, match="cannot become a standard pool"):
        update_stack(stage.lab, name, resources)
    stage.lab.delete_stack(name)
    assert ses.list_contact_lists()["ContactLists"] == []
    with pytest.raises(ses.exceptions.NotFoundException):
        ses.get_email_template(TemplateName=made["Template"])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"DeliveryOptions": {"SendingPoolName": "nowhere"}}, "Sending pool <nowhere> does not exist"),
        ({"TrackingOptions": {"CustomRedirectDomain": "click.elsewhere.example"}}, "is not verified"),
        ({"SuppressionOptions": {"SuppressedReasons": ["DISLIKE"]}}, "Invalid suppression reason"),
    ],
)
def test_sets_with_options_that_ses_refuses_are_refused(stage: Stage, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(LabError, match=reason):
        create_stack(stage.lab, {"Set": {"Type": "AWS::SES::ConfigurationSet", "Properties": options}})


# One call a second


def test_a_lab_that_throttles_takes_one_call_a_second_but_every_send() -> None:
    with Lab(throttle=True) as lab:
        once = Config(retries={"total_max_attempts": 1})
        v1, v2 = lab.session().client("ses", config=once), lab.session().client("sesv2", config=once)
        v2.create_email_identity(EmailIdentity="hello@example.com")
        with pytest.raises(v2.exceptions.TooManyRequestsException):
            v2.get_account()
        with pytest.raises(ClientError) as refused:
            v1.get_send_quota()
        assert refused.value.response["Error"]["Code"] == "Throttling"
        for _ in range(3):
            v2.send_email(
                FromEmailAddress="hello@example.com",
                Destination={"ToAddresses": ["somebody@example.net"]},
                Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
            )
        patient = lab.session().client("sesv2", config=Config(retries={"mode": "standard", "total_max_attempts": 10}))
        assert patient.get_account()["SendingEnabled"] is True
