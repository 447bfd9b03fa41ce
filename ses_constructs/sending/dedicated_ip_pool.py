"""Addresses to send from that nobody else sends from: AWS::SES::DedicatedIpPool.

See https://docs.aws.amazon.com/ses/latest/dg/dedicated-ip.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ses as ses

from ses_constructs._kit.checks import fail, is_token

if TYPE_CHECKING:
    from constructs import Construct

# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ses-dedicatedippool.html
_NAME = re.compile(r"[a-z0-9_-]{1,64}")


class DedicatedIpPool(ses.DedicatedIpPool):
    """A pool of dedicated IP addresses, for the ``dedicated_ip_pool`` of a configuration set.

    It is the CDK's own ``DedicatedIpPool``, so it goes wherever the CDK takes one. SES can turn a standard pool into a
    managed one and never back. So here another mode is another pool, made beside the first: no edit of a word turns
    the pool you have, and the way back is open.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        scaling_mode: ses.ScalingMode,
        dedicated_ip_pool_name: str | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """:param scaling_mode: ``MANAGED``: SES finds, warms up and gives back addresses as your mail needs them.

            ``STANDARD``: the pool is empty until you put addresses in that you lease through AWS Support. To change it
            makes a new pool, and keeps the old one with its addresses until you delete it.
        :param dedicated_ip_pool_name: 1 to 64 **lower-case** letters, digits, ``_`` and ``-``; changing it makes a new
            pool. Give another with another *scaling_mode*, for the old pool keeps its name. Default: CloudFormation
            makes one.
        :param removal_policy: what becomes of the pool when it leaves the stack. Default: it is kept, for the
            reputation of warm addresses is the work of weeks.
        :raises ValueError: for a name that SES refuses.
        """
        name = dedicated_ip_pool_name
        if name is not None and not is_token(name) and not _NAME.fullmatch(name):
            rule = "must be 1 to 64 lower-case letters, digits, _ and -"
            fail(scope, "dedicated_ip_pool_name", rule, name, id=id)
        # The CDK's own refuses a name that is known only at deploy time.
        super().__init__(scope, id, scaling_mode=scaling_mode)
        resource = self.node.default_child
        assert isinstance(resource, ses.CfnDedicatedIpPool)
        resource.pool_name = name
        if scaling_mode is ses.ScalingMode.MANAGED:
            resource.override_logical_id(f"{self.stack.get_logical_id(resource)}Managed")
        self.apply_removal_policy(removal_policy)
