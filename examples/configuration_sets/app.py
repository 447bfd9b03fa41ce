#!/usr/bin/env python3
"""Three streams of mail from one domain: receipts with a stored template, a newsletter, and one made elsewhere.

-c hosted_zone_id=... -c hosted_zone_name=example.com -c domain=... -c existing_set=...
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_ses as ses

from ses_constructs import Dimension, Dns, DomainIdentity, EmailTemplate, EventType, SendingConfigurationSet

TEMPLATES = Path(__file__).parent / "templates"

app = cdk.App()
context = app.node.try_get_context
stack = cdk.Stack(app, "ConfigurationSetsExample")
keep_nothing = cdk.RemovalPolicy.DESTROY  # an example should leave nothing behind

# A receipt that comes tomorrow is of no use, and who once complained about a newsletter still gets it.
receipts = SendingConfigurationSet(
    stack,
    "Receipts",
    max_delivery_duration=cdk.Duration.hours(1),
    suppression_reasons=["BOUNCE"],
    engagement_metrics=False,
    removal_policy=keep_nothing,
)
receipts.publish_to_cloud_watch(events=[EventType.SEND, EventType.DELIVERY, EventType.RENDERING_FAILURE])
broken = cloudwatch.Alarm(
    stack,
    "ReceiptsBroken",
    alarm_description="The receipts program gives its template too little.",
    metric=receipts.metric_rendering_failure(),
    threshold=1,
    evaluation_periods=1,
    treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
)

# Which campaign sells, and which button of it. Addresses that SES takes for made up get nothing.
news = SendingConfigurationSet(
    stack,
    "News",
    auto_validation=ses.AutoValidationThreshold.MEDIUM,
    optimized_shared_delivery=True,
    # dedicated_ip_pool=DedicatedIpPool(stack, "Pool", scaling_mode=ses.ScalingMode.MANAGED),
    removal_policy=keep_nothing,
)
campaigns = news.publish_to_cloud_watch(
    "Campaigns",
    events=[EventType.DELIVERY, EventType.COMPLAINT, EventType.OPEN, EventType.CLICK],
    dimensions=[Dimension.message_tag("campaign"), Dimension.link_tag("button")],
)
dashboard = cloudwatch.Dashboard(stack, "Dashboard")
dashboard.add_widgets(
    cloudwatch.GraphWidget(
        title="The spring campaign",
        left=[
            campaigns.metric("CLICK", {"campaign": "spring", "button": button}, label=button)
            for button in ("order", "none")
        ],
    ),
    cloudwatch.GraphWidget(title="Reputation", left=[news.metric_bounce_rate(), news.metric_complaint_rate()]),
)

# A set that somebody else made: what goes out with it is counted here too.
existing_name = context("existing_set")
if existing_name:
    existing = SendingConfigurationSet.from_configuration_set_name(stack, "Existing", existing_name)
    existing.publish_to_cloud_watch(events=[EventType.BOUNCE])

zone_name = context("hosted_zone_name") or "example.com"
zone = route53.HostedZone.from_hosted_zone_attributes(
    stack, "Zone", hosted_zone_id=context("hosted_zone_id") or "Z00000000000000000000", zone_name=zone_name
)
identity = DomainIdentity(
    stack,
    "Identity",
    domain=context("domain") or f"mail.{zone_name}",
    dns=Dns.route53(zone),
    configuration_set=receipts,
    removal_policy=keep_nothing,
)
receipt = EmailTemplate(
    stack,
    "Receipt",
    subject="Your order {{order.id}}",
    html=TEMPLATES / "receipt.html",
    text=TEMPLATES / "receipt.txt",
)

shop = iam.Role(stack, "Shop", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
identity.grant_send(shop, from_addresses=[f"*@{identity.domain}"], templates=[receipt])
# The editor may use the identity by a policy made elsewhere, and needs this set beside it.
editor = iam.Role(stack, "Editor", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
news.grant_send(editor)

for name, value in {
    "Domain": identity.domain,
    "ReceiptsName": receipts.configuration_set_name,
    "NewsName": news.configuration_set_name,
    "TemplateName": receipt.template_name,
}.items():
    cdk.CfnOutput(stack, name, value=value)
app.synth()
