"""TXT records as the world sees them, asked of the resolver of this machine: a client for one kind of question.

DNS: RFC 1035, section 4; larger answers: RFC 6891. The standard library asks for addresses only.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TXT, _OPT, _IN = 16, 41, 1
_LARGEST_UDP = 1232  # octets, which get through everywhere: https://www.dnsflagday.net/2020/
_TIMEOUT = 2.0  # seconds, for one question
_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!2HIH")
_TRUNCATED, _RCODE, _NAME_ERROR = 0x0200, 0x000F, 3
_POINTER = 0xC0


class TxtRecords:
    """TXT records by name. A resolver that does not answer is asked once, and every later answer is "not known"."""

    def __init__(self, server: tuple[str, int] | None = None) -> None:
        """:param server: address and port of the resolver. Default: what /etc/resolv.conf says."""
        self._server = server if server is not None else _configured()
        self._known: dict[str, list[str] | None] = {}

    def texts(self, name: str) -> list[str] | None:
        """Return the text of each TXT record of a name; none for a name without any; None if it is not known."""
        key = name.lower().rstrip(".")
        if key not in self._known:
            self._known[key] = self._ask(key)
        return self._known[key]

    def _ask(self, name: str) -> list[str] | None:
        if self._server is None:
            return None
        try:
            question = _question(name)
            answer = self._over_udp(question)
            if _HEADER.unpack_from(answer)[1] & _TRUNCATED:
                answer = self._over_tcp(question)
            return _texts(answer)
        except OSError:
            self._server = None
        except (ValueError, IndexError, struct.error):  # no name, or no answer that can be read
            pass
        return None

    def _over_udp(self, question: bytes) -> bytes:
        server = self._reachable()
        with socket.socket(server[0], socket.SOCK_DGRAM) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(server[1])
            connection.send(question)
            while True:
                answer = connection.recv(65_535)
                if answer[:2] == question[:2]:
                    return answer

    def _over_tcp(self, question: bytes) -> bytes:
        server = self._reachable()
        with socket.socket(server[0], socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(server[1])
            connection.sendall(struct.pack("!H", len(question)) + question)
            with connection.makefile("rb") as stream:
                (length,) = struct.unpack("!H", stream.read(2))
                return stream.read(length)

    def _reachable(self) -> tuple[socket.AddressFamily, tuple[str, int]]:
        assert self._server is not None
        return (socket.AF_INET6 if ":" in self._server[0] else socket.AF_INET), self._server


def _configured() -> tuple[str, int] | None:
    with contextlib.suppress(OSError):
        for line in Path("/etc/resolv.conf").read_text().splitlines():
            words = line.split()
            if len(words) > 1 and words[0] == "nameserver":
                return words[1], 53
    return None


def _question(name: str) -> bytes:
    """Return a question for TXT records. A name that cannot be written is a ValueError."""
    labels = [label.encode("ascii") for label in name.split(".")]
    if not all(0 < len(label) < 64 for label in labels):
        raise ValueError(name)
    written = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    header = _HEADER.pack(secrets.randbits(16), 0x0100, 1, 0, 0, 1)  # recursion desired
    return header + written + struct.pack("!2H", _TXT, _IN) + b"\0" + struct.pack("!2HIH", _OPT, _LARGEST_UDP, 0, 0)


def _texts(answer: bytes) -> list[str] | None:
    _, flags, questions, answers, _, _ = _HEADER.unpack_from(answer)
    if flags & _RCODE == _NAME_ERROR:
        return []
    if flags & _RCODE:
        return None
    place = _HEADER.size
    for _ in range(questions):
        place = _after_name(answer, place) + 4
    found = []
    for _ in range(answers):
        place = _after_name(answer, place)
        kind, _, _, length = _RECORD.unpack_from(answer, place)
        place += _RECORD.size
        if kind == _TXT:
            found.append(b"".join(_strings(answer[place : place + length])).decode("ascii", "replace"))
        place += length
    return found


def _after_name(answer: bytes, place: int) -> int:
    while (length := answer[place]) != 0:
        if length & _POINTER == _POINTER:
            return place + 2
        place += length + 1
    return place + 1


def _strings(data: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(data):
        end = place + 1 + data[place]
        yield data[place + 1 : end]
        place = end
