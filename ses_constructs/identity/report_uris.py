"""Where receivers send their reports: addresses and https URLs, and how a DNS record writes them.

Characters that a record gives a meaning of its own are percent-encoded: RFC 9989, section 4.7, and RFC 8460, section 3.
"""

import re
from typing import Any
from urllib.parse import quote, urlsplit

from ses_constructs._kit.checks import domain_problem, is_token

_URI = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")  # RFC 3986, section 2
_ENCODED = str.maketrans({character: quote(character) for character in ",!;"})


def is_address(value: Any) -> bool:
    """Whether it is a plain address, `user@example.com`, that a record can name. A token is taken for one."""
    if not isinstance(value, str):
        return False
    if is_token(value):
        return True
    local, at, domain = value.rpartition("@")
    printable = all(" " < character <= "~" and character != ";" for character in value)
    return bool(local and at and printable) and not local.startswith("mailto:") and domain_problem(domain) is None


def mailto(address: str) -> str:
    """Write an address as a URI. A comma would separate URIs, and `!` once introduced a size limit."""
    return f"mailto:{address if is_token(address) else quote(address, safe='@+._-=/')}"


def is_https_url(value: Any) -> bool:
    """Whether it is a URL with the scheme https and a complete host name."""
    if not isinstance(value, str) or not value.startswith("https://"):
        return False
    if is_token(value):
        return True
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False
    plain = _URI.fullmatch(value) is not None and "@" not in parts.netloc and port != 0
    return plain and host is not None and domain_problem(host) is None


def encoded(url: str) -> str:
    """Write a URL so that it can stand in a record."""
    return url if is_token(url) else url.translate(_ENCODED)
