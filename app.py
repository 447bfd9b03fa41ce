#!/usr/bin/env python3
"""The reference app: one EmailStack for the stage that the context names.

cdk deploy -c stage=prod -c domain=example.com -c hosted_zone_id=Z0123456789ABCDEFGHIJ -c hosted_zone_name=example.com
"""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53

from ses_constructs import Dns, DomainIdentity, FeedbackPipeline, SendingConfigurationSet


class EmailStack(cdk.Stack):
    """A domain that sends, and the record of who must not be mailed again."""

    def __init__(
        self,
        scope: cdk.App,
        id: str,
        *,
        domain: str,
        hosted_zone_id: str,
        hosted_zone_name: str,
        removal_policy: cdk.RemovalPolicy,
        **kwargs: Any,
    ) -> None:
        """:param domain: the domain to send from.

        :param hosted_zone_id: the Route 53 zone of the domain or of one of its parents.
        :param hosted_zone_name: that zone's name.
        :param removal_policy: what becomes of identity, configuration set, DNS records and suppression table when the
            stack is destroyed.
        """
        super().__init__(scope, id, **kwargs)
        zone = route53.HostedZone.from_hosted_zone_attributes(
            self, "Zone", hosted_zone_id=hosted_zone_id, zone_name=hosted_zone_name
        )
        configuration_set = SendingConfigurationSet(self, "ConfigurationSet", removal_policy=removal_policy)
        identity = DomainIdentity(
            self,
            "Identity",
            domain=domain,
            dns=Dns.route53(zone),
            configuration_set=configuration_set,
            removal_policy=removal_policy,
        )
        feedback = FeedbackPipeline(self, "Feedback", sources=[configuration_set], removal_policy=removal_policy)

        for name, value in {
            "Domain": identity.domain,
            "ConfigurationSetName": configuration_set.configuration_set_name,
            "SuppressionTableName": feedback.table.table_name,
            "FeedbackDeadLetterQueueUrl": feedback.dead_letter_queue.queue_url,
            # What `aws sqs start-message-move-task` asks for.
            "FeedbackDeadLetterQueueArn": feedback.dead_letter_queue.queue_arn,
            "FeedbackQueueArn": feedback.queue.queue_arn,
        }.items():
            cdk.CfnOutput(self, name, value=value)


def build(app: cdk.App) -> EmailStack:
    """Define the stack of one stage, from the context in cdk.json and on the command line. Makes no call to AWS."""
    context = app.node.try_get_context
    stage = context("stage")
    settings = context("stages").get(stage)
    if settings is None:
        raise SystemExit(f"cdk.json knows no stage {stage!r}, only: {', '.join(context('stages'))}")
    # Placeholders, so that `cdk synth` works with nothing set.
    domain = context("domain") or "mail.example.com"
    return EmailStack(
        app,
        f"Email-{stage}",
        domain=domain,
        hosted_zone_id=context("hosted_zone_id") or "Z00000000000000000000",
        hosted_zone_name=context("hosted_zone_name") or domain,
        removal_policy=cdk.RemovalPolicy[settings["removal_policy"]],
        termination_protection=settings["termination_protection"],
        tags={"Application": "email", "Stage": stage},
    )


if __name__ == "__main__":
    app = cdk.App()
    build(app)
    app.synth()
