"""Reply addresses ``reply+TOKEN@example.com``: who answers to one, answers in the thread that the token names. Pure.

A token is 36 bytes at most: one that says how the thread is written, three for the hour at which it expires, twelve of
an HMAC, and the thread. In base32, which does not mind what mail servers do to case, that makes with ``reply+`` the 64
characters that a local part may have (RFC 5321, section 4.5.3.1.1). Twelve bytes are 96 bits: a guess succeeds once in
2^96 (RFC 2104, section 5, wants no less than 80 bits of a shortened HMAC).

The thread can be read by anybody who knows base32; what nobody can do without the key is make a token, change one, make
it last longer, or use it with another domain.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32decode, b32encode
from math import ceil
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_THREAD_BYTES = 20
_LOCAL_PART = "reply"
_TEXT, _UUID = b"\x01", b"\x02"
_HOUR = 3600
_EXPIRY_BYTES = 3
_MAC_BYTES = 12
# Also names the format: a MAC over anything else than one of these addresses verifies none.
_CONTEXT = b"ses-constructs reply address 1"
_CANONICAL_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TOKEN = re.compile(r"[a-z2-7]{26,58}")


class Rejected(ValueError):
    """An address that names no thread.

    :param code: ``NotAReplyAddress``, ``Forged`` or ``Expired``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def make(thread: str, *, domain: str, expires_at: float, mac: Callable[[bytes], bytes]) -> str:
    """Return the reply address of a thread.

    :param thread: a UUID in lower case, or a text of 1 to 20 bytes in UTF-8.
    :param domain: in lower case.
    :param expires_at: seconds since the epoch; the address lasts until the end of that hour.
    :param mac: returns the HMAC of what it is given, at least twelve bytes.
    :raises ValueError: if there is no thread, or it is too long.
    """
    if _CANONICAL_UUID.fullmatch(thread):
        form, written = _UUID, UUID(thread).bytes
    else:
        form, written = _TEXT, thread.encode()
        if not 1 <= len(written) <= MOST_THREAD_BYTES:
            raise ValueError(f"A thread must be a UUID, or 1 to {MOST_THREAD_BYTES} bytes in UTF-8.")
    expiry = (end_of_hour(expires_at) // _HOUR).to_bytes(_EXPIRY_BYTES)
    signature = mac(_signed(domain, form + expiry, written))[:_MAC_BYTES]
    return f"{_LOCAL_PART}+{_written(form + expiry + signature + written)}@{domain}"


def end_of_hour(at: float) -> int:
    """Return when an address that is to last until *at* expires, in seconds since the epoch."""
    return ceil(at / _HOUR) * _HOUR


def is_reply_address(address: str, domain: str) -> bool:
    """Whether *address* looks like one of these, so that it is worth to be checked."""
    return _token(address, domain) is not None


def check(address: str, *, domain: str, now: float, mac: Callable[[bytes], bytes]) -> str:
    """Return the thread that *address* names.

    :param now: seconds since the epoch.
    :raises Rejected: if it names none, or does no more.
    """
    token = _token(address, domain)
    if token is None:
        raise Rejected("NotAReplyAddress")
    content = b32decode(token.upper() + "=" * (-len(token) % 8))
    start, signature, written = content[:4], content[4 : 4 + _MAC_BYTES], content[4 + _MAC_BYTES :]
    # Signed first, and read only then. The comparison takes the same time wherever the difference is.
    if not hmac.compare_digest(signature, mac(_signed(domain, start, written))[:_MAC_BYTES]):
        raise Rejected("Forged")
    if now >= int.from_bytes(start[1:]) * _HOUR:
        raise Rejected("Expired")
    return str(UUID(bytes=written)) if start[:1] == _UUID else written.decode()


def _token(address: str, domain: str) -> str | None:
    local, _, of = address.strip().lower().rpartition("@")
    name, _, token = local.partition("+")
    if of != domain or name != _LOCAL_PART or not _TOKEN.fullmatch(token):
        return None
    try:
        content = b32decode(token.upper() + "=" * (-len(token) % 8))
    except ValueError:  # a length that base32 does not have
        return None
    return token if len(content) > 4 + _MAC_BYTES and _written(content) == token else None  # one spelling each


def _signed(domain: str, start: bytes, written: bytes) -> bytes:
    return b"\0".join((_CONTEXT, domain.encode(), start + written))


def _written(content: bytes) -> str:
    return b32encode(content).decode().rstrip("=").lower()
