"""What can be found, how bad it is, and the record that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_constructs._kit.records import DnsRecord


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """Mail is not authenticated or not sent, or something that is published has no effect."""
    WARNING = "warning"
    """It works today, or in part; sooner or later mail will suffer."""
    HINT = "hint"
    """Nothing is wrong; it could be better."""
    UNCHECKED = "unchecked"
    """DNS, SES or a web server did not answer, so nothing can be said."""


def _kinds() -> dict[str, Severity]:
    by_severity = {
        Severity.ERROR: """
            ses-identity-missing ses-identity-unverified ses-sending-paused
            dkim-disabled dkim-not-set-up dkim-failed dkim-cname-missing dkim-cname-wrong
            dkim-key-missing dkim-key-several dkim-key-malformed dkim-key-revoked dkim-key-too-short
            mail-from-failed mail-from-mx-missing mail-from-mx-several mail-from-mx-wrong
            mail-from-spf-missing mail-from-spf-without-ses
            spf-several spf-malformed spf-lookups spf-voids spf-include-broken spf-loop spf-pass-all
            dmarc-missing dmarc-several dmarc-ignored dmarc-bad-policy
            mx-unresolvable mx-feedback
            mta-sts-several mta-sts-malformed
            mta-sts-policy-unreachable mta-sts-policy-malformed mta-sts-policy-mismatch
            tls-rpt-several tls-rpt-malformed
            bimi-several bimi-malformed bimi-bad-url bimi-not-enforced
        """,
        Severity.WARNING: """
            ses-sandbox ses-under-review
            dkim-pending dkim-key-pending dkim-key-testing
            mail-from-missing mail-from-pending
            spf-neutral spf-ignored-terms spf-ptr
            dmarc-policy-missing dmarc-malformed dmarc-bad-value dmarc-spf-strict dmarc-dkim-strict
            dmarc-bad-report-uri dmarc-report-unauthorised dmarc-report-unreachable dmarc-report-swallowed
            mx-missing mx-null mx-alias
            mta-sts-max-age
        """,
        Severity.HINT: """
            smtp-not-offered
            dkim-not-checked dkim-key-short
            mail-from-not-checked
            spf-missing spf-lookups-near
            dmarc-policy-none dmarc-testing dmarc-no-reports dmarc-unknown-tag dmarc-removed-tag
            dmarc-fo-without-ruf dmarc-sp-ignored
            mta-sts-missing mta-sts-not-enforced
            tls-rpt-missing
            bimi-missing bimi-no-certificate
        """,
        Severity.UNCHECKED: "aws-unavailable dns-timeout dns-servfail dns-refused https-failed",
    }
    return {code: severity for severity, codes in by_severity.items() for code in codes.split()}


KINDS: Mapping[str, Severity] = _kinds()
"""Every code that a finding can have, with its severity; docs/doctor.md says what each means."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found.

    :param code: one of :data:`KINDS`; stays the same between versions.
    :param name: the host name, identity or URL that it is about.
    :param message: one sentence or two, without the name.
    :param records: what to add, or to put in place of what is there.
    """

    code: str
    name: str
    message: str
    records: tuple[DnsRecord, ...] = ()

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return KINDS[self.code]
