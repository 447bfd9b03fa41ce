"""Names of attachments that can do no harm where they are stored, listed or saved."""

from __future__ import annotations

import re
import unicodedata

_MOST = 100  # characters; in UTF-8 at most 400 bytes, of the 1,024 of an S3 key
_MOST_EXTENSION = 20
# Letters, digits and marks of any script stay; what means something to a shell, a path, a URL or HTML does not.
_NOT_KEPT = re.compile(r"[^\w.\-+@()\[\] ]+")
# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def safe_name(name: str) -> str:
    """Return a file name for an attachment called *name*: no path, nothing invisible, never empty or hidden.

    The extension is kept as it is said to be, and says nothing of the content.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    visible = "".join(it for it in last if unicodedata.category(it)[0] != "C")
    kept = " ".join(_NOT_KEPT.sub("_", visible).split()).strip(". ")
    if _RESERVED.match(kept):
        kept = f"_{kept}"
    stem, dot, extension = kept.rpartition(".")
    if len(kept) > _MOST:
        short = f".{extension}" if dot and len(extension) <= _MOST_EXTENSION else ""
        kept = f"{(stem if short else kept)[: _MOST - len(short)]}{short}"
    return kept or "attachment"
