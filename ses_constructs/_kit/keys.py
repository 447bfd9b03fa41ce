"""Letting an AWS service use a customer managed key."""

from collections.abc import Mapping

from aws_cdk import Annotations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

_READ = ("kms:Decrypt", "kms:DescribeKey")
_WRITE = (
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


def grant_use(key: kms.IKey, grantee: iam.IGrantable, *, write: bool) -> None:
    """Let *grantee* read, or read and write, what is encrypted with *key*.

    What DynamoDB asks of a principal, written out where the CDK's own grants have wildcards:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html.
    """
    key.grant(grantee, *_READ, *(_WRITE if write else ()))


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
