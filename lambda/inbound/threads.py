"""Which thread a mail answers in, by the reply address that it was sent to."""

from __future__ import annotations

import logging
import os
import time
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from ses_common import reply_keys, reply_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger("ses_constructs.inbound")


class Thread(TypedDict):
    """What an application called a thread, and the address that says so."""

    id: str
    address: str


def thread_of(recipients: Iterable[str]) -> Thread | None:
    """Return the thread of the first recipient that is a valid reply address.

    Environment: ``REPLY_DOMAIN`` and ``REPLY_KEY_ARN``; without them no address is one.
    """
    domain, key_arn = os.environ.get("REPLY_DOMAIN"), os.environ.get("REPLY_KEY_ARN")
    if not domain or not key_arn:
        return None
    for address in recipients:
        if not reply_tokens.is_reply_address(address, domain):  # told without a call to KMS
            continue
        try:
            thread = reply_tokens.check(address, domain=domain, now=time.time(), mac=partial(reply_keys.mac, key_arn))
        except reply_tokens.Rejected as rejected:
            logger.info("A reply address does not count", extra={"why": rejected.code})
        else:
            return {"id": thread, "address": address}
    return None
