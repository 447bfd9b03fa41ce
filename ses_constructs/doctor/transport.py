"""TLS on the way in: MTA-STS (RFC 8461), and the reports on it (TLS-RPT, RFC 8460)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ses_constructs._kit.records import mta_sts_record, tls_rpt_record
from ses_constructs.doctor.tags import parse_tags

if TYPE_CHECKING:
    from ses_constructs.doctor.check import Check

_MAX_AGE = 31_557_600  # seconds, RFC 8461, section 3.2
_SHORT_AGE = 86_400  # seconds; "weeks or greater" is recommended there
_MODES = ("enforce", "testing", "none")
_ID = re.compile(r"[A-Za-z0-9]{1,32}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of fetching a policy.

    :param body: its text, if it was served.
    :param refusal: why a sender cannot use what was served: the certificate, the status, the size.
    :param failure: why nothing can be said: no connection.
    """

    body: str | None = None
    refusal: str | None = None
    failure: str | None = None


Fetch = Callable[[str, str], Fetched]
"""Fetches a path of a host over HTTPS, without following redirects."""


def examine_mta_sts(check: Check, domain: str, exchanges: Sequence[str], fetch: Fetch | None) -> None:
    """Examine record and policy.

    :param exchanges: hosts of the domain's MX, which the policy must name.
    :param fetch: None leaves the policy alone.
    """
    name = f"_mta-sts.{domain}"
    texts = check.ask(name, "TXT")
    if texts is None:
        return
    records = [text for text in texts if text.startswith("v=STSv1")]
    if not records:
        check.facts.append("no record")
        if exchanges:
            message = (
                f"Senders may be led to deliver unencrypted. Serve a policy at https://mta-sts.{domain}/.well-known/"
                "mta-sts.txt, then publish:"
            )
            check.report("mta-sts-missing", name, message, mta_sts_record(domain, "1"))
        return
    if len(records) > 1:
        message = f"There are {len(records)} records, so senders take it that there is no policy. Keep one."
        check.report("mta-sts-several", name, message)
        return
    tags, problems = parse_tags(records[0])
    if not re.match(r"v=STSv1[ \t]*;", records[0]):
        problems.append("it must begin with v=STSv1;")
    if not _ID.fullmatch(tags.get("id", "")):
        problems.append("id must be 1 to 32 letters and digits")
    if problems:
        check.report("mta-sts-malformed", name, f"Senders ignore the record: {'; '.join(problems)}.")
    elif fetch is None:
        check.facts.append("record found, policy not fetched")
    else:
        _examine_policy(check, domain, exchanges, fetch)


def parse_policy(body: str) -> tuple[dict[str, str], list[str], list[str]]:
    """Return the fields of a policy, its ``mx`` patterns, and what is wrong with it: RFC 8461, section 3.2."""
    fields: dict[str, str] = {}
    patterns: list[str] = []
    problems: list[str] = []
    for line in filter(None, (line.strip() for line in body.splitlines())):
        key, colon, value = (piece.strip() for piece in line.partition(":"))
        if not colon:
            problems.append(f"{line[:80]!r} is not key: value")
        elif key == "mx":
            patterns.append(value.lower())
        else:
            fields.setdefault(key, value)
    if fields.get("version") != "STSv1":
        problems.append("version must be STSv1")
    if fields.get("mode") not in _MODES:
        problems.append(f"mode must be one of {', '.join(_MODES)}")
    age = fields.get("max_age", "")
    if not re.fullmatch(r"[0-9]{1,10}", age) or int(age) > _MAX_AGE:
        problems.append(f"max_age must be 0 to {_MAX_AGE} seconds")
    if not patterns and fields.get("mode") != "none":
        problems.append("it names no mx")
    return fields, patterns, problems


def matches(host: str, pattern: str) -> bool:
    """Whether a pattern names a host; ``*.`` stands for exactly one label: RFC 8461, section 4.1."""
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern.removeprefix("*.")
    return host == pattern


def _examine_policy(check: Check, domain: str, exchanges: Sequence[str], fetch: Fetch) -> None:
    host, path = f"mta-sts.{domain}", "/.well-known/mta-sts.txt"
    url = f"https://{host}{path}"
    fetched = fetch(host, path)
    if fetched.failure is not None:
        check.report("https-failed", url, f"The policy cannot be fetched: {fetched.failure}.")
    if fetched.refusal is not None:
        check.report("mta-sts-policy-unreachable", url, f"Senders cannot use the policy: {fetched.refusal}.")
    if fetched.body is None:
        return
    fields, patterns, problems = parse_policy(fetched.body)
    if problems:
        check.report("mta-sts-policy-malformed", url, f"Senders ignore the policy: {'; '.join(problems)}.")
        return
    check.facts.append(fields["mode"])
    unnamed = [host for host in exchanges if not any(matches(host, pattern) for pattern in patterns)]
    if unnamed and fields["mode"] != "none":
        message = (
            f"The policy does not name {', '.join(unnamed)}, an MX of the domain; enforced, mail is not delivered."
        )
        check.report("mta-sts-policy-mismatch", url, message)
    if fields["mode"] != "enforce":
        check.report("mta-sts-not-enforced", url, f"The mode is {fields['mode']}: nothing is enforced.")
    elif int(fields["max_age"]) < _SHORT_AGE:
        message = f"max_age is {fields['max_age']} seconds: senders forget the policy within a day. Weeks are usual."
        check.report("mta-sts-max-age", url, message)


def examine_tls_rpt(check: Check, domain: str, exchanges: Sequence[str]) -> None:
    """Examine the record that says where reports on failed TLS go."""
    name = f"_smtp._tls.{domain}"
    texts = check.ask(name, "TXT")
    if texts is None:
        return
    records = [text for text in texts if text.startswith("v=TLSRPTv1")]
    check.facts.append(records[0] if records else "no record")
    if not records:
        if exchanges:
            record = tls_rpt_record(domain, f"mailto:tls-reports@{domain}")
            message = "Nobody tells you when mail to you cannot be encrypted. With a mailbox of your choice:"
            check.report("tls-rpt-missing", name, message, record)
        return
    if len(records) > 1:
        message = f"There are {len(records)} records, so senders ignore all of them. Keep one."
        check.report("tls-rpt-several", name, message)
        return
    tags, problems = parse_tags(records[0])
    if not re.match(r"v=TLSRPTv1[ \t]*;", records[0]):
        problems.append("it must begin with v=TLSRPTv1;")
    uris = [uri.strip() for uri in tags.get("rua", "").split(",")]
    problems += [f"{uri!r} is neither a mailto nor an https URI" for uri in uris if not _is_report_uri(uri)]
    if problems:
        check.report("tls-rpt-malformed", name, f"Senders ignore the record: {'; '.join(problems)}.")


def _is_report_uri(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return (parts.scheme == "mailto" and "@" in parts.path) or (parts.scheme == "https" and bool(parts.netloc))
