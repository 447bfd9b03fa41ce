"""The lab's own endpoints beside those of AWS: what SES has seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ses_constructs.lab.server.record import Record

    Application = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Awaitable[None]]], Awaitable[None]]

_PREFIX = "/_ses_lab/"


def with_control(application: Application, record: Record) -> Application:
    """Return an ASGI application that answers the lab's own paths, and hands everything else on."""
    lists = {"events": record.events_since, "messages": record.messages_since}

    async def control(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Awaitable[None]]) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PREFIX):
            await application(scope, receive, send)
            return
        name = scope["path"].removeprefix(_PREFIX)
        query = parse_qs(scope.get("query_string", b"").decode())
        found = lists.get(name)
        body = json.dumps({name: found(int(query.get("since", ["0"])[0]))} if found else {"error": "no such list"})
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200 if found else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})

    return control
