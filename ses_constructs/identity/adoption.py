"""A domain identity that CloudFormation cannot make: one that may exist already, or that copies its DKIM key.

See https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentity.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from aws_cdk import Aws, CfnResource, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from ses_constructs._kit.checks import fail
from ses_constructs._kit.custom_resources import custom_resource
from ses_constructs.identity.dkim import DKIM_ATTRIBUTES, DeterministicDkim, Dkim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_ses as ses


class IdentityResource(Construct):
    """Made by a ``DomainIdentity`` with ``existing="adopt"`` or ``Dkim.deterministic``.

    Defines: the identity, as a custom resource ``Custom::SesEmailIdentity``.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        domain: str,
        dkim: Dkim | None,
        mail_from: Mapping[str, str] | None,
        configuration_set: ses.IConfigurationSet | None,
        feedback_forwarding: bool,
        existing: Literal["fail", "adopt"],
        removal_policy: RemovalPolicy,
    ) -> None:
        """:param dkim: None: easy DKIM for a new identity, no change for an adopted one.

        :param mail_from: the ``MailFromAttributes`` of CloudFormation in the CDK's spelling; None: no change.

        For the others see :class:`DomainIdentity`.
        """
        super().__init__(scope, id)
        settings = dkim.settings() if dkim is not None else {}
        if settings is None:
            fail(scope, "dkim", "must not be Dkim.byo where the identity is adopted", "Dkim.byo")
        stack = Stack.of(self)
        arn = stack.format_arn(service="ses", resource="identity", resource_name=domain)
        arns = [arn]
        if configuration_set is not None:
            name = configuration_set.configuration_set_name
            arns.append(stack.format_arn(service="ses", resource="configuration-set", resource_name=name))
        statements = [
            iam.PolicyStatement(
                actions=[
                    "ses:CreateEmailIdentity",
                    "ses:DeleteEmailIdentity",
                    "ses:GetEmailIdentity",
                    "ses:PutEmailIdentityConfigurationSetAttributes",
                    "ses:PutEmailIdentityDkimSigningAttributes",
                    "ses:PutEmailIdentityFeedbackAttributes",
                    "ses:PutEmailIdentityMailFromAttributes",
                    "ses:TagResource",
                ],
                resources=arns,
            )
        ]
        if isinstance(dkim, DeterministicDkim):
            if dkim.parent_region == stack.region:
                rule = "must name another region than the stack's as its parent"
                fail(scope, "dkim", rule, dkim.parent_region)
            parent = stack.format_arn(
                service="ses", region=dkim.parent_region, resource="identity", resource_name=domain
            )
            statements.append(
                iam.PolicyStatement(actions=["ses:ReplicateEmailIdentityDKIMSigningKey"], resources=[arn, parent])
            )
        properties: dict[str, Any] = {
            "Identity": domain,
            "Existing": existing,
            "Stack": Aws.STACK_ID,
            "FeedbackForwarding": "true" if feedback_forwarding else "false",
            **settings,
        }
        for name, value in (mail_from or {}).items():
            properties[f"{name[0].upper()}{name[1:]}"] = value
        if configuration_set is not None:
            properties["ConfigurationSetName"] = configuration_set.configuration_set_name
        self.resource = custom_resource(
            self,
            "Resource",
            kind="SesEmailIdentity",
            properties=properties,
            statements=statements,
            removal_policy=removal_policy,
        )

    @property
    def cfn_resource(self) -> CfnResource:
        """The resource itself; a reference to it is the domain."""
        resource = self.resource.node.default_child
        assert isinstance(resource, CfnResource)
        return resource

    def dkim_tokens(self) -> Sequence[tuple[str, str]]:
        """Return name and target of the three DKIM records."""
        attribute = self.resource.get_att_string
        return [(attribute(name), attribute(value)) for name, value in DKIM_ATTRIBUTES]
