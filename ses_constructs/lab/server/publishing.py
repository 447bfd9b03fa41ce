"""Telling what became of messages: to the destinations of configuration sets, and to the topics of identities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server import documents
from ses_constructs.lab.server.destinations import Destinations, Event
from ses_constructs.lab.server.notifications import NotificationSettings
from ses_constructs.lab.server.record import Record

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Sequence

    from ses_constructs.lab.server.hooks import Emulator

# The key of what an event tells, where it is not the event's name in lower case.
_KEYS = {"Rendering Failure": "failure", "DeliveryDelay": "deliveryDelay"}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A message on its way.

    :param context: with account and region of the request that sent it.
    :param unsubscribed: whether its recipient has opted out of what it is about.
    """

    mail: documents.Mail
    identity: str
    configuration_set: str | None
    recipients: Sequence[str]
    virus: bool
    unsubscribed: bool
    context: contextvars.Context


class Publisher:
    """Emits events, and keeps a record of them."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.destinations = Destinations(emulator)
        self.notifications = NotificationSettings()
        self.record = Record()

    def emit(self, sent: Sent, event_type: str, payload: dict[str, Any]) -> None:
        """Tell of an event to everybody who wants it."""
        key = _KEYS.get(event_type, event_type.lower())
        document = documents.event(sent.mail, event_type, key, payload)
        told = self._emit_to_destinations(sent, event_type, document)
        told |= self._emit_to_identity_topic(sent, event_type, key, payload)
        if not told:
            self.record.event(message_id=sent.mail.message_id, schema="event-publishing", document=document)

    def _emit_to_destinations(self, sent: Sent, event_type: str, document: dict[str, Any]) -> bool:
        if sent.configuration_set is None:
            return False
        event = Event(
            event_type=event_type,
            document=document,
            source_arn=self._emulator.ses_arn("configuration-set", sent.configuration_set),
            identity_arn=sent.mail.source_arn,
            headers=sent.mail.headers,
        )
        told = False
        configuration_set = self._emulator.configuration_set(sent.configuration_set) or {}
        for destination, error in self.destinations.publish(configuration_set, event):
            self.record.event(
                message_id=sent.mail.message_id,
                schema="event-publishing",
                document=document,
                destination=destination,
                error=error,
            )
            told = True
        return told

    def _emit_to_identity_topic(self, sent: Sent, event_type: str, key: str, payload: dict[str, Any]) -> bool:
        settings = self.notifications.of(self._emulator.region, sent.identity)
        topic = settings.topics.get(event_type)
        if topic is None:
            return False
        # Identity notifications know of no TLS or outgoing tags; the mail object is the same without any.
        document = documents.notification(
            replace(sent.mail, tags={}), event_type, key, payload, with_headers=event_type in settings.headers
        )
        error = self.destinations.topics.publish_notification(topic, sent.mail.source_arn, document)
        self.record.event(
            message_id=sent.mail.message_id,
            schema="identity-notification",
            document=document,
            destination={"kind": "sns", "name": sent.identity, "arn": topic},
            error=error,
        )
        if error is not None and event_type != "Delivery":
            # SES then drops the topic and turns forwarding on again, so that feedback is not lost.
            settings.topics.pop(event_type)
            settings.forwarding = True
        return True
