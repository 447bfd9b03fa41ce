"""DNS, asked in bounded time. The only part that talks to a resolver."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import dns.exception
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver

from ses_constructs.doctor.check import Answer, Status

if TYPE_CHECKING:
    from dns.rdata import Rdata

_PATIENCE = 2  # look-ups without an answer after which a resolver that never gave one is not asked again
_PAYLOAD = 1232  # octets over UDP that pass every path unfragmented; larger answers come over TCP (RFC 9715)


class Resolver:
    """Looks names up, each once. Called as :data:`~ses_constructs.doctor.check.Lookup`."""

    def __init__(self, server: tuple[str, int] | None = None, *, timeout: float = 4.0, budget: float = 60.0) -> None:
        """:param server: address and port of the resolver. Default: those of this machine.

        :param timeout: seconds for one look-up, with its repetitions.
        :param budget: seconds for all look-ups together; afterwards each counts as a time-out. So it does, too, once
            the first two have had no answer: a dead resolver takes twice *timeout*.
        :raises dns.resolver.NoResolverConfiguration: if none is given and this machine has none.
        """
        self._resolver = dns.resolver.Resolver(configure=server is None)
        if server is not None:
            self._resolver.nameservers = [server[0]]
            self._resolver.port = server[1]
        self._resolver.use_edns(0, 0, _PAYLOAD)
        self._timeout = timeout
        self._end = time.monotonic() + budget
        self._is_alive = False
        self._silences = 0
        self._known: dict[tuple[str, str], Answer] = {}

    @property
    def is_dead(self) -> bool:
        """Whether it was asked and never answered."""
        return bool(self._known) and not self._is_alive

    @property
    def servers(self) -> str:
        """The addresses that are asked, for people."""
        return " and ".join(str(server) for server in self._resolver.nameservers)

    def __call__(self, name: str, type: str) -> Answer:
        """Return what DNS says."""
        key = (name.lower(), type)
        if key not in self._known:
            answer = self._look_up(name, type)
            self._known[key] = answer
            if answer.status is Status.TIMEOUT:
                self._silences += 1
            else:
                self._is_alive = True
        return self._known[key]

    def _look_up(self, name: str, type: str) -> Answer:
        left = min(self._timeout, self._end - time.monotonic())
        if left <= 0 or (self._silences >= _PATIENCE and not self._is_alive):
            return Answer(Status.TIMEOUT)
        try:
            absolute = dns.name.from_text(name.encode("ascii").decode(), dns.name.root)
        except (dns.exception.DNSException, UnicodeError):
            return Answer(Status.ABSENT)  # what cannot be written as a name of DNS is not in it
        try:
            answer = self._resolver.resolve(absolute, type, lifetime=left, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return Answer(Status.ABSENT)
        except dns.resolver.LifetimeTimeout:
            return Answer(Status.TIMEOUT)
        except dns.resolver.NoNameservers as error:
            return Answer(_failure(error))
        except (dns.exception.DNSException, OSError, ValueError):
            return Answer(Status.REFUSED)
        if answer.rrset is None:
            return Answer(Status.EMPTY)
        return Answer(Status.FOUND, tuple(sorted(_text(record) for record in answer.rrset)))


def _failure(error: dns.resolver.NoNameservers) -> Status:
    responses = (attempt[4] for attempt in error.kwargs.get("errors", ()))
    codes = {response.rcode() for response in responses if response is not None}
    return Status.SERVFAIL if dns.rcode.SERVFAIL in codes else Status.REFUSED


def _text(record: Rdata) -> str:
    if record.rdtype == dns.rdatatype.TXT:
        # One record's strings are joined without a blank: RFC 7208, section 3.3, and RFC 6376, section 3.6.2.2.
        return b"".join(record.strings).decode("ascii", "backslashreplace")  # type: ignore[attr-defined]  # of a TXT
    text = record.to_text().lower()
    return text if text.endswith(" .") else text.removesuffix(".")
