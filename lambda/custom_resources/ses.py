"""Calls to SES that wait their turn: nearly every action of the SES APIs takes one request a second for an account.

See https://docs.aws.amazon.com/ses/latest/dg/quotas.html.
"""

from __future__ import annotations

import random
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_PAUSE = 1.0  # seconds
_LONGEST_PAUSE = 8.0
_IAM_TAKES = 20.0  # seconds at most, until the policy that was deployed just before is known everywhere
_NOT_ALLOWED = {"AccessDenied", "AccessDeniedException"}
_WORTH_ANOTHER_TRY = {
    "ConcurrentModificationException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}


@cache
def v1() -> Any:
    """Return a client of API v1, which alone knows notification topics and receipt rules."""
    return botocore.session.get_session().create_client("ses")


@cache
def v2() -> Any:
    """Return a client of API v2."""
    return botocore.session.get_session().create_client("sesv2")


def call(method: Callable[..., Any], deadline: float, **arguments: Any) -> Any:
    """Call SES, again and again while it is throttled or the permission for it is on its way.

    :param method: of a client.
    :param deadline: by :func:`time.monotonic`; a pause never lasts beyond it.
    :raises ClientError: what SES refuses, and a throttled call that found no place before the deadline.
    """
    pause = _FIRST_PAUSE
    allowed_by = min(deadline, time.monotonic() + _IAM_TAKES)
    while True:
        try:
            return method(**arguments)
        except ClientError as error:
            ends = {**dict.fromkeys(_WORTH_ANOTHER_TRY, deadline), **dict.fromkeys(_NOT_ALLOWED, allowed_by)}
            if time.monotonic() + pause > ends.get(code(error), 0):
                raise
        # Several resources of a stack wait at the same time; none of them may wait in step with the others.
        time.sleep(pause * random.uniform(0.5, 1))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def code(error: ClientError) -> str:
    """Return the error code, in the words of the API."""
    return str(error.response["Error"]["Code"])
