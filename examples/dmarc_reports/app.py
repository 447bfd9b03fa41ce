#!/usr/bin/env python3
"""A domain with DMARC whose reports come to a mailbox of its own, and an analyst who may ask what they say.

-c hosted_zone_id=... -c hosted_zone_name=example.com
"""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53

from ses_constructs import ActiveReceiptRuleSet, Dmarc, DmarcReports, Dns, DomainIdentity, InboundMx, TlsRpt

app = cdk.App()
stack = cdk.Stack(app, "DmarcReportsExample")
gone = cdk.RemovalPolicy.DESTROY  # an example should leave nothing behind

zone = route53.HostedZone.from_hosted_zone_attributes(
    stack,
    "Zone",
    hosted_zone_id=app.node.try_get_context("hosted_zone_id") or "Z00000000000000000000",
    zone_name=app.node.try_get_context("hosted_zone_name") or "example.com",
)
dns = Dns.route53(zone)
domain = zone.zone_name

# A subdomain for reports alone: the mail of the domain itself stays where it is.
report_domain = f"reports.{domain}"
DomainIdentity(stack, "ReportIdentity", domain=report_domain, dns=dns, removal_policy=gone)
rules = ActiveReceiptRuleSet(stack, "Rules")
InboundMx(stack, "Mx", domain=report_domain, dns=dns, rule_set=rules)
reports = DmarcReports(
    stack, "Reports", rule_set=rules, address=f"dmarc@{report_domain}", domains=[domain], removal_policy=gone
)
reports.alarm_on_failures(domain, percent=5)

DomainIdentity(
    stack,
    "Identity",
    domain=domain,
    dns=dns,
    dmarc=Dmarc(nonexistent_subdomain_policy="reject", aggregate_reports=[reports.address]),
    removal_policy=gone,
)
TlsRpt(stack, "TlsRpt", domain=domain, dns=dns, reports=[reports.address])

analyst = iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal())
reports.grant_query(analyst)

for bucket in (reports.bucket, reports.mailbox.bucket):
    cdk.Validations.of(bucket).acknowledge(
        cdk.Acknowledgment(id="AwsSolutions-S1", reason="Athena keeps who asked what, and only functions read the mail")
    )
for name, value in {
    "Address": reports.address,
    "BucketName": reports.bucket.bucket_name,
    "DatabaseName": reports.database_name,
    "WorkgroupName": reports.workgroup_name,
    "DeadLetterQueueUrl": reports.dead_letter_queue.queue_url,
}.items():
    cdk.CfnOutput(stack, name, value=value)

app.synth()
