"""What answers when somebody follows a tracking link, loads the pixel or unsubscribes.

The paths are those of SES, whatever the host: a distribution in front of a domain of one's own changes nothing.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server import documents, mime
from ses_constructs.lab.server.control import respond
from ses_constructs.lab.server.errors import SesError

if TYPE_CHECKING:
    from ses_constructs.lab.server.control import Application, Receive, Send
    from ses_constructs.lab.server.engine import Engine
    from ses_constructs.lab.server.tracking import Tracked

# Link, image, unsubscribe; no bucket of S3 begins with a capital.
_PREFIXES = ("/L0/", "/I0/", "/U0/")
_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_TEXT = {"content-type": "text/plain"}


class Visits:
    """Serves links, and tells of the visits."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def around(self, application: Application) -> Application:
        """Return an ASGI application that answers these paths, and hands everything else on."""

        async def visits(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not scope["path"].startswith(_PREFIXES):
                await application(scope, receive, send)
                return
            tracked = self._engine.tracking.find(scope["path"].rpartition("/")[2])
            if tracked is None:
                await respond(send, 404, _TEXT, b"There is no such link.")
            elif tracked.contact is not None:
                await self._unsubscribe(tracked, tracked.contact, scope["method"], send)
            elif tracked.link is not None:
                visit = _visit(scope)
                click = {**visit, "link": tracked.link, "linkTags": tracked.tags}
                self._engine.tell(tracked.message_id, "Click", click)
                await respond(send, 302, {"location": tracked.link.encode("utf-8").decode("latin-1")}, b"")
            else:
                self._engine.tell(tracked.message_id, "Open", _visit(scope))
                await respond(send, 200, {"content-type": "image/gif", "cache-control": "no-cache"}, _PIXEL)

        return visits

    async def _unsubscribe(
        self, tracked: Tracked, contact: tuple[str, str | None, str], method: str, send: Send
    ) -> None:
        """Unsubscribe at once: by POST as the header says (RFC 8058), by GET as the link in a text does."""
        sent = self._engine.sent(tracked.message_id)
        try:
            changed = sent.context.copy().run(self._engine.contacts.unsubscribe, *contact)
        except SesError as error:  # the list has gone since
            await respond(send, error.status, _TEXT, error.message.encode())
            return
        source = "UnsubscribeHeader" if method == "POST" else "UnsubscribeLink"
        payload = {**changed, "timestamp": documents.timestamp(mime.now()), "source": source}
        self._engine.tell(tracked.message_id, "Subscription", payload)
        await respond(send, 200, _TEXT, b"You have been unsubscribed.")


def _visit(scope: dict[str, Any]) -> dict[str, str]:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    client = scope.get("client") or ("",)
    agent = headers.get("user-agent", "")
    return {
        "ipAddress": headers.get("x-forwarded-for", str(client[0])).partition(",")[0].strip(),
        "timestamp": documents.timestamp(mime.now()),
        "userAgent": agent,
        # How SES tells is its secret; here it is a program that says what it is.
        "isBotEvent": "Likely" if "bot" in agent.lower() else "Unlikely",
    }
