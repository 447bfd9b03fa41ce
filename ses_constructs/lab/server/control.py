"""The lab's own endpoints beside those of AWS: what SES has seen, and what it is to be told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from ses_constructs.lab.server import documents, mime
from ses_constructs.lab.server.errors import SesError, invalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ses_constructs.lab.server.engine import Engine

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]
    Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

_PREFIX = "/_ses_lab/"
# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
_DELAY_TYPES = (
    "InternalFailure",
    "General",
    "MailboxFull",
    "SpamDetected",
    "RecipientServerError",
    "IPFailure",
    "TransientCommunicationFailure",
    "BYOIPHostNameLookupUnavailable",
    "Undetermined",
    "SendingDeferral",
)


class Control:
    """Answers the lab's own paths."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        record = engine.publisher.record
        self._lists = {
            "events": record.events_since,
            "messages": record.messages_since,
            "received": record.received_since,
        }
        self._orders: dict[str, Callable[..., None]] = {"delays": self._delay, "complaints": self._complain}

    def around(self, application: Application) -> Application:
        """Return an ASGI application that answers these paths, and hands everything else on."""

        async def control(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not scope["path"].startswith(_PREFIX):
                await application(scope, receive, send)
                return
            name = scope["path"].removeprefix(_PREFIX)
            query = parse_qs(scope.get("query_string", b"").decode())
            body = await body_of(receive)
            try:
                status, answer = 200, self._answer(scope["method"], name, query, body)
            except SesError as error:
                status, answer = error.status, {"error": error.message}
            await respond(send, status, {"content-type": "application/json"}, json.dumps(answer).encode())

        return control

    def _answer(self, method: str, name: str, query: Mapping[str, list[str]], body: bytes) -> dict[str, Any]:
        if method == "GET" and name in self._lists:
            return {name: self._lists[name](int(query.get("since", ["0"])[0]))}
        if method == "POST" and name in self._orders:
            self._orders[name](**json.loads(body))
            return {}
        raise SesError("NotFoundException", "no such list", status=404)

    def _delay(self, *, message_id: str, recipient: str, delay_type: str, expires_after: float) -> None:
        if delay_type not in _DELAY_TYPES:
            raise invalid(f"delay_type must be one of {', '.join(_DELAY_TYPES)}, got {delay_type!r}")
        self._engine.sent(message_id, recipient)
        payload = documents.delay(delay_type, recipient, mime.now(), expires_after)
        self._engine.tell(message_id, "DeliveryDelay", payload)

    def _complain(self, *, message_id: str, recipient: str) -> None:
        self._engine.complain(message_id, recipient)


async def body_of(receive: Receive) -> bytes:
    """Return the body of a request."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def respond(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Answer a request."""
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
