"""The suppression list of the account.

See https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server.errors import SesError, invalid
from ses_constructs.lab.server.paging import page

if TYPE_CHECKING:
    from ses_constructs.lab.server.hooks import Emulator, Handler, Response
    from ses_constructs.lab.server.rest import Json, Request, Routes

REASONS = ("BOUNCE", "COMPLAINT")


class SuppressionList:
    """Addresses that SES does not send to, by account and region. Addresses are compared as they are written."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._entries: dict[tuple[str, str], dict[str, Json]] = defaultdict(dict)
        # On for both in every account that began after November 2019.
        self._reasons: dict[tuple[str, str], list[str]] = defaultdict(lambda: list(REASONS))

    def routes(self) -> Routes:
        """Return what API v2 answers about it."""
        addresses = "/v2/email/suppression/addresses"
        return {
            ("PUT", addresses): self._put,
            ("GET", addresses): self._list,
            ("GET", f"{addresses}/{{}}"): self._get,
            ("DELETE", f"{addresses}/{{}}"): self._delete,
            ("PUT", "/v2/email/account/suppression"): self._put_reasons,
        }

    def around_v2(self, handler: Handler) -> Handler:
        """Return a handler that also says in GetAccount which reasons count."""

        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Response:
            status, answer_headers, answer = await handler(method, path, headers, body, query)
            if (method, path.rstrip("/"), status) == ("GET", "/v2/email/account", 200):
                account = {**json.loads(answer), "SuppressionAttributes": {"SuppressedReasons": self.reasons}}
                answer = json.dumps(account).encode()
            return status, answer_headers, answer

        return handle

    @property
    def reasons(self) -> list[str]:
        """The reasons that count in this account."""
        return self._reasons[self._here]

    def reasons_of(self, configuration_set: Mapping[str, Any]) -> list[str]:
        """Return the reasons that count for a configuration set: its own, even if it says none, else the account's."""
        options = configuration_set.get("SuppressionOptions") or {}
        return list(options["SuppressedReasons"]) if "SuppressedReasons" in options else self.reasons

    def reason(self, address: str) -> str | None:
        """Return why an address is on the list, None if it is not."""
        entry = self._entries[self._here].get(address)
        return str(entry["Reason"]) if entry is not None else None

    def add(self, address: str, reason: str, attributes: Mapping[str, str] | None = None) -> None:
        """Put an address on the list. :param attributes: ``MessageId`` and ``FeedbackId`` of what put it there."""
        entry: Json = {"EmailAddress": address, "Reason": reason, "LastUpdateTime": int(time.time())}
        if attributes:
            entry["Attributes"] = dict(attributes)
        self._entries[self._here][address] = entry

    @property
    def _here(self) -> tuple[str, str]:
        return self._emulator.account, self._emulator.region

    def _put(self, request: Request) -> None:
        address, reason = request.body.get("EmailAddress", ""), request.body.get("Reason")
        if "@" not in address:
            raise invalid(f"Invalid email address <{address}>.")
        _check_reasons([reason])
        self.add(address, str(reason))

    def _get(self, request: Request) -> Json:
        return {"SuppressedDestination": self._entry(request.parameters[0])}

    def _delete(self, request: Request) -> None:
        self._entry(request.parameters[0])
        del self._entries[self._here][request.parameters[0]]

    def _list(self, request: Request) -> Json:
        wanted = request.query.get("Reason") or REASONS
        found = [
            {name: entry[name] for name in ("EmailAddress", "Reason", "LastUpdateTime")}
            for entry in self._entries[self._here].values()
            if entry["Reason"] in wanted
        ]
        return page("SuppressedDestinationSummaries", found, request)

    def _put_reasons(self, request: Request) -> None:
        reasons = request.body.get("SuppressedReasons") or []
        _check_reasons(reasons)
        self._reasons[self._here] = list(reasons)

    def _entry(self, address: str) -> Json:
        entry = self._entries[self._here].get(address)
        if entry is None:
            raise SesError(
                "NotFoundException", f"Email address {address} does not exist on your suppression list.", status=404
            )
        return entry


def _check_reasons(reasons: list[Any]) -> None:
    for reason in reasons:
        if reason not in REASONS:
            raise invalid(f"Invalid suppression reason <{reason}>: it must be one of {', '.join(REASONS)}.")
