"""Filling in templates: the part of Handlebars that SES documents.

Variables (``{{name}}``, ``{{user.name}}``, ``{{this}}``), ``{{#if}}`` and ``{{#unless}}`` with ``{{else}}``, and
``{{#each}}`` with ``{{@index}}``. SES escapes nothing. See
https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-advanced.html.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ses_constructs.lab.server.errors import SesError, invalid

_TAG = re.compile(r"\{\{\{\s*([^{}]+?)\s*\}\}\}|\{\{\s*([^{}]+?)\s*\}\}")
# SES fills these in itself, after the template.
_LEFT_ALONE = ("ses:openTracker", "amazonSESUnsubscribeUrl")


class RenderingError(Exception):
    """A template and its data do not go together; the text is SES's."""


@dataclass
class _Block:
    """What is between ``{{#word argument}}`` and ``{{/word}}``; the outermost has no word."""

    word: str = ""
    argument: str = ""
    parts: list[str | _Block] = field(default_factory=list)
    otherwise: list[str | _Block] | None = None


def parse_data(data: str) -> dict[str, Any]:
    """Read template data.

    :raises SesError: if it is not the text of a JSON object.
    """
    try:
        parsed = json.loads(data or "{}")
    except ValueError as error:
        raise invalid("The template data is not valid JSON.") from error
    if not isinstance(parsed, dict):
        raise invalid("The template data must be a JSON object.")
    return parsed


def render(template: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, str]:
    """Return ``Subject``, ``Text`` and ``Html`` of a template with the data filled in.

    :raises RenderingError: if the template uses what the data lacks, or is no template.
    """
    parts = {"Subject": "SubjectPart", "Text": "TextPart", "Html": "HtmlPart"}
    return {name: "".join(_filled(_parsed(template.get(part) or ""), [data])) for name, part in parts.items()}


def try_to_render(template: Mapping[str, Any], name: str, data: str) -> tuple[dict[str, str], dict[str, str] | None]:
    """Return the parts of a message to send, and what the event tells if they cannot be filled in.

    :raises SesError: if the data cannot be read.
    """
    try:
        return render(template, parse_data(data)), None
    except RenderingError as error:
        return {"Subject": "", "Text": "", "Html": ""}, {"errorMessage": str(error), "templateName": name}


def missing_attribute(error: RenderingError) -> SesError:
    """Return the refusal of a rendering that is only a test."""
    return SesError("BadRequestException", str(error), v1_code="MissingRenderingAttribute")


def _parsed(text: str) -> list[str | _Block]:
    """Cut a template into text, ``{{...}}`` and blocks."""
    open_blocks = [_Block()]
    at = 0
    for match in _TAG.finditer(text):
        _add(open_blocks[-1], text[at : match.start()])
        at = match.end()
        tag = (match[1] or match[2]).strip()
        if tag.startswith("#"):
            word, _, argument = tag[1:].partition(" ")
            open_blocks.append(_Block(word, argument.strip()))
        elif tag == "else":
            open_blocks[-1].otherwise = []
        elif tag.startswith("/"):
            block = open_blocks.pop()
            if not open_blocks or block.word != tag[1:].strip():
                raise RenderingError(f"Unexpected closing tag '{match[0]}'.")
            _add(open_blocks[-1], block)
        elif not tag.startswith("!"):
            _add(open_blocks[-1], match[0])
    if len(open_blocks) > 1:
        raise RenderingError(f"Block '{open_blocks[-1].word}' is not closed.")
    return [*open_blocks[0].parts, text[at:]]


def _add(block: _Block, part: str | _Block) -> None:
    (block.parts if block.otherwise is None else block.otherwise).append(part)


def _filled(parts: Sequence[str | _Block], scopes: Sequence[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, _Block):
            yield from _filled_block(part, scopes)
            continue
        match = _TAG.fullmatch(part)
        name = (match[1] or match[2]).strip() if match else ""
        yield part if match is None or name in _LEFT_ALONE else _text(_value(name, scopes))


def _filled_block(block: _Block, scopes: Sequence[Any]) -> Iterator[str]:
    if block.word not in ("if", "unless", "each"):
        raise RenderingError(f"Helper '{block.word}' is not known.")
    try:
        value = _value(block.argument, scopes)
    except RenderingError:
        value = None  # what is not there is false
    if block.word == "each" and value:
        for index, item in enumerate(value.values() if isinstance(value, Mapping) else value):
            yield from _filled(block.parts, [*scopes, {"@index": index}, item])
    elif bool(value) == (block.word == "if") and block.word != "each":
        yield from _filled(block.parts, scopes)
    else:
        yield from _filled(block.otherwise or [], scopes)


def _value(name: str, scopes: Sequence[Any]) -> Any:
    """Look a dotted name up, from the innermost scope outwards."""
    if name in ("this", "."):
        return scopes[-1]
    path = [it.strip("[]") for it in name.removeprefix("this.").split(".")]
    for scope in reversed(scopes):
        try:
            return _at(scope, path)
        except (LookupError, TypeError, ValueError):
            continue
    raise RenderingError(f"Attribute '{name}' is not present in the rendering data.")


def _at(scope: Any, path: Sequence[str]) -> Any:
    for key in path:
        scope = scope[int(key)] if isinstance(scope, list) else scope[key]
    return scope


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
