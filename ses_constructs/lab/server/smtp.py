"""SMTP submission: STARTTLS, then AUTH with an access key id and the password derived from its secret.

See https://docs.aws.amazon.com/ses/latest/dg/smtp-connect.html.
"""

from __future__ import annotations

import hmac
import logging
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ses_constructs.lab.server import mime
from ses_constructs.lab.server.engine import MAX_BYTES, MAX_RECIPIENTS, Engine, Submission
from ses_constructs.lab.server.errors import SesError
from ses_constructs.lab.smtp_password import smtp_password

if TYPE_CHECKING:
    from pathlib import Path

    from ses_constructs.lab.server.hooks import Emulator

_LIFETIME = timedelta(days=7)


class Submitter:
    """The server that mail clients talk to."""

    def __init__(self, emulator: Emulator, engine: Engine, *, port: int, work_dir: Path) -> None:
        """:param work_dir: where the certificate goes."""
        self.ca_certificate = work_dir / "ca.pem"
        self.tls_context = _tls_context(self.ca_certificate, work_dir / "submission.key")
        handler = _Handler(emulator, engine)
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # below that it logs every line of every message
        self._controller = Controller(
            handler,
            hostname="127.0.0.1",
            port=port,
            tls_context=self.tls_context,
            require_starttls=True,
            auth_required=True,
            auth_require_tls=True,
            authenticator=handler.authenticate,
            data_size_limit=MAX_BYTES["smtp"],
            ident="Amazon SES lab",
            decode_data=False,
        )

    def start(self) -> None:
        """Listen, in a thread of its own."""
        self._controller.start()

    def stop(self) -> None:
        """Listen no more."""
        self._controller.stop(no_assert=True)


class _Handler:
    """What SES says at each step; the names are those that aiosmtpd calls."""

    def __init__(self, emulator: Emulator, engine: Engine) -> None:
        self._emulator = emulator
        self._engine = engine

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth_data: Any
    ) -> AuthResult:
        """Check the password that belongs to an access key in this region."""
        refused = AuthResult(success=False, handled=False, message="535 Authentication Credentials Invalid")
        if not isinstance(auth_data, LoginPassword):
            return refused
        key = self._emulator.access_key(auth_data.login.decode("utf-8", "replace"))
        if key is None:
            return refused
        user, secret = key
        expected = smtp_password(secret, self._emulator.region).encode()
        if not hmac.compare_digest(expected, auth_data.password):
            return refused
        return AuthResult(success=True, auth_data=user)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient."""
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a message."""
        user = str(session.auth_data)
        source = envelope.mail_from or ""
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            denied = self._denied(user, source)
            if denied is not None:
                return denied
            message_id = self._engine.accept(
                Submission(
                    via="smtp",
                    operation="SendRawEmail",
                    raw=raw,
                    source=source,
                    recipients=list(envelope.rcpt_tos),
                    caller=user,
                    tls_version=_tls_version(server),
                )
            )
        except SesError as error:
            if error.code == "MessageRejected":
                return f"554 Message rejected: {error.message}"
            return f"554 {error.message}"
        except Exception:
            logging.getLogger("ses-lab").exception("SMTP")
            return "451 Temporary service failure"
        return f"250 Ok {message_id}"

    def _denied(self, user: str, source: str) -> str | None:
        action = "ses:SendRawEmail"
        domain = mime.bare(source).rpartition("@")[2]
        resource = self._emulator.ses_arn("identity", domain)
        if self._emulator.user_may(user, action, resource):
            return None
        who = f"arn:aws:iam::{self._emulator.account}:user/{user}"
        return f"554 Access denied: User `{who}' is not authorized to perform `{action}' on resource `{resource}'"


def _tls_version(server: SMTP) -> str:
    connection = server.transport.get_extra_info("ssl_object") if server.transport is not None else None
    return str(connection.version()) if connection is not None else ""


def _tls_context(certificate_file: Path, key_file: Path) -> ssl.SSLContext:
    """Make a certificate that vouches for itself, and a context that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ses-constructs lab")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate_file, key_file)
    return context
