"""Header fields of mail from outside, read so that nothing in them can fail or take long.

The standard library does the reading (RFC 2047, 2231 and 5322); what it raises on hostile input ends in the text as it
was sent, and more than :data:`MOST` characters of a field are not looked at.
"""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import getaddresses, parsedate_to_datetime
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from email.message import Message

MOST = 10_000
"""Characters of a field that are looked at, as many as SES itself tells of all fields together."""
_MOST_ITEMS = 100  # addresses or message ids of a field
_LONGEST_NAME = 255
_LONGEST_ADDRESS = 320  # RFC 5321, section 4.5.3.1
_LONGEST_TEXT = 2_000

# Codecs of Python that are no character sets of mail; some need time that grows with the square of their input.
_NOT_CHARSETS = re.compile(r"idna|punycode|.*escape|undefined|.*internal", re.IGNORECASE)
# Controls, lone surrogates, and the marks that turn the direction of text around to hide what it says.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_ENCODED_WORD = r"=\?[^?\s]{1,80}\?[bq]\?[^?]*\?="
# Taken together, for a character may be cut in two by the end of a word.
_ENCODED_WORDS = re.compile(rf"{_ENCODED_WORD}(?:\s*{_ENCODED_WORD})*", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,998})>")  # no line is longer: RFC 5322, section 2.1.1
_END_OF_WORD = re.compile(r"[;,\s(]")


class Mailbox(TypedDict):
    """A display name and an address; either may be empty."""

    name: str
    address: str


class Fields:
    """The header fields of a message or of a part of one."""

    def __init__(self, message: Message) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in message.raw_items():
            self._values.setdefault(name.lower(), []).append(str(value)[:MOST])

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        """Return a field as people read it, in one line. Of several the first, which is the topmost."""
        return clean(decoded(self._first(name)))[:_LONGEST_TEXT]

    def word(self, name: str) -> str:
        """Return the first word of a field in lower case: ``auto-replied`` of an Auto-Submitted with a comment."""
        return _END_OF_WORD.split(self._first(name).strip(), maxsplit=1)[0].lower()

    def mailboxes(self, name: str) -> list[Mailbox]:
        """Return the mailboxes that all fields of this name list, at most a hundred."""
        found: list[Mailbox] = []
        for value in self._values.get(name, [])[:_MOST_ITEMS]:
            found += _mailboxes(value)
        return found[:_MOST_ITEMS]

    def message_ids(self, name: str) -> list[str]:
        """Return the message ids of a field without their angle brackets, at most a hundred."""
        return [clean(it) for it in _MESSAGE_ID.findall(self._first(name))[:_MOST_ITEMS]]

    def date(self, name: str) -> str | None:
        """Return a date in ISO 8601 with its own offset, or None if it cannot be read."""
        try:
            return parsedate_to_datetime(self._first(name)[:100]).isoformat()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None

    def _first(self, name: str) -> str:
        return self._values.get(name, [""])[0]


def decode(content: bytes, charset: str) -> str:
    """Return *content* as text: in its *charset*, else in UTF-8, else with marks in place of what is neither."""
    claimed = [it for it in (charset, "utf-8") if it and not _NOT_CHARSETS.fullmatch(it)]
    for known, errors in [(it, "strict") for it in claimed] + [(it, "replace") for it in claimed]:
        try:
            text = content.decode(known, errors)
        except (LookupError, ValueError):
            continue
        return text if text.isascii() else text.encode("utf-8", "replace").decode()  # UTF-7 can make lone surrogates
    return content.decode("ascii", "replace")


def clean(value: str) -> str:
    """Return *value* in one line, without what people cannot see."""
    return " ".join(_UNSEEN.sub(" ", value).split())


def _mailboxes(value: str) -> list[Mailbox]:
    try:
        # Taken apart before it is decoded: what decodes to a comma separates nothing (RFC 2047, section 6.2).
        pairs = getaddresses([" ".join(value.split())])
    except (RecursionError, ValueError, IndexError):
        return []
    return [
        Mailbox(name=clean(decoded(name))[:_LONGEST_NAME], address=clean(decoded(address))[:_LONGEST_ADDRESS])
        for name, address in pairs
        if name or address
    ]


def decoded(value: str) -> str:
    """Return encoded words as text, and raw bytes as the UTF-8 that they mostly are (RFC 6532)."""
    if not value.isascii():
        value = decode(value.encode("utf-8", "surrogateescape"), "utf-8")
    return _ENCODED_WORDS.sub(_decoded_words, value) if "=?" in value else value


def _decoded_words(words: re.Match[str]) -> str:
    try:
        parts = decode_header(words[0])
    except (HeaderParseError, ValueError):
        return words[0]
    return "".join(part if isinstance(part, str) else decode(part, charset or "ascii") for part, charset in parts)
