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
        try:
            if _is_tagged(request.physical_id):
                _empty(request.physical_id, request.deadline)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise


def _empty(bucket: str, deadline: float) -> None:
    # Each time from the beginning: what comes in meanwhile is seen, and no marker is of an object that is gone.
    while True:
        page = _s3().list_object_versions(Bucket=bucket)
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not found:
            return
        objects = [{"Key": it["Key"], "VersionId": it["VersionId"]} for it in found]
        failed = _s3().delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors")
        if failed:  # without its key, in which senders have a say
            raise Refused(f"the bucket {bucket} cannot be emptied: {failed[0]['Code']} for {len(failed)} objects")
        if time.monotonic() > deadline:
            if not page["IsTruncated"]:
                return
            raise Refused(f"the bucket {bucket} holds more than can be deleted at once: delete the stack again")


def _is_tagged(bucket: str) -> bool:
    tags = _s3().get_bucket_tagging(Bucket=bucket)["TagSet"]
    return {"Key": TAG, "Value": "true"} in tags


@cache
def _s3() -> Any:
    return botocore.session.get_session().create_client("s3")
