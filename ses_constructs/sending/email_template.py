"""A stored template, filled in by SES for each message: AWS::SES::Template.

See https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-api.html.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import Annotations, Stack
from aws_cdk import aws_ses as ses
from constructs import Construct

from ses_constructs._kit.checks import fail, is_token
from ses_constructs.sending.options import check_name
from ses_constructs.sending.placeholders import placeholders

if TYPE_CHECKING:
    from collections.abc import Iterable

# Subject and both parts together: https://docs.aws.amazon.com/ses/latest/dg/quotas.html
_MAX_BYTES = 500 * 1024
_FILE_NAME = re.compile(r"\S+\.(?:html?|txt)")


class EmailTemplate(Construct):
    """A template that programs name when they send, one by one or in bulk, with the data of each message.

    Defines: the template. Who may send with it: ``grant_send`` of an identity, with ``templates=[template]``.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        subject: str,
        html: str | Path | None = None,
        text: str | Path | None = None,
        template_name: str | None = None,
    ) -> None:
        """:param subject: the subject, which may have placeholders like ``{{name}}`` as the parts may.

        :param html: the HTML part: a ``Path`` is the file to read it from (in UTF-8), a text is the part itself.
        :param text: the plain text part, in the same way. Mail with both parts is trusted more than with HTML alone.
        :param template_name: 1 to 64 letters, digits, ``_`` and ``-``; changing it makes a new template. Default:
            CloudFormation makes one. Programs that send need it, so give it to them as a stack output.
        :raises ValueError: for an empty subject, no part at all, more than 500 KB together, a placeholder or block that
            is not closed, a helper that SES does not have, a file name in place of a Path, or a name that SES refuses.
        :raises OSError: if a file cannot be read.
        """
        super().__init__(scope, id)
        check_name(self, "template_name", template_name)
        if not subject.strip():
            fail(self, "subject", "must not be empty", subject)
        if "\n" in subject or "\r" in subject:
            fail(self, "subject", "must be one line", subject)
        parts = {"html": self._read("html", html), "text": self._read("text", text)}
        given = {name: part for name, part in {"subject": subject, **parts}.items() if part}
        if len(given) == 1:
            fail(self, "html and text", "must be given, at least one of them", None)
        size = sum(len(part.encode()) for part in given.values())
        if size > _MAX_BYTES:
            fail(self, "the template", f"must be at most {_MAX_BYTES:,} bytes", f"{size:,} bytes")
        self._check_placeholders(given)

        self.resource: ses.CfnTemplate = ses.CfnTemplate(
            self,
            "Resource",
            template=ses.CfnTemplate.TemplateProperty(
                template_name=template_name,
                subject_part=subject,
                html_part=parts["html"],
                text_part=parts["text"],
            ),
        )
        """The template, as CloudFormation has it."""
        self.template_name: str = self.resource.ref
        """The name that programs give when they send."""

    @property
    def template_arn(self) -> str:
        """The ARN that IAM policies name; CloudFormation itself offers none."""
        return Stack.of(self).format_arn(service="ses", resource="template", resource_name=self.template_name)

    def _read(self, name: str, part: str | Path | None) -> str | None:
        if isinstance(part, Path):
            return part.read_text(encoding="utf-8")
        if part is not None and _FILE_NAME.fullmatch(part):
            fail(self, name, "must be a Path to be read from a file", part)
        return part

    def _check_placeholders(self, parts: dict[str, str]) -> None:
        found: dict[str, set[str]] = {}
        for name, part in parts.items():
            try:
                found[name] = placeholders(part)
            except ValueError as problem:
                fail(self, name, f"must be a template of Handlebars: {problem}", _shortened(part))
        if {"html", "text"} <= found.keys() and not any(is_token(part) for part in parts.values()):
            only_html, only_text = found["html"] - found["text"], found["text"] - found["html"]
            if only_html or only_text:
                Annotations.of(self).add_warning_v2(
                    "ses-constructs:placeholders",
                    "The HTML and the text part say different things: "
                    f"only in HTML: {_listed(only_html)}; only in the text: {_listed(only_text)}.",
                )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _shortened(part: str) -> str:
    return part if len(part) <= 60 else f"{part[:60]}..."
