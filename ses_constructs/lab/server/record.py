"""What SES accepted and emitted, for the lab's users to look at."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Record:
    """Messages and events in the order in which they came, for as long as the lab runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._received: list[dict[str, Any]] = []

    def message(
        self,
        *,
        message_id: str,
        source: str,
        recipients: Sequence[str],
        configuration_set: str | None,
        tags: Mapping[str, Sequence[str]],
        via: str,
        raw: bytes,
    ) -> None:
        """Add an accepted message."""
        entry = {
            "message_id": message_id,
            "source": source,
            "recipients": list(recipients),
            "configuration_set": configuration_set,
            "tags": {name: list(values) for name, values in tags.items()},
            "via": via,
            "raw": base64.b64encode(raw).decode(),
        }
        with self._lock:
            self._messages.append({"sequence": len(self._messages) + 1, **entry})

    def event(
        self,
        *,
        message_id: str,
        schema: str,
        document: Mapping[str, Any],
        destination: Mapping[str, str] | None = None,
        error: str | None = None,
    ) -> None:
        """Add an event, once for each destination."""
        entry = {
            "message_id": message_id,
            "event_type": document.get("eventType") or document.get("notificationType"),
            "schema": schema,
            "destination": destination,
            "delivered": destination is not None and error is None,
            "error": error,
            "document": document,
        }
        with self._lock:
            self._events.append({"sequence": len(self._events) + 1, **entry})

    def received(self, entry: Mapping[str, Any]) -> None:
        """Add a message that came in, with what was done with it."""
        with self._lock:
            self._received.append({"sequence": len(self._received) + 1, **entry})

    def messages_since(self, sequence: int) -> list[dict[str, Any]]:
        """Return the messages after a sequence number."""
        with self._lock:
            return self._messages[sequence:]

    def events_since(self, sequence: int) -> list[dict[str, Any]]:
        """Return the events after a sequence number."""
        with self._lock:
            return self._events[sequence:]

    def received_since(self, sequence: int) -> list[dict[str, Any]]:
        """Return the messages that came in after a sequence number."""
        with self._lock:
            return self._received[sequence:]
