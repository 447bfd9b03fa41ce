"""A mail taken apart, whatever it is. Pure: no I/O, no environment, no clock.

The standard library's parser does the work, with limits put around it: a mail that is nested too deep, or has too many
lines, parts or header bytes, is not taken apart, and only its header is told. So memory stays within a few times the
size of the mail, and time grows with it.
"""

from __future__ import annotations

from binascii import a2b_base64
from email.feedparser import BytesFeedParser
from email.generator import BytesGenerator
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from inbound.headers import Fields, clean, decode, decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from email.policy import Policy

_T = TypeVar("_T")
_Other = TypeVar("_Other")

MOST_PARTS = 1_000
MOST_LINE_ENDS = 4_000_000
"""Carriage returns and line feeds; base64 in a mail of 40 MB has about a million."""
MOST_HEADER_BYTES = 256 * 1024
MOST_TEXT_BYTES = 512 * 1024
"""A longer text is an attachment."""
_LONGEST_NAME = 255


class Problem(NamedTuple):
    """What could not be read."""

    code: str
    """Short word for programs."""
    detail: str
    """A sentence for people, without personal data."""


class Attachment(NamedTuple):
    """A part that is not the text of the mail."""

    name: str
    """As the sender calls it, which is good for showing only; empty if it has no name."""
    content_type: str
    content_id: str
    """By which the HTML refers to it, without angle brackets; empty if by nothing."""
    inline: bool
    """Whether it is meant to be seen with the text."""
    take: Callable[[], bytes | None]
    """Return the content and let go of it, so it can be called once; None if it cannot be read."""


class Mail(NamedTuple):
    """A mail in parts."""

    fields: Fields
    report_type: str
    """Of a multipart/report: ``delivery-status``, ``disposition-notification`` and others; else empty."""
    text: str | None
    html: str | None
    attachments: list[Attachment]
    size: int
    problem: Problem | None
    """Why it was not taken apart."""


def take_apart(chunks: Iterable[bytes]) -> Mail:
    """Take a mail apart.

    :param chunks: its bytes in order, which are read to the end. What their source raises is raised.
    """
    reader = _Reader()
    for chunk in chunks:
        reader.feed(chunk)
    message = reader.close()
    if message is None:
        header = BytesHeaderParser(policy=compat32).parsebytes(_header(reader.head))
        return Mail(Fields(header), "", None, None, [], reader.size, reader.problem)
    text = html = None
    attachments = []
    for part in _parts(message):
        content_type = part.get_content_type()
        if text is None and content_type == "text/plain":
            text = _text(part)
            if text is not None:
                continue
        elif html is None and content_type == "text/html":
            html = _text(part)
            if html is not None:
                continue
        attachments.append(_attachment(part))
    is_report = message.get_content_type() == "multipart/report"
    report_type = _tried(partial(message.get_param, "report-type", ""), "") if is_report else ""
    return Mail(Fields(message), str(report_type).lower(), text, html, attachments, reader.size, None)


class _Refused(Exception):
    """A limit was passed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.problem = Problem(code, detail)


class _Reader:
    """The parser within its limits. What it cannot read it counts, and keeps the beginning of."""

    def __init__(self) -> None:
        self.head = b""
        self.size = 0
        self.problem: Problem | None = None
        self._line_ends = 0
        self._parser: BytesFeedParser[Message] | None = BytesFeedParser(_factory(MOST_PARTS), policy=compat32)

    def feed(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if len(self.head) < MOST_HEADER_BYTES:
            self.head = (self.head + chunk)[:MOST_HEADER_BYTES]
        self._try(partial(self._feed, chunk))

    def close(self) -> Message | None:
        return self._try(lambda parser: parser.close())

    def _feed(self, chunk: bytes, parser: BytesFeedParser[Message]) -> None:
        self._line_ends += chunk.count(b"\n") + chunk.count(b"\r")
        if self._line_ends > MOST_LINE_ENDS:
            raise _Refused("TooManyLines", f"The mail has more than {MOST_LINE_ENDS:,} line ends.")
        if self.size > MOST_HEADER_BYTES and len(_header(self.head)) == MOST_HEADER_BYTES:
            raise _Refused("HeaderTooLong", f"The header of the mail has more than {MOST_HEADER_BYTES:,} bytes.")
        parser.feed(chunk)

    def _try(self, step: Callable[[BytesFeedParser[Message]], _T]) -> _T | None:
        if self._parser is None:
            return None
        try:
            return step(self._parser)
        except _Refused as refused:
            self.problem = refused.problem
        except RecursionError:
            self.problem = Problem("NestedTooDeep", "The parts of the mail are nested too deep.")
        except Exception as error:  # a defect in the parser is no reason to lose a mail
            self.problem = Problem("NotReadable", f"Reading the mail failed with {type(error).__name__}.")
        self._parser = None  # with all that it holds
        return None


def _factory(most: int) -> Callable[..., Message]:
    parts = 0

    def make(policy: Policy = compat32) -> Message:
        nonlocal parts
        parts += 1
        if parts > most + 1:  # the parser tries the factory out once
            raise _Refused("TooManyParts", f"The mail has more than {most:,} parts.")
        return Message(policy=policy)

    return make


def _header(head: bytes) -> bytes:
    """Return *head* as far as the header goes."""
    ends = [at for end in (b"\r\n\r\n", b"\n\n") if (at := head.find(end)) >= 0]
    return head[: min(ends)] if ends else head


def _parts(message: Message) -> Iterator[Message]:
    """Yield what has content, in order. Without recursion, for hostile mail is nested deep."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting.extend(reversed(cast("list[Message]", part.get_payload())))
        else:
            yield part


def _text(part: Message) -> str | None:
    """Return the text of a part that is read and not saved, else None."""
    if part.get_content_disposition() == "attachment" or _name(part):
        return None
    content = _content(part)
    if content is None or len(content) > MOST_TEXT_BYTES:
        return None
    part.set_payload("")
    return decode(content, _tried(part.get_content_charset, None) or "").replace("\r\n", "\n").replace("\0", "")


def _attachment(part: Message) -> Attachment:
    fields = Fields(part)
    return Attachment(
        name=_name(part),
        content_type=clean(part.get_content_type())[:_LONGEST_NAME],
        content_id=next(iter(fields.message_ids("content-id")), "")[:_LONGEST_NAME],
        inline=part.get_content_disposition() == "inline" or "content-id" in fields,
        take=partial(_take, part),
    )


def _name(part: Message) -> str:
    return clean(decoded(_tried(part.get_filename, None) or ""))[:_LONGEST_NAME]


def _take(part: Message) -> bytes | None:
    content = _flat(part) if part.is_multipart() else _content(part)
    part.set_payload("")
    return content


def _content(part: Message) -> bytes | None:
    content = _decoded_content(part)
    if content is None:  # most likely for parameters that cannot be read, and are not needed for it
        del part["content-type"]
        content = _decoded_content(part)
    return content


def _decoded_content(part: Message) -> bytes | None:
    if str(part.get("content-transfer-encoding", "")).strip().lower() == "base64":
        # What get_payload comes to in the end, without its way through a list of all lines.
        content = _tried(lambda: a2b_base64(cast("str", part.get_payload())), None)
        if content is not None:
            return content
    return cast("bytes | None", _tried(partial(part.get_payload, decode=True), None))


def _flat(part: Message) -> bytes | None:
    """Return a message inside the mail as bytes again."""

    def write() -> bytes:
        written = BytesIO()
        generator = BytesGenerator(written, mangle_from_=False, policy=compat32)
        for number, message in enumerate(cast("list[Message]", part.get_payload())):
            if number:
                written.write(b"\n")
            generator.flatten(message)
        return written.getvalue()

    return _tried(write, None)


def _tried(read: Callable[[], _T], otherwise: _Other) -> _T | _Other:
    try:
        return read()
    except Exception:  # the standard library raises a dozen kinds on hostile input; all mean that it cannot be read
        return otherwise
