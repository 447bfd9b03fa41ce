"""Sending over API v2.

See https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html and its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server import mime, templates
from ses_constructs.lab.server.engine import Engine, Submission
from ses_constructs.lab.server.errors import SesError, invalid
from ses_constructs.lab.server.sending_v1 import decoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ses_constructs.lab.server.hooks import Emulator
    from ses_constructs.lab.server.rest import Json, Request, Routes

_BULK_STATUSES = {
    "MessageRejected": "MESSAGE_REJECTED",
    "NotFoundException": "CONFIGURATION_SET_NOT_FOUND",
    "SendingPausedException": "CONFIGURATION_SET_SENDING_PAUSED",
    "BadRequestException": "INVALID_PARAMETER",
}


class SendingV2:
    """The sends of API v2."""

    def __init__(self, emulator: Emulator, engine: Engine) -> None:
        self._emulator = emulator
        self._engine = engine

    def routes(self) -> Routes:
        """Return what API v2 answers about it."""
        return {
            ("POST", "/v2/email/outbound-emails"): lambda it: {"MessageId": self._send(it.body)},
            ("POST", "/v2/email/outbound-bulk-emails"): self._send_bulk,
            ("POST", "/v2/email/templates/{}/render"): self._test_render,
        }

    def _send(self, request: Mapping[str, Any]) -> str:
        content = request.get("Content") or {}
        to, cc, bcc = _recipients(request)
        source = request.get("FromEmailAddress") or ""
        failure: dict[str, str] | None = None
        if "Raw" in content:
            raw = decoded(content["Raw"].get("Data", ""))
        else:
            parts, failure = self._parts(content)
            raw = mime.compose_parts(
                parts,
                source=source,
                to=to,
                cc=cc,
                reply_to=list(request.get("ReplyToAddresses") or []),
                headers=_headers((content.get("Simple") or content.get("Template") or {}).get("Headers")),
            )
        options = request.get("ListManagementOptions")
        return self._engine.accept(
            Submission(
                via="v2",
                operation="SendEmail",
                raw=raw,
                source=source,
                recipients=[*to, *cc, *bcc],
                configuration_set=request.get("ConfigurationSetName"),
                tags=_tags(request.get("EmailTags")),
                tenant=request.get("TenantName"),
                contact_list=(options["ContactListName"], options.get("TopicName")) if options else None,
                failure=failure,
            )
        )

    def _parts(self, content: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str] | None]:
        """Return subject, text and HTML of simple or templated content, or why a template cannot be filled in."""
        if "Simple" in content:
            simple = content["Simple"]
            body = simple.get("Body") or {}
            parts = {
                "Subject": (simple.get("Subject") or {}).get("Data", ""),
                "Text": (body.get("Text") or {}).get("Data", ""),
                "Html": (body.get("Html") or {}).get("Data", ""),
            }
            return parts, None
        if "Template" in content:
            template, name = self._emulator.resolve_template(content["Template"])
            return templates.try_to_render(template, name, content["Template"].get("TemplateData") or "")
        raise invalid("Content must have one of Simple, Raw and Template.")

    def _send_bulk(self, request: Request) -> Json:
        body = request.body
        content = (body.get("DefaultContent") or {}).get("Template")
        entries = body.get("BulkEmailEntries") or []
        if not content or not entries:
            raise invalid("DefaultContent.Template and BulkEmailEntries are required.")
        template, name = self._emulator.resolve_template(content)
        results: list[dict[str, str]] = []
        for entry in entries:
            replacement = (entry.get("ReplacementEmailContent") or {}).get("ReplacementTemplate") or {}
            data = replacement.get("ReplacementTemplateData") or content.get("TemplateData") or ""
            try:
                parts, failure = templates.try_to_render(template, name, data)
                message_id = self._send_entry(body, entry, parts, failure)
                results.append({"Status": "SUCCESS", "MessageId": message_id})
            except SesError as error:
                results.append({"Status": _BULK_STATUSES.get(error.code, "FAILED"), "Error": error.message})
        return {"BulkEmailEntryResults": results}

    def _send_entry(
        self,
        body: Mapping[str, Any],
        entry: Mapping[str, Any],
        parts: Mapping[str, str],
        failure: dict[str, str] | None,
    ) -> str:
        to, cc, bcc = _recipients(entry)
        source = body.get("FromEmailAddress") or ""
        raw = mime.compose_parts(
            parts,
            source=source,
            to=to,
            cc=cc,
            reply_to=list(body.get("ReplyToAddresses") or []),
            headers=_headers(entry.get("ReplacementHeaders")),
        )
        return self._engine.accept(
            Submission(
                via="v2",
                operation="SendBulkEmail",
                raw=raw,
                source=source,
                recipients=[*to, *cc, *bcc],
                configuration_set=body.get("ConfigurationSetName"),
                tags=_tags(entry.get("ReplacementTags")) or _tags(body.get("DefaultEmailTags")),
                tenant=body.get("TenantName"),
                failure=failure,
            )
        )

    def _test_render(self, request: Request) -> Json:
        (name,) = request.parameters
        template, _ = self._emulator.resolve_template({"TemplateName": name})
        try:
            parts = templates.render(template, templates.parse_data(request.body.get("TemplateData") or ""))
        except templates.RenderingError as error:
            raise templates.missing_attribute(error) from error
        rendered = mime.compose_parts(parts, source="", to=(), cc=(), reply_to=())
        return {"RenderedTemplate": rendered.decode()}


def _recipients(request: Mapping[str, Any]) -> tuple[list[str], list[str], list[str]]:
    destination = request.get("Destination") or {}
    to, cc, bcc = (list(destination.get(f"{name}Addresses") or []) for name in ("To", "Cc", "Bcc"))
    return to, cc, bcc


def _tags(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str] | None:
    return {tag["Name"]: tag["Value"] for tag in tags} if tags else None


def _headers(headers: Sequence[Mapping[str, str]] | None) -> list[tuple[str, str]]:
    return [(header["Name"], header["Value"]) for header in headers or []]
