"""The suppression ledger: one item an address and scope.

The handler ``lambda/feedback`` writes it; its attributes are described in ``docs/ledger.md``.
"""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct


def suppression_table(
    scope: Construct, id: str, encryption_key: kms.IKey, removal_policy: RemovalPolicy
) -> dynamodb.Table:
    """Define the table: ``address`` (normalised) and ``scope`` (``account`` or ``tenant/NAME``)."""
    protected = removal_policy != RemovalPolicy.DESTROY
    return dynamodb.Table(
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
