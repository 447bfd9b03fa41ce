"""SES's limit of one call a second, on everything but sending.

See https://docs.aws.amazon.com/ses/latest/dg/quotas.html.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from ses_constructs.lab.server.hooks import Emulator, Handler, Response

_UNLIMITED_V1 = ("SendEmail", "SendRawEmail", "SendTemplatedEmail", "SendBulkTemplatedEmail")
_UNLIMITED_V2 = ("/v2/email/outbound-emails", "/v2/email/outbound-bulk-emails")
_INTERVAL = 1.0  # seconds


class Throttle:
    """One limit for all calls of both APIs, the strictest reading of the quota. CloudFormation is not limited."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._last = -_INTERVAL

    def around_v1(self, handler: Handler) -> Handler:
        """Return a handler of API v1 that refuses what comes too soon."""

        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Response:
            parameters = {**query, **parse_qs(body.decode("utf-8", "replace"))}
            action = (parameters.get("Action") or [""])[0]
            # MiniStack hands calls of API v2 on to this handler.
            if not path.startswith("/v2/") and action not in _UNLIMITED_V1 and self._too_soon():
                return self._emulator.v1_error("Throttling", "Rate exceeded")
            return await handler(method, path, headers, body, query)

        return handle

    def around_v2(self, handler: Handler) -> Handler:
        """Return a handler of API v2 that refuses what comes too soon."""

        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Response:
            if path.rstrip("/") not in _UNLIMITED_V2 and self._too_soon():
                return self._emulator.v2_error("TooManyRequestsException", "Too many requests", 429)
            return await handler(method, path, headers, body, query)

        return handle

    def _too_soon(self) -> bool:
        now = time.monotonic()
        if now - self._last < _INTERVAL:
            return True
        self._last = now
        return False
