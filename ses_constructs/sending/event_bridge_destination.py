"""SES events to EventBridge: AWS::SES::ConfigurationSetEventDestination with the default bus, and a rule behind it.

See https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-eventbridge.html and
https://docs.aws.amazon.com/ses/latest/dg/monitoring-eventbridge.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_events as events
from aws_cdk import aws_ses as ses

from ses_constructs.sending.event_rule import SesEventRule
from ses_constructs.sending.event_types import EventType, sending_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kms as kms

    from ses_constructs.sending.configuration_set import AnyConfigurationSet

_BUS = "DefaultBus"
_DETAIL_TYPES = {
    EventType.SEND: "Email Sent",
    EventType.REJECT: "Email Rejected",
    EventType.BOUNCE: "Email Bounced",
    EventType.COMPLAINT: "Email Complaint Received",
    EventType.DELIVERY: "Email Delivered",
    EventType.OPEN: "Email Opened",
    EventType.CLICK: "Email Clicked",
    EventType.RENDERING_FAILURE: "Email Rendering Failed",
    EventType.DELIVERY_DELAY: "Email Delivery Delayed",
    EventType.SUBSCRIPTION: "Email Subscribed",
}


class EventBridgeDestination(ses.ConfigurationSetEventDestination):
    """Made by :meth:`SendingConfigurationSet.publish_to_event_bridge`.

    It is the CDK's own event destination. Its :attr:`rule` matches the events of this configuration set and of no
    other: say there where they go.
    """

    def __init__(
        self,
        scope: AnyConfigurationSet,
        id: str,
        *,
        events: Sequence[EventType | str],
        encryption_key: kms.IKey | None = None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
    ) -> None:
        """For the parameters see :meth:`SendingConfigurationSet.publish_to_event_bridge`."""
        sending = sending_events(scope, f"events of {id}", events)
        super().__init__(scope, id, configuration_set=scope, destination=_default_bus(scope), events=sending)
        self.events: tuple[EventType, ...] = tuple(dict.fromkeys(EventType(event) for event in events))
        """The event types that are published."""
        self.rule: SesEventRule = SesEventRule(
            self,
            "Rule",
            description="Events of one SES configuration set",
            detail_types=[_DETAIL_TYPES[event] for event in self.events],
            detail={"mail": {"tags": {"ses:configuration-set": [scope.configuration_set_name]}}},
            encryption_key=encryption_key,
            alarm_actions=alarm_actions,
        )
        """The rule on the default bus: ``rule.add_queue(...)``, ``rule.forward_to(...)``, ``rule.add_target(...)``."""
        destination = self.node.default_child
        assert destination is not None
        # Deployed after the way on is open, and deleted before it is closed: no event falls between.
        destination.node.add_dependency(self.rule.ready)


def _default_bus(scope: AnyConfigurationSet) -> ses.EventDestination:
    found = scope.node.try_find_child(_BUS)
    if found is None:
        found = events.EventBus.from_event_bus_name(scope, _BUS, "default")
    return ses.EventDestination.event_bus(found)  # type: ignore[arg-type]  # a child is known as a construct only
