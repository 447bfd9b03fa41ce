import os

import aws_cdk as cdk
import pytest
from aws_cdk import aws_route53 as route53

from tests.constructs.support import hosted_zone

# The CDK's own validation of templates costs seconds a synth; tests/compliance runs with it.
os.environ["CDK_VALIDATION"] = "false"


@pytest.fixture
def stack() -> cdk.Stack:
    return cdk.Stack(cdk.App(), "Mail")


@pytest.fixture
def zone(stack: cdk.Stack) -> route53.IHostedZone:
    return hosted_zone(stack)
