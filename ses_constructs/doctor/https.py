"""Fetching an MTA-STS policy as a sender does: RFC 8461, section 3.3. The only part that talks to a web server."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from typing import TYPE_CHECKING

from ses_constructs.doctor.transport import Fetched

if TYPE_CHECKING:
    from ses_constructs.doctor.check import Lookup

_MAX_SIZE = 65_536  # octets; RFC 8461, section 3.3, suggests 64 kilobytes


class Fetcher:
    """Fetches over HTTPS, from the addresses that *lookup* gives. Called as :data:`~.transport.Fetch`."""

    def __init__(
        self, lookup: Lookup, *, context: ssl.SSLContext | None = None, port: int = 443, timeout: float = 10.0
    ) -> None:
        """:param context: what certificates are checked against. Default: the authorities that this machine trusts.

        :param timeout: seconds for the whole of one fetch.
        """
        self._lookup = lookup
        self._context = context if context is not None else ssl.create_default_context()
        self._port = port
        self._timeout = timeout

    def __call__(self, host: str, path: str) -> Fetched:
        """Fetch *path*; a redirect is not followed, as the standard wants it."""
        answers = [self._lookup(host, type) for type in ("A", "AAAA")]
        addresses = [address for answer in answers for address in answer.values]
        if not addresses:
            if all(answer.is_known for answer in answers):
                return Fetched(refusal=f"{host} has no address")
            return Fetched(failure=f"the address of {host} cannot be looked up")
        failure = ""
        for address in addresses[:2]:
            try:
                return self._fetch(address, host, path)
            except ssl.SSLCertVerificationError as error:
                return Fetched(refusal=f"the certificate is not good: {error.verify_message}")
            except (OSError, http.client.HTTPException) as error:
                failure = f"{address}: {error or type(error).__name__}"
        return Fetched(failure=failure)

    def _fetch(self, address: str, host: str, path: str) -> Fetched:
        plain = socket.create_connection((address, self._port), timeout=self._timeout)
        # A time-out of the socket starts anew with every octet; this one ends the whole.
        timer = threading.Timer(self._timeout, _shut_down, [plain])
        timer.start()
        try:
            with self._context.wrap_socket(plain, server_hostname=host) as secure:
                connection = http.client.HTTPConnection(host, timeout=self._timeout)
                connection.sock = secure
                connection.request("GET", path, headers={"User-Agent": "ses-constructs doctor"})
                response = connection.getresponse()
                body = response.read(_MAX_SIZE + 1)
        finally:
            timer.cancel()
            plain.close()
        if response.status != 200:
            return Fetched(refusal=f"the server answers {response.status}")
        if len(body) > _MAX_SIZE:
            return Fetched(refusal=f"it is larger than {_MAX_SIZE} octets")
        return Fetched(body=body.decode("utf-8", "backslashreplace"))


def _shut_down(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed in the meantime
        connection.shutdown(socket.SHUT_RDWR)
