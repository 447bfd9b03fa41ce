"""``Custom::SesEmptyBucket``: a bucket that goes with its stack is emptied first, or it could not go.

See https://docs.aws.amazon.com/AmazonS3/latest/userguide/empty-bucket.html.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.exceptions import ClientError

from ses_common.lifecycle import Refused, Result

if TYPE_CHECKING:
    from ses_common.lifecycle import Request

TAG = "ses-constructs:empty-on-delete"
_GONE = ("NoSuchBucket", "NoSuchTagSet")


class EmptyBuckets:
    """Properties: ``BucketName``, which is the physical id. Nothing is deleted while the bucket lacks :data:`TAG`."""

    def create(self, request: Request) -> Result:
        """Do nothing yet."""
        return Result(request.properties["BucketName"])

    def update(self, request: Request) -> Result:
        """Do nothing yet; of another bucket the old one is deleted next."""
        return Result(request.properties["BucketName"])

    def delete(self, request: Request) -> None:
        """Delete every object, with all versions."""
        bucket = request.physical_id
        if not _is_tagged(bucket):
            return
        pages = _s3().get_paginator("list_object_versions").paginate(Bucket=bucket)
        for page in pages:
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects = [{"Key": it["Key"], "VersionId": it["VersionId"]} for it in found]
            if objects:
                failed = _s3().delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors")
                if failed:
                    raise Refused(f"the bucket {bucket} cannot be emptied: {failed[0]['Code']} at {failed[0]['Key']}")
            if time.monotonic() > request.deadline:
                raise Refused(f"the bucket {bucket} holds more than can be deleted at once: delete the stack again")


def _is_tagged(bucket: str) -> bool:
    try:
        tags = _s3().get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        return False
    return {"Key": TAG, "Value": "true"} in tags


@cache
def _s3() -> Any:
    return botocore.session.get_session().create_client("s3")
