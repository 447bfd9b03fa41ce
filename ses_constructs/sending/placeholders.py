"""The placeholders of an email template, as Handlebars reads them.

See https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-advanced.html and
https://handlebarsjs.com/guide/expressions.html.
"""

from __future__ import annotations

import re

_TAG = re.compile(r"(?P<escape>\\)?\{\{(?P<raw>\{)?(?P<comment>!--)?")
# What a tag has besides names: strings, numbers and words of the language.
_WORDS = re.compile(r"""\s*(?:"[^"]*"|'[^']*'|(?P<key>[^\s=()"']+)=|[()]|as\s+\|[^|]*\||(?P<name>[^\s=()"']+))""")
_NO_DATA = re.compile(r"[+-]?[\d.]+|true|false|null|undefined|this|\.|else|(?:\.\./)*@.*|amazonSESUnsubscribeUrl")
_CONTEXTS = ("each", "with")
# Those of Handlebars itself; SES adds none.
_HELPERS = {"if", "unless", "each", "with", "lookup", "log"}


def placeholders(text: str) -> set[str]:
    """Return the names that the data of a message must have, with dots: ``order.items.[].price``.

    :raises ValueError: with what is wrong, if a tag or a block is not closed, or a helper is none of Handlebars' own.
    """
    found: set[str] = set()
    blocks: list[tuple[str, str]] = []
    place = 0
    while (tag := _TAG.search(text, place)) is not None:
        place = tag.end()
        if tag["escape"]:
            continue
        end = "--}}" if tag["comment"] else "}}}" if tag["raw"] else "}}"
        close = text.find(end, place)
        inner = text[place:close]
        if close < 0 or (not tag["comment"] and "{{" in inner):
            raise ValueError(f"{_excerpt(text, tag.start())} is not closed by {end}")
        place = close + len(end)
        if not tag["comment"]:
            _read(inner.strip().strip("~").strip(), blocks, found)
    if blocks:
        raise ValueError(f"{{{{#{blocks[-1][0]}}}}} is not closed by {{{{/{blocks[-1][0]}}}}}")
    return found


def _read(inner: str, blocks: list[tuple[str, str]], found: set[str]) -> None:
    """Read what is inside of one tag."""
    kind, rest = (inner[:1], inner[1:].strip()) if inner[:1] in ("#", "/", "^", "!", ">", "&") else ("", inner)
    if kind in ("!", ">"):
        return  # a comment, or a part that the template itself defines
    if kind == "/":
        if not blocks or blocks[-1][0] != rest:
            wanted = f"where {{{{/{blocks[-1][0]}}}}} is due" if blocks else "where no block is open"
            raise ValueError(f"{{{{/{rest}}}}} stands {wanted}")
        blocks.pop()
        return
    if kind == "^" and not rest:
        return  # the same as else
    if not rest:
        raise ValueError("{{}} names nothing")
    context = blocks[-1][1] if blocks else ""
    if kind == "#" and rest.startswith("*"):  # a part, filled in where it is used
        blocks.append((rest[1:].split()[0], context))
        return
    names = [match["name"] for match in _WORDS.finditer(rest) if match["name"]]
    names = names[1:] if names[:1] == ["else"] else names
    helper = names[0] if names else ""
    if len(names) > 1 and helper not in _HELPERS:
        raise ValueError(f"{{{{{inner}}}}} calls {helper}, which SES does not have: a name has no spaces")
    data = [_absolute(it, context, blocks) for it in names if it not in _HELPERS and not _NO_DATA.fullmatch(it)]
    found.update(it for it in data if it)
    if kind in ("#", "^"):
        inside = data[0] if helper in _CONTEXTS and data else context
        blocks.append((helper, f"{inside}.[]" if helper == "each" else inside))


def _absolute(name: str, context: str, blocks: list[tuple[str, str]]) -> str:
    """Return a name as seen from the data of the whole message."""
    outer = [block[1] for block in blocks if block[0] in _CONTEXTS]
    while name.startswith("../"):
        name = name[3:]
        outer = outer[:-1]
        context = outer[-1] if outer else ""
    name = re.sub(r"^(?:\./|this[./])", "", name)
    return f"{context}.{name}" if context else name


def _excerpt(text: str, place: int) -> str:
    return repr(text[place : place + 20])
