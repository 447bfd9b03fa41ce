"""The life cycle of a CloudFormation custom resource: one answer for every request, whatever happens.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html.
"""

from __future__ import annotations

import json
import logging
import time
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

# A create that did nothing answers with this id, so that the delete which CloudFormation then sends does nothing too.
_NOTHING_WAS_MADE = "nothing-was-made"
_REASON_LIMIT = 1024  # characters; the whole answer may have 4 KB
_ANSWER_TRIES = 4


class Refused(Exception):
    """The request cannot be carried out; the message becomes the reason in the stack's events."""


class Request(NamedTuple):
    """What CloudFormation asks for."""

    type: str
    """``Create``, ``Update`` or ``Delete``."""
    physical_id: str
    """Empty for Create."""
    properties: Mapping[str, Any]
    old_properties: Mapping[str, Any]
    """Of an Update; empty otherwise."""
    deadline: float
    """By :func:`time.monotonic`, the moment by which the work must have ended."""


class Result(NamedTuple):
    """What was made."""

    physical_id: str
    """Another one than before tells CloudFormation that the resource was replaced, and the old one is deleted next."""
    data: Mapping[str, str] = {}
    """Attributes for ``Fn::GetAtt``; never a secret."""


class Kind(Protocol):
    """One kind of custom resource. Each method may be called again with the same request, and then ends the same."""

    def create(self, request: Request) -> Result:
        """Make it, or leave everything as it was and raise."""

    def update(self, request: Request) -> Result:
        """Change it."""

    def delete(self, request: Request) -> None:
        """Take away what create and update made, as far as it is still there."""


def respond(event: Mapping[str, Any], context: Any, kinds: Mapping[str, Kind]) -> None:
    """Carry out one request and answer CloudFormation.

    :param event: the request.
    :param context: Lambda's, for the time that is left.
    :param kinds: by the resource type without ``Custom::``.
    """
    physical_id = str(event.get("PhysicalResourceId") or _NOTHING_WAS_MADE)
    try:
        result = _carry_out(event, context, kinds)
    except Refused as refused:
        _log.warning("refused", extra={"reason": str(refused), "resource": event.get("LogicalResourceId")})
        _answer(event, "FAILED", physical_id, reason=str(refused))
    except Exception as error:
        # Without an answer the stack would wait for an hour, so every error is one.
        _log.exception("failed", extra={"resource": event.get("LogicalResourceId")})
        _answer(event, "FAILED", physical_id, reason=f"{type(error).__name__}: {error}")
    else:
        _answer(event, "SUCCESS", result.physical_id, data=result.data)


def _carry_out(event: Mapping[str, Any], context: Any, kinds: Mapping[str, Kind]) -> Result:
    kind = kinds[str(event["ResourceType"]).removeprefix("Custom::")]
    remaining = context.get_remaining_time_in_millis() / 1000
    request = Request(
        type=str(event["RequestType"]),
        physical_id=str(event.get("PhysicalResourceId", "")),
        properties=event["ResourceProperties"],
        old_properties=event.get("OldResourceProperties", {}),
        deadline=time.monotonic() + remaining - 10,  # seconds kept for the answer
    )
    if request.type == "Create":
        return kind.create(request)
    if request.type == "Update":
        return kind.update(request)
    if request.physical_id != _NOTHING_WAS_MADE:
        kind.delete(request)
    return Result(request.physical_id)


def _answer(
    event: Mapping[str, Any], status: str, physical_id: str, *, reason: str = "", data: Mapping[str, str] | None = None
) -> None:
    body = {
        "Status": status,
        "Reason": reason[:_REASON_LIMIT],
        "PhysicalResourceId": physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": dict(data or {}),
    }
    # The URL is signed for a request without content type.
    request = urllib.request.Request(
        event["ResponseURL"], data=json.dumps(body).encode(), method="PUT", headers={"Content-Type": ""}
    )
    for attempt in range(1, _ANSWER_TRIES + 1):
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except OSError:
            if attempt == _ANSWER_TRIES:
                raise
            time.sleep(2**attempt / 4)
        else:
            return
