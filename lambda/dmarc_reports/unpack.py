"""Reports out of what they come in: zip, gzip or nothing. Pure.

What claims to be small and is not ends at a limit, before it is in memory. Kinds are told by the content, for names and
media types of reports are often wrong.
"""

import io
import zipfile
import zlib

from ses_common.envelope import Unusable

MOST_BYTES = 20 * 1024 * 1024
"""Of one report, unpacked; receivers split theirs far below."""
_MOST_FILES = 10  # in a zip; the standard wants one
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_CHUNK = 64 * 1024


def unpack(content: bytes) -> list[bytes]:
    """Return the reports in an attachment.

    :raises Unusable: if it is broken, encrypted, or larger than it should be.
    """
    try:
        if content.startswith(_GZIP):
            return [_gunzip(content)]
        if content.startswith(_ZIP):
            return _unzip(content)
    except (zlib.error, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        if isinstance(error, Unusable):
            raise
        raise Unusable("BrokenArchive", f"Unpacking the report failed with {type(error).__name__}.") from None
    if len(content) > MOST_BYTES:
        raise _too_large()
    return [content]


def _gunzip(content: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    report = unpacker.decompress(content, MOST_BYTES + 1)
    if len(report) > MOST_BYTES:
        raise _too_large()
    if not unpacker.eof:
        raise Unusable("BrokenArchive", "The gzip file of the report ends too early.")
    return report


def _unzip(content: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = [it for it in archive.infolist() if not it.is_dir()]
        if len(files) > _MOST_FILES:
            raise Unusable("TooManyFiles", f"The zip file of the report has more than {_MOST_FILES} files.")
        return [_read(archive, it) for it in files]


def _read(archive: zipfile.ZipFile, file: zipfile.ZipInfo) -> bytes:
    with archive.open(file) as stream:  # the size that the file claims is not believed
        report = stream.read(MOST_BYTES + 1)
    if len(report) > MOST_BYTES:
        raise _too_large()
    return report


def _too_large() -> Unusable:
    return Unusable("TooLarge", f"The report has more than {MOST_BYTES:,} bytes when it is unpacked.")
