"""Who may send from an identity: grants within the account, and the identity's own policies for other accounts.

See https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html and
https://docs.aws.amazon.com/ses/latest/dg/sending-authorization.html.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Protocol

from aws_cdk import Names, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from ses_constructs._kit.checks import fail, is_token, items
from ses_constructs._kit.send_actions import SENDING, TEMPLATED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_ses as ses

    from ses_constructs.sending import EmailTemplate


# What an identity policy may allow others: https://docs.aws.amazon.com/ses/latest/dg/policy-anatomy.html
_DELEGATED = (*SENDING, "ses:SendTemplatedEmail", "ses:SendBulkTemplatedEmail")
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentityPolicy.html
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MAX_BYTES = 4096
_ACCOUNT = re.compile(r"\d{12}")
_PRINCIPAL_ARN = re.compile(r"arn:[a-z-]+:iam::\d{12}:(?:root|user/.+|role/.+)")

Conditions = dict[str, dict[str, Any]]


class _Named(Protocol):
    @property
    def identity_arn(self) -> str: ...


def conditions(
    scope: Construct,
    *,
    from_addresses: Sequence[str] | None,
    display_names: Sequence[str] | None,
    recipients: Sequence[str] | None,
) -> Conditions:
    """Return the conditions of a statement that allows to send. For the parameters see ``grant_send``."""
    like: dict[str, list[str]] = {}
    if from_addresses is not None:
        like["ses:FromAddress"] = list(items(scope, "from_addresses", from_addresses, what="addresses"))
    if display_names is not None:
        like["ses:FromDisplayName"] = list(items(scope, "display_names", display_names, what="names"))
    found: Conditions = {"StringLike": like} if like else {}
    if recipients is not None:
        patterns = list(items(scope, "recipients", recipients, what="addresses"))
        found["ForAllValues:StringLike"] = {"ses:Recipients": patterns}
        found["Null"] = {"ses:Recipients": "false"}  # or a call without the key would match: of nothing, all is true
    return found


def grant_send(
    scope: Construct,
    grantee: iam.IGrantable,
    *,
    identity_arn: str,
    conditions: Conditions,
    configuration_sets: Sequence[ses.IConfigurationSet],
    templates: Sequence[str | EmailTemplate],
    sandbox_recipients: Sequence[_Named | ses.IEmailIdentity],
) -> iam.Grant:
    """Add to the policy of *grantee* what SES checks when it sends from an identity."""
    stack = Stack.of(scope)
    arns = [identity_arn]
    for name in dict.fromkeys(it.configuration_set_name for it in configuration_sets):
        arns.append(stack.format_arn(service="ses", resource="configuration-set", resource_name=name))
    for template in templates:
        if not isinstance(template, str):
            arns.append(template.template_arn)
        elif template.startswith("arn:"):
            arns.append(template)
        else:
            arns.append(stack.format_arn(service="ses", resource="template", resource_name=template))
    for recipient in sandbox_recipients:
        arns.append(recipient.identity_arn if hasattr(recipient, "identity_arn") else recipient.email_identity_arn)
    return iam.Grant.add_to_principal(
        grantee=grantee,
        actions=[*SENDING, *(TEMPLATED if templates else ())],
        resource_arns=list(dict.fromkeys(arns)),
        conditions=conditions or None,
    )


class IdentitySendingPolicy(Construct):
    """Made by ``add_sending_policy`` of an identity.

    Defines: the policy, as a custom resource ``Custom::SesIdentityPolicy``, for CloudFormation has none.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        identity_name: str,
        identity_arn: str,
        principals: Sequence[str],
        conditions: Conditions,
        policy_name: str | None,
    ) -> None:
        """:param identity_name: the identity: a domain or an address.

        :param identity_arn: the one resource that such a policy may name.
        :param conditions: what the mail must be like.

        For the others see ``add_sending_policy``.
        """
        super().__init__(scope, id)
        if policy_name is not None and not is_token(policy_name) and not _NAME.fullmatch(policy_name):
            fail(self, "policy_name", "must be 1 to 64 letters, digits, _ and -", policy_name)
        stack = Stack.of(self)
        self.policy_name: str = policy_name if policy_name is not None else self._generated_name()
        """The name of the policy, unique for the identity."""
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": {"AWS": [self._principal(stack, it) for it in self._checked(principals)]},
            "Action": list(_DELEGATED),
            "Resource": identity_arn,
        }
        if conditions:
            statement["Condition"] = conditions
        self._check_size(statement)

        from ses_constructs._kit.custom_resources import custom_resource

        self.resource = custom_resource(
            self,
            "Resource",
            kind="SesIdentityPolicy",
            properties={
                "Identity": identity_name,
                "PolicyName": self.policy_name,
                "Policy": stack.to_json_string({"Version": "2012-10-17", "Statement": [statement]}),
            },
            statements=[
                iam.PolicyStatement(
                    actions=[
                        "ses:CreateEmailIdentityPolicy",
                        "ses:DeleteEmailIdentityPolicy",
                        "ses:GetEmailIdentityPolicies",
                        "ses:UpdateEmailIdentityPolicy",
                    ],
                    resources=[identity_arn],
                )
            ],
        )

    def _generated_name(self) -> str:
        return Names.unique_resource_name(self, max_length=64, separator="-", allowed_special_characters="_-")

    def _checked(self, principals: Sequence[str]) -> Sequence[str]:
        for principal in items(self, "principals", principals, what="accounts, users and roles"):
            if not isinstance(principal, str) or not (
                is_token(principal) or _ACCOUNT.fullmatch(principal) or _PRINCIPAL_ARN.fullmatch(principal)
            ):
                rule = "must be account numbers of 12 digits, or ARNs of accounts, IAM users and roles"
                fail(self, "principals", rule, principal)
        return principals

    def _principal(self, stack: Stack, principal: str) -> str:
        if not _ACCOUNT.fullmatch(principal):
            return principal
        return stack.format_arn(service="iam", region="", account=principal, resource="root")

    def _check_size(self, statement: Mapping[str, Any]) -> None:
        # Tokens are left out, so what is too long here is too long in any case; SES itself says the rest.
        text = re.sub(r"\$\{Token\[[^]]*\]\}", "", json.dumps(statement, separators=(",", ":")))
        if len(text.encode()) > _MAX_BYTES:
            fail(self, "the policy", f"must be at most {_MAX_BYTES:,} bytes of JSON", f"{len(text.encode()):,} bytes")
