"""``name=value; name=value``, the form of DKIM, DMARC, BIMI, MTA-STS and TLS-RPT records: RFC 6376, section 3.2."""

from __future__ import annotations

import re

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")


def parse_tags(text: str) -> tuple[dict[str, str], list[str]]:
    """Return the tags, in order and without the blanks around them, and what cannot be read.

    Of a tag that is repeated the first value counts; that it is repeated is a problem.
    """
    tags: dict[str, str] = {}
    problems: list[str] = []
    for part in text.split(";"):
        name, equals, value = (piece.strip(" \t\r\n") for piece in part.partition("="))
        if not name and not equals:
            continue
        if not equals or not _NAME.fullmatch(name):
            problems.append(f"{part.strip()!r} is not name=value")
        elif name in tags:
            problems.append(f"{name}= is there twice")
        else:
            tags[name] = value
    return tags, problems
