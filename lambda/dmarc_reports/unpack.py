"""Reports out of what they come in: zip, gzip or nothing. Pure.

What claims to be small and is not ends at a limit, before it is in memory. Kinds are told by the content, for names and
media types of reports are often wrong.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING

from ses_common.envelope import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 20 * 1024 * 1024
"""Of the reports of one mail, unpacked; receivers split theirs far below."""
_MOST_FILES = 10  # in a zip; the standard wants one
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others let a file say how much memory it takes
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"


def unpack(content: bytes, most_bytes: int = MOST_BYTES) -> Iterator[bytes]:
    """Yield the reports in an attachment, one after the other.

    :param most_bytes: that all of them may have.
    :raises Unusable: if it is broken, encrypted, or larger than it should be.
    """
    try:
        if content.startswith(_GZIP):
            yield _gunzip(content, most_bytes)
        elif content.startswith(_ZIP):
            yield from _unzip(content, most_bytes)
        elif len(content) > most_bytes:
            raise _too_large()
        else:
            yield content
    # zipfile says NotImplementedError of a compression that it lacks, and RuntimeError of an encrypted file.
    except (zlib.error, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        if isinstance(error, Unusable):
            raise
        raise Unusable("BrokenArchive", f"Unpacking the report failed with {type(error).__name__}.") from None


def _gunzip(content: bytes, most_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    report = unpacker.decompress(content, most_bytes + 1)
    if len(report) > most_bytes:
        raise _too_large()
    if not unpacker.eof:
        raise Unusable("BrokenArchive", "The gzip file of the report ends too early.")
    return report


def _unzip(content: bytes, most_bytes: int) -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = [it for it in archive.infolist() if not it.is_dir()]
        if len(files) > _MOST_FILES:
            raise Unusable("TooManyFiles", f"The zip file of the report has more than {_MOST_FILES} files.")
        for file in files:
            if file.compress_type not in _METHODS:
                raise Unusable("BrokenArchive", "The zip file of the report is compressed in an unusual way.")
            with archive.open(file) as stream:  # the size that the file claims is not believed
                report = stream.read(most_bytes + 1)
            most_bytes -= len(report)
            if most_bytes < 0:
                raise _too_large()
            yield report


def _too_large() -> Unusable:
    return Unusable("TooLarge", f"The reports of the mail have more than {MOST_BYTES:,} bytes when they are unpacked.")
