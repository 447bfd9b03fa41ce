"""Sending over API v1.

See https://docs.aws.amazon.com/ses/latest/APIReference/API_SendEmail.html and its neighbours.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from ses_constructs.lab.server import mime, templates
from ses_constructs.lab.server.engine import Engine, Submission
from ses_constructs.lab.server.errors import SesError, invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs.lab.server.hooks import Emulator
    from ses_constructs.lab.server.query import Actions, Query


class SendingV1:
    """The sends of API v1."""

    def __init__(self, emulator: Emulator, engine: Engine) -> None:
        self._emulator = emulator
        self._engine = engine

    def actions(self) -> Actions:
        """Return what API v1 answers about it."""
        return {
            "SendEmail": self._send_email,
            "SendRawEmail": self._send_raw_email,
            "SendTemplatedEmail": self._send_templated_email,
            "SendBulkTemplatedEmail": self._send_bulk_templated_email,
            "TestRenderTemplate": self._test_render,
        }

    def _send_email(self, query: Query) -> str:
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
        return self._accept(query, "SendEmail", raw, [*to, *cc, *bcc], query.tags())

    def _send_raw_email(self, query: Query) -> str:
        raw = decoded(query.text("RawMessage.Data"))
        return self._accept(query, "SendRawEmail", raw, query.members("Destinations.member"), query.tags())

    def _send_templated_email(self, query: Query) -> str:
        data = query.text("TemplateData")
        return self._send_template(query, "SendTemplatedEmail", query.destination(), data, query.tags())

    def _send_bulk_templated_email(self, query: Query) -> str:
        self._template(query.text("Template"))
        answers = ""
        for entry in query.groups("Destinations.member"):
            try:
                answer = self._send_template(
                    query,
                    "SendBulkTemplatedEmail",
                    entry.destination(),
                    entry.optional("ReplacementTemplateData") or query.text("DefaultTemplateData"),
                    entry.tags("ReplacementTags.member") or query.tags("DefaultTags.member"),
                )
                answers += f"<member><Status>Success</Status>{answer}</member>"
            except SesError as error:
                status = error.v1_code.removesuffix("Exception")
                answers += f"<member><Status>{status}</Status><Error>{escape(error.message)}</Error></member>"
        return f"<Status>{answers}</Status>"

    def _test_render(self, query: Query) -> str:
        template = self._template(query.text("TemplateName"))
        try:
            parts = templates.render(template, templates.parse_data(query.text("TemplateData")))
        except templates.RenderingError as error:
            raise templates.missing_attribute(error) from error
        rendered = mime.compose_parts(parts, source="", to=(), cc=(), reply_to=())
        return f"<RenderedTemplate>{escape(rendered.decode())}</RenderedTemplate>"

    def _template(self, name: str) -> dict[str, str]:
        template = self._emulator.template(name)
        if template is None:
            raise SesError("NotFoundException", f"Template {name} does not exist", v1_code="TemplateDoesNotExist")
        return template

    def _send_template(
        self,
        query: Query,
        operation: str,
        destination: tuple[list[str], list[str], list[str]],
        data: str,
        tags: dict[str, str] | None,
    ) -> str:
        to, cc, bcc = destination
        name = query.text("Template")
        parts, failure = templates.try_to_render(self._template(name), name, data)
        reply_to = query.members("ReplyToAddresses.member")
        raw = mime.compose_parts(parts, source=query.text("Source"), to=to, cc=cc, reply_to=reply_to)
        return self._accept(query, operation, raw, [*to, *cc, *bcc], tags, failure)

    def _accept(
        self,
        query: Query,
        operation: str,
        raw: bytes,
        recipients: Sequence[str],
        tags: dict[str, str] | None,
        failure: dict[str, str] | None = None,
    ) -> str:
        message_id = self._engine.accept(
            Submission(
                via="v1",
                operation=operation,
                raw=raw,
                source=query.text("Source"),
                recipients=recipients,
                configuration_set=query.optional("ConfigurationSetName"),
                tags=tags,
                failure=failure,
            )
        )
        return f"<MessageId>{message_id}</MessageId>"


def decoded(data: str) -> bytes:
    """Return a message that is given in base64."""
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise invalid("The raw message is not valid base64.") from error
