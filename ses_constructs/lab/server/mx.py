"""The port that other mail servers bring mail to.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-mx-record.html.
"""

from __future__ import annotations

import asyncio
import logging
import re
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from ses_constructs.lab.server import inbound
from ses_constructs.lab.server.errors import SesError

if TYPE_CHECKING:
    import ssl

    from ses_constructs.lab.server.receiving import Receiver

MAX_BYTES = 40 * 1024 * 1024  # https://docs.aws.amazon.com/ses/latest/dg/quotas.html
_MAX_RECIPIENTS = 100  # what every server must take: RFC 5321, section 4.5.3.1.8
_XCLIENT_ADDRESS = re.compile(r"ADDR=(\S+)", re.IGNORECASE)


class MailExchanger:
    """The server that other servers talk to."""

    def __init__(self, receiver: Receiver, *, port: int, tls_context: ssl.SSLContext) -> None:
        self._controller = _Controller(
            _Handler(receiver),
            hostname="127.0.0.1",
            port=port,
            tls_context=tls_context,
            data_size_limit=MAX_BYTES,
            ident="Amazon SES lab",
            decode_data=False,
            enable_SMTPUTF8=False,
        )

    def start(self) -> None:
        """Listen, in a thread of its own."""
        self._controller.start()

    def stop(self) -> None:
        """Listen no more."""
        self._controller.stop(no_assert=True)


class _Smtp(SMTP):
    """One connection, which may say by XCLIENT that it comes from elsewhere: https://www.postfix.org/XCLIENT_README.html."""

    client_address: str | None = None

    @syntax("XCLIENT ADDR=<IPv4 address>")
    async def smtp_XCLIENT(self, arg: str) -> None:
        """Take the address of the client; it stays over STARTTLS."""
        found = _XCLIENT_ADDRESS.search(arg or "")
        try:
            self.client_address = str(IPv4Address(found.group(1) if found else ""))
        except ValueError:
            await self.push("501 Syntax: XCLIENT ADDR=<IPv4 address>")
            return
        await self.push("220 Ok")


class _Controller(Controller):
    def factory(self) -> SMTP:
        """Return the protocol of a new connection."""
        return _Smtp(self.handler, **self.SMTP_kwargs)


class _Handler:
    """What SES says at each step; the names are those that aiosmtpd calls."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def handle_RCPT(
        self, server: _Smtp, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, if a rule wants mail for it from this client."""
        if len(envelope.rcpt_tos) >= _MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        refusal = self._receiver.refusal(address, client_address=_client(server, session), tls=_tls(session))
        if refusal is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 Ok"

    async def handle_DATA(self, server: _Smtp, session: Session, envelope: Envelope) -> str:
        """Take a message; when this is answered, all that the rules say has been done."""
        accepted = inbound.Envelope(
            sender=(envelope.mail_from or "").removeprefix("<>"),
            recipients=list(dict.fromkeys(envelope.rcpt_tos)),
            client_address=_client(server, session),
            helo=session.host_name or "unknown",
            tls=_tls(session),
        )
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            message_id = await asyncio.to_thread(self._receiver.receive, accepted, raw)
        except SesError as error:
            return f"554 5.6.0 {error.message}"
        except Exception:
            logging.getLogger("ses-lab").exception("receiving")
            return "451 4.3.0 Temporary service failure"
        return f"250 Ok {message_id}"


def _client(server: _Smtp, session: Session) -> str:
    return server.client_address or str((session.peer or ("127.0.0.1",))[0])


def _tls(session: Session) -> bool:
    return session.ssl is not None
