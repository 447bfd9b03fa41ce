"""A bucket that goes with its stack is emptied, and no other is."""

import time
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from custom_resources import buckets
from custom_resources.buckets import EmptyBuckets
from ses_common.lifecycle import Refused, Request

BUCKET = "mail-of-a-stack"
KIND = EmptyBuckets()


def request(kind: str = "Delete", *, bucket: str = BUCKET, seconds: float = 60) -> Request:
    return Request(kind, BUCKET, {"BucketName": bucket}, {}, time.monotonic() + seconds)


class Refusing:
    """S3 as it is, but for one call that fails."""

    def __init__(self, s3: Any, call: str, code: str) -> None:
        self._s3, self._call, self._code = s3, call, code

    def __getattr__(self, name: str) -> Any:
        if name != self._call:
            return getattr(self._s3, name)
        error: Any = {"Error": {"Code": self._code, "Message": "no"}}

        def refuse(**_: object) -> None:
            raise ClientError(error, name)

        return refuse


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client: Any = botocore.session.get_session().create_client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": buckets.TAG, "Value": "true"}]})
        monkeypatch.setattr(buckets, "_s3", lambda: client)
        yield client


def fill(s3: Any, count: int = 3) -> None:
    for number in range(count):
        s3.put_object(Bucket=BUCKET, Key=f"mail/{number}", Body=b"x")


def left(s3: Any) -> int:
    found = s3.list_object_versions(Bucket=BUCKET)
    return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", []))


def test_every_page_of_objects_goes(s3: Any) -> None:
    fill(s3, 1001)
    KIND.delete(request())
    assert left(s3) == 0
    s3.delete_bucket(Bucket=BUCKET)


def test_versions_and_delete_markers_go_too(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        fill(s3)
    s3.delete_object(Bucket=BUCKET, Key="mail/0")
    assert left(s3) == 7
    KIND.delete(request())
    s3.delete_bucket(Bucket=BUCKET)


def test_nothing_goes_before_the_bucket_does(s3: Any) -> None:
    fill(s3)
    for kind in (KIND.create, KIND.update):
        assert kind(request("Update")).physical_id == BUCKET
    assert KIND.update(request("Update", bucket="another")).physical_id == "another"
    assert left(s3) == 3


@pytest.mark.parametrize("tags", [[], [{"Key": buckets.TAG, "Value": "false"}], [{"Key": "team", "Value": "mail"}]])
def test_a_bucket_without_the_tag_is_to_stay_and_keeps_all(s3: Any, tags: list[dict[str, str]]) -> None:
    fill(s3)
    s3.delete_bucket_tagging(Bucket=BUCKET)
    if tags:
        s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": tags})
    KIND.delete(request())
    assert left(s3) == 3


def test_a_bucket_that_is_gone_is_no_error(s3: Any) -> None:
    s3.delete_bucket(Bucket=BUCKET)
    KIND.delete(request())


def test_a_bucket_that_goes_meanwhile_is_no_error(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(s3)
    gone = Refusing(s3, "delete_objects", "NoSuchBucket")
    monkeypatch.setattr(buckets, "_s3", lambda: gone)
    KIND.delete(request())


def test_more_than_fits_into_the_time_is_told_and_the_next_try_goes_on(s3: Any) -> None:
    fill(s3, 1001)
    with pytest.raises(Refused, match="more than can be deleted at once: delete the stack again"):
        KIND.delete(request(seconds=-1))
    assert left(s3) == 1
    KIND.delete(request())
    assert left(s3) == 0


def test_the_last_objects_may_go_in_the_last_moment(s3: Any) -> None:
    fill(s3)
    KIND.delete(request(seconds=-1))
    assert left(s3) == 0


@pytest.mark.parametrize("call", ["get_bucket_tagging", "delete_objects"])
def test_what_is_forbidden_fails_the_stack(s3: Any, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    fill(s3)
    refusing = Refusing(s3, call, "AccessDenied")
    monkeypatch.setattr(buckets, "_s3", lambda: refusing)
    with pytest.raises(ClientError, match="AccessDenied"):
        KIND.delete(request())
    assert left(s3) == 3


def test_an_object_that_cannot_be_deleted_is_told_without_its_name(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(s3)
    errors = [{"Key": "parsed/1/1-Ann Smith.pdf", "Code": "AccessDenied", "Message": "locked"}]
    refusing = Refusing(s3, "", "")
    monkeypatch.setattr(refusing, "delete_objects", lambda **_: {"Errors": errors}, raising=False)
    monkeypatch.setattr(buckets, "_s3", lambda: refusing)
    with pytest.raises(Refused, match="cannot be emptied: AccessDenied") as refused:
        KIND.delete(request())
    assert "Ann" not in str(refused.value)
