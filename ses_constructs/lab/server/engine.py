"""SES itself: every way in hands a message to :meth:`Engine.accept`, and what becomes of it is told from there.

See https://docs.aws.amazon.com/ses/latest/dg/send-email-concepts-process.html.
"""

from __future__ import annotations

import contextvars
import logging
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server import documents, mime
from ses_constructs.lab.server.contacts import ContactLists
from ses_constructs.lab.server.destinations import wanted
from ses_constructs.lab.server.errors import SesError, invalid, no_configuration_set, not_found, unverified
from ses_constructs.lab.server.publishing import Publisher, Sent
from ses_constructs.lab.server.simulator import SUPPRESSED, UNSUBSCRIBED, Outcome, outcomes
from ses_constructs.lab.server.suppression import SuppressionList
from ses_constructs.lab.server.tracking import Tracking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
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
    :param contact_list: name and topic, for list management; None to take the header.
    :param failure: if a template could not be filled in, what the event tells of it; the raw message then has no body.
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
    contact_list: tuple[str, str | None] | None = None
    tenant: str | None = None
    failure: dict[str, str] | None = None


class Engine:
    """Accepts messages, decides what becomes of them and tells it."""

    def __init__(self, emulator: Emulator, verifier: Verifier, *, endpoint_url: str) -> None:
        """:param endpoint_url: of the lab, for links that lead back to it."""
        self._emulator = emulator
        self.verifier = verifier
        self.publisher = Publisher(emulator)
        self.suppression = SuppressionList(emulator)
        self.contacts = ContactLists(emulator)
        self.tracking = Tracking(endpoint_url)
        self._sent: dict[str, Sent] = {}
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
        configuration_set = self._usable_set(set_name) if set_name else {}
        # Tags that are given as parameters replace those of the header; they are not merged.
        tags = submission.tags if submission.tags is not None else message.tags
        mime.check_tags(tags)
        tenant = submission.tenant or message.tenant
        if tenant and not self._emulator.has_tenant(tenant):
            raise not_found(f"Tenant <{tenant}>")

        at = mime.now()
        message_id = self.new_id(at)
        mail = documents.Mail(
            message_id=message_id,
            at=at,
            source=source,
            source_arn=self._emulator.ses_arn("identity", identity["name"]),
            source_ip=submission.source_ip,
            caller_identity=submission.caller,
            account=self._emulator.account,
            destination=recipients,
            headers=message.headers(),
            tags={
                **self._auto_tags(submission, source, set_name, tenant),
                **{name: [value] for name, value in tags.items()},
            },
        )
        contact_list = submission.contact_list if submission.contact_list is not None else message.contact_list
        sent = Sent(
            mail=mail,
            identity=identity["name"],
            configuration_set=set_name or None,
            recipients=recipients,
            virus=message.has_virus,
            # Account and region of the request, for what is told later and in another thread.
            context=contextvars.copy_context(),
            unsubscribed=contact_list is not None and not self._takes(contact_list, recipients),
        )
        if submission.failure is None:
            if contact_list is not None:
                self.tracking.add_unsubscribe_links(message, message_id, contact_list, recipients[0])
            opens, clicks = wanted(configuration_set, "Open"), wanted(configuration_set, "Click")
            options = configuration_set.get("TrackingOptions") or {}
            self.tracking.rewrite(message, message_id, options, opens=opens, clicks=clicks)
            self.publisher.record.message(
                message_id=message_id,
                source=source,
                recipients=recipients,
                configuration_set=set_name or None,
                tags=mail.tags,
                via=submission.via,
                raw=message.leaving(f"<{message_id}@{self._mail_domain()}>", at),
            )
            self._emulator.count_sent({"MessageId": message_id, "Timestamp": at.timestamp(), "To": recipients})
        self._sent[message_id] = sent
        if submission.failure is not None:
            self._later(sent, lambda: self.publisher.emit(sent, "Rendering Failure", dict(submission.failure or {})))
        else:
            self._later(sent, lambda: self._tell_all(sent))
        return message_id

    def tell(self, message_id: str, event_type: str, payload: Mapping[str, Any]) -> None:
        """Emit an event about a message that was sent before.

        :raises SesError: if there is no such message.
        """
        sent = self.sent(message_id)
        self._later(sent, lambda: self.publisher.emit(sent, event_type, dict(payload)))

    def complain(self, message_id: str, recipient: str) -> None:
        """Let a recipient complain about a message.

        :raises SesError: if there is no such message, or it did not go to the recipient.
        """
        sent = self.sent(message_id, recipient)
        self._later(sent, lambda: self._tell_outcome(sent, Outcome("Complaint", listed=True), [recipient]))

    def sent(self, message_id: str, recipient: str | None = None) -> Sent:
        """Return a message that was sent before.

        :param recipient: whom it must have gone to.
        :raises SesError: if there is no such message.
        """
        found = self._sent.get(message_id)
        if found is None or (recipient is not None and recipient not in found.recipients):
            raise not_found(f"Message {message_id}" + (f" to {recipient}" if recipient is not None else ""))
        return found

    def close(self) -> None:
        """Tell nothing any more."""
        self._background.shutdown(wait=False, cancel_futures=True)

    def verified_identity(self, domain: str, *, address: str | None = None) -> dict[str, Any] | None:
        """Return the most specific identity: the address, its domain, or a domain above. None if it is not verified."""
        labels = domain.split(".")
        parents = [".".join(labels[start:]) for start in range(len(labels) - 1)]
        for name in [address, *parents] if address is not None else parents:
            identity = self._emulator.identity(name)
            if identity is not None:
                return identity if self.verifier.error(identity["name"], identity) is None else None
        return None

    def _sending_identity(self, address: str) -> dict[str, Any]:
        local, at, domain = address.rpartition("@")
        if not local or not at or not address.isascii():
            raise invalid("Missing final '@domain'" if not at else f"Illegal address: {address!r}")
        identity = self.verified_identity(domain, address=address)
        if identity is None:
            raise unverified(address, self._emulator.region)
        return identity

    def _auto_tags(
        self, submission: Submission, source: str, set_name: str | None, tenant: str | None
    ) -> dict[str, list[str]]:
        tags = {}
        if submission.tls_version:
            tags["ses:source-tls-version"] = [submission.tls_version]
        tags["ses:operation"] = [submission.operation]
        if set_name:
            tags["ses:configuration-set"] = [set_name]
        if tenant:
            tags["ses:tenant-name"] = [tenant]
        tags["ses:source-ip"] = [submission.source_ip]
        tags["ses:from-domain"] = [mime.bare(source).rpartition("@")[2]]
        tags["ses:caller-identity"] = [submission.caller]
        return tags

    def new_id(self, at: datetime) -> str:
        """Return a message id, or that of feedback."""
        prefix = _REGION_PREFIX.get(self._emulator.region, "0107")
        return f"{prefix}{int(at.timestamp() * 1000):012x}-{uuid.uuid4()}-000000"

    def _mail_domain(self) -> str:
        region = self._emulator.region
        return "email.amazonses.com" if region == "us-east-1" else f"{region}.amazonses.com"

    def _usable_set(self, name: str) -> Mapping[str, Any]:
        found = self._emulator.configuration_set(name)
        if found is None:
            raise no_configuration_set(name)
        if not (found.get("SendingOptions") or {}).get("SendingEnabled", True):
            raise SesError(
                "SendingPausedException",
                f"Sending is disabled for configuration set <{name}>.",
                v1_code="ConfigurationSetSendingPausedException",
            )
        return found

    def _takes(self, contact_list: tuple[str, str | None], recipients: Sequence[str]) -> bool:
        if len(recipients) != 1:
            raise invalid("List management takes messages to one recipient only.")
        return self.contacts.takes(*contact_list, recipients[0])

    def _later(self, sent: Sent, work: Callable[[], None]) -> None:
        def logged() -> None:
            try:
                work()
            except Exception:
                _log.exception("telling what became of %s", sent.mail.message_id)

        self._background.submit(sent.context.copy().run, logged)

    def _tell_all(self, sent: Sent) -> None:
        self.publisher.emit(sent, "Send", {})
        if sent.virus:
            self.publisher.emit(sent, "Reject", {"reason": "Bad content"})
            return
        # What is the same for several recipients is one event about all of them.
        by_outcome: dict[Outcome, list[str]] = defaultdict(list)
        for recipient in sent.recipients:
            for outcome in self._outcomes(sent, recipient):
                by_outcome[outcome].append(recipient)
        for outcome in sorted(by_outcome, key=lambda it: it.event != "Delivery"):
            self._tell_outcome(sent, outcome, by_outcome[outcome])

    def _outcomes(self, sent: Sent, recipient: str) -> Sequence[Outcome]:
        if sent.unsubscribed:
            return (UNSUBSCRIBED,)
        reason = self.suppression.reason(recipient)
        return (SUPPRESSED[reason],) if reason is not None and reason in self._reasons(sent) else outcomes(recipient)

    def _reasons(self, sent: Sent) -> Sequence[str]:
        """Return the reasons for suppression that count for a message."""
        name = sent.configuration_set
        return self.suppression.reasons_of((self._emulator.configuration_set(name) if name else None) or {})

    def _tell_outcome(self, sent: Sent, outcome: Outcome, recipients: Sequence[str]) -> None:
        at = mime.now()
        feedback_id = self.new_id(at)
        if outcome.event == "Delivery":
            payload = documents.delivery(recipients, sent.mail.at, at)
        elif outcome.event == "Bounce":
            payload = documents.bounce(outcome, recipients, feedback_id, at)
        else:
            payload = documents.complaint(outcome, recipients, feedback_id, at)
        if outcome.listed and outcome.event.upper() in self._reasons(sent):
            about = {"MessageId": sent.mail.message_id, "FeedbackId": feedback_id}
            for recipient in recipients:
                self.suppression.add(recipient, outcome.event.upper(), about)
        self.publisher.emit(sent, outcome.event, payload)


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
