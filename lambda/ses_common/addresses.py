"""Email addresses: bare, comparable, and fit for logs.

Grammar: https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2 and, for addresses that are not ASCII,
https://www.rfc-editor.org/rfc/rfc6531#section-3.3.
"""

import hmac
import re

_LONGEST = 320  # 64 + "@" + 255: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1
# Lone surrogates can come out of JSON, and cannot be written as UTF-8.
_ATOM = r'[^\s\x00-\x20\x7f\ud800-\udfff"<>(),:;@\[\]\\]+'
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f\ud800-\udfff]|\\[\x20-\x7e])*"'
_LABEL = r'[^\s\x00-\x20\x7f\ud800-\udfff"<>(),:;@\[\]\\.]+'
_ADDRESS = rf"({_QUOTED}|{_ATOM})@({_LABEL}(?:\.{_LABEL})*|\[[A-Za-z0-9:.]+\])\.?"
_BARE = re.compile(_ADDRESS)
_NAMED = re.compile(rf"<\s*{_ADDRESS}\s*>$")


def normalise(reported: str) -> str:
    """Return the bare address in *reported*, such that all ways to write a mailbox's address come out the same.

    Display name and angle brackets go, the domain is lower case and in ASCII (punycode), a ``+label`` stays. The local
    part is lower case as well: SES's own list and RFC 5321 tell upper from lower case there, but hardly any mailbox
    does, and mail to ``Ann@`` would go out after ``ann@`` has bounced. Quotes around a local part stay.

    :raises ValueError: if there is no address in *reported*.
    """
    text = reported.strip()
    if len(text) > 4 * _LONGEST:  # room for a display name
        raise ValueError("too long for an address")
    match = _BARE.fullmatch(text) or _NAMED.search(text)
    if match is None:
        raise ValueError("no address")
    local, domain = match.groups()
    address = f"{local.lower()}@{domain.lower() if domain.isascii() else _to_ascii(domain)}"
    if len(address) > _LONGEST:
        raise ValueError("too long for an address")
    return address


def keyed_hash(address: str, key: bytes) -> str:
    """Return 16 hexadecimal digits that stand for *address* in logs (HMAC-SHA256, shortened)."""
    return hmac.digest(key, address.encode(), "sha256").hex()[:16]


def _to_ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode().lower()
    except UnicodeError:  # IDNA 2003 does not know every name that IDNA 2008 allows
        return domain.lower()


def spellings(reported: str, normalised: str) -> list[str]:
    """Return *normalised* and, where it differs, the bare address in *reported*, with upper case where that has it.

    For SES's own lists, which tell upper from lower case.
    """
    match = _BARE.fullmatch(reported.strip()) or _NAMED.search(reported.strip())
    return list(dict.fromkeys([normalised, "@".join(match.groups())])) if match is not None else [normalised]
