"""``Custom::SesIdentityNotifications``: the topics that hear of the bounces, complaints and deliveries of an identity.

See https://docs.aws.amazon.com/ses/latest/dg/configure-sns-notifications.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from custom_resources import ses
from ses_common.lifecycle import Refused, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_common.lifecycle import Request

TYPES = ("Bounce", "Complaint", "Delivery")


class IdentityNotifications:
    """Properties: ``Identity``, ``Topics`` (ARN by type), ``Headers`` (types), ``FeedbackForwarding`` (``true``...).

    The physical id is the identity. SES keeps forwarding feedback by mail until topics receive bounces **and**
    complaints, and does so again before the first of these topics goes: at no moment does nobody hear of them.
    """

    def create(self, request: Request) -> Result:
        """Set the topics; if one is refused, those set before it are taken away again."""
        try:
            self._change(request, before={})
        except ClientError as error:
            self.delete(request)
            raise _refused(request, error) from error
        return Result(request.properties["Identity"])

    def update(self, request: Request) -> Result:
        """Set what has changed. CloudFormation takes a refused change back with another update."""
        identity = request.properties["Identity"]
        if identity != request.physical_id:
            return self.create(request)
        try:
            self._change(request, before=_topics(request.old_properties))
        except ClientError as error:
            raise _refused(request, error) from error
        return Result(identity)

    def delete(self, request: Request) -> None:
        """Put back what SES does of itself, for those topics that are still ours."""
        identity, deadline = request.properties["Identity"], request.deadline
        current = _attributes(identity, deadline)
        if current is None:
            return
        ours = [kind for kind, topic in _topics(request.properties).items() if current.get(f"{kind}Topic") == topic]
        if not current["ForwardingEnabled"] and {"Bounce", "Complaint"} & set(ours):
            _set_forwarding(identity, True, deadline)
        for kind in ours:
            if current[f"HeadersIn{kind}NotificationsEnabled"]:
                _set_headers(identity, kind, False, deadline)
            _set_topic(identity, kind, None, deadline)

    def _change(self, request: Request, *, before: Mapping[str, str]) -> None:
        identity, deadline = request.properties["Identity"], request.deadline
        current = _attributes(identity, deadline)
        if current is None:
            raise Refused(f"there is no identity {identity}")
        topics, headers = _topics(request.properties), request.properties.get("Headers", [])
        silent = {"Bounce", "Complaint"} <= topics.keys() and request.properties["FeedbackForwarding"] == "false"
        if not silent and not current["ForwardingEnabled"]:
            _set_forwarding(identity, True, deadline)
        for kind, topic in topics.items():
            if current.get(f"{kind}Topic") != topic:
                _set_topic(identity, kind, topic, deadline)
            if current[f"HeadersIn{kind}NotificationsEnabled"] != (kind in headers):
                _set_headers(identity, kind, kind in headers, deadline)
        for kind in before.keys() - topics.keys():
            if current.get(f"{kind}Topic") == before[kind]:
                _set_headers(identity, kind, False, deadline)
                _set_topic(identity, kind, None, deadline)
        if silent and current["ForwardingEnabled"]:
            _set_forwarding(identity, False, deadline)


def _topics(properties: Mapping[str, Any]) -> dict[str, str]:
    topics = properties.get("Topics", {})
    return {kind: topics[kind] for kind in TYPES if kind in topics}


def _attributes(identity: str, deadline: float) -> dict[str, Any] | None:
    method = ses.v1().get_identity_notification_attributes
    found = ses.call(method, deadline, Identities=[identity])["NotificationAttributes"]
    # Which flags the answer holds depends on the identity; those that it leaves out are off.
    flags = {f"HeadersIn{kind}NotificationsEnabled": False for kind in TYPES}
    return {**flags, **found[identity]} if identity in found else None


def _set_topic(identity: str, kind: str, topic: str | None, deadline: float) -> None:
    arguments = {"Identity": identity, "NotificationType": kind}
    if topic is not None:  # left out, the topic is cleared
        arguments["SnsTopic"] = topic
    ses.call(ses.v1().set_identity_notification_topic, deadline, **arguments)


def _set_headers(identity: str, kind: str, enabled: bool, deadline: float) -> None:
    method = ses.v1().set_identity_headers_in_notifications_enabled
    ses.call(method, deadline, Identity=identity, NotificationType=kind, Enabled=enabled)


def _set_forwarding(identity: str, enabled: bool, deadline: float) -> None:
    method = ses.v1().set_identity_feedback_forwarding_enabled
    ses.call(method, deadline, Identity=identity, ForwardingEnabled=enabled)


def _refused(request: Request, error: ClientError) -> Refused:
    identity, message = request.properties["Identity"], error.response["Error"]["Message"]
    return Refused(f"SES refused the notification topics of {identity}: {message}")
