"""The two SES APIs: the calls that the lab answers itself. Every other call is MiniStack's.

API v1 (query): https://docs.aws.amazon.com/ses/latest/APIReference/API_Operations.html
API v2 (REST): https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Operations.html
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from ses_constructs.lab.server import mime
from ses_constructs.lab.server.engine import Engine, Submission
from ses_constructs.lab.server.errors import SesError, invalid
from ses_constructs.lab.server.hooks import pretty
from ses_constructs.lab.server.notifications import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ses_constructs.lab.server.hooks import Emulator, Handler, Response

_TOPIC_TEST_MESSAGE = (
    "You have successfully subscribed your Amazon SNS topic '{topic}' to receive '{type}' notifications from "
    "Amazon SES for identity '{identity}'."
)


class ApiV1:
    """The query API."""

    def __init__(self, emulator: Emulator, engine: Engine) -> None:
        self._emulator = emulator
        self._engine = engine
        self._actions: dict[str, Callable[[_Query], str]] = {
            "SendEmail": self._send_email,
            "SendRawEmail": self._send_raw_email,
            "SendTemplatedEmail": self._send_templated_email,
            "SetIdentityNotificationTopic": self._set_topic,
            "SetIdentityHeadersInNotificationsEnabled": self._set_headers,
            "SetIdentityFeedbackForwardingEnabled": self._set_forwarding,
            "GetIdentityNotificationAttributes": self._get_notification_attributes,
        }

    def around(self, handler: Handler) -> Handler:
        """Return a handler that answers its own actions and hands the others on."""

        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Response:
            parameters = _Query({**query, **parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)})
            action = parameters.text("Action")
            if path.startswith("/v2/") or action not in self._actions:
                return await handler(method, path, headers, body, query)
            try:
                return self._emulator.v1_answer(action, self._actions[action](parameters))
            except SesError as error:
                return self._emulator.v1_error(error.v1_code, error.message)

        return handle

    def _send_email(self, query: _Query) -> str:
        to, cc, bcc = query.destination()
        raw = mime.compose(
            source=query.text("Source"),
            to=to,
            cc=cc,
            reply_to=query.members("ReplyToAddresses.member"),
            subject=query.text("Message.Subject.Data"),
            text=query.optional("Message.Body.Text.Data"),
            html=query.optional("Message.Body.Html.Data"),
        )
        return self._accept(query, "SendEmail", raw, [*to, *cc, *bcc])

    def _send_raw_email(self, query: _Query) -> str:
        raw = _decoded(query.text("RawMessage.Data"))
        return self._accept(query, "SendRawEmail", raw, query.members("Destinations.member"))

    def _send_templated_email(self, query: _Query) -> str:
        name = query.text("Template")
        template = self._emulator.template(name)
        if template is None:
            raise SesError("NotFoundException", f"Template {name} does not exist", v1_code="TemplateDoesNotExist")
        parts = self._emulator.render(template, query.text("TemplateData"))
        to, cc, bcc = query.destination()
        raw = mime.compose(
            source=query.text("Source"),
            to=to,
            cc=cc,
            reply_to=query.members("ReplyToAddresses.member"),
            subject=parts["Subject"],
            text=parts["Text"] or None,
            html=parts["Html"] or None,
        )
        return self._accept(query, "SendTemplatedEmail", raw, [*to, *cc, *bcc])

    def _accept(self, query: _Query, operation: str, raw: bytes, recipients: list[str]) -> str:
        message_id = self._engine.accept(
            Submission(
                via="v1",
                operation=operation,
                raw=raw,
                source=query.text("Source"),
                recipients=recipients,
                configuration_set=query.optional("ConfigurationSetName"),
                tags=query.tags(),
            )
        )
        return f"<MessageId>{message_id}</MessageId>"

    def _set_topic(self, query: _Query) -> str:
        identity, kind = self._known_identity(query), _notification_type(query)
        settings = self._engine.notifications.of(self._emulator.region, identity)
        topic = query.optional("SnsTopic")
        if topic is None:
            settings.topics.pop(kind, None)
            return ""
        problem = self._engine.topics.problem(topic, self._engine.arn("identity", identity))
        if problem is not None:
            raise invalid(problem)
        settings.topics[kind] = topic
        text = _TOPIC_TEST_MESSAGE.format(topic=topic, type=kind, identity=identity)
        test = {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": text}
        self._emulator.publish(topic, f"{pretty(test)}\n", "")
        return ""

    def _set_headers(self, query: _Query) -> str:
        settings = self._engine.notifications.of(self._emulator.region, self._known_identity(query))
        kind = _notification_type(query)
        if query.flag("Enabled"):
            settings.headers.add(kind)
        else:
            settings.headers.discard(kind)
        return ""

    def _set_forwarding(self, query: _Query) -> str:
        identity = self._known_identity(query)
        settings = self._engine.notifications.of(self._emulator.region, identity)
        enabled = query.flag("ForwardingEnabled")
        if not enabled and not {"Bounce", "Complaint"} <= settings.topics.keys():
            raise invalid(
                f"Identity <{identity}>: feedback forwarding can only be disabled when both bounce and complaint "
                "topics are set."
            )
        settings.forwarding = enabled
        return ""

    def _get_notification_attributes(self, query: _Query) -> str:
        entries = ""
        for identity in query.members("Identities.member"):
            if self._emulator.identity(identity) is None:
                continue
            settings = self._engine.notifications.of(self._emulator.region, identity)
            value = "".join(
                f"<{kind}Topic>{escape(settings.topics[kind])}</{kind}Topic>"
                for kind in TYPES
                if kind in settings.topics
            )
            value += f"<ForwardingEnabled>{str(settings.forwarding).lower()}</ForwardingEnabled>"
            for kind in TYPES:
                name = f"HeadersIn{kind}NotificationsEnabled"
                value += f"<{name}>{str(kind in settings.headers).lower()}</{name}>"
            entries += f"<entry><key>{escape(identity)}</key><value>{value}</value></entry>"
        return f"<NotificationAttributes>{entries}</NotificationAttributes>"

    def _known_identity(self, query: _Query) -> str:
        name = query.text("Identity")
        identity = self._emulator.identity(name)
        if identity is None:
            raise invalid(f"Identity <{name}> does not exist.")
        return str(identity["name"])


class ApiV2:
    """The REST API."""

    def __init__(self, emulator: Emulator, engine: Engine) -> None:
        self._emulator = emulator
        self._engine = engine

    def around(self, handler: Handler) -> Handler:
        """Return a handler that answers SendEmail and hands the other calls on."""

        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Response:
            if (method, path.rstrip("/")) != ("POST", "/v2/email/outbound-emails"):
                return await handler(method, path, headers, body, query)
            try:
                request = json.loads(body)
                message_id, refusal = self._send(request)
            except SesError as error:
                return self._emulator.v2_error(error.code, error.message, error.status)
            if refusal is not None:
                return refusal
            return 200, {"Content-Type": "application/json"}, json.dumps({"MessageId": message_id}).encode()

        return handle

    def _send(self, request: Mapping[str, Any]) -> tuple[str, Response | None]:
        content = request.get("Content") or {}
        destination = request.get("Destination") or {}
        to, cc, bcc = (list(destination.get(f"{name}Addresses") or []) for name in ("To", "Cc", "Bcc"))
        source = request.get("FromEmailAddress") or ""
        if "Raw" in content:
            raw = _decoded(content["Raw"].get("Data", ""))
        else:
            parts, extra, refusal = self._parts(content)
            if refusal is not None:
                return "", refusal
            raw = mime.compose(
                source=source,
                to=to,
                cc=cc,
                reply_to=list(request.get("ReplyToAddresses") or []),
                subject=parts["Subject"],
                text=parts["Text"] or None,
                html=parts["Html"] or None,
                headers=extra,
            )
        tags = request.get("EmailTags")
        message_id = self._engine.accept(
            Submission(
                via="v2",
                operation="SendEmail",
                raw=raw,
                source=source,
                recipients=[*to, *cc, *bcc],
                configuration_set=request.get("ConfigurationSetName"),
                tags={tag["Name"]: tag["Value"] for tag in tags} if tags else None,
            )
        )
        return message_id, None

    def _parts(self, content: Mapping[str, Any]) -> tuple[dict[str, str], list[tuple[str, str]], Response | None]:
        """Return subject, text and HTML of simple or templated content, its extra headers, or a refusal."""
        if "Simple" in content:
            simple = content["Simple"]
            body = simple.get("Body") or {}
            parts = {
                "Subject": (simple.get("Subject") or {}).get("Data", ""),
                "Text": (body.get("Text") or {}).get("Data", ""),
                "Html": (body.get("Html") or {}).get("Data", ""),
            }
            return parts, _extra_headers(simple), None
        if "Template" in content:
            template, refusal = self._emulator.resolve_template(content["Template"])
            if template is None:
                return {}, [], refusal
            rendered = self._emulator.render(template, content["Template"].get("TemplateData") or "")
            return rendered, _extra_headers(content["Template"]), None
        raise invalid("Content must have one of Simple, Raw and Template.")


class _Query:
    """The parameters of a query request."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    def optional(self, name: str) -> str | None:
        return self._values[name][0] if self._values.get(name, [""])[0] else None

    def text(self, name: str) -> str:
        return self.optional(name) or ""

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"

    def members(self, prefix: str) -> list[str]:
        found: list[str] = []
        while (value := self.optional(f"{prefix}.{len(found) + 1}")) is not None:
            found.append(value)
        return found

    def destination(self) -> tuple[list[str], list[str], list[str]]:
        to, cc, bcc = (self.members(f"Destination.{name}Addresses.member") for name in ("To", "Cc", "Bcc"))
        return to, cc, bcc

    def tags(self) -> dict[str, str] | None:
        tags: dict[str, str] = {}
        while name := self.optional(f"Tags.member.{len(tags) + 1}.Name"):
            tags[name] = self.text(f"Tags.member.{len(tags) + 1}.Value")
        return tags or None


def _notification_type(query: _Query) -> str:
    kind = query.text("NotificationType")
    if kind not in TYPES:
        raise invalid(f"Invalid notification type <{kind}>: it must be one of {', '.join(TYPES)}.")
    return kind


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise invalid("The raw message is not valid base64.") from error


def _extra_headers(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(header["Name"], header["Value"]) for header in content.get("Headers") or []]
