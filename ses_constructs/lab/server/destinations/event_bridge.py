"""The default event bus.

See https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-eventbridge.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server.hooks import pretty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_constructs.lab.server.destinations.event import Event
    from ses_constructs.lab.server.hooks import Emulator

_DETAIL_TYPES = {
    "Send": "Email Sent",
    "Delivery": "Email Delivered",
    "Bounce": "Email Bounced",
    "Complaint": "Email Complaint Received",
    "Reject": "Email Rejected",
    "Open": "Email Opened",
    "Click": "Email Clicked",
    "Rendering Failure": "Email Rendering Failed",
    "DeliveryDelay": "Email Delivery Delayed",
    "Subscription": "Email Subscribed",
}


class EventBridge:
    """SES as a source of events; rules need no permission of anybody for it."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def arn(self, target: Mapping[str, Any]) -> str:
        """Return the bus."""
        return str(target.get("EventBusArn"))

    def check(self, target: Mapping[str, Any], source_arn: str) -> str | None:
        """Refuse any bus but the default one of this account and region."""
        default = f"arn:aws:events:{self._emulator.region}:{self._emulator.account}:event-bus/default"
        if self.arn(target) == default:
            return None
        return f"Event bus <{self.arn(target)}> cannot be a destination: only the default event bus <{default}> can."

    def publish(self, target: Mapping[str, Any], event: Event) -> str | None:
        """Put the event on the bus."""
        return self._emulator.put_event(
            source="aws.ses",
            detail_type=_DETAIL_TYPES[event.event_type],
            detail=pretty(event.document),
            resources=[event.identity_arn],
        )
