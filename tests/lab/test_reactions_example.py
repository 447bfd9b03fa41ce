"""The reactions example in the lab: a mail bounces, and everybody who asked for it is told."""

import base64
import hashlib
import hmac
import json
import runpy
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from ses_constructs.lab import Lab
from tests.handlers.changes.certificate import make_certificate

EXAMPLE = Path(__file__).parents[2] / "examples" / "reactions"
STACK = "ReactionsExample"
DOMAIN = "reactions.example.com"
BOUNCE = "Bounce+Reactions@simulator.amazonses.com"

pytestmark = pytest.mark.lab

Request = tuple[dict[str, str], bytes]


@pytest.fixture(scope="module")
def lab(ses_lab: Lab) -> Iterator[Lab]:
    """With somebody to send, and the addressee among the customers."""
    ses = ses_lab.session().client("sesv2")
    ses.create_email_identity(EmailIdentity=DOMAIN)
    ses.create_contact_list(ContactListName="Customers")
    ses.create_contact(ContactListName="Customers", EmailAddress=BOUNCE)
    yield ses_lab
    ses.delete_contact_list(ContactListName="Customers")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path)


@pytest.fixture
def partner(certificate: Path) -> Iterator[tuple[int, list[Request]]]:
    """Port of an HTTPS server that is out of order at first, and the requests that it gets."""
    requests: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(503 if len(requests) == 1 else 204)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server.server_address[1], requests
    server.shutdown()
    server.server_close()


def send(lab: Lab, outputs: dict[str, str], recipient: str) -> None:
    lab.session().client("sesv2").send_email(
        FromEmailAddress=f"hello@{DOMAIN}",
        Destination={"ToAddresses": [recipient]},
        Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
        ConfigurationSetName=outputs["ConfigurationSetName"],
    )


def next_event(lab: Lab, queue_url: str) -> dict[str, Any]:
    sqs = lab.session().client("sqs")

    def received() -> dict[str, Any] | None:
        messages = sqs.receive_message(QueueUrl=queue_url).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(messages[0]["Body"]) if messages else None

    return lab.wait_for(received, timeout=90, describe="the event behind the bus")


def test_the_real_cli_deploys_it_and_a_bounce_is_told_on_the_bus_and_to_sess_lists(lab: Lab) -> None:
    outputs = lab.deploy(EXAMPLE)[STACK]
    send(lab, outputs, BOUNCE)
    event = next_event(lab, outputs["BouncesQueueUrl"])
    assert (event["source"], event["detail-type"]) == ("ses-constructs.feedback", "Address Suppressed")
    detail = event["detail"]
    assert (detail["address"], detail["reason"], detail["previous"]) == (BOUNCE.lower(), "BOUNCE", None)

    ses = lab.session().client("sesv2")

    def in_step() -> bool:
        suppressed = ses.list_suppressed_destinations()["SuppressedDestinationSummaries"]
        contacts = ses.list_contacts(ContactListName="Customers")["Contacts"]
        return {BOUNCE, BOUNCE.lower()} <= {it["EmailAddress"] for it in suppressed} and not contacts

    lab.wait_for(in_step, timeout=90, describe="the address on the account's list, and off the contact list")
    lab.destroy(EXAMPLE)


def test_a_partner_who_is_down_at_first_is_told_signed_and_of_the_lift_too(
    lab: Lab, partner: tuple[int, list[Request]], certificate: Path, tmp_path: Path
) -> None:
    port, requests = partner

    class TrustingApp(cdk.App):
        """The example with a partner on this machine, whose certificate its function trusts."""

        def __init__(self) -> None:
            context = {"webhook": f"https://localhost:{port}/ses"}
            super().__init__(outdir=str(tmp_path / "cdk.out"), context=context)

        def synth(self, **options: Any) -> Any:
            place = self.node.find_child(STACK).node.find_child("Feedback").node.find_child("Changes")
            function = place.node.find_child("Partner").node.find_child("Function").node.default_child
            assert isinstance(function, cdk.CfnResource)
            function.add_property_override("Environment.Variables.SSL_CERT_FILE", str(certificate))
            return super().synth(**options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cdk, "App", TrustingApp)
        runpy.run_path(str(EXAMPLE / "app.py"))
    outputs = dict(lab.deploy_assembly(tmp_path / "cdk.out")[STACK])
    send(lab, outputs, BOUNCE)
    lab.wait_for(lambda: len(requests) >= 2, timeout=90, describe="the webhook after its first failure")

    secrets = lab.session().client("secretsmanager")
    secret = base64.b64decode(secrets.get_secret_value(SecretId=outputs["SigningSecretArn"])["SecretString"])
    for headers, body in requests:
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
    (first, body), (second, _) = requests[:2]
    assert first["webhook-id"] == second["webhook-id"], "so that a receiver knows it for the same"
    assert json.loads(body)["type"] == "address.suppressed"

    table = lab.session().resource("dynamodb").Table(outputs["SuppressionTableName"])
    table.update_item(  # as docs/ledger.md has it, so that whoever merges later agrees
        Key={"address": BOUNCE.lower(), "scope": "account"},
        UpdateExpression=(
            "SET #s = :lifted, lifted_at = :at, lifted_by = :by, lifted_because = :why, version = version + :one "
            "REMOVE reason, bounce_type, bounce_sub_type, listed_under"
        ),
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={
            ":lifted": "LIFTED",
            ":at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            ":by": "support",
            ":why": "the mailbox is back",
            ":one": 1,
        },
    )
    lab.wait_for(lambda: len(requests) >= 3, timeout=90, describe="the webhook after the lift")
    told = json.loads(requests[2][1])
    assert (told["type"], told["data"]["cause"]) == ("address.restored", "LIFTED")

    ses = lab.session().client("sesv2")

    def off_the_list() -> bool:
        listed = ses.list_suppressed_destinations()["SuppressedDestinationSummaries"]
        return not {BOUNCE, BOUNCE.lower()} & {it["EmailAddress"] for it in listed}

    lab.wait_for(off_the_list, timeout=90, describe="the account's list without the lifted address")
    lab.delete_stack(STACK)
