"""Waiting until SES has verified an identity, which CloudFormation does not.

See https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from ses_constructs._kit.checks import fail
from ses_constructs._kit.custom_resources import custom_resource

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = Duration.minutes(14)  # a function ends after 15 minutes, and must have time to answer


class IdentityVerification(Construct):
    """Made by ``when_verified`` of an identity. What depends on it is deployed once the identity can send.

    Defines: the wait, as a custom resource ``Custom::SesVerification``. It makes nothing and deletes nothing.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        identity_name: str,
        identity_arn: str,
        timeout: Duration | None,
        after: Sequence[IConstruct],
    ) -> None:
        """:param identity_name: the identity: a domain or an address.

        :param identity_arn: its ARN.
        :param timeout: see ``when_verified``.
        :param after: the identity and its records, without which the wait would be in vain.
        """
        super().__init__(scope, id)
        timeout = timeout if timeout is not None else Duration.minutes(10)
        if timeout.is_unresolved():
            fail(self, "timeout", "must be known at synth", "a token")
        self.timeout = int(timeout.to_seconds())
        """Seconds to wait at most."""
        if not 1 <= self.timeout <= _LONGEST.to_seconds():
            fail(self, "timeout", "must be 1 second to 14 minutes", timeout.to_human_string())
        self.resource = custom_resource(
            self,
            "Resource",
            kind="SesVerification",
            properties={"Identity": identity_name, "TimeoutSeconds": self.timeout},
            statements=[iam.PolicyStatement(actions=["ses:GetEmailIdentity"], resources=[identity_arn])],
        )
        self.resource.node.add_dependency(*after)
