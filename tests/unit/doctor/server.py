"""A DNS server on 127.0.0.1 that serves what a test writes down, over UDP and TCP."""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from ses_constructs import DnsRecord

SERVFAIL, REFUSED, SILENCE, GARBAGE = "SERVFAIL", "REFUSED", "SILENCE", "GARBAGE"

Zone = Mapping[tuple[str, str], Any]
"""Name and type to a list of values (TXT without quotes, or as bytes), or to one of the words above."""


def respond(zone: Zone, wire: bytes, *, limit: int) -> bytes | None:
    query = dns.message.from_wire(wire)
    question = query.question[0]
    name, type = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
    found = zone.get((name, type))
    if found == SILENCE:
        return None
    if found == GARBAGE:
        return wire[:2] + b"\xff" * 40
    response = dns.message.make_response(query)
    if found in (SERVFAIL, REFUSED):
        response.set_rcode(dns.rcode.from_text(found))
        return response.to_wire()
    alias = zone.get((name, "CNAME"))
    if found is None and alias is not None:
        response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "CNAME", f"{alias[0]}."))
        name = alias[0]
        found = zone.get((name, type))
    if found is not None:
        owner = dns.name.from_text(name)
        response.answer.append(dns.rrset.from_text(owner, 60, "IN", type, *(_rdata(name, type, it) for it in found)))
    elif not any(known == name or known.endswith(f".{name}") for known, _ in zone):
        response.set_rcode(dns.rcode.NXDOMAIN)
    try:
        return response.to_wire(max_size=limit)
    except dns.exception.TooBig:
        response.answer.clear()
        response.flags |= dns.flags.TC
        return response.to_wire()


def _rdata(name: str, type: str, value: str | bytes) -> str:
    if isinstance(value, bytes):
        strings = [value[start : start + 255] for start in range(0, len(value), 255)] or [b""]
        return " ".join('"{}"'.format("".join(f"\\{octet:03d}" for octet in string)) for string in strings)
    if type in ("A", "AAAA") or value.endswith("."):
        return value
    (line,) = DnsRecord(name, type, (value,), "served").lines()
    return line.split(f" IN {type} ", maxsplit=1)[1]


@contextlib.contextmanager
def serving(zone: Zone) -> Iterator[tuple[str, int]]:
    """Serve the zone; gives address and port. What the test changes in it is served from then on."""

    class OverUdp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, connection = self.request
            response = respond(zone, wire, limit=1232)
            if response is not None:
                connection.sendto(response, self.client_address)

    class OverTcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            (length,) = struct.unpack("!H", self.rfile.read(2))
            response = respond(zone, self.rfile.read(length), limit=65_535)
            if response is not None:
                self.wfile.write(struct.pack("!H", len(response)) + response)

    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socketserver.ThreadingTCPServer(("127.0.0.1", 0), OverTcp))
        udp = stack.enter_context(socketserver.ThreadingUDPServer(tcp.server_address, OverUdp))
        for server in (tcp, udp):
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield "127.0.0.1", tcp.server_address[1]
