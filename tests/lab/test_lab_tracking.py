"""Opens, clicks and unsubscribing in the lab: links that work, and what events tell of them."""

import email
import email.policy
import re
from email.message import EmailMessage
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ses_constructs.lab import LabError
from tests.lab.stage import Stage

pytestmark = pytest.mark.lab

PAGE = """<html><body>
<p>Grüße, <a class="x" href="https://www.example.com/a?b=1&amp;c=2" ses:tags="button:top;colour:red;">Look</a>
<a href="http://www.example.com/plain">Plain</a>
<a ses:no-track href="https://www.example.com/untracked">Untracked</a>
<a href="mailto:help@example.com">Write</a></p>
</body></html>"""


def listen(stage: Stage, *events: str, **options: Any) -> None:
    ses = stage.client("sesv2")
    bus = f"arn:aws:events:{stage.lab.region}:{stage.lab.account}:event-bus/default"
    ses.create_configuration_set_event_destination(
        ConfigurationSetName=stage.configuration_set,
        EventDestinationName="bus",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": list(events),
            "EventBridgeDestination": {"EventBusArn": bus},
        },
    )
    if options:
        ses.put_configuration_set_tracking_options(ConfigurationSetName=stage.configuration_set, **options)


def send_html(stage: Stage, html: str, **options: Any) -> str:
    content = {"Simple": {"Subject": {"Data": "s"}, "Body": {"Html": {"Data": html}, "Text": {"Data": "Hello"}}}}
    sent = stage.client("sesv2").send_email(
        FromEmailAddress=stage.sender,
        Destination={"ToAddresses": ["somebody@example.net"]},
        Content=content,
        ConfigurationSetName=stage.configuration_set,
        **options,
    )
    return str(sent["MessageId"])


def sent_message(stage: Stage, message_id: str) -> EmailMessage:
    (raw,) = [it.raw for it in stage.lab.messages() if it.message_id == message_id]
    return email.message_from_bytes(raw, policy=email.policy.default)


def html_of(stage: Stage, message_id: str) -> str:
    return next(it.html for it in stage.lab.messages() if it.message_id == message_id)


def links(html: str) -> list[str]:
    return re.findall(r'<a[^>]* href="([^"]*)"', html)


def event(stage: Stage, message_id: str, event_type: str) -> dict[str, Any]:
    found = stage.lab.wait_for(
        lambda: [it for it in stage.lab.events() if (it.message_id, it.event_type) == (message_id, event_type)],
        timeout=10,
        describe=f"{event_type} of {message_id}",
    )
    return dict(found[-1].document)


def test_a_click_leads_to_the_target_and_is_told_with_its_link_tags(stage: Stage) -> None:
    listen(stage, "CLICK")
    message_id = send_html(stage, PAGE, EmailTags=[{"Name": "campaign", "Value": "autumn"}])
    html = html_of(stage, message_id)
    top, plain, untracked, write = links(html)
    assert top.startswith(stage.lab.endpoint_url)
    assert (untracked, write) == ("https://www.example.com/untracked", "mailto:help@example.com")
    assert "ses:" not in html
    assert "Grüße" in html
    assert "<img" not in html  # nobody listens to opens

    assert stage.lab.visit(top, user_agent="Firefox", ip_address="192.0.2.7") == "https://www.example.com/a?b=1&c=2"
    document = event(stage, message_id, "Click")
    click = document["click"]
    assert click["link"] == "https://www.example.com/a?b=1&c=2"
    assert click["linkTags"] == {"button": ["top"], "colour": ["red"]}
    assert (click["userAgent"], click["ipAddress"], click["isBotEvent"]) == ("Firefox", "192.0.2.7", "Unlikely")
    assert document["mail"]["tags"]["campaign"] == ["autumn"]

    stage.lab.visit(plain, user_agent="ScannerBot/1.0")
    plain_click = stage.lab.wait_for(
        lambda: [
            it.document["click"]
            for it in stage.lab.events()
            if it.message_id == message_id and it.event_type == "Click" and "plain" in it.document["click"]["link"]
        ],
        timeout=10,
        describe="the second click",
    )
    assert (plain_click[0]["linkTags"], plain_click[0]["isBotEvent"]) == (None, "Likely")


def test_the_pixel_is_at_the_end_of_the_body_and_loading_it_is_an_open(stage: Stage) -> None:
    listen(stage, "OPEN")
    message_id = send_html(stage, PAGE)
    html = html_of(stage, message_id)
    assert re.search(r"<img [^>]*></body></html>", html)
    assert "https://www.example.com/a?b=1" in html  # links are as they were
    (pixel,) = re.findall(r'<img [^>]*src="([^"]*)"', html)
    assert stage.lab.visit(pixel) is None
    document = event(stage, message_id, "Open")
    assert document["open"].keys() == {"ipAddress", "timestamp", "userAgent", "isBotEvent"}
    assert "sourceArn" not in document["mail"]


def test_the_pixel_goes_where_the_message_wants_it_once(stage: Stage) -> None:
    html = "<html><body>{{ses:openTracker}}<p>Hello</p></body></html>"
    assert "{{" not in html_of(stage, send_html(stage, html))
    listen(stage, "OPEN")
    assert re.search(r"<body><img [^>]*><p>", html_of(stage, send_html(stage, html)))
    with pytest.raises(ClientError, match="more than one"):
        send_html(stage, html * 2)


@pytest.mark.parametrize(
    ("policy", "schemes"),
    [
        ("OPTIONAL", ["http", "https", "http"]),
        ("REQUIRE_OPEN_ONLY", ["https", "https", "http"]),
        ("REQUIRE", ["https"] * 3),
    ],
)
def test_links_lead_to_the_tracking_domain_of_the_set(stage: Stage, policy: str, schemes: list[str]) -> None:
    domain = f"click.{stage.domain}"
    listen(stage, "OPEN", "CLICK", CustomRedirectDomain=domain, HttpsPolicy=policy)
    html = html_of(stage, send_html(stage, PAGE))
    found = [*re.findall(r'<img [^>]*src="([^"]*)"', html), *links(html)[:2]]
    assert [link.partition(":")[0] for link in found] == schemes
    assert all(link.partition("://")[2].startswith(f"{domain}/") for link in found)
    assert stage.lab.visit(found[2]) == "http://www.example.com/plain"


def test_a_link_that_nobody_made_is_refused(stage: Stage) -> None:
    with pytest.raises(LabError, match="404 There is no such link"):
        stage.lab.visit("https://click.example.com/L0/https%3A%2F%2Fwww.example.com/1/id/token")


def test_a_raw_message_is_tracked_whatever_its_encoding(stage: Stage) -> None:
    listen(stage, "CLICK")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = stage.sender, "somebody@example.net", "s"
    message.set_content("Hello")
    message.add_alternative(PAGE, subtype="html", cte="base64", charset="iso-8859-1")
    message.add_attachment(PAGE, subtype="html", filename="page.html")
    ses = stage.client("sesv2")
    content = {"Raw": {"Data": message.as_bytes()}}
    message_id = ses.send_email(Content=content, ConfigurationSetName=stage.configuration_set)["MessageId"]
    html = html_of(stage, message_id)
    assert "Grüße" in html
    assert links(html)[0].startswith(stage.lab.endpoint_url)
    (attachment,) = sent_message(stage, message_id).iter_attachments()
    assert attachment.get_content().splitlines() == PAGE.splitlines()


# Delays, complaints


def test_a_delay_on_demand_is_told_as_ses_does(stage: Stage) -> None:
    listen(stage, "DELIVERY_DELAY")
    message_id = stage.send("slow@example.net")
    stage.lab.emit_delivery_delay(message_id, "slow@example.net", delay_type="MailboxFull")
    document = event(stage, message_id, "DeliveryDelay")
    assert document["deliveryDelay"]["delayType"] == "MailboxFull"
    assert document["deliveryDelay"]["delayedRecipients"][0]["emailAddress"] == "slow@example.net"
    assert not document["mail"].keys() & {"headers", "commonHeaders"}


def test_what_cannot_be_delayed_is_an_error(stage: Stage) -> None:
    message_id = stage.send("slow@example.net")
    with pytest.raises(LabError, match="delay_type must be one of"):
        stage.lab.emit_delivery_delay(message_id, "slow@example.net", delay_type="Tired")
    with pytest.raises(LabError, match="does not exist"):
        stage.lab.emit_delivery_delay(message_id, "other@example.net")
    with pytest.raises(LabError, match="does not exist"):
        stage.lab.emit_complaint("none", "slow@example.net")
