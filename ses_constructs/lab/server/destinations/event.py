"""An event on its way to a destination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class Event:
    """What destinations are told.

    :param source_arn: the configuration set, on behalf of which SES acts.
    :param identity_arn: the sender.
    :param headers: of the message; not all documents carry them.
    """

    event_type: str
    document: Mapping[str, Any]
    source_arn: str
    identity_arn: str
    headers: Sequence[Mapping[str, str]]
