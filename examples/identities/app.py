#!/usr/bin/env python3
"""A domain whose feedback needs no configuration set, that a partner may send from, and a program that waits for it.

The hosted zone is the one of the parent domain: -c hosted_zone_id=... -c hosted_zone_name=example.com -c domain=...
-c existing=adopt takes over a domain that the account has already.
"""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_ssm as ssm

from ses_constructs import Dns, DomainIdentity, EmailAddressIdentity, FeedbackPipeline

app = cdk.App()
stack = cdk.Stack(app, "IdentitiesExample")

zone_name = app.node.try_get_context("hosted_zone_name") or "example.com"
zone = route53.HostedZone.from_hosted_zone_attributes(
    stack,
    "Zone",
    hosted_zone_id=app.node.try_get_context("hosted_zone_id") or "Z00000000000000000000",
    zone_name=zone_name,
)

domain = DomainIdentity(
    stack,
    "Domain",
    domain=app.node.try_get_context("domain") or f"mail.{zone_name}",
    dns=Dns.route53(zone),
    existing=app.node.try_get_context("existing") or "fail",
    removal_policy=cdk.RemovalPolicy.DESTROY,  # an example should leave nothing behind
)
# While the account is in the sandbox it may send to verified addresses only, such as a tester's.
tester = EmailAddressIdentity(stack, "Tester", address=f"tester@{zone_name}", removal_policy=cdk.RemovalPolicy.DESTROY)
domain.add_sending_policy("Partner", principals=["111122223333"], from_addresses=[f"partner@{domain.domain}"])

feedback = FeedbackPipeline(stack, "Feedback", sources=[domain, tester], removal_policy=cdk.RemovalPolicy.DESTROY)

program = iam.Role(stack, "Program", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
domain.grant_send(
    program,
    from_addresses=[f"hello@{domain.domain}"],
    display_names=["Example*"],
    templates=["welcome"],
    sandbox_recipients=[tester],
)

# Whatever sends as soon as it is deployed, here a setting that programs read, waits until the domain can send.
setting = ssm.StringParameter(stack, "Setting", string_value=f"Example <hello@{domain.domain}>")
setting.node.add_dependency(domain.when_verified(timeout=cdk.Duration.minutes(5)))

cdk.CfnOutput(stack, "DomainName", value=domain.domain)
cdk.CfnOutput(stack, "IdentityArn", value=domain.identity_arn)
cdk.CfnOutput(stack, "SettingName", value=setting.parameter_name)
cdk.CfnOutput(stack, "SuppressionTableName", value=feedback.table.table_name)
app.synth()
