"""The logo that mailbox providers may show beside a domain's mail: Brand Indicators for Message Identification (BIMI).

https://datatracker.ietf.org/doc/draft-brand-indicators-for-message-identification/, which is not an RFC yet.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aws_cdk import RemovalPolicy
from constructs import Construct

from ses_constructs._kit.checks import domain_name, fail, is_token
from ses_constructs._kit.domains import LABEL
from ses_constructs._kit.records import LOGO_SUFFIXES, DnsRecord
from ses_constructs.identity.dns import check_dns
from ses_constructs.identity.report_uris import encoded, is_https_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs.identity.dns import Dns

_SELECTOR = re.compile(rf"{LABEL}(?:\.{LABEL})*")


class Bimi(Construct):
    """Offer receivers a logo for mail from *domain*, or decline to.

    Receivers show it only for mail that passes DMARC, and only where the policy of the domain, of its organisational
    domain and of their subdomains is ``quarantine`` or ``reject`` for all mail: no ``none``, no ``testing``.

    Defines: through *dns* the TXT record at ``SELECTOR._bimi.DOMAIN``. It leaves DNS with the construct.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        domain: str,
        dns: Dns,
        logo: str | None,
        certificate: str | None = None,
        selector: str = "default",
    ) -> None:
        """:param domain: the domain in the From address of the mail; at most 253 characters.

        :param dns: where the record goes, for example ``Dns.route53(zone)``.
        :param logo: https URL of the logo, which ends in ``.svg`` or ``.svgz``; the file must be SVG Tiny PS. None
            declines: mail from this domain shows no logo, not even that of a parent domain.
        :param certificate: https URL of the Verified or Common Mark Certificate that vouches for the logo, as PEM.
            Default: none, and then some receivers, Gmail among them, show no logo.
        :param selector: name of the record, one or more labels. Mail asks for another than ``default`` with the header
            ``BIMI-Selector: v=BIMI1; s=SELECTOR``.
        :raises ValueError: for a malformed domain, URL or selector, another image format, a certificate without a logo,
            or a zone that is not the domain's.
        """
        super().__init__(scope, id)
        check_dns(self, dns)
        self.domain = domain_name(self, "domain", domain)
        self._check(logo, certificate, selector)
        locations = [encoded(url) if url is not None else "" for url in (logo, certificate)]
        self.records: Sequence[DnsRecord] = (
            DnsRecord(
                name=f"{selector}._bimi.{self.domain}",
                type="TXT",
                values=("v=BIMI1; l={}; a={};".format(*locations),),
                purpose="BIMI: no logo is to be shown" if logo is None else "BIMI: the logo of the domain",
            ),
        )
        """The record."""
        dns.publish(self, domain=self.domain, records=self.records, removal_policy=RemovalPolicy.DESTROY)

    def _check(self, logo: str | None, certificate: str | None, selector: str) -> None:
        for name, url in (("logo", logo), ("certificate", certificate)):
            if url is not None and not (isinstance(url, str) and (is_token(url) or is_https_url(url))):
                fail(self, name, "must be an https URL with a complete host name", url)
        if logo is not None and not is_token(logo) and not urlsplit(logo).path.lower().endswith(LOGO_SUFFIXES):
            fail(self, "logo", f"must end in {' or '.join(LOGO_SUFFIXES)}", logo)
        if logo is None and certificate is not None:
            fail(self, "certificate", "vouches for a logo, and there is none", certificate)
        if not isinstance(selector, str) or not (is_token(selector) or _SELECTOR.fullmatch(selector)):
            fail(self, "selector", "must be labels of letters, digits and inner hyphens", selector)
