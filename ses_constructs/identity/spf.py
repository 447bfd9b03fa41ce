"""SPF at a name that others write to as well, as a rule the domain itself.

SES does not need it: receivers check SPF on the MAIL FROM domain, which has a record of its own. It helps with tools
that look for it there. RFC 7208: https://www.rfc-editor.org/rfc/rfc7208.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ses_constructs._kit.checks import domain_problem, is_token

if TYPE_CHECKING:
    from collections.abc import Sequence

_SES = "include:amazonses.com"
_QUALIFIERS = ("~all", "-all", "?all")
_MAX_LOOKUPS = 10  # RFC 7208, section 4.6.4
_QUERYING = ("include", "exists", "a", "mx")


@dataclass(frozen=True, slots=True)
class Spf:
    """What has to be in the SPF record. Made by :meth:`include_ses`."""

    terms: tuple[str, ...]
    qualifier: str

    @classmethod
    def include_ses(cls, also: Sequence[str] = (), qualifier: Literal["~all", "-all", "?all"] = "~all") -> Spf:
        """Let SES send, and whoever else is named.

        The terms are **added** to the record that is there: nothing of it is lost, it keeps its own end, and when they
        leave the stack only they go. Two SPF records at the name, or more than ten look-ups, stop the deployment.
        They are counted through every include, as far as DNS answers. What includes need changes without you:
        ``ses-constructs doctor DOMAIN`` counts whenever it is run (RFC 7208, section 4.6.4: ten look-ups, of which two
        may find nothing).

        :param also: further mechanisms, such as ``include:_spf.example.com``, ``ip4:192.0.2.0/24``, ``a`` or ``mx``.
        :param qualifier: how the record ends if there is none yet. Default: ``~all``, everybody else is suspicious.
        :raises ValueError: for a malformed or repeated mechanism, ``all`` or ``redirect``, or more than ten look-ups.
        """
        if isinstance(also, str):
            raise ValueError(f"Spf.include_ses: also must be a list of mechanisms, got {also!r}")
        if qualifier not in _QUALIFIERS:
            raise ValueError(f"Spf.include_ses: qualifier must be one of {', '.join(_QUALIFIERS)}, got {qualifier!r}")
        terms = (_SES, *also)
        for term in also:
            problem = None if is_token(term) else _problem(term)
            if problem is not None:
                raise ValueError(f"Spf.include_ses: also {problem}, got {term!r}")
        if len({term.lower() for term in terms}) < len(terms):
            raise ValueError(f"Spf.include_ses: also must not repeat a mechanism, got {list(also)!r}")
        lookups = sum(1 for term in terms if term.split(":")[0].split("/")[0].lower() in _QUERYING)
        if lookups > _MAX_LOOKUPS:
            raise ValueError(
                f"Spf.include_ses: also must leave the record within {_MAX_LOOKUPS} DNS look-ups, got {lookups}"
            )
        return cls(terms=terms, qualifier=qualifier)


def _problem(term: str) -> str | None:
    name, colon, value = term.partition(":")
    match name.lower():
        case "ip4" | "ip6":
            return _address_problem(name.lower(), value)
        case "include" | "exists":
            if not colon or _is_no_name(value):
                return f"must name a domain after {name}:"
        case "a" | "mx":
            if colon and _is_no_name(value.partition("/")[0]):
                return f"must name a domain after {name}:"
        case _:
            return "must be include:, ip4:, ip6:, exists:, a or mx, without a qualifier"
    return None


def _is_no_name(domain: str) -> bool:
    # Names in SPF need not be host names: _spf.example.com is usual.
    return domain_problem(domain.replace("_", "x")) is not None


def _address_problem(kind: str, value: str) -> str | None:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return f"must give an address or network after {kind}:"
    return None if network.version == int(kind[2]) else f"must give an IPv{kind[2]} address after {kind}:"
