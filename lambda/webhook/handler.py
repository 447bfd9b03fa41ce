"""Changes of the suppression ledger from a queue, to an HTTPS endpoint, signed.

An answer of 2xx is delivery. 410 Gone is the receiver's word that it wants no more: the change goes to the dead-letter
queue. Everything else, redirects included, which are not followed, is tried again.

Environment: ``WEBHOOK_URL``, ``SECRET_ARN``, and what :mod:`ses_common.changes` reads. The secret's current version
signs, and beside it the previous one, so that it can be rotated while receivers still know the old one.
"""

from __future__ import annotations

import http.client
import json
import logging
import ssl
import time
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ses_common.changes import Change, TryAgain, work
from ses_common.envelope import Unusable
from ses_common.settings import variable
from webhook import signature

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from mypy_boto3_secretsmanager import SecretsManagerClient

logger = logging.getLogger("ses_constructs.webhook")
logger.setLevel(logging.INFO)

_CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
_TIMEOUT = 10  # seconds for each step: to connect, to send, to answer
_KEYS_ARE_KEPT = 300  # seconds; then a rotated secret is noticed

_keys: tuple[float, list[bytes]] | None = None


def handler(event: Mapping[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Deliver a batch of changes.

    :raises RuntimeError: if a variable of the environment is missing, or the URL is not one with https.
    """
    target = urlsplit(variable("WEBHOOK_URL"))
    if target.scheme != "https" or not target.hostname:
        raise RuntimeError("WEBHOOK_URL must be an https:// URL.")
    return work(event, lambda change: _deliver(change, target), metric="Webhook", logger=logger)


def _deliver(change: Change, target: SplitResult) -> None:
    payload = {"type": change.type.lower().replace(" ", "."), "timestamp": change.time, "data": change.detail}
    body = json.dumps(payload, separators=(",", ":")).encode()
    signed = signature.headers(_signing_keys(), id=change.detail["id"], timestamp=int(time.time()), body=body)
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    connection = http.client.HTTPSConnection(str(target.hostname), target.port, timeout=_TIMEOUT, context=_tls())
    try:
        connection.request(
            "POST", path, body, {"Content-Type": "application/json", "User-Agent": "ses-constructs", **signed}
        )
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise TryAgain(type(error).__name__) from None
    finally:
        connection.close()
    if status == http.HTTPStatus.GONE:
        raise Unusable("WebhookGone", "The endpoint answered 410 Gone: it wants no more of this.")
    if not 200 <= status < 300:
        raise TryAgain(f"Status{status}")


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _signing_keys() -> list[bytes]:
    """Return the keys of the current and, if there is one, the previous version of the secret."""
    global _keys
    if _keys is None or time.monotonic() - _keys[0] > _KEYS_ARE_KEPT:
        found = [key for key in (_key("AWSCURRENT"), _key("AWSPREVIOUS")) if key is not None]
        _keys = time.monotonic(), found
    return _keys[1]


def _key(stage: str) -> bytes | None:
    secret = _secret(stage)
    try:
        return signature.key(secret) if secret is not None else None
    except ValueError as error:
        logger.error("The signing secret cannot be used", extra={"stage": stage, "why": str(error)})
        if stage == "AWSPREVIOUS":  # what no receiver can have used, need not sign
            return None
        raise TryAgain("BadSigningSecret") from None


def _secret(stage: str) -> str | None:
    try:
        answer = _secrets_manager().get_secret_value(SecretId=variable("SECRET_ARN"), VersionStage=stage)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if stage == "AWSPREVIOUS" and code == "ResourceNotFoundException":  # never rotated
            return None
        raise TryAgain(code) from None
    except BotoCoreError as error:
        raise TryAgain(type(error).__name__) from None
    return answer["SecretString"]


@cache
def _secrets_manager() -> SecretsManagerClient:
    session = botocore.session.get_session()
    return cast("SecretsManagerClient", session.create_client("secretsmanager", config=_CONFIG))
