"""Signatures after Standard Webhooks, so that receivers can use any library that knows it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: HMAC-SHA256 over the id, the
time and the body, with one signature for each secret that is valid at the moment.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PREFIX = "whsec_"
_BYTES = range(24, 65)  # what the specification allows


def key(secret: str) -> bytes:
    """Return the key in *secret*: base64 of 24 to 64 bytes, with or without the prefix ``whsec_``.

    :raises ValueError: for anything else; the text does not repeat the secret.
    """
    try:
        decoded = base64.b64decode(secret.strip().removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("the secret is no base64") from None
    if len(decoded) not in _BYTES:
        raise ValueError("the secret has not 24 to 64 bytes")
    return decoded


def headers(keys: Iterable[bytes], *, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers that sign *body*.

    :param timestamp: seconds since the epoch, now: receivers refuse what is old.
    """
    signed = b".".join((id.encode(), str(timestamp).encode(), body))
    signatures = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
