"""What of the insides of MiniStack SES hands mail to: buckets, keys and functions.

What is relied on is listed in :mod:`required` and checked at start.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_KEY = re.compile(r"<KMSMasterKeyID>([^<]+)</KMSMasterKeyID>")


class Bucket(NamedTuple):
    """What of a bucket matters to who writes to it."""

    policy: str
    kms_encrypted: bool
    """Whether objects are encrypted with a KMS key by default."""
    key_id: str | None
    """The customer managed key for that; None for AWS's own."""
    locks: bool
    """Whether there is a default retention for new objects."""


class Targets:
    """Buckets, keys and functions of the account and region of the current request."""

    def __init__(self) -> None:
        from ministack.core import responses
        from ministack.services import kms, lambda_svc, s3

        self._responses, self._kms, self._lambda, self._s3 = responses, kms, lambda_svc, s3

    def bucket(self, name: str) -> Bucket | None:
        """Return a bucket."""
        if name not in self._s3._buckets:
            return None
        encryption = self._s3._bucket_encryption.get(name) or ""
        key = _DEFAULT_KEY.search(encryption)
        return Bucket(
            policy=self._s3._bucket_policies.get(name) or "",
            kms_encrypted="aws:kms" in encryption,
            key_id=key.group(1) if key is not None else None,
            locks=bool((self._s3._bucket_object_lock.get(name) or {}).get("default_retention")),
        )

    def put_object(self, bucket: str, key: str, body: bytes, metadata: Mapping[str, str]) -> str | None:
        """Store an object, as a service does, or return why not."""
        headers = {f"x-amz-meta-{name}": value for name, value in metadata.items()}
        status, _, answer = self._s3._put_object(bucket, key, body, headers)
        return None if status == 200 else f"S3 answered {status}: {answer.decode('utf-8', 'replace')}"

    def data_key(self, key_arn: str, context: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Return a new data key of a KMS key, in clear and encrypted."""
        request = {"KeyId": key_arn, "KeySpec": "AES_256", "EncryptionContext": dict(context)}
        _, _, body = self._kms._generate_data_key(request)
        answer = json.loads(body)
        return base64.b64decode(answer["Plaintext"]), base64.b64decode(answer["CiphertextBlob"])

    def function_policy(self, arn: str) -> str | None:
        """Return the resource policy of a function of this region; None if there is no such function."""
        parts = arn.split(":")
        if len(parts) < 7 or parts[3] != self._responses.get_region():
            return None
        function, _, _ = self._lambda._get_func_record_for_ref(arn)
        return json.dumps(self._lambda._functions[parts[6]]["policy"]) if function is not None else None

    def invoke(self, arn: str, event: Mapping[str, Any]) -> tuple[Any, str | None]:
        """Call a function and wait; return what it returns, and the error if it failed."""
        result = self._lambda._execute_function_with_config_scope(self._executed(arn), dict(event))
        body = result.get("body")
        return (None, json.dumps(body)) if result.get("error") else (body, None)

    def invoke_later(self, arn: str, event: Mapping[str, Any]) -> None:
        """Call a function without waiting; Lambda tries again when it fails."""
        self._lambda.invoke_async_with_retry(self._executed(arn), dict(event))

    def _executed(self, arn: str) -> dict[str, Any]:
        function, config, _ = self._lambda._get_func_record_for_ref(arn)
        record: dict[str, Any] = self._lambda._execution_record_for_config(function, config)
        return record
