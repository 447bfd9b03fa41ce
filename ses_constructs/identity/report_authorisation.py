"""The consent of one organisation to receive the DMARC reports of another.

RFC 9990, on external destinations: https://www.rfc-editor.org/rfc/rfc9990.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, RemovalPolicy, Stack
from constructs import Construct

from ses_constructs._kit.checks import domain_name, fail, is_token, items
from ses_constructs._kit.records import report_consent_record
from ses_constructs.identity.dns import check_dns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs._kit.records import DnsRecord
    from ses_constructs.identity.dns import Dns

ANY_DOMAIN = "*"


class DmarcReportAuthorisation(Construct):
    """Let addresses at *report_domain* receive the DMARC reports of *policy_domains*.

    Receivers of mail drop a report address that is in another organisational domain than the DMARC record, unless the
    address's domain says in DNS that it agrees. This is what the domain of the **addresses** publishes; the domains
    that the reports are about name those addresses in their :class:`Dmarc`. Within one organisational domain
    (``example.com`` and ``mail.example.com``) none of this is needed. Where a :class:`DomainIdentity` of the same app
    has warned that consent is missing, or would later in the same stack, the warning goes.

    Defines: through *dns* one TXT record a policy domain. They leave DNS with the construct.
    """

    def __init__(
        self, scope: Construct, id: str, *, policy_domains: Sequence[str], report_domain: str, dns: Dns
    ) -> None:
        """:param policy_domains: the domains whose DMARC records name addresses at *report_domain*. ``["*"]`` agrees to
            the reports of everybody.

        :param report_domain: the domain after the ``@`` of those addresses, exactly.
        :param dns: where the records go: the DNS of *report_domain*.
        :raises ValueError: for a malformed domain, ``*`` beside other domains, no policy domain at all, a record name
            above 253 characters (RFC 1035, section 2.3.4), or a zone that is not the report domain's.
        """
        super().__init__(scope, id)
        check_dns(self, dns)
        self.report_domain = domain_name(self, "report_domain", report_domain)
        self.records: Sequence[DnsRecord] = tuple(self._record(domain) for domain in self._checked(policy_domains))
        """One record a policy domain."""
        dns.publish(self, domain=self.report_domain, records=self.records, removal_policy=RemovalPolicy.DESTROY)

    def _checked(self, policy_domains: Sequence[str]) -> list[str]:
        items(self, "policy_domains", policy_domains, what="domains")
        if list(policy_domains) == [ANY_DOMAIN]:
            return [ANY_DOMAIN]
        if ANY_DOMAIN in policy_domains:
            fail(self, "policy_domains", "must not name other domains beside *, which stands for all", policy_domains)
        return list(dict.fromkeys(domain_name(self, "policy_domains", domain) for domain in policy_domains))

    def _record(self, policy_domain: str) -> DnsRecord:
        record = report_consent_record(policy_domain, self.report_domain)
        if not is_token(record.name) and len(record.name) > 253:
            fail(self, "policy_domains", "must leave the record's name within 253 characters", record.name)
        # Acknowledged at the root, warnings that are there go; only at the stack, it also counts for those to come.
        for scope in (self.node.root, Stack.of(self)):
            warning = warning_id(policy_domain, self.report_domain)
            Annotations.of(scope).acknowledge_warning(warning, "DmarcReportAuthorisation publishes the record")
        return record


def warn_unless_authorised(scope: Construct, policy_domain: str, report_domains: Sequence[str]) -> None:
    """Warn of report addresses in another organisational domain, whose reports are dropped without its consent.

    Where an organisational domain ends is in DNS alone (RFC 9989, section 4.10), so only what cannot be one is told
    from outside: domains that do not end in the same two labels.
    """
    if is_token(policy_domain):
        return
    for report_domain in report_domains:
        if policy_domain.split(".")[-2:] != report_domain.split(".")[-2:]:
            record = report_consent_record(policy_domain, report_domain)
            Annotations.of(scope).add_warning_v2(
                warning_id(policy_domain, report_domain),
                f"Receivers send no DMARC report of {policy_domain} to addresses at {report_domain} unless "
                f"{record.name} is a TXT record with the text {record.values[0]} "
                f"(RFC 9990): DmarcReportAuthorisation makes it, in the DNS of {report_domain}.",
            )


def warning_id(policy_domain: str, report_domain: str) -> str:
    """Return the id by which the warning is known, and acknowledged."""
    return f"ses-constructs:dmarcReportAuthorisation:{policy_domain}:{report_domain}"
