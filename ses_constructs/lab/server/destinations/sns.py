"""SNS topics: of event destinations, and of identities.

A topic is checked when it is set and again at each publish, as on AWS: its policy and, if it is encrypted, its key's
policy must let SES in. See https://docs.aws.amazon.com/ses/latest/dg/configure-sns-notifications.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server.hooks import pretty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_constructs.lab.server.destinations.event import Event
    from ses_constructs.lab.server.hooks import Emulator

VALIDATION_MESSAGE = "Successfully validated SNS topic for Amazon SES event publishing."
_EVENT_SUBJECT = "Amazon SES Email Event Notification"


class SnsTopics:
    """SES as a publisher to SNS topics."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def problem(self, topic_arn: str, source_arn: str) -> str | None:
        """Return why SES cannot publish to a topic on behalf of *source_arn*, or None."""
        attributes = self._emulator.topic(topic_arn)
        if attributes is None:
            return f"SNS topic <{topic_arn}> does not exist."
        if attributes.get("FifoTopic") == "true":
            return f"SNS topic <{topic_arn}> is a FIFO topic, which SES does not publish to."
        if not self._emulator.policy_admits_ses(attributes.get("Policy", ""), "sns:Publish", topic_arn, source_arn):
            return f"Could not publish notification message to SNS topic <{topic_arn}>: its policy does not allow it."
        key_id = attributes.get("KmsMasterKeyId")
        return self._key_problem(key_id, source_arn) if key_id else None

    def arn(self, target: Mapping[str, Any]) -> str:
        """Return the topic of an event destination."""
        return str(target.get("TopicArn"))

    def check(self, target: Mapping[str, Any], source_arn: str) -> str | None:
        """Return why a topic cannot be an event destination; else tell it so with a message that is no JSON."""
        topic_arn = self.arn(target)
        problem = self.problem(topic_arn, source_arn)
        if problem is None:
            self._emulator.publish(topic_arn, VALIDATION_MESSAGE, "")
        return problem

    def publish(self, target: Mapping[str, Any], event: Event) -> str | None:
        """Publish an event of a configuration set, or return why not. The message ends with a newline."""
        topic_arn = self.arn(target)
        problem = self.problem(topic_arn, event.source_arn)
        if problem is None:
            self._emulator.publish(topic_arn, f"{pretty(event.document)}\n", _EVENT_SUBJECT)
        return problem

    def publish_notification(self, topic_arn: str, source_arn: str, document: Mapping[str, Any]) -> str | None:
        """Publish an identity notification, or return why not. It has no subject and no newline."""
        problem = self.problem(topic_arn, source_arn)
        if problem is None:
            self._emulator.publish(topic_arn, pretty(document), "")
        return problem

    def _key_problem(self, key_id: str, source_arn: str) -> str | None:
        key = self._emulator.key(key_id)
        if "alias/aws/" in key_id or key is None or key.get("KeyManager") == "AWS":
            return f"SES cannot use the key <{key_id}> of the topic: it is no customer managed key."
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            if not self._emulator.policy_admits_ses(key.get("Policy", ""), action, key["Arn"], source_arn):
                return f"SES cannot use the key <{key_id}> of the topic: its policy does not allow {action}."
        return None
