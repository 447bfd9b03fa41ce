"""The ten event types of SES event publishing.

See https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_EventDestinationDefinition.html.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from aws_cdk import aws_ses as ses

from ses_constructs._kit.checks import fail, items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct


class EventType(StrEnum):
    """What may happen to a message, in the words of the SES API."""

    SEND = "SEND"
    """SES accepted the message and will try to deliver it."""
    REJECT = "REJECT"
    """SES accepted the message, found a virus and did not send it."""
    BOUNCE = "BOUNCE"
    """A permanent refusal, or SES has given up after temporary ones."""
    COMPLAINT = "COMPLAINT"
    """The recipient marked it as spam."""
    DELIVERY = "DELIVERY"
    """The recipient's mail server took it."""
    OPEN = "OPEN"
    """The tracking pixel was loaded. Needs HTML."""
    CLICK = "CLICK"
    """A tracked link was followed."""
    RENDERING_FAILURE = "RENDERING_FAILURE"
    """A template could not be filled in; the API call itself succeeded."""
    DELIVERY_DELAY = "DELIVERY_DELAY"
    """A temporary refusal; SES goes on trying."""
    SUBSCRIPTION = "SUBSCRIPTION"
    """The recipient changed the preferences of a contact list."""


def sending_events(scope: Construct, parameter: str, events: Sequence[EventType | str]) -> list[ses.EmailSendingEvent]:
    """Check event types, and turn them into the CDK's."""
    names = items(scope, parameter, events, what="event types")
    known = set(EventType)
    unknown = [str(name) for name in names if name not in known]
    if unknown:
        fail(scope, parameter, f"must be among {', '.join(EventType)}", unknown)
    return [ses.EmailSendingEvent[EventType(name).name] for name in dict.fromkeys(names)]
