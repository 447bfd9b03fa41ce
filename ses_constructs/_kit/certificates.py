"""Certificates for CloudFront, which takes them from one region alone.

See https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_certificatemanager as acm

from ses_constructs._kit.checks import fail, is_token

if TYPE_CHECKING:
    from aws_cdk import aws_route53 as route53
    from constructs import Construct

_REGION = "us-east-1"
# https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html
_NAME_LIMIT = 64


def cloudfront_certificate(
    scope: Construct, given: acm.ICertificate | None, *, host: str, zone: route53.IHostedZone | None
) -> acm.ICertificate:
    """Check the certificate that was given for *host*, or define one that ACM validates by itself in *zone*."""
    if given is not None:
        arn = given.certificate_arn
        if not is_token(arn) and f":acm:{_REGION}:" not in arn:
            fail(scope, "certificate", f"must be one of ACM in {_REGION}, as CloudFront wants it", arn)
        return given
    region = Stack.of(scope).region
    if not is_token(region) and region != _REGION:
        rule = f"must be given, one of {_REGION}, for CloudFront takes none from the stack's own region"
        fail(scope, "certificate", rule, f"None in {region}")
    if zone is None:
        rule = "must be given, for ACM proves a domain by itself only in a Route 53 zone of the same account"
        fail(scope, "certificate", rule, None)
    if not is_token(host) and len(host) > _NAME_LIMIT:
        fail(scope, "certificate", "must be given, for ACM makes none for a name above 64 characters", host)
    return acm.Certificate(scope, "Certificate", domain_name=host, validation=acm.CertificateValidation.from_dns(zone))
