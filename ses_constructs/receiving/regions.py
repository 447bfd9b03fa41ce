"""Where SES receives mail.

See https://docs.aws.amazon.com/general/latest/gr/ses.html. AWS adds regions over time, and nothing here stops a
deployment: the list can be replaced by the context value ``ses-constructs:receivingRegions`` in ``cdk.json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, Stack

from ses_constructs._kit.checks import is_token

if TYPE_CHECKING:
    from constructs import Construct

RECEIVING_REGIONS = (
    "af-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-south-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-south-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)
"""In November 2026."""


def warn_where_nothing_is_received(scope: Construct) -> None:
    """Warn if the stack's region is known, and is not one where SES receives."""
    region = Stack.of(scope).region
    known = scope.node.try_get_context("ses-constructs:receivingRegions") or RECEIVING_REGIONS
    if not is_token(region) and region not in known:
        Annotations.of(scope).add_warning_v2(
            "ses-constructs:notAReceivingRegion",
            f"SES receives no mail in {region}, as far as is known here; if it does by now, name the region in the "
            "context value ses-constructs:receivingRegions.",
        )
