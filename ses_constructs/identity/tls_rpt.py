"""Reports on mail that could not be delivered to a domain over TLS: SMTP TLS Reporting (TLS-RPT).

RFC 8460: https://www.rfc-editor.org/rfc/rfc8460.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy
from constructs import Construct

from ses_constructs._kit.checks import domain_name, fail, items
from ses_constructs._kit.records import tls_rpt_record
from ses_constructs.identity.dns import check_dns
from ses_constructs.identity.report_uris import encoded, is_address, is_https_url, mailto

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs._kit.records import DnsRecord
    from ses_constructs.identity.dns import Dns


class TlsRpt(Construct):
    """Ask the senders of mail to *domain* for a daily report on their TLS connections to it.

    Goes together with :class:`MtaSts`: the reports say what its policy would refuse, or does.

    Defines: through *dns* the one TXT record at ``_smtp._tls.DOMAIN``. It leaves DNS with the construct.
    """

    def __init__(self, scope: Construct, id: str, *, domain: str, dns: Dns, reports: Sequence[str]) -> None:
        """:param domain: the domain that receives mail; at most 253 characters.

        :param dns: where the record goes, for example ``Dns.route53(zone)``.
        :param reports: addresses, also of other domains, and https URLs that reports are posted to; each gets every
            report. What is known only at deployment is taken for an address unless it begins with ``https://``.
        :raises ValueError: for a malformed domain, address or URL, no report address at all, or a zone that is not the
            domain's.
        """
        super().__init__(scope, id)
        check_dns(self, dns)
        self.domain = domain_name(self, "domain", domain)
        uris = [self._uri(report) for report in items(self, "reports", reports, what="addresses and https URLs")]
        self.records: Sequence[DnsRecord] = (tls_rpt_record(self.domain, *uris),)
        """The record."""
        dns.publish(self, domain=self.domain, records=self.records, removal_policy=RemovalPolicy.DESTROY)

    def _uri(self, report: str) -> str:
        if is_https_url(report):
            return encoded(report)
        if not is_address(report):
            fail(self, "reports", "must be addresses like tls@example.com and https URLs", report)
        return mailto(report)
