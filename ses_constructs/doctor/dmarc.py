"""DMARC: which record counts for a domain, and whether SES mail and the reports come through.

RFC 9989, sections 4.10 (the DNS tree walk) and 5; RFC 9990, section 4 (who may be sent reports).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ses_constructs._kit.records import dmarc_record, report_consent_record
from ses_constructs.doctor.check import Status
from ses_constructs.doctor.dmarc_record import POLICIES, DmarcRecord, is_dmarc, is_meant_as_dmarc, read_dmarc

if TYPE_CHECKING:
    from ses_constructs.doctor.check import Check

_MAX_LABELS = 8  # RFC 9989, section 4.10: above that the walk goes on with seven, so it asks at most eight times

RecordAt = Callable[[str], DmarcRecord | None]
"""Returns the one DMARC record of a domain, if it has one."""


class UnansweredError(Exception):
    """DNS did not answer on the way up, so which record counts is not known."""


def steps(domain: str) -> list[str]:
    """Return the domains whose records are asked for on the way up."""
    labels = domain.split(".")
    walk = [domain]
    labels = labels[-(_MAX_LABELS - 1) :] if len(labels) > _MAX_LABELS else labels[1:]
    while labels:
        walk.append(".".join(labels))
        labels = labels[1:]
    return walk


def organizational_domain(domain: str, record_at: RecordAt) -> str:
    """Return the domain under which *domain* is organised: itself, or one above it. RFC 9989, section 4.10.2."""
    highest = domain
    for name in steps(domain):
        record = record_at(name)
        if record is not None:
            if record.psd == "n":
                return name
            if record.psd == "y" and name != domain:
                return _one_below(domain, name)
            highest = name
    return highest


def applicable(domain: str, record_at: RecordAt) -> DmarcRecord | None:
    """Return the record that counts for mail from *domain*: its own, that of its organisation, or of the suffix."""
    own = record_at(domain)
    if own is not None:
        return own
    found = record_at(organizational_domain(domain, record_at))
    if found is not None:
        return found
    above = (record_at(name) for name in steps(domain))
    return next((record for record in above if record is not None and record.psd == "y"), None)


def examine(check: Check, domain: str, *, signing_domain: str, mail_from: str | None) -> str | None:
    """Examine the record that counts for *domain*, and return what receivers apply; None if that cannot be known.

    :param signing_domain: that of the DKIM signature, the identity's.
    :param mail_from: the MAIL FROM domain, if the identity has one.
    """
    try:
        return _examine(check, domain, signing_domain, mail_from)
    except UnansweredError:
        check.facts.append("unknown")
        return None


def _examine(check: Check, domain: str, signing_domain: str, mail_from: str | None) -> str:
    def record_at(name: str) -> DmarcRecord | None:
        return _record_at(check, name)

    record = applicable(domain, record_at)
    if record is None:
        check.facts.append("no record")
        if not check.findings:
            message = "There is no DMARC record, here or above; Gmail, Yahoo and Outlook.com want one of bulk senders."
            check.report("dmarc-missing", domain, message, dmarc_record(domain))
        return "none"
    name = f"_dmarc.{record.domain}"
    for code, message in record.notes:
        check.report(code, name, message)
    organization = organizational_domain(domain, record_at)
    if "sp" in record.tags and record.domain != organization:
        check.report("dmarc-sp-ignored", name, f"sp has no effect here: that of {organization} counts.")
    _examine_alignment(check, domain, record, signing_domain, mail_from)
    for host in record.report_hosts():
        _examine_report_host(check, record.domain, organization, host, mail_from)
    return _examine_policy(check, domain, record)


def _record_at(check: Check, domain: str) -> DmarcRecord | None:
    name, texts = f"_dmarc.{domain}", _texts(check, domain)
    for text in texts:
        if is_meant_as_dmarc(text):
            message = f"Receivers ignore {text!r}: it must begin with exactly v=DMARC1, capitals and all."
            check.report("dmarc-ignored", name, message)
    count = sum(1 for text in texts if is_dmarc(text))
    if count > 1:
        message = f"There are {count} DMARC records, so receivers ignore all of them. Keep one."
        check.report("dmarc-several", name, message)
    return _only_record(texts, domain)


def _texts(check: Check, domain: str) -> tuple[str, ...]:
    texts = check.ask(f"_dmarc.{domain}", "TXT")
    if texts is None:
        raise UnansweredError
    return texts


def _only_record(texts: tuple[str, ...], domain: str) -> DmarcRecord | None:
    records = [text for text in texts if is_dmarc(text)]
    return read_dmarc(domain, records[0]) if len(records) == 1 else None


def _examine_policy(check: Check, domain: str, record: DmarcRecord) -> str:
    if record.domain == domain:
        policy = record.policy("p")
    elif check.lookup(domain, "A").status is Status.ABSENT:
        policy = record.policy("np", "sp", "p")
    else:
        policy = record.policy("sp", "p")
    effective = POLICIES[max(POLICIES.index(policy) - 1, 0)] if record.is_testing else policy
    check.facts.append(f"p={policy}" if record.domain == domain else f"{policy}, from {record.domain}")
    name = f"_dmarc.{record.domain}"
    if policy == "none":
        check.report(
            "dmarc-policy-none", name, "The policy is none: forgeries are delivered. Read the reports, then tighten it."
        )
    elif record.is_testing:
        check.facts.append(f"testing: {effective} is applied")
        check.report("dmarc-testing", name, f"t=y: receivers apply {effective} in place of {policy}.")
    return effective


def _examine_alignment(
    check: Check, domain: str, record: DmarcRecord, signing_domain: str, mail_from: str | None
) -> None:
    name = f"_dmarc.{record.domain}"
    if record.is_strict("aspf") and mail_from is not None and mail_from != domain:
        check.report("dmarc-spf-strict", name, f"aspf=s: SPF never aligns, as the MAIL FROM of SES is {mail_from}.")
    if record.is_strict("adkim") and signing_domain != domain:
        check.report("dmarc-dkim-strict", name, f"adkim=s: DKIM never aligns, as SES signs with {signing_domain}.")


def _examine_report_host(check: Check, domain: str, organization: str, host: str, mail_from: str | None) -> None:
    name = f"_dmarc.{domain}"
    if host == mail_from:
        message = f"Reports go to {host}, the MAIL FROM domain, whose mail SES swallows."
        check.report("dmarc-report-swallowed", name, message)
        return
    if all(check.ask(host, type) == () for type in ("MX", "A", "AAAA")):
        message = f"Reports go to {host}, which takes no mail: it has neither MX nor address."
        check.report("dmarc-report-unreachable", name, message)
        return
    try:
        is_foreign = organizational_domain(host, lambda name: _only_record(_texts(check, name), name)) != organization
    except UnansweredError:
        return
    if is_foreign:
        _examine_authorisation(check, domain, host)


def _examine_authorisation(check: Check, domain: str, host: str) -> None:
    record = report_consent_record(domain, host)
    texts = check.ask(record.name, "TXT")
    if texts is not None and not any(is_dmarc(text) for text in texts):
        message = f"Reports on {domain} are not sent to {host} until {host} says that it wants them."
        check.report("dmarc-report-unauthorised", record.name, message, record)


def _one_below(domain: str, above: str) -> str:
    """Return the ancestor of *domain* that has one label more than *above*."""
    count = len(above.split(".")) + 1
    return ".".join(domain.split(".")[-count:])
