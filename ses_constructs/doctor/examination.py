"""The whole examination of a domain: every check, in the order of the report. Does no I/O of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ses_constructs.doctor import bimi, dkim, dmarc, mail_from, mx, ses, spf, transport
from ses_constructs.doctor.check import Check
from ses_constructs.doctor.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs.doctor.account import SesView
    from ses_constructs.doctor.check import Lookup
    from ses_constructs.doctor.transport import Fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What the user says of the domain where SES is not asked.

    :param selectors: of the DKIM keys.
    :param mail_from: the MAIL FROM domain.
    :param region: where it is set; needed with *mail_from*.
    """

    selectors: Sequence[str] = ()
    mail_from: str | None = None
    region: str | None = None


def examine(domain: str, *, lookup: Lookup, fetch: Fetch | None, source: SesView | Claims | str) -> list[Check]:
    """Examine *domain* and return the rows of the report.

    :param fetch: fetches the MTA-STS policy; None leaves it alone.
    :param source: where selectors and MAIL FROM domain come from: SES, or the user; a text says why SES cannot be
        asked.
    """
    examination = _Examination(domain, lookup)
    if isinstance(source, str):
        examination.check("SES").report("aws-unavailable", domain, f"SES cannot be asked: {source}.")
    elif isinstance(source, Claims):
        examination.with_claims(source)
    else:
        examination.with_ses(source)
    examination.of_dns(fetch)
    return examination.checks


def exit_status(checks: Sequence[Check]) -> int:
    """Return 1 if there is an error, else 2 if something could not be checked, else 0."""
    severities = {finding.severity for check in checks for finding in check.findings}
    return 1 if Severity.ERROR in severities else 2 if Severity.UNCHECKED in severities else 0


class _Examination:
    """One domain; who signs and what the MAIL FROM is comes first, as the other checks ask for it."""

    def __init__(self, domain: str, lookup: Lookup) -> None:
        self.checks: list[Check] = []
        self._domain = domain
        self._lookup = lookup
        self._signing_domain = domain
        self._mail_from: str | None = None

    def check(self, subject: str) -> Check:
        check = Check(subject, self._lookup)
        self.checks.append(check)
        return check

    def with_ses(self, view: SesView) -> None:
        ses.examine(self.check("SES"), self._domain, view)
        identity = view.identity
        if identity is None:
            return
        self._signing_domain, self._mail_from = identity.name, identity.mail_from
        ses.examine_dkim(self.check("DKIM"), identity)
        ses.examine_mail_from(self.check("MAIL FROM"), identity, view.region)

    def with_claims(self, claims: Claims) -> None:
        check = self.check("DKIM")
        for selector in claims.selectors:
            dkim.examine_selector(check, self._domain, selector)
        if not claims.selectors:
            message = "Only SES knows the selectors; without it, name them with --selector."
            check.skip("dkim-not-checked", self._domain, message)
        check = self.check("MAIL FROM")
        if claims.mail_from is not None and claims.region is not None:
            self._mail_from = claims.mail_from
            mail_from.examine(check, claims.mail_from, claims.region)
        else:
            message = "Only SES knows the MAIL FROM domain; without it, name it with --mail-from."
            check.skip("mail-from-not-checked", self._domain, message)

    def of_dns(self, fetch: Fetch | None) -> None:
        domain = self._domain
        spf.examine_apex(self.check("SPF"), domain)
        policy = dmarc.examine(
            self.check("DMARC"), domain, signing_domain=self._signing_domain, mail_from=self._mail_from
        )
        exchanges = mx.examine(self.check("MX"), domain)
        transport.examine_mta_sts(self.check("MTA-STS"), domain, exchanges, fetch)
        transport.examine_tls_rpt(self.check("TLS-RPT"), domain, exchanges)
        bimi.examine(self.check("BIMI"), domain, policy)
