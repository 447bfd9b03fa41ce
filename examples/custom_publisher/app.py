#!/usr/bin/env python3
"""Send from a domain whose records go through something of your own: here, into SSM parameters that a job reads.

A publisher gets every record as it has to be in DNS; names and values may be tokens, known at deployment.
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from ses_constructs import Dns, DnsRecord, DomainIdentity


class ParameterDns(Dns):
    """One parameter for each record, for the job that copies them to the DNS provider."""

    def publish(
        self, scope: Construct, *, domain: str, records: Sequence[DnsRecord], removal_policy: cdk.RemovalPolicy
    ) -> None:
        """Define the parameters."""
        for number, record in enumerate(records, start=1):
            parameter = ssm.StringParameter(
                scope,
                f"Record{number}",
                description=record.purpose,
                string_value="\t".join([record.name, str(record.ttl), record.type, *record.presentation()]),
            )
            parameter.apply_removal_policy(removal_policy)


app = cdk.App()
stack = cdk.Stack(app, "CustomPublisherExample")
DomainIdentity(
    stack,
    "Identity",
    domain=app.node.try_get_context("domain") or "mail.example.com",
    dns=ParameterDns(),
    removal_policy=cdk.RemovalPolicy.DESTROY,  # an example should leave nothing behind
)
app.synth()
