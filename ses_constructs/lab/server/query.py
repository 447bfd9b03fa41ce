"""Answering calls of API v1, which are told apart by a parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from ses_constructs.lab.server.errors import SesError

if TYPE_CHECKING:
    from ses_constructs.lab.server.hooks import Emulator, Handler, Response


class Query:
    """The parameters of a call."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    def optional(self, name: str) -> str | None:
        """Return a value, or None if there is none or an empty one."""
        return self._values[name][0] if self._values.get(name, [""])[0] else None

    def has(self, name: str) -> bool:
        """Return whether a value is given, be it empty."""
        return name in self._values

    def text(self, name: str) -> str:
        """Return a value, empty if there is none."""
        return self.optional(name) or ""

    def flag(self, name: str) -> bool:
        """Return whether a value is true."""
        return self.text(name).lower() == "true"

    def members(self, prefix: str) -> list[str]:
        """Return the values of a list."""
        found: list[str] = []
        while (value := self.optional(f"{prefix}.{len(found) + 1}")) is not None:
            found.append(value)
        return found

    def groups(self, prefix: str) -> list[Query]:
        """Return the items of a list of structures."""
        found: list[Query] = []
        while group := self._below(f"{prefix}.{len(found) + 1}."):
            found.append(Query(group))
        return found

    def destination(self) -> tuple[list[str], list[str], list[str]]:
        """Return To, Cc and Bcc."""
        to, cc, bcc = (self.members(f"Destination.{name}Addresses.member") for name in ("To", "Cc", "Bcc"))
        return to, cc, bcc

    def tags(self, prefix: str = "Tags.member") -> dict[str, str] | None:
        """Return the message tags, None if there are none."""
        return {tag.text("Name"): tag.text("Value") for tag in self.groups(prefix)} or None

    def _below(self, prefix: str) -> dict[str, list[str]]:
        return {name.removeprefix(prefix): it for name, it in self._values.items() if name.startswith(prefix)}


# Action -> who answers, with the XML of the result.
Actions = Mapping[str, Callable[[Query], str]]


def answering(emulator: Emulator, actions: Actions) -> Callable[[Handler], Handler]:
    """Return what makes a handler answer these actions too."""

    def around(handler: Handler) -> Handler:
        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Response:
            parameters = Query({**query, **parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)})
            action = parameters.text("Action")
            if path.startswith("/v2/") or action not in actions:
                return await handler(method, path, headers, body, query)
            try:
                return emulator.v1_answer(action, actions[action](parameters))
            except SesError as error:
                return emulator.v1_error(error.v1_code, error.message)

        return handle

    return around
