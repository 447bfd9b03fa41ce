"""Carrying out the actions of receipt rules.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action.html and the pages below it.
"""

from __future__ import annotations

import base64
import contextvars
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ses_constructs.lab.server.bounces import Failure, bounce
from ses_constructs.lab.server.errors import SesError
from ses_constructs.lab.server.hooks import pretty
from ses_constructs.lab.server.inbound import LAMBDA_HEADER_BYTES, SNS_HEADER_BYTES, Envelope, arrival
from ses_constructs.lab.server.receipt_access import SETUP, Access, object_key
from ses_constructs.lab.server.verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ses_constructs.lab.server.engine import Engine
    from ses_constructs.lab.server.hooks import Emulator
    from ses_constructs.lab.server.inbound import Inbound, Json
    from ses_constructs.lab.server.receipt_rules import Action, Rule

SUBJECT = "Amazon SES Email Receipt Notification"
SNS_BYTES = 150 * 1024  # https://docs.aws.amazon.com/ses/latest/dg/quotas.html
# https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda.html
_LAMBDA_TIMEOUT = 30  # seconds
CONTINUE, STOP_RULE, STOP_RULE_SET = "CONTINUE", "STOP_RULE", "STOP_RULE_SET"

_SETUP_MAIL = (
    b"From: no-reply-aws@amazon.com\r\nSubject: Amazon SES Setup Notification\r\n\r\nHello,\r\n\r\n"
    b"You received this message because you attempted to set up Amazon SES to deliver emails to this S3 bucket.\r\n"
)
_TOPIC_TEST_MESSAGE = (
    "You have successfully subscribed your Amazon SNS topic '{topic}' to receive 'Received' notifications from "
    "Amazon SES for receipt rule '{rule}'."
)
_ENCODINGS = {"UTF-8": "UTF8", "Base64": "BASE64"}
_TYPES = {"SNSAction": "SNS", "WorkmailAction": "WorkMail"}


@dataclass(frozen=True, kw_only=True)
class Task:
    """A mail at a rule that takes it. :param recipients: those that the rule is for."""

    mail: Inbound
    rule: Rule
    rule_arn: str
    recipients: Sequence[str]
    verdicts: Verdicts


class Done(NamedTuple):
    """What became of an action.

    :param action: as notifications write it.
    :param flow: what goes on after it.
    """

    action: Json
    error: str | None
    flow: str


class Executor:
    """Does what rules say, as far as SES may."""

    def __init__(self, emulator: Emulator, engine: Engine, access: Access) -> None:
        self._emulator = emulator
        self._engine = engine
        self._access = access
        self._pool = ThreadPoolExecutor(thread_name_prefix="ses-lambda")
        self._kinds: dict[str, Callable[[Task, Mapping[str, str], Json], str]] = {
            "AddHeaderAction": self._add_header,
            "BounceAction": self._bounce,
            "LambdaAction": self._invoke,
            "S3Action": self._store,
            "SNSAction": self._publish,
        }

    def try_out(self, rule_arn: str, rule: Rule) -> None:
        """Refuse a rule with an action that SES may not carry out; else tell buckets and topics that it will."""
        for action in rule.actions:
            topic = action.fields.get("TopicArn")
            problem = self._access.problem(action, rule_arn)
            if problem is None and topic is not None:
                problem = self._access.topic(topic, rule_arn)
            if problem is not None:
                raise problem
        for action in rule.actions:
            self._announce(action, rule)

    def perform(self, task: Task, action: Action) -> Done:
        """Carry out an action, and tell its topic."""
        written = _written(action, task.mail.message_id)
        problem = self._access.problem(action, task.rule_arn)
        if problem is not None:
            return Done(written, problem.message, CONTINUE)
        kind = self._kinds.get(action.kind)
        flow = STOP_RULE_SET if action.kind == "StopAction" else CONTINUE
        try:
            if kind is not None:
                flow = kind(task, action.fields, written)
            # Of the mail itself, whose topic is this one, is told by the action.
            if "TopicArn" in action.fields and action.kind != "SNSAction":
                self._tell(task, action.fields["TopicArn"], written)
        except SesError as error:
            return Done(written, error.message, flow)
        except _Failed as error:
            return Done(written, str(error), flow)
        return Done(written, None, flow)

    def _store(self, task: Task, fields: Mapping[str, str], written: Json) -> str:
        content = task.mail.content(task.verdicts)
        metadata: dict[str, str] = {}
        if "KmsKeyArn" in fields:
            content, metadata = self._sealed(task, fields["KmsKeyArn"], content)
        error = self._emulator.targets.put_object(fields["BucketName"], written["objectKey"], content, metadata)
        if error is not None:
            raise _Failed(error)
        return CONTINUE

    def _sealed(self, task: Task, key_arn: str, content: bytes) -> tuple[bytes, dict[str, str]]:
        """Encrypt a mail as the encryption client of S3 does, so that it can be read by no other.

        See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-s3.html.
        """
        context = {
            "aws:ses:message-id": task.mail.message_id,
            "aws:ses:rule-name": task.rule.name,
            "aws:ses:source-account": self._emulator.account,
            "kms_cmk_id": key_arn,
        }
        key, encrypted_key = self._emulator.targets.data_key(key_arn, context)
        iv = os.urandom(12)
        metadata = {
            "x-amz-key-v2": base64.b64encode(encrypted_key).decode(),
            "x-amz-iv": base64.b64encode(iv).decode(),
            "x-amz-matdesc": pretty(context),
            "x-amz-wrap-alg": "kms",
            "x-amz-cek-alg": "AES/GCM/NoPadding",
            "x-amz-tag-len": "128",
            "x-amz-unencrypted-content-length": str(len(content)),
        }
        return AESGCM(key).encrypt(iv, content, None), metadata

    def _publish(self, task: Task, fields: Mapping[str, str], written: Json) -> str:
        problem = self._access.topic(fields["TopicArn"], task.rule_arn)
        if problem is not None:
            raise problem
        content = task.mail.content(task.verdicts)
        if len(content) > SNS_BYTES:
            failures = [Failure(it, "552", "5.3.4", "Message too large") for it in task.recipients]
            sender = f"MAILER-DAEMON@{task.mail.region}.amazonses.com"
            bounce(self._engine, task.mail, failures, sender=sender, via="receiving")
            raise _Failed(f"the mail has more than {SNS_BYTES} bytes, and was bounced")
        base64_wanted = fields.get("Encoding") == "Base64"
        text = base64.b64encode(content).decode() if base64_wanted else content.decode("utf-8", "replace")
        self._notify(task, fields["TopicArn"], written, {"content": text})
        return CONTINUE

    def _invoke(self, task: Task, fields: Mapping[str, str], written: Json) -> str:
        mail = task.mail.mail(task.verdicts, LAMBDA_HEADER_BYTES)
        receipt = task.mail.receipt(task.verdicts, task.recipients, written)
        record = {"eventSource": "aws:ses", "eventVersion": "1.0", "ses": {"mail": mail, "receipt": receipt}}
        event = {"Records": [record]}
        if fields.get("InvocationType") != "RequestResponse":
            self._emulator.targets.invoke_later(fields["FunctionArn"], event)
            return CONTINUE
        context = contextvars.copy_context()
        running = self._pool.submit(context.run, self._emulator.targets.invoke, fields["FunctionArn"], event)
        try:
            answer, error = running.result(_LAMBDA_TIMEOUT)
        except TimeoutError:
            raise _Failed(f"the function has not answered in {_LAMBDA_TIMEOUT} s") from None
        if error is not None:
            raise _Failed(f"the function failed: {error}")
        return _disposition(answer)

    def _bounce(self, task: Task, fields: Mapping[str, str], written: Json) -> str:
        reply_code, status = fields["SmtpReplyCode"], fields.get("StatusCode", "")
        failures = [Failure(it, reply_code, status, fields["Message"]) for it in task.recipients]
        bounce(self._engine, task.mail, failures, sender=fields["Sender"], via="receiving")
        return CONTINUE

    def _add_header(self, task: Task, fields: Mapping[str, str], written: Json) -> str:
        task.mail.added.append((fields["HeaderName"], fields["HeaderValue"]))
        return CONTINUE

    def _tell(self, task: Task, topic: str, written: Json) -> None:
        problem = self._access.topic(topic, task.rule_arn)
        if problem is not None:
            raise problem
        self._notify(task, topic, written, {})

    def _notify(self, task: Task, topic: str, written: Json, content: Json) -> None:
        document = {
            "notificationType": "Received",
            "mail": task.mail.mail(task.verdicts, SNS_HEADER_BYTES),
            "receipt": task.mail.receipt(task.verdicts, task.recipients, written),
            **content,
        }
        try:
            self._emulator.publish(topic, pretty(document), SUBJECT)
        except Exception as error:  # SNS has exceptions of its own, such as for what is too long once it is JSON
            raise _Failed(f"SNS refused the notification: {error}") from error

    def _announce(self, action: Action, rule: Rule) -> None:
        topic = action.fields.get("TopicArn")
        if action.kind == "S3Action":
            bucket, key = action.fields["BucketName"], object_key(action.fields, SETUP)
            error = self._emulator.targets.put_object(bucket, key, _SETUP_MAIL, {})
            if error is not None:
                raise SesError("InvalidS3Configuration", f"Could not write to bucket: {bucket} ({error})")
            if topic is not None:
                self._notify(self._setup_task(rule), topic, _written(action, SETUP), {})
        elif topic is not None:
            text = _TOPIC_TEST_MESSAGE.format(topic=topic, rule=rule.name)
            test = {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": text}
            self._emulator.publish(topic, pretty(test), SUBJECT)

    def _setup_task(self, rule: Rule) -> Task:
        passed = Verdicts(spam="PASS", virus="PASS", spf="PASS", dkim="PASS", dmarc="PASS", dmarc_policy="none")
        recipients = ["recipient@example.com"]
        envelope = Envelope(
            sender="no-reply-aws@amazon.com",
            recipients=recipients,
            client_address="127.0.0.1",
            helo="amazonses.com",
            tls=True,
        )
        mail = arrival(envelope, _SETUP_MAIL, self._emulator.region)
        mail.message_id = SETUP
        return Task(mail=mail, rule=rule, rule_arn="", recipients=recipients, verdicts=passed)


class _Failed(Exception):
    """An action that SES may carry out, and that did not come true."""


def _written(action: Action, message_id: str) -> Json:
    """Return an action as notifications write it."""
    written: Json = {"type": _TYPES.get(action.kind) or action.kind.removesuffix("Action")}
    fields = dict(action.fields)
    if action.kind == "S3Action":
        for left_out in ("KmsKeyArn", "IamRoleArn"):
            fields.pop(left_out, None)
        fields = {**fields, "ObjectKeyPrefix": fields.get("ObjectKeyPrefix", "")}
        fields["ObjectKey"] = object_key(action.fields, message_id)
    elif action.kind == "SNSAction":
        fields["Encoding"] = _ENCODINGS[fields.get("Encoding", "UTF-8")]
    elif action.kind == "LambdaAction":
        fields["InvocationType"] = fields.get("InvocationType", "Event")
    elif action.kind == "StopAction":
        del fields["Scope"]
    names = {"InstanceARN": "instanceArn", "IAMRoleARN": "iamRoleArn"}
    return {**written, **{names.get(name, name[0].lower() + name[1:]): value for name, value in fields.items()}}


def _disposition(answer: Any) -> str:
    """Return what a function says is to go on; whatever it is that SES does not know means that all goes on."""
    if isinstance(answer, str | bytes):
        try:
            answer = json.loads(answer)
        except ValueError:
            return CONTINUE
    said = answer.get("disposition") if isinstance(answer, dict) else None
    return said if said in (STOP_RULE, STOP_RULE_SET) else CONTINUE
