"""Letting an AWS service use a customer managed key."""

from collections.abc import Mapping

from aws_cdk import Annotations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


def allow_service(
    scope: Construct, key: kms.IKey, *, service: str, conditions: Mapping[str, Mapping[str, str]]
) -> None:
    """Let *service* encrypt and decrypt with *key* under *conditions*, which confine it to this account's resources.

    An imported key has its policy elsewhere: the user is warned, and told the statement that is needed.
    """
    statement = iam.PolicyStatement(
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        principals=[iam.ServicePrincipal(service)],
        resources=["*"],  # in a key policy: this key
        conditions=conditions,
    )
    if not key.add_to_resource_policy(statement, True).statement_added:
        Annotations.of(scope).add_warning_v2(
            f"ses-constructs:importedKeyPolicy:{service}",
            f"The encryption key is imported, so its policy cannot be changed from here: it must allow {service} "
            f"kms:GenerateDataKey and kms:Decrypt under the conditions {dict(conditions)}.",
        )
