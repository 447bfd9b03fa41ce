"""The paths of API v2 below ``/v2/email/identities``.

See https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentity.html and its neighbours.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ses_constructs.lab.server.errors import SesError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ses_constructs.lab.server.hooks import Emulator, Handler, Response
    from ses_constructs.lab.server.identities import Identities

_PREFIX = "/v2/email/identities"
Json = dict[str, Any]


class IdentitiesApi:
    """Answers everything about identities but the list of them."""

    def __init__(self, emulator: Emulator, identities: Identities) -> None:
        self._emulator = emulator
        self._identities = identities
        # By method and by what follows the identity in the path.
        self._attributes: dict[tuple[str, str], Callable[[str, Mapping[str, Any]], Json | None]] = {
            ("GET", ""): lambda name, _: identities.describe(name),
            ("DELETE", ""): lambda name, _: identities.delete(name),
            ("PUT", "dkim"): lambda name, it: identities.set_dkim_enabled(name, it.get("SigningEnabled", False)),
            ("PUT", "dkim/signing"): lambda name, it: identities.set_dkim_signing(
                name, it["SigningAttributesOrigin"], it.get("SigningAttributes") or {}
            ),
            ("PUT", "feedback"): lambda name, it: identities.set_forwarding(
                name, it.get("EmailForwardingEnabled", False)
            ),
            ("PUT", "mail-from"): lambda name, it: identities.set_mail_from(
                name, it.get("MailFromDomain"), it.get("BehaviorOnMxFailure", "USE_DEFAULT_VALUE")
            ),
            ("PUT", "configuration-set"): lambda name, it: identities.set_configuration_set(
                name, it.get("ConfigurationSetName")
            ),
            ("GET", "policies"): lambda name, _: {"Policies": identities.policies(name)},
        }

    def around(self, handler: Handler) -> Handler:
        """Return a handler that answers these paths and hands the other calls on."""

        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Response:
            if not path.startswith(_PREFIX) or (method, path.rstrip("/")) == ("GET", _PREFIX):
                return await handler(method, path, headers, body, query)
            try:
                answer = self._answer(method, path.removeprefix(_PREFIX).strip("/"), json.loads(body or "{}"))
            except SesError as error:
                return self._emulator.v2_error(error.code, error.message, error.status)
            return 200, {"Content-Type": "application/json"}, json.dumps(answer or {}).encode()

        return handle

    def _answer(self, method: str, path: str, request: Mapping[str, Any]) -> Json | None:
        if not path and method == "POST":
            description = self._identities.create(
                request.get("EmailIdentity", ""),
                signing=request.get("DkimSigningAttributes") or {},
                configuration_set=request.get("ConfigurationSetName"),
                tags=request.get("Tags") or [],
            )
            return {key: description[key] for key in ("IdentityType", "VerifiedForSendingStatus", "DkimAttributes")}
        name, _, rest = path.partition("/")
        name = unquote(name)
        attribute = self._attributes.get((method, rest))
        if attribute is not None:
            return attribute(name, request)
        kind, _, policy_name = rest.partition("/")
        if kind == "policies" and method in ("POST", "PUT"):
            self._identities.put_policy(name, policy_name, request.get("Policy", ""), new=method == "POST")
            return None
        if kind == "policies" and method == "DELETE":
            self._identities.delete_policy(name, policy_name)
            return None
        raise SesError("NotFoundException", f"Unknown path {path}", status=404)
