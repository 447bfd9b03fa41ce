"""The webhook against a server with TLS: what arrives, how it is signed, and what happens while the server fails."""

import base64
import hashlib
import hmac
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.handlers.changes.certificate import make_certificate
from tests.handlers.changes.conftest import Queue
from tests.handlers.changes.streams import Json, event, messages
from webhook import handler as webhook
from webhook import signature

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


class Receiver:
    """An HTTPS endpoint. `answers` holds a status, or None to hang up, for each request to come; then 204."""

    def __init__(self, certificate: Path) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int | None] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = receiver.answers.pop(0) if receiver.answers else 204
                receiver.requests.append((self.path, {name.lower(): it for name, it in self.headers.items()}, body))
                if answer is None:
                    return
                self.send_response(answer)
                if 300 <= answer < 400:
                    self.send_header("Location", f"https://localhost:{receiver.port}/elsewhere")
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]  # quiet
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Secrets:
    def __init__(self) -> None:
        self.versions = {"AWSCURRENT": NEW}
        self.fails = False
        self.calls = 0

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> Json:
        self.calls += 1
        code = "InternalServiceError" if self.fails else "ResourceNotFoundException"
        if self.fails or VersionStage not in self.versions:
            raise ClientError({"Error": {"Code": code}}, "GetSecretValue")
        return {"SecretString": self.versions[VersionStage]}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def receiver(certificate: Path, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    receiver = Receiver(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("WEBHOOK_URL", f"https://localhost:{receiver.port}/ses?team=crm")
    monkeypatch.setenv("SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:S-abcdef")
    webhook._tls.cache_clear()
    yield receiver
    receiver.close()
    webhook._tls.cache_clear()


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Secrets:
    secrets = Secrets()
    monkeypatch.setattr(webhook, "_secrets_manager", lambda: secrets)
    monkeypatch.setattr(webhook, "_keys", None)
    return secrets


@pytest.fixture(autouse=True)
def _everything(receiver: Receiver, secrets: Secrets) -> None:
    """Every test has an endpoint and a secret."""


def deliver(*bodies: Json | str, **options: Any) -> list[str]:
    result = webhook.handler(messages(*bodies, **options), None)
    return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]


def signatures(headers: dict[str, str], body: bytes, *secrets: str) -> list[str]:
    """As the specification says, written out independently."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digests = [hmac.new(base64.b64decode(secret), content, hashlib.sha256).digest() for secret in secrets]
    return ["v1," + base64.b64encode(digest).decode() for digest in digests]


def test_a_change_arrives_signed(receiver: Receiver) -> None:
    change = event(reason="BOUNCE", address="zoë@example.com")
    assert deliver(change) == []
    ((path, headers, body),) = receiver.requests
    assert path == "/ses?team=crm"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {
        "type": "address.suppressed",
        "timestamp": "2026-03-02T08:15:34Z",
        "data": change["detail"],
    }
    assert headers["webhook-id"] == change["detail"]["id"]
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert headers["webhook-signature"].split(" ") == signatures(headers, body, NEW)


def test_the_specifications_own_example_has_its_signature() -> None:
    """From the reference implementations' tests."""
    key = signature.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signature.headers(
        [key], id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_after_a_rotation_both_secrets_sign(receiver: Receiver, secrets: Secrets) -> None:
    secrets.versions["AWSPREVIOUS"] = f"whsec_{OLD}"
    deliver(event())
    ((_, headers, body),) = receiver.requests
    assert headers["webhook-signature"].split(" ") == signatures(headers, body, NEW, OLD)


def test_a_previous_secret_that_is_none_does_not_hold_up_the_current_one(receiver: Receiver, secrets: Secrets) -> None:
    secrets.versions["AWSPREVIOUS"] = "changeme"
    assert deliver(event()) == []
    ((_, headers, body),) = receiver.requests
    assert headers["webhook-signature"].split(" ") == signatures(headers, body, NEW)


def test_the_secret_is_not_asked_for_with_each_change_and_a_rotation_is_noticed(
    receiver: Receiver, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(event(), event(), event())
    assert secrets.calls == 2
    secrets.versions = {"AWSCURRENT": OLD}
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 301)
    deliver(event())
    _, headers, body = receiver.requests[-1]
    assert headers["webhook-signature"].split(" ") == signatures(headers, body, OLD)


@pytest.mark.parametrize("answer", [500, 503, 429, 400, 401, 404, 301, 302, 307, 308, None])
def test_whatever_is_not_2xx_is_tried_again(receiver: Receiver, queue: Queue, answer: int | None) -> None:
    receiver.answers = [answer]
    assert deliver(event(), event(), first=7) == ["m7"]
    assert len(receiver.requests) == 2, "a redirect is not followed, and the next change is not held up"
    assert queue.dead_letters == []
    assert deliver(event()) == []


def test_gone_is_final_and_nothing_is_lost(receiver: Receiver, queue: Queue) -> None:
    receiver.answers = [410]
    change = event()
    assert deliver(change, event()) == []
    ((body, reason),) = queue.dead_letters
    assert (json.loads(body), reason) == (change, "WebhookGone")


def test_a_server_that_is_down_for_hours_gets_everything_when_it_is_back(receiver: Receiver, queue: Queue) -> None:
    changes = [event(id=f"{number:032x}") for number in range(5)]
    receiver.answers = [503] * 20
    pauses = []
    waiting = changes
    for receives in (1, 2, 3, 4):
        failed = deliver(*waiting, receives=receives, age=3600 * receives)
        waiting = [waiting[int(id[1:])] for id in failed]
        pauses.append(queue.postponed["handle-0"])
    assert waiting == changes
    assert pauses == sorted(set(pauses)), "each pause is longer than the one before"
    assert deliver(*waiting, receives=5, age=18_000) == []
    delivered = [headers["webhook-id"] for _, headers, _ in receiver.requests[20:]]
    assert delivered == [change["detail"]["id"] for change in changes]


def test_no_pause_is_longer_than_an_hour(receiver: Receiver, queue: Queue) -> None:
    receiver.answers = [500]
    deliver(event(), receives=900)
    assert queue.postponed["handle-0"] == 3600


def test_what_is_never_taken_becomes_a_dead_letter_with_its_reason(receiver: Receiver, queue: Queue) -> None:
    receiver.answers = [500, 500]
    assert deliver(event(), age=72_100) == []
    assert queue.reasons == ["GivenUp"]
    queue.fails = True
    assert deliver(event(), age=72_100) == ["m0"], "what cannot be set aside either stays in the queue"


def test_nobody_listens(receiver: Receiver, queue: Queue) -> None:
    receiver.close()
    assert deliver(event(), event()) == ["m0", "m1"]


def test_a_server_that_never_answers_is_given_up_on(
    receiver: Receiver, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("WEBHOOK_URL", f"https://localhost:{silent.getsockname()[1]}/")
        assert deliver(event()) == ["m0"]


def test_a_certificate_that_nobody_vouches_for_gets_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(make_certificate(tmp_path)))
    assert deliver(event()) == ["m0"]
    assert receiver.requests == []


def test_a_certificate_for_another_name_gets_nothing(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_URL", f"https://127.0.0.1:{receiver.port}/")
    assert deliver(event()) == ["m0"]
    assert receiver.requests == []


def test_without_tls_nothing_leaves(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    monkeypatch.setenv("WEBHOOK_URL", f"http://localhost:{receiver.port}/")
    with pytest.raises(RuntimeError, match="https"):
        deliver(event())


@pytest.mark.parametrize(
    "secret", ["", "short", base64.b64encode(b"x" * 23).decode(), base64.b64encode(b"x" * 65).decode()]
)
def test_nothing_is_sent_with_a_secret_that_is_none(receiver: Receiver, secrets: Secrets, secret: str) -> None:
    secrets.versions = {"AWSCURRENT": secret}
    assert deliver(event()) == ["m0"]
    secrets.fails = True
    assert deliver(event()) == ["m0"]
    assert receiver.requests == []


@pytest.mark.parametrize("garbage", ["", "{", "[]", "null", "{}", '{"detail-type": "x", "time": "t", "detail": 1}'])
def test_what_is_no_change_is_set_aside_and_holds_up_nothing(receiver: Receiver, queue: Queue, garbage: str) -> None:
    assert deliver(garbage, event()) == []
    assert queue.reasons == ["NotAChange"]
    assert len(receiver.requests) == 1


def test_the_log_names_no_address(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    receiver.answers = [500, 410, 200]
    deliver(event(), event(), event(), "ann@example.com")
    output = capsys.readouterr().out
    written = [json.dumps(entry.__dict__, default=str) for entry in caplog.records] + [output]
    assert not [line for line in written if "example.com" in line]
    counts = json.loads(output)
    assert (counts["WebhookDone"], counts["WebhookParked"], counts["WebhookRetried"]) == (1, 2, 1)
