"""One DMARC record, read as receivers read it. RFC 9989, section 4: https://www.rfc-editor.org/rfc/rfc9989."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ses_constructs._kit.domains import domain_problem
from ses_constructs.doctor.tags import parse_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

POLICIES = ("none", "quarantine", "reject")

_VERSION = re.compile(r"[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;.*)?", re.DOTALL)
_SIZE_LIMIT = re.compile(r"!\d+[kmgt]?$", re.IGNORECASE)  # of RFC 7489, obsolete
_WORDS = {"t": ("y", "n"), "psd": ("y", "n", "u"), "adkim": ("r", "s"), "aspf": ("r", "s")}
_KNOWN = {"v", "p", "sp", "np", "rua", "ruf", "fo", *_WORDS}
_REMOVED = ("pct", "rf", "ri")


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """A policy record.

    :param domain: whose it is.
    :param tags: as published; values that are words in lower case.
    :param notes: what is wrong with it, a code and a sentence each.
    """

    domain: str
    tags: Mapping[str, str]
    notes: tuple[tuple[str, str], ...]

    @property
    def psd(self) -> str:
        """Whether it is that of a public suffix: ``y``, ``n`` or ``u`` (unknown)."""
        return self.tags.get("psd", "u")

    def policy(self, *tags: str) -> str:
        """Return the policy of the first of *tags* that has a valid one; ``none`` if no tag has."""
        return next((self.tags[tag] for tag in tags if self.tags.get(tag) in POLICIES), "none")

    def is_strict(self, tag: str) -> bool:
        """Whether the alignment of ``adkim`` or ``aspf`` is strict."""
        return self.tags.get(tag) == "s"

    @property
    def is_testing(self) -> bool:
        """Whether receivers apply the policy one step lower."""
        return self.tags.get("t") == "y"

    def report_hosts(self) -> list[str]:
        """Return the domains of the addresses that get reports, in lower case, each once."""
        uris = [uri for tag in ("rua", "ruf") for uri in _uris(self.tags.get(tag, ""))]
        return list(dict.fromkeys(host for uri in uris if (host := _mail_host(uri)) is not None))


def is_dmarc(text: str) -> bool:
    """Whether receivers take a TXT record for a DMARC record: `v=DMARC1` exactly, and first."""
    return _VERSION.fullmatch(text) is not None


def is_meant_as_dmarc(text: str) -> bool:
    """Whether somebody will have thought so."""
    return "dmarc1" in text.lower() and not is_dmarc(text)


def read_dmarc(domain: str, text: str) -> DmarcRecord:
    """Read a record for which :func:`is_dmarc` is true."""
    found, problems = parse_tags(text)
    tags = {name.lower(): value for name, value in found.items()}
    for name in ("p", "sp", "np", "fo", *_WORDS):
        if name in tags:
            tags[name] = tags[name].lower()
    notes = [("dmarc-malformed", f"A part of the record cannot be read: {problem}.") for problem in problems]
    notes += [*_policy_notes(tags), *_value_notes(tags), *_report_notes(tags), *_name_notes(tags)]
    return DmarcRecord(domain, tags, tuple(notes))


def _policy_notes(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    notes = [
        ("dmarc-bad-policy", f"{name} must be one of {', '.join(POLICIES)}, not {tags[name]!r}; it is not applied.")
        for name in ("p", "sp", "np")
        if name in tags and tags[name] not in POLICIES
    ]
    if "p" not in tags:
        notes.append(("dmarc-policy-missing", "There is no p=, which counts as none; older receivers drop the record."))
    return notes


def _value_notes(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    notes = [
        ("dmarc-bad-value", f"{name} must be one of {', '.join(words)}, not {tags[name]!r}; the default counts.")
        for name, words in _WORDS.items()
        if name in tags and tags[name] not in words
    ]
    options = [option.strip() for option in tags.get("fo", "0").split(":")]
    if not set(options) <= {"0", "1", "d", "s"} or {"0", "1"} <= set(options):
        notes.append(("dmarc-bad-value", f"fo must be 0 or 1, and d, s, joined with a colon, not {tags['fo']!r}."))
    elif "fo" in tags and "ruf" not in tags:
        notes.append(("dmarc-fo-without-ruf", "fo has no effect without ruf."))
    return notes


def _report_notes(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    notes = []
    for name in ("rua", "ruf"):
        for uri in _uris(tags.get(name, "")):
            if _mail_host(uri) is None:
                notes.append(
                    ("dmarc-bad-report-uri", f"{name} must be URIs like mailto:dmarc@example.com, not {uri!r}.")
                )
            elif _SIZE_LIMIT.search(uri):
                notes.append(("dmarc-removed-tag", f"The size limit in {uri!r} is gone from the standard."))
    if not _uris(tags.get("rua", "")):
        notes.append(("dmarc-no-reports", "There is no rua=, so nobody tells you which mail does not pass."))
    return notes


def _name_notes(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    notes = []
    for name in tags:
        if name == "pct":
            notes.append(("dmarc-removed-tag", "pct is gone from the standard; t=y takes its place while you test."))
        elif name in _REMOVED:
            notes.append(("dmarc-removed-tag", f"{name} is gone from the standard."))
        elif name not in _KNOWN:
            notes.append(("dmarc-unknown-tag", f"There is no tag {name}; receivers ignore it."))
    return notes


def _uris(value: str) -> list[str]:
    return [uri.strip() for uri in value.split(",") if uri.strip()]


def _mail_host(uri: str) -> str | None:
    """Return the domain that a mailto URI names, or None: reporters need know no other scheme."""
    try:
        parts = urlsplit(_SIZE_LIMIT.sub("", uri))
    except ValueError:
        return None
    local, _, host = unquote(parts.path).rpartition("@")
    if parts.scheme.lower() != "mailto" or not local or domain_problem(host) is not None:
        return None
    return host.lower()
