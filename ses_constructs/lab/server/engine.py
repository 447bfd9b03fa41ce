"""SES itself: every way in hands a message to :meth:`Engine.accept`, and what becomes of it is told from there.

See https://docs.aws.amazon.com/ses/latest/dg/send-email-concepts-process.html.
"""

from __future__ import annotations

import contextvars
import logging
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server import documents, mime
from ses_constructs.lab.server.destinations import SnsTopics, listening
from ses_constructs.lab.server.errors import SesError, invalid, no_configuration_set, unverified
from ses_constructs.lab.server.notifications import NotificationSettings
from ses_constructs.lab.server.record import Record
from ses_constructs.lab.server.simulator import Outcome, outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ses_constructs.lab.server.hooks import Emulator
    from ses_constructs.lab.server.verification import Verifier

_log = logging.getLogger("ses-lab")

# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
MAX_RECIPIENTS = 50
MAX_BYTES = {"v1": 10 * 1024 * 1024, "v2": 40 * 1024 * 1024, "smtp": 40 * 1024 * 1024}
_REGION_PREFIX = {"us-east-1": "0100", "us-west-2": "0101", "eu-west-1": "0102"}


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A message as it was handed in.

    :param via: ``v1``, ``v2`` or ``smtp``.
    :param source: the envelope sender; empty to take the From header.
    :param recipients: the envelope recipients; empty to take the headers.
    :param tags: those given as parameters, which replace those of the header; None if none were given.
    """

    via: str
    operation: str
    raw: bytes
    source: str = ""
    recipients: Sequence[str] = ()
    configuration_set: str | None = None
    tags: dict[str, str] | None = None
    caller: str = "test"
    source_ip: str = "127.0.0.1"
    tls_version: str = ""


@dataclass(frozen=True, kw_only=True)
class _Accepted:
    """A message on its way."""

    mail: documents.Mail
    identity: str
    configuration_set: str | None
    recipients: Sequence[str]
    virus: bool
    feedback_ids: list[str] = field(default_factory=list)


class Engine:
    """Accepts messages, decides what becomes of them and tells it."""

    def __init__(self, emulator: Emulator, verifier: Verifier) -> None:
        self._emulator = emulator
        self.verifier = verifier
        self.topics = SnsTopics(emulator)
        self.notifications = NotificationSettings()
        self.record = Record()
        # One at a time, so that what becomes of a message is told in order.
        self._background = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ses-events")

    def accept(self, submission: Submission) -> str:
        """Take a message, or refuse it.

        :returns: the message id.
        :raises SesError: in SES's words.
        """
        if len(submission.raw) > MAX_BYTES[submission.via]:
            raise invalid(f"Message length is more than {MAX_BYTES[submission.via]} bytes long.")
        message = mime.read(submission.raw)
        recipients = list(dict.fromkeys(mime.bare(it) for it in (submission.recipients or message.recipients)))
        _check_recipients(recipients)
        source = submission.source or message.from_header
        identity = self._sending_identity(mime.bare(source))
        if mime.bare(message.from_header) != mime.bare(source):
            self._sending_identity(mime.bare(message.from_header))
        set_name = submission.configuration_set or message.configuration_set or identity.get("ConfigurationSetName")
        if set_name and self._emulator.configuration_set(set_name) is None:
            raise no_configuration_set(set_name)
        # Tags that are given as parameters replace those of the header; they are not merged.
        tags = submission.tags if submission.tags is not None else message.tags
        mime.check_tags(tags)

        at = mime.now()
        message_id = self._id(at)
        mail = documents.Mail(
            message_id=message_id,
            at=at,
            source=source,
            source_arn=self.arn("identity", identity["name"]),
            source_ip=submission.source_ip,
            caller_identity=submission.caller,
            account=self._emulator.account,
            destination=recipients,
            headers=message.headers(),
            tags={**self._auto_tags(submission, source, set_name), **{name: [value] for name, value in tags.items()}},
        )
        accepted = _Accepted(
            mail=mail,
            identity=identity["name"],
            configuration_set=set_name or None,
            recipients=recipients,
            virus=message.has_virus,
        )
        self.record.message(
            message_id=message_id,
            source=source,
            recipients=recipients,
            configuration_set=set_name or None,
            tags=mail.tags,
            via=submission.via,
            raw=message.leaving(f"<{message_id}@{self._mail_domain()}>", at),
        )
        self._emulator.count_sent({"MessageId": message_id, "Timestamp": at.timestamp(), "To": recipients})
        # The context carries account and region of the request to the other thread.
        self._background.submit(contextvars.copy_context().run, self._tell, accepted)
        return message_id

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of an identity or a configuration set."""
        return f"arn:aws:ses:{self._emulator.region}:{self._emulator.account}:{kind}/{name}"

    def close(self) -> None:
        """Tell nothing any more."""
        self._background.shutdown(wait=False, cancel_futures=True)

    def _sending_identity(self, address: str) -> dict[str, Any]:
        """Return the most specific verified identity of a sender: the address, its domain, or a domain above."""
        local, at, domain = address.rpartition("@")
        if not local or not at or not address.isascii():
            raise invalid("Missing final '@domain'" if not at else f"Illegal address: {address!r}")
        labels = domain.split(".")
        for name in (address, *(".".join(labels[start:]) for start in range(len(labels) - 1))):
            identity = self._emulator.identity(name)
            if identity is not None:
                if self.verifier.error(identity["name"], identity) is not None:
                    break
                return identity
        raise unverified(address, self._emulator.region)

    def _auto_tags(self, submission: Submission, source: str, set_name: str | None) -> dict[str, list[str]]:
        tags = {}
        if submission.tls_version:
            tags["ses:source-tls-version"] = [submission.tls_version]
        tags["ses:operation"] = [submission.operation]
        if set_name:
            tags["ses:configuration-set"] = [set_name]
        tags["ses:source-ip"] = [submission.source_ip]
        tags["ses:from-domain"] = [mime.bare(source).rpartition("@")[2]]
        tags["ses:caller-identity"] = [submission.caller]
        return tags

    def _id(self, at: datetime) -> str:
        prefix = _REGION_PREFIX.get(self._emulator.region, "0107")
        return f"{prefix}{int(at.timestamp() * 1000):012x}-{uuid.uuid4()}-000000"

    def _mail_domain(self) -> str:
        region = self._emulator.region
        return "email.amazonses.com" if region == "us-east-1" else f"{region}.amazonses.com"

    def _tell(self, accepted: _Accepted) -> None:
        try:
            self._tell_all(accepted)
        except Exception:
            _log.exception("telling what became of %s", accepted.mail.message_id)

    def _tell_all(self, accepted: _Accepted) -> None:
        self._emit(accepted, "Send", "send", {})
        if accepted.virus:
            self._emit(accepted, "Reject", "reject", {"reason": "Bad content"})
            return
        # What is the same for several recipients is one event about all of them.
        by_outcome: dict[Outcome, list[str]] = defaultdict(list)
        for recipient in accepted.recipients:
            for outcome in outcomes(recipient):
                by_outcome[outcome].append(recipient)
        for outcome in sorted(by_outcome, key=lambda it: it.event != "Delivery"):
            at = mime.now()
            recipients = by_outcome[outcome]
            if outcome.event == "Delivery":
                payload = documents.delivery(recipients, accepted.mail.at, at)
            elif outcome.event == "Bounce":
                payload = documents.bounce(outcome, recipients, self._id(at), at)
            else:
                payload = documents.complaint(recipients, self._id(at), at)
            self._emit(accepted, outcome.event, outcome.event.lower(), payload)

    def _emit(self, accepted: _Accepted, event_type: str, key: str, payload: dict[str, Any]) -> None:
        document = documents.event(accepted.mail, event_type, key, payload)
        told = self._emit_to_destinations(accepted, event_type, document)
        told |= self._emit_to_identity_topic(accepted, event_type, key, payload)
        if not told:
            self.record.event(message_id=accepted.mail.message_id, schema="event-publishing", document=document)

    def _emit_to_destinations(self, accepted: _Accepted, event_type: str, document: dict[str, Any]) -> bool:
        if accepted.configuration_set is None:
            return False
        configuration_set = self._emulator.configuration_set(accepted.configuration_set) or {}
        told = False
        for name, definition in listening(configuration_set, event_type):
            sns = definition.get("SnsDestination")
            if sns is None:
                continue
            source_arn = self.arn("configuration-set", accepted.configuration_set)
            error = self.topics.publish_event(sns["TopicArn"], source_arn, document)
            self.record.event(
                message_id=accepted.mail.message_id,
                schema="event-publishing",
                document=document,
                destination={"kind": "sns", "name": name, "arn": sns["TopicArn"]},
                error=error,
            )
            told = True
        return told

    def _emit_to_identity_topic(self, accepted: _Accepted, event_type: str, key: str, payload: dict[str, Any]) -> bool:
        settings = self.notifications.of(self._emulator.region, accepted.identity)
        topic = settings.topics.get(event_type)
        if topic is None:
            return False
        # Identity notifications know of no TLS or outgoing tags; the mail object is the same without any.
        document = documents.notification(
            replace(accepted.mail, tags={}), event_type, key, payload, with_headers=event_type in settings.headers
        )
        error = self.topics.publish_notification(topic, self.arn("identity", accepted.identity), document)
        self.record.event(
            message_id=accepted.mail.message_id,
            schema="identity-notification",
            document=document,
            destination={"kind": "sns", "name": accepted.identity, "arn": topic},
            error=error,
        )
        if error is not None and event_type != "Delivery":
            # SES then drops the topic and turns forwarding on again, so that feedback is not lost.
            settings.topics.pop(event_type)
            settings.forwarding = True
        return True


def _check_recipients(recipients: Sequence[str]) -> None:
    if not recipients:
        raise invalid("Missing required header 'To'.")
    if len(recipients) > MAX_RECIPIENTS:
        raise SesError(
            "BadRequestException",
            f"Recipient count exceeds {MAX_RECIPIENTS}.",
            v1_code="InvalidParameterValue",
        )
    for recipient in recipients:
        local, at, domain = recipient.rpartition("@")
        if not (local and at and domain) or not recipient.isascii():
            raise invalid("Missing final '@domain'")
