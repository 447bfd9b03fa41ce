"""The suppression ledger: one item an address and scope.

The handler ``lambda/feedback`` writes it; its attributes are described in ``docs/ledger.md``.
"""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from ses_constructs._kit.keys import grant_use

REASON_AND_DAY_INDEX = "by_reason_and_day"
"""Lists who must not be mailed, by reason and day: partition key ``listed_under``, sort key ``address``."""

_LIFTED_ATTRIBUTES = (
    *("address", "scope", "status", "version", "last_seen_at", "lifted_at", "lifted_by", "lifted_because"),
    *("reason", "bounce_type", "bounce_sub_type", "complaint_feedback_type", "listed_under", "expires_at"),
)


def suppression_table(
    scope: Construct, id: str, encryption_key: kms.IKey, removal_policy: RemovalPolicy
) -> dynamodb.Table:
    """Define the table: ``address`` (normalised) and ``scope`` (``account`` or ``tenant/NAME``)."""
    protected = removal_policy != RemovalPolicy.DESTROY
    table = dynamodb.Table(
        scope,
        id,
        partition_key=dynamodb.Attribute(name="address", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="scope", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
        encryption_key=encryption_key,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        time_to_live_attribute="expires_at",
        deletion_protection=protected,
        # A protected table cannot be deleted by a rollback either, which would then fail. It is left behind, empty and
        # with a name of its own, so that the next deployment makes another.
        removal_policy=RemovalPolicy.RETAIN if protected else removal_policy,
    )
    # Small, and of what does not change with every further bounce: an index costs a write for each change it shows.
    table.add_global_secondary_index(
        index_name=REASON_AND_DAY_INDEX,
        partition_key=dynamodb.Attribute(name="listed_under", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="address", type=dynamodb.AttributeType.STRING),
        projection_type=dynamodb.ProjectionType.INCLUDE,
        non_key_attributes=["status", "expires_at"],
    )
    return table


def grant_record(table: dynamodb.ITable, grantee: iam.IGrantable) -> iam.Grant:
    """Let *grantee*, the handler, read and write items."""
    _grant_key(table, grantee, write=True)
    actions = ["dynamodb:BatchGetItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"]
    return iam.Grant.add_to_principal(grantee=grantee, actions=actions, resource_arns=[table.table_arn])


def grant_read(table: dynamodb.ITable, grantee: iam.IGrantable) -> iam.Grant:
    """Let *grantee* ask whether addresses are suppressed, and list them by reason and day."""
    _grant_key(table, grantee, write=False)
    return iam.Grant.add_to_principal(
        grantee=grantee,
        actions=["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"],
        resource_arns=[table.table_arn, f"{table.table_arn}/index/{REASON_AND_DAY_INDEX}"],
    )


def grant_lift(table: dynamodb.ITable, grantee: iam.IGrantable) -> iam.Grant:
    """Let *grantee* lift suppressions: change the attributes that a lift changes, and read nothing back but those.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    _grant_key(table, grantee, write=True)
    return iam.Grant.add_to_principal(
        grantee=grantee,
        actions=["dynamodb:UpdateItem"],
        resource_arns=[table.table_arn],
        conditions={
            "ForAllValues:StringEquals": {"dynamodb:Attributes": list(_LIFTED_ATTRIBUTES)},
            "StringEqualsIfExists": {"dynamodb:ReturnValues": ["NONE", "UPDATED_OLD", "UPDATED_NEW"]},
        },
    )


def grant_erase(table: dynamodb.ITable, grantee: iam.IGrantable) -> iam.Grant:
    """Let *grantee* find and delete all items of an address."""
    _grant_key(table, grantee, write=True)
    return iam.Grant.add_to_principal(
        grantee=grantee, actions=["dynamodb:Query", "dynamodb:DeleteItem"], resource_arns=[table.table_arn]
    )


def _grant_key(table: dynamodb.ITable, grantee: iam.IGrantable, *, write: bool) -> None:
    if table.encryption_key is not None:  # which the table's own grants leave out, or open more than is needed
        grant_use(table.encryption_key, grantee, write=write)
