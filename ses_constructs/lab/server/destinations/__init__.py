"""Where events go: the event destinations of configuration sets.

See https://docs.aws.amazon.com/ses/latest/dg/monitor-using-event-publishing.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ses_constructs.lab.server.destinations.cloud_watch import CloudWatch
from ses_constructs.lab.server.destinations.event import Event
from ses_constructs.lab.server.destinations.event_bridge import EventBridge
from ses_constructs.lab.server.destinations.firehose import Firehose
from ses_constructs.lab.server.destinations.sns import SnsTopics
from ses_constructs.lab.server.errors import SesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ses_constructs.lab.server.hooks import Emulator

__all__ = ["Destinations", "Event"]

# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
_MAX_DESTINATIONS = 10
_EVENT_NAMES = {"Rendering Failure": "RENDERING_FAILURE", "DeliveryDelay": "DELIVERY_DELAY"}
# The member of an EventDestination -> how the lab calls the kind, and the error of API v1.
_KINDS = {
    "SnsDestination": ("sns", "InvalidSNSDestination"),
    "EventBridgeDestination": ("event-bridge", "InvalidParameterValue"),
    "KinesisFirehoseDestination": ("firehose", "InvalidFirehoseDestination"),
    "CloudWatchDestination": ("cloud-watch", "InvalidCloudWatchDestination"),
}


class _Destination(Protocol):
    """SES as a client of one service; a target is what the EventDestination says about it in API v2."""

    def arn(self, target: Mapping[str, Any]) -> str:
        """Return what events go to, empty if it has no ARN."""

    def check(self, target: Mapping[str, Any], source_arn: str) -> str | None:
        """Return why it cannot be a destination of the configuration set *source_arn*, or None."""

    def publish(self, target: Mapping[str, Any], event: Event) -> str | None:
        """Hand an event over, or return why not."""


class Destinations:
    """SES as a client of everything that events go to."""

    def __init__(self, emulator: Emulator) -> None:
        self.topics = SnsTopics(emulator)
        self._kinds: dict[str, _Destination] = {
            "SnsDestination": self.topics,
            "EventBridgeDestination": EventBridge(emulator),
            "KinesisFirehoseDestination": Firehose(emulator),
            "CloudWatchDestination": CloudWatch(emulator),
        }

    def check(
        self, configuration_set: Mapping[str, Any], name: str, definition: Mapping[str, Any], source_arn: str
    ) -> None:
        """Refuse a destination that SES could not use.

        :param definition: as in API v2.
        :raises SesError: in the words of SES, as far as they are known.
        """
        others = (configuration_set.get("EventDestinations") or {}).keys() - {name}
        if len(others) >= _MAX_DESTINATIONS:
            raise SesError(
                "LimitExceededException",
                f"A configuration set has at most {_MAX_DESTINATIONS} event destinations.",
                v1_code="LimitExceeded",
            )
        for member, destination in self._kinds.items():
            if member in definition:
                problem = destination.check(definition[member] or {}, source_arn)
                if problem is not None:
                    raise SesError("BadRequestException", problem, v1_code=_KINDS[member][1])

    def publish(
        self, configuration_set: Mapping[str, Any], event: Event
    ) -> Iterator[tuple[dict[str, str], str | None]]:
        """Hand an event to each destination that wants it; yield the destination and why it did not get it."""
        for name, definition in _listening(configuration_set, event.event_type):
            for member, destination in self._kinds.items():
                target = definition.get(member)
                if target is not None:
                    kind = _KINDS[member][0]
                    yield (
                        {"kind": kind, "name": name, "arn": destination.arn(target)},
                        destination.publish(target, event),
                    )


def wanted(configuration_set: Mapping[str, Any], event_type: str) -> bool:
    """Whether any destination wants an event."""
    return any(True for _ in _listening(configuration_set, event_type))


def _listening(configuration_set: Mapping[str, Any], event_type: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    name_in_api = _EVENT_NAMES.get(event_type, event_type.upper())
    for name, definition in list((configuration_set.get("EventDestinations") or {}).items()):
        if definition.get("Enabled") and name_in_api in definition.get("MatchingEventTypes", ()):
            yield name, definition
