"""The header of a mail as bytes: read, and written anew before a body that stays as it is. Pure.

Lines end where the standard library's parser, which the mailbox reads with, sees them end, and the header too. They are
written with CRLF, so that SES sees the fields that we saw, and no others (RFC 5322, section 2.2).
"""

from __future__ import annotations

import re
from email.header import Header
from typing import TYPE_CHECKING, NamedTuple

from ses_common.envelope import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_BYTES = 256 * 1024
_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_FIELD = re.compile(rb"([!-9;-~]*):")
# RFC 5322, section 3.6, and RFC 2045. SES refuses a mail that has one of them twice:
# https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
_SINGLE = frozenset(
    b"date from sender reply-to to cc bcc message-id in-reply-to references subject mime-version content-type "
    b"content-transfer-encoding content-id content-description content-disposition".split()
)
_PLAIN = re.compile(r"[ -~]*")
_LONGEST_NAME = 200


class Field(NamedTuple):
    """A header field."""

    name: bytes
    """In lower case."""
    lines: list[bytes]
    """All of it, the name included, without line ends."""

    @property
    def value(self) -> bytes:
        """What is after the colon, in one line."""
        return b" ".join(b"".join(self.lines).partition(b":")[2].split())


class Head(NamedTuple):
    """The header fields of a mail, and where its body begins."""

    fields: list[Field]
    body_at: int

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of all fields of this name."""
        return [field.value for field in self.fields if field.name == name]


def read(raw: bytes) -> Head:
    """Read the header of a mail.

    :raises Unusable: if it is longer than any that a mail program writes.
    """
    fields: list[Field] = []
    at = 0
    while True:
        line = _LINE.match(raw, at, at + MOST_BYTES)
        if line is None or line.end() > MOST_BYTES:
            raise Unusable("HeaderTooLong", f"The header of the mail has more than {MOST_BYTES:,} bytes.")
        text = line[1]
        if not text:  # the empty line after the header, or the end of the mail
            return Head(fields, line.end())
        found = _FIELD.match(text)
        if text[:1] in b" \t":
            if fields and text.strip():  # a line of blanks could be taken for the empty one
                fields[-1].lines.append(text)
        elif found is not None:
            fields.append(Field(found[1].lower(), [text]))
        elif at or not text.startswith(b"From "):  # which mail folders begin with
            return Head(fields, at)
        at = line.end()


def write(raw: bytes, header: Head, fields: Iterable[Field]) -> bytes:
    """Return the mail with *fields* for a header, of which single ones are written once, and its body as it is."""
    lines: list[bytes] = []
    seen: set[bytes] = set()
    for field in fields:
        if not field.name or (field.name in _SINGLE and field.name in seen):
            continue
        seen.add(field.name)
        lines += field.lines
    return b"".join([b"".join(line + b"\r\n" for line in lines), b"\r\n", memoryview(raw)[header.body_at :]])


def unstructured(name: str, value: str) -> Field:
    """Make a field of text in ASCII."""
    return Field(name.lower().encode(), [f"{name}: {value}".encode("ascii")])


def mailboxes(name: str, addresses: Sequence[tuple[str, str]]) -> Field:
    """Make a field of display names and addresses in ASCII, one a line."""
    written = [_mailbox(display, address) for display, address in addresses]
    lines = ",\r\n ".join(written).split("\r\n")
    return Field(name.lower().encode(), [f"{name}: {lines[0]}".encode(), *(line.encode() for line in lines[1:])])


def _mailbox(display: str, address: str) -> str:
    display = " ".join(display[:_LONGEST_NAME].encode("utf-8", "replace").decode().split())
    if not display:
        return f"<{address}>"
    if _PLAIN.fullmatch(display):
        quoted = display.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    # Folded by the standard library, since an encoded word has at most 75 characters: RFC 2047, section 2.
    words = Header(display, "utf-8", header_name="Reply-To").encode(linesep="\r\n")
    return f"{words}\r\n <{address}>"
