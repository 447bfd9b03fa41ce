"""The key of reply addresses, which never leaves KMS.

Both to make and to check it is GenerateMac, for VerifyMac wants the whole of a MAC, and an address has room for a part.
See https://docs.aws.amazon.com/kms/latest/developerguide/hmac.html.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})


def mac(key_id: str, message: bytes) -> bytes:
    """Return the HMAC-SHA-256 of *message* with a key of KMS."""
    answer = _kms().generate_mac(KeyId=key_id, MacAlgorithm="HMAC_SHA_256", Message=message)
    return answer["Mac"]


@cache
def _kms() -> KMSClient:
    return cast("KMSClient", botocore.session.get_session().create_client("kms", config=_CONFIG))
