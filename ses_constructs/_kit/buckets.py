"""The one way to make a bucket of the library: encrypted with a customer managed key, open to TLS and to nobody else.

See https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, Tags
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_kms as kms
    from constructs import Construct

# As in lambda/custom_resources/buckets.py. Without the tag nothing is emptied: when a removal policy changes to one
# that keeps the bucket, CloudFormation takes the tag away first, and then the resource that empties.
_TAG = "ses-constructs:empty-on-delete"


def make_bucket(
    scope: Construct,
    id: str,
    *,
    encryption_key: kms.IKey,
    expirations: Mapping[str, Duration],
    removal_policy: RemovalPolicy,
) -> s3.Bucket:
    """Define a bucket without versions, so that what is erased is gone.

    What writes to it should depend on the bucket as a construct, so that it goes before the bucket is emptied.

    :param expirations: age at which objects are deleted, by prefix of their keys.
    :param removal_policy: with ``DESTROY`` the bucket goes with all that is in it.
    """
    bucket = s3.Bucket(
        scope,
        id,
        encryption=s3.BucketEncryption.KMS,
        encryption_key=encryption_key,
        bucket_key_enabled=True,
        enforce_ssl=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        lifecycle_rules=[
            s3.LifecycleRule(id="Uploads", abort_incomplete_multipart_upload_after=Duration.days(1)),
            *(
                s3.LifecycleRule(id=f"Expire{number}", prefix=prefix, expiration=expiration)
                for number, (prefix, expiration) in enumerate(expirations.items(), start=1)
            ),
        ],
        removal_policy=removal_policy,
    )
    if removal_policy == RemovalPolicy.DESTROY:
        _empty_on_delete(bucket)
    return bucket


def _empty_on_delete(bucket: s3.Bucket) -> None:
    from ses_constructs._kit.custom_resources import custom_resource

    Tags.of(bucket).add(_TAG, "true")
    resource = custom_resource(
        bucket,
        "Emptying",
        kind="SesEmptyBucket",
        properties={"BucketName": bucket.bucket_name},
        statements=[
            iam.PolicyStatement(
                actions=["s3:GetBucketTagging", "s3:ListBucket", "s3:ListBucketVersions"],
                resources=[bucket.bucket_arn],
            ),
            iam.PolicyStatement(
                actions=["s3:DeleteObject", "s3:DeleteObjectVersion"], resources=[bucket.arn_for_objects("*")]
            ),
        ],
    )
    if bucket.policy is not None:  # or the function could be locked out before it is done
        resource.node.add_dependency(bucket.policy)
