"""Reply addresses for applications: ``{"make": thread}`` and ``{"check": address}``.

The answers are ``{"address": ..., "expires_at": ...}``, and ``{"thread": ...}`` or ``{"thread": null, "reason": ...}``
with ``NotAReplyAddress``, ``Forged`` or ``Expired``. Nothing of them is logged.

Environment: ``REPLY_DOMAIN``, ``REPLY_KEY_ARN`` and ``LIFETIME_SECONDS``.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ses_common import reply_keys, reply_tokens
from ses_common.settings import variable

if TYPE_CHECKING:
    from collections.abc import Mapping


def handler(event: Mapping[str, Any], context: object) -> dict[str, str | None]:
    """Make an address or check one.

    :raises ValueError: for another request, or a thread that has no room in an address.
    :raises RuntimeError: if a variable of the environment is missing.
    """
    domain, mac = variable("REPLY_DOMAIN"), partial(reply_keys.mac, variable("REPLY_KEY_ARN"))
    match event:
        case {"make": str(thread)}:
            expires_at = time.time() + int(variable("LIFETIME_SECONDS"))
            address = reply_tokens.make(thread, domain=domain, expires_at=expires_at, mac=mac)
            ends = datetime.fromtimestamp(reply_tokens.end_of_hour(expires_at), UTC)
            return {"address": address, "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}
        case {"check": str(address)}:
            try:
                return {"thread": reply_tokens.check(address, domain=domain, now=time.time(), mac=mac)}
            except reply_tokens.Rejected as rejected:
                return {"thread": None, "reason": rejected.code}
    raise ValueError('The request must be {"make": thread} or {"check": address}.')
