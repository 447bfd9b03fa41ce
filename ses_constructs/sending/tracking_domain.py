"""A domain of one's own for the links and the pixel by which SES tracks clicks and opens, over HTTPS.

See https://docs.aws.amazon.com/ses/latest/dg/configure-custom-open-click-domains.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from constructs import Construct, DependencyGroup

from ses_constructs._kit.certificates import cloudfront_certificate
from ses_constructs._kit.checks import domain_name, fail, is_token, is_within
from ses_constructs._kit.records import DnsRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_certificatemanager as acm

    from ses_constructs.identity.dns import Dns
    from ses_constructs.identity.domain_identity import DomainIdentity

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


class TrackingDomain(Construct):
    """Let the links in your mail lead through *domain*, not through a domain of AWS, and over HTTPS.

    SES uses it for the configuration sets that get it as their ``tracking_domain``, by default with the HTTPS policy
    ``REQUIRE``. It must be verified there: be an identity of the same account and region, or lie below the domain of
    one. With *identity* the sets wait for that. Take a domain for this alone, and one for each region that sends.

    Once mail is on its way its links need the domain for as long as somebody may click. To see whether it works::

        curl --head https://DOMAIN/favicon.ico

    answers with ``x-amz-ses-region`` and ``x-amz-ses-request-protocol: https``.

    Defines: a CloudFront distribution before the tracking servers of SES, a certificate unless you pass yours, and
    through *dns* the CNAME of the domain.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        domain: str,
        dns: Dns,
        identity: DomainIdentity | None = None,
        region: str | None = None,
        certificate: acm.ICertificate | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """:param domain: such as ``click.example.com``; not the domain of a zone itself, where no CNAME can be.

        :param dns: where the record goes, for example ``Dns.route53(zone)``.
        :param identity: that of the domain or of one above it, where the configuration sets are: they are deployed
            once SES has verified it. It cannot have one of them as its default, or each would wait for the other.
            Default: the domain is verified already.
        :param region: the region of the configuration sets. Default: the stack's. So a stack in us-east-1, where
            CloudFront takes certificates from, can serve configuration sets elsewhere.
        :param certificate: an ACM certificate for *domain*, of us-east-1. Default: a new one, for which the stack must
            be in us-east-1 and *dns* ``Dns.route53(zone)``.
        :param removal_policy: what becomes of record and distribution when they leave the stack. Default: both are
            kept, for links in mail that was sent lead there, and so is a certificate that was made here. No other
            distribution can have the domain as long.
        :raises ValueError: for a malformed domain or region, the domain of the zone, a zone or an identity that is not
            the domain's, or a certificate that is needed and not given or of another region.
        """
        super().__init__(scope, id)
        self.domain: str = domain_name(self, "domain", domain)
        """What configuration sets name as their custom redirect domain."""
        zone = dns.hosted_zone
        if zone is not None and self.domain == zone.zone_name.rstrip(".").lower():
            fail(self, "domain", "must lie below the domain of its zone, where no CNAME can be", domain)
        if region is not None and not is_token(region) and not _REGION.fullmatch(region):
            fail(self, "region", "must be the name of a region like eu-west-1", region)
        if identity is not None and not self._verifies(identity):
            fail(self, "identity", f"must be that of {domain} or of a domain above", identity.domain)
        origin = f"r.{region if region is not None else Stack.of(self).region}.awstrack.me"

        self.certificate: acm.ICertificate = cloudfront_certificate(self, certificate, host=self.domain, zone=zone)
        """The certificate for the domain."""
        self.distribution: cloudfront.Distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="SES open and click tracking",
            domain_names=[self.domain],
            certificate=self.certificate,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.HttpOrigin(
                    origin,
                    protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
                    origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
                ),
                # By the Host header SES knows whose link it is.
                origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER,
                # Each request is an event.
                cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
                # Mail sent before the HTTPS policy was REQUIRE may have links without TLS.
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            ),
        )
        """Passes what it gets on to the tracking servers of SES."""
        self.records: Sequence[DnsRecord] = (
            DnsRecord(
                name=self.domain,
                type="CNAME",
                values=(self.distribution.distribution_domain_name,),
                purpose="Open and click tracking of SES",
            ),
        )
        """The record."""
        dns.publish(self, domain=self.domain, records=self.records, removal_policy=removal_policy)
        self.distribution.apply_removal_policy(removal_policy)
        if certificate is None:
            self.certificate.apply_removal_policy(removal_policy)
        self.ready: DependencyGroup = DependencyGroup()
        """What a configuration set with the domain waits for: all of this, and the verified identity if it is given."""
        self.ready.add(self, *([identity.when_verified()] if identity is not None else []))

    def _verifies(self, identity: DomainIdentity) -> bool:
        return any(is_token(it) for it in (self.domain, identity.domain)) or is_within(self.domain, identity.domain)
