"""SPF: which servers may use a domain as MAIL FROM. RFC 7208: https://www.rfc-editor.org/rfc/rfc7208."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ses_constructs._kit.records import mail_from_spf_record
from ses_constructs.doctor.check import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ses_constructs.doctor.check import Check

SES = "amazonses.com"

_MAX_LOOKUPS = 10  # section 4.6.4, terms that query DNS
_MAX_VOIDS = 2  # section 4.6.4, look-ups that find nothing
_MAX_EXCHANGES = 10  # section 4.6.4, hosts of one `mx`
_NEAR = 9
_GIVE_UP = 40  # look-ups after which the count goes no further: a record must not keep the doctor busy for ever

_TERM = re.compile(r"(?P<qualifier>[-+?~]?)(?P<name>[a-z][a-z0-9_.-]*)(?P<separator>[:=/]?)(?P<value>.*)", re.I)
_CIDR = re.compile(r"(?P<domain>.*?)(?:/(?P<v4>\d{1,2}))?(?://(?P<v6>\d{1,3}))?")
_MACRO = re.compile(r"%(?:\{[slodiphcrtv]\d*r?[-.+,/_=]*\}|[%_-])", re.I)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.I)
_MECHANISMS = ("all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists")
_QUERYING = ("include", "a", "mx", "ptr", "exists", "redirect")


@dataclass(frozen=True, slots=True)
class Term:
    """A mechanism, or the modifier ``redirect``.

    :param domain: what it names, as written; empty for the domain of the record itself.
    """

    qualifier: str
    name: str
    domain: str


def is_spf(text: str) -> bool:
    """Whether a TXT record is an SPF record: section 4.5."""
    return text.lower().split(" ")[0] == "v=spf1"


def parse_spf(text: str) -> tuple[list[Term], list[str]]:
    """Return the terms of an SPF record that can be read, and what is wrong with the others."""
    terms: list[Term] = []
    problems: list[str] = []
    seen: set[str] = set()
    for word in text.split(" ")[1:]:
        if not word:
            continue
        match = _TERM.fullmatch(word)
        if match is None:
            problems.append(f"{word!r} is no term of SPF")
            continue
        name, separator, value = match["name"].lower(), match["separator"], match["value"]
        if separator == "=" and not match["qualifier"]:
            if name not in ("redirect", "exp"):
                continue  # unknown modifiers are ignored: section 6
            problem = "a modifier may appear once" if name in seen else _domain_problem(value)
            seen.add(name)
            domain = value
        else:
            problem, domain = _mechanism_problem(name, separator, value)
        if problem is not None:
            problems.append(f"{word!r}: {problem}")
        elif name != "exp":
            terms.append(Term(match["qualifier"] or "+", name, domain))
    return terms, problems


def _mechanism_problem(name: str, separator: str, value: str) -> tuple[str | None, str]:
    if name not in _MECHANISMS or separator == "=":
        return "there is no such mechanism", ""
    if name == "all":
        return ("it takes no value" if separator else None), ""
    if name in ("ip4", "ip6"):
        return _network_problem(name, value if separator == ":" else ""), ""
    if name in ("include", "exists"):
        return ("it must name a domain" if separator != ":" else _domain_problem(value)), value
    rest = f"{separator}{value}" if separator == "/" else value
    match = _CIDR.fullmatch(rest)
    if match is None or int(match["v4"] or 0) > 32 or int(match["v6"] or 0) > 128:
        return "it has a wrong prefix length", ""
    if not separator or (separator == "/" and not match["domain"]):
        return None, ""
    return _domain_problem(match["domain"]), match["domain"]


def _network_problem(name: str, value: str) -> str | None:
    try:
        if name == "ip4":
            ipaddress.IPv4Network(value, strict=False)
        else:
            ipaddress.IPv6Network(value, strict=False)
    except ValueError:
        return f"it must name an {'IPv4' if name == 'ip4' else 'IPv6'} address or network"
    return None


def _domain_problem(value: str) -> str | None:
    if not value.isascii():
        return "its domain must be in ASCII form (punycode)"
    plain = _MACRO.sub("m", value).removesuffix(".")
    labels = plain.split(".")
    if "%" in plain or len(plain) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return "it must name a domain"
    return None


def examine_apex(check: Check, domain: str) -> None:
    """Examine the SPF record of the domain itself, which SES does not need."""
    records = _records(check, domain)
    if records is None:
        return
    if records:
        check.facts.append(records[0])
        _examine(check, domain, records)
        return
    check.facts.append("no record")
    check.report(
        "spf-missing",
        domain,
        "There is no SPF record. SES does not need one here, receivers check that of the MAIL FROM domain; whatever "
        "else sends with this domain as its MAIL FROM does.",
    )


def examine_mail_from(check: Check, domain: str) -> None:
    """Examine the SPF record of a MAIL FROM domain, which must let SES send."""
    records = _records(check, domain)
    if records is None:
        return
    record = mail_from_spf_record(domain)
    if not records:
        check.report("mail-from-spf-missing", domain, "There is no SPF record, so SPF does not pass.", record)
        return
    if _examine(check, domain, records) is False:
        message = f"The SPF record does not let SES send: include:{SES} is missing."
        check.report("mail-from-spf-without-ses", domain, message, record)


def _records(check: Check, domain: str) -> list[str] | None:
    texts = check.ask(domain, "TXT")
    return None if texts is None else [text for text in texts if is_spf(text)]


def _examine(check: Check, domain: str, records: list[str]) -> bool | None:
    """Report what is wrong with the record, and return whether it lets SES send; None if that cannot be said."""
    if len(records) > 1:
        message = f"There are {len(records)} SPF records; receivers treat that as an error. Make them one."
        check.report("spf-several", domain, message)
        return None
    walk = _Walk(check, domain)
    terms = walk.read(domain, records[0])
    if terms is None:
        return None
    _examine_end(check, domain, terms)
    walk.follow(domain, terms, (domain,))
    walk.report_counts()
    return True if walk.includes_ses else None if walk.is_cut_short else False


def _examine_end(check: Check, domain: str, terms: list[Term]) -> None:
    names = [term.name for term in terms]
    if "ptr" in names:
        check.report("spf-ptr", domain, "ptr is slow and deprecated (RFC 7208, section 5.5): name networks instead.")
    if "all" not in names:
        if "redirect" not in names:
            check.report("spf-neutral", domain, "The record has no all at its end: it says nothing of other servers.")
        return
    position = names.index("all")
    if terms[position].qualifier == "+":
        check.report("spf-pass-all", domain, "+all lets every server of the world send as this domain.")
    elif terms[position].qualifier == "?":
        check.report("spf-neutral", domain, "?all says nothing of other servers: end the record with ~all or -all.")
    if "redirect" in names or position < len(names) - 1:
        check.report("spf-ignored-terms", domain, "redirect, and whatever stands behind all, has no effect.")


class _Walk:
    """Follows a record into others, and counts as a receiver does for which no term before the end matches."""

    def __init__(self, check: Check, origin: str) -> None:
        self.includes_ses = False
        self.is_cut_short = False
        self._check = check
        self._origin = origin
        self._lookups = 0
        self._voids: list[str] = []

    def read(self, domain: str, text: str) -> list[Term] | None:
        terms, problems = parse_spf(text)
        if problems:
            where = "The record" if domain == self._origin else f"The record of {domain}"
            message = f"{where} cannot be read, which receivers treat as an error: {'; '.join(problems)}."
            self._check.report("spf-malformed", self._origin, message)
            return None
        return terms

    def follow(self, domain: str, terms: list[Term], path: tuple[str, ...]) -> None:
        for term in _evaluated(terms):
            if self._lookups >= _GIVE_UP:
                self.is_cut_short = True
                return
            self._lookups += 1
            target = (term.domain or domain).lower().removesuffix(".")
            if "%" in target or term.name == "ptr":
                continue  # depends on the message
            if term.name in ("include", "redirect"):
                self._include(term, target, path)
            elif term.name == "mx":
                self._exchanges(target)
            else:
                self._addresses(target)

    def report_counts(self) -> None:
        count = f"{_GIVE_UP} or more" if self._lookups >= _GIVE_UP else str(self._lookups)
        allowed = f"of {_MAX_LOOKUPS} that receivers make"
        if self._lookups > _MAX_LOOKUPS:
            message = f"The record needs {count} DNS look-ups {allowed}; the rest is an error."
            self._check.report("spf-lookups", self._origin, message)
        elif self._lookups >= _NEAR:
            self._check.report("spf-lookups-near", self._origin, f"The record needs {count} DNS look-ups {allowed}.")
        if len(self._voids) > _MAX_VOIDS:
            message = f"More than {_MAX_VOIDS} look-ups find nothing, which is an error: {', '.join(self._voids)}."
            self._check.report("spf-voids", self._origin, message)

    def _include(self, term: Term, target: str, path: tuple[str, ...]) -> None:
        if target in path:
            self._check.report("spf-loop", self._origin, f"The record comes back to {target}: {' > '.join(path)}.")
            return
        if target == SES and term.qualifier == "+":
            self.includes_ses = True
        texts = self._ask(target, "TXT")
        if texts is None:
            return
        records = [text for text in texts if is_spf(text)]
        if len(records) != 1:
            count = f"{len(records)} SPF records" if records else "no SPF record"
            message = f"{term.name} of {target} is an error: it has {count}."
            self._check.report("spf-include-broken", self._origin, message)
            return
        terms = self.read(target, records[0])
        if terms is not None:
            self.follow(target, terms, (*path, target))

    def _exchanges(self, target: str) -> None:
        hosts = self._ask(target, "MX")
        if hosts is not None and len(hosts) > _MAX_EXCHANGES:
            message = f"mx of {target} has {len(hosts)} hosts; more than {_MAX_EXCHANGES} are an error."
            self._check.report("spf-lookups", self._origin, message)

    def _addresses(self, target: str) -> None:
        # A receiver asks for the family that the mail came over; a name that has either is there.
        first = self._check.lookup(target, "A")
        if first.status is Status.EMPTY and self._check.lookup(target, "AAAA").status is Status.FOUND:
            return
        self._ask(target, "A")

    def _ask(self, name: str, type: str) -> tuple[str, ...] | None:
        values = self._check.ask(name, type)
        if values is None:
            self.is_cut_short = True
        if values == () and name not in self._voids:
            self._voids.append(name)
        return values


def _evaluated(terms: list[Term]) -> Iterator[Term]:
    """Yield what queries DNS as it is evaluated: mechanisms up to `all`, and `redirect` if there is no `all`."""
    for term in terms:
        if term.name == "all":
            return
        if term.name in _QUERYING and term.name != "redirect":
            yield term
    yield from (term for term in terms if term.name == "redirect")
