"""Lists that come in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs.lab.server.rest import Json, Request

_PAGE = 1000


def page(name: str, items: Sequence[Any], request: Request) -> Json:
    """Return the page that a call asks for; the token of the next one is where it begins."""

    def asked(parameter: str) -> str | None:
        values = request.query.get(parameter)
        return values[0] if values else request.body.get(parameter)

    start = int(asked("NextToken") or 0)
    end = start + int(asked("PageSize") or _PAGE)
    answer: Json = {name: list(items[start:end])}
    if end < len(items):
        answer["NextToken"] = str(end)
    return answer
