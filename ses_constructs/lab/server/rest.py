"""Answering calls of API v2, which are told apart by method and path."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ses_constructs.lab.server.errors import SesError

if TYPE_CHECKING:
    from ses_constructs.lab.server.hooks import Emulator, Handler, Response

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """A call: what stands in for the ``{}`` of its path, its body and its query."""

    parameters: Sequence[str]
    body: Json
    query: Mapping[str, Sequence[str]]


# Method and path, with ``{}`` for what differs -> who answers.
Routes = Mapping[tuple[str, str], Callable[[Request], Json | None]]


def answering(emulator: Emulator, routes: Routes) -> Callable[[Handler], Handler]:
    """Return what makes a handler answer these calls too."""
    patterns = [
        (method, re.compile(re.escape(path).replace(re.escape("{}"), "([^/]+)")), answer)
        for (method, path), answer in routes.items()
    ]

    def around(handler: Handler) -> Handler:
        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Response:
            for wanted, pattern, answer in patterns:
                match = pattern.fullmatch(path.rstrip("/")) if wanted == method else None
                if match is None:
                    continue
                try:
                    request = Request([unquote(it) for it in match.groups()], json.loads(body or "{}"), query)
                    found = answer(request)
                except SesError as error:
                    return emulator.v2_error(error.code, error.message, error.status)
                return 200, {"Content-Type": "application/json"}, json.dumps(found or {}).encode()
            return await handler(method, path, headers, body, query)

        return handle

    return around
