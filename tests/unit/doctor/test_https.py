from __future__ import annotations

import datetime
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ses_constructs.doctor.check import Answer, Status
from ses_constructs.doctor.https import Fetcher

HOST = "mta-sts.example.com"


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = {
            "/policy": (200, b"version: STSv1\n"),
            "/moved": (301, b""),
            "/large": (200, b"x" * 70_000),
        }.get(self.path, (404, b""))
        self.send_response(status)
        self.send_header("Location", "/policy")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + built.public_bytes(Encoding.PEM))
    return file


@pytest.fixture(scope="module")
def port(certificate: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def lookup(name: str, type: str) -> Answer:
    return Answer(Status.FOUND, ("127.0.0.1",)) if type == "A" else Answer(Status.EMPTY)


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def test_a_policy_is_fetched_from_the_address_that_dns_gives(certificate: Path, port: int) -> None:
    fetched = Fetcher(lookup, context=trusting(certificate), port=port)(HOST, "/policy")
    assert fetched.body == "version: STSv1\n"


@pytest.mark.parametrize(("path", "reason"), [("/moved", "301"), ("/none", "404"), ("/large", "larger than 65536")])
def test_what_a_sender_does_not_take_is_refused(certificate: Path, port: int, path: str, reason: str) -> None:
    refusal = Fetcher(lookup, context=trusting(certificate), port=port)(HOST, path).refusal
    assert refusal is not None
    assert reason in refusal


def test_a_certificate_that_nobody_vouches_for_is_refused(port: int) -> None:
    refusal = Fetcher(lookup, port=port)(HOST, "/policy").refusal
    assert refusal is not None
    assert "certificate" in refusal


def test_a_certificate_of_another_host_is_refused(certificate: Path, port: int) -> None:
    refusal = Fetcher(lookup, context=trusting(certificate), port=port)("mta-sts.example.net", "/policy").refusal
    assert refusal is not None
    assert "certificate" in refusal


def test_a_host_without_an_address_is_refused_and_one_that_dns_is_silent_on_is_not() -> None:
    assert Fetcher(lambda name, type: Answer(Status.ABSENT))(HOST, "/policy").refusal is not None
    fetched = Fetcher(lambda name, type: Answer(Status.TIMEOUT))(HOST, "/policy")
    assert fetched.refusal is None
    assert fetched.failure is not None


def test_a_server_that_does_not_speak_or_is_not_there_is_a_failure(certificate: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        assert Fetcher(lookup, context=trusting(certificate), port=port, timeout=0.2)(HOST, "/policy").failure
    assert Fetcher(lookup, context=trusting(certificate), port=port)(HOST, "/policy").failure
