#!/usr/bin/env python3
"""Send from a domain whose DNS is somewhere else: the outputs of the stack say which records to make there."""

import aws_cdk as cdk

from ses_constructs import Dns, DomainIdentity, Spf

app = cdk.App()
stack = cdk.Stack(app, "ByHandExample")
DomainIdentity(
    stack,
    "Identity",
    domain=app.node.try_get_context("domain") or "mail.example.com",
    dns=Dns.manual(),
    spf=Spf.include_ses(),
    removal_policy=cdk.RemovalPolicy.DESTROY,  # an example should leave nothing behind
)
app.synth()
