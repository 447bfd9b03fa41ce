"""The notification topics of identities, over API v1.

See https://docs.aws.amazon.com/ses/latest/APIReference/API_SetIdentityNotificationTopic.html and its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from ses_constructs.lab.server.errors import invalid
from ses_constructs.lab.server.hooks import pretty
from ses_constructs.lab.server.notifications import TYPES

if TYPE_CHECKING:
    from ses_constructs.lab.server.engine import Engine
    from ses_constructs.lab.server.hooks import Emulator
    from ses_constructs.lab.server.query import Actions, Query

_TOPIC_TEST_MESSAGE = (
    "You have successfully subscribed your Amazon SNS topic '{topic}' to receive '{type}' notifications from "
    "Amazon SES for identity '{identity}'."
)


class NotificationsApi:
    """What identities want to be told."""

    def __init__(self, emulator: Emulator, engine: Engine) -> None:
        self._emulator = emulator
        self._publisher = engine.publisher

    def actions(self) -> Actions:
        """Return what API v1 answers about it."""
        return {
            "SetIdentityNotificationTopic": self._set_topic,
            "SetIdentityHeadersInNotificationsEnabled": self._set_headers,
            "SetIdentityFeedbackForwardingEnabled": self._set_forwarding,
            "GetIdentityNotificationAttributes": self._get_notification_attributes,
        }

    def _set_topic(self, query: Query) -> str:
        identity, kind = self._known_identity(query), _notification_type(query)
        settings = self._publisher.notifications.of(self._emulator.region, identity)
        topic = query.optional("SnsTopic")
        if topic is None:
            settings.topics.pop(kind, None)
            return ""
        problem = self._publisher.destinations.topics.problem(topic, self._emulator.ses_arn("identity", identity))
        if problem is not None:
            raise invalid(problem)
        settings.topics[kind] = topic
        text = _TOPIC_TEST_MESSAGE.format(topic=topic, type=kind, identity=identity)
        test = {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": text}
        self._emulator.publish(topic, f"{pretty(test)}\n", "")
        return ""

    def _set_headers(self, query: Query) -> str:
        settings = self._publisher.notifications.of(self._emulator.region, self._known_identity(query))
        kind = _notification_type(query)
        if query.flag("Enabled"):
            settings.headers.add(kind)
        else:
            settings.headers.discard(kind)
        return ""

    def _set_forwarding(self, query: Query) -> str:
        identity = self._known_identity(query)
        settings = self._publisher.notifications.of(self._emulator.region, identity)
        enabled = query.flag("ForwardingEnabled")
        if not enabled and not {"Bounce", "Complaint"} <= settings.topics.keys():
            raise invalid(
                f"Identity <{identity}>: feedback forwarding can only be disabled when both bounce and complaint "
                "topics are set."
            )
        settings.forwarding = enabled
        return ""

    def _get_notification_attributes(self, query: Query) -> str:
        entries = ""
        for identity in query.members("Identities.member"):
            if self._emulator.identity(identity) is None:
                continue
            settings = self._publisher.notifications.of(self._emulator.region, identity)
            value = "".join(
                f"<{kind}Topic>{escape(settings.topics[kind])}</{kind}Topic>"
                for kind in TYPES
                if kind in settings.topics
            )
            value += f"<ForwardingEnabled>{str(settings.forwarding).lower()}</ForwardingEnabled>"
            for kind in TYPES:
                name = f"HeadersIn{kind}NotificationsEnabled"
                value += f"<{name}>{str(kind in settings.headers).lower()}</{name}>"
            entries += f"<entry><key>{escape(identity)}</key><value>{value}</value></entry>"
        return f"<NotificationAttributes>{entries}</NotificationAttributes>"

    def _known_identity(self, query: Query) -> str:
        name = query.text("Identity")
        identity = self._emulator.identity(name)
        if identity is None:
            raise invalid(f"Identity <{name}> does not exist.")
        return str(identity["name"])


def _notification_type(query: Query) -> str:
    kind = query.text("NotificationType")
    if kind not in TYPES:
        raise invalid(f"Invalid notification type <{kind}>: it must be one of {', '.join(TYPES)}.")
    return kind
