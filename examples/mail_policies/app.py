#!/usr/bin/env python3
"""A domain that sends and receives, far along: DMARC rejects, mail to it wants TLS, and its logo may be shown.

Reports go to a domain of another organisation, whose DNS agrees to it: a zone of the same account here.

-c hosted_zone_id=... -c hosted_zone_name=example.com -c report_zone_id=... -c report_zone_name=example.net
"""

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53

from ses_constructs import Bimi, Dmarc, DmarcReportAuthorisation, Dns, DomainIdentity, MtaSts, TlsRpt

app = cdk.App()
context = app.node.try_get_context
# CloudFront takes certificates from us-east-1 alone, so a stack elsewhere has to pass one to MtaSts.
stack = cdk.Stack(app, "MailPoliciesExample")

domain = context("hosted_zone_name") or "example.com"
report_domain = context("report_zone_name") or "example.net"
zone = route53.HostedZone.from_hosted_zone_attributes(
    stack, "Zone", hosted_zone_id=context("hosted_zone_id") or "Z00000000000000000000", zone_name=domain
)
report_zone = route53.HostedZone.from_hosted_zone_attributes(
    stack, "ReportZone", hosted_zone_id=context("report_zone_id") or "Z11111111111111111111", zone_name=report_domain
)
dns = Dns.route53(zone)

DomainIdentity(
    stack,
    "Identity",
    domain=domain,
    dns=dns,
    dmarc=Dmarc(
        policy="reject", nonexistent_subdomain_policy="reject", aggregate_reports=[f"dmarc-reports@{report_domain}"]
    ),
    removal_policy=cdk.RemovalPolicy.DESTROY,  # an example should leave nothing behind
)
DmarcReportAuthorisation(
    stack, "Reports", policy_domains=[domain], report_domain=report_domain, dns=Dns.route53(report_zone)
)

# Mail comes in through SES, whose certificate is issued to the name of the MX host.
mta_sts = MtaSts(
    stack,
    "MtaSts",
    domain=domain,
    dns=dns,
    mode=context("mta_sts_mode") or "testing",
    mx=[f"inbound-smtp.{cdk.Aws.REGION}.amazonaws.com"],
)
TlsRpt(stack, "TlsRpt", domain=domain, dns=dns, reports=[f"tls-reports@{report_domain}"])

Bimi(
    stack,
    "Bimi",
    domain=domain,
    dns=dns,
    logo=f"https://www.{domain}/logo.svg",
    certificate=f"https://www.{domain}/logo.pem",
)
# A stream of mail that asks for this record with a BIMI-Selector header shows no logo.
Bimi(stack, "NoLogo", domain=domain, dns=dns, logo=None, selector="plain")

# For those who check their stacks with cdk-nag.
cdk.Validations.of(mta_sts.distribution).acknowledge(
    cdk.Acknowledgment(id="AwsSolutions-CFR1", reason="Senders of mail are everywhere"),
    cdk.Acknowledgment(id="AwsSolutions-CFR2", reason="A function answers every request with one public text"),
    cdk.Acknowledgment(id="AwsSolutions-CFR3", reason="Who fetches a public text is not worth a bucket of logs"),
)

cdk.CfnOutput(stack, "Domain", value=domain)
cdk.CfnOutput(stack, "PolicyId", value=mta_sts.policy_id)
cdk.CfnOutput(stack, "PolicyFunctionName", value=mta_sts.function.function_name)
cdk.CfnOutput(stack, "PolicyDistributionId", value=mta_sts.distribution.distribution_id)
app.synth()
