"""Customer managed keys: which are good for what is made here, and letting others use them."""

from collections.abc import Mapping, Sequence

from aws_cdk import Annotations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from ses_constructs._kit.checks import fail
from ses_constructs._kit.topics import CUSTOMER_KEY, is_aws_managed

_READ = ("kms:Decrypt", "kms:DescribeKey")
_WRITE = (
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


def checked_key(scope: Construct, parameter: str, key: kms.IKey) -> None:
    """Refuse a key that neither policies nor services can be given: an AWS managed one, or an alias.

    IAM policies name keys by ARN alone, so the CDK grants nothing on an alias, and says nothing of it:
    https://docs.aws.amazon.com/kms/latest/developerguide/cmks-in-iam-policies.html.
    """
    alias = getattr(key, "alias_name", None)
    arn = alias if alias is not None else key.key_arn
    if is_aws_managed(arn):
        fail(scope, parameter, f"must be a {CUSTOMER_KEY}", arn)
    if alias is not None:
        fail(scope, parameter, "must be a key, not its alias, on which policies grant nothing", alias)


def distinct_keys(*keys: kms.IKey | None) -> list[kms.IKey]:
    """Return each key once."""
    return list({key.key_arn: key for key in keys if key is not None}.values())


def grant_use(key: kms.IKey, grantee: iam.IGrantable, *, write: bool) -> None:
    """Let *grantee* read, or read and write, what is encrypted with *key*.

    What DynamoDB asks of a principal, written out where the CDK's own grants have wildcards:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html.
    """
    key.grant(grantee, *_READ, *(_WRITE if write else ()))


def allow_service(
    scope: Construct,
    key: kms.IKey,
    *,
    service: str,
    conditions: Mapping[str, Mapping[str, str | Sequence[str]]],
    describe: bool = False,
) -> None:
    """Let *service* encrypt and decrypt with *key* under *conditions*, which confine it to this account's resources.

    An imported key has its policy elsewhere: the user is warned, and told the statement that is needed.

    :param describe: whether it looks at the key first, and must be allowed that as well.
    """
    actions = ["kms:Decrypt", "kms:GenerateDataKey", *(["kms:DescribeKey"] if describe else [])]
    statement = iam.PolicyStatement(
        actions=actions,
        principals=[iam.ServicePrincipal(service)],
        resources=["*"],  # in a key policy: this key
        conditions=conditions,
    )
    if not key.add_to_resource_policy(statement, True).statement_added:
        Annotations.of(scope).add_warning_v2(
            f"ses-constructs:importedKeyPolicy:{service}",
            f"The encryption key is imported, so its policy cannot be changed from here: it must allow {service} "
            f"{' and '.join(reversed(actions))} under the conditions {dict(conditions)}.",
        )
