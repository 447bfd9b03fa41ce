"""What SES refuses about receipt rules by their form alone, in its own words.

See https://docs.aws.amazon.com/ses/latest/APIReference/API_ReceiptRule.html and the pages of the actions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ses_constructs.lab.server.errors import SesError

if TYPE_CHECKING:
    from ses_constructs.lab.server.receipt_rules import Action, Rule

# Kind of action -> its parameters, and those of them that must be given.
FIELDS: dict[str, tuple[str, ...]] = {
    "AddHeaderAction": ("HeaderName", "HeaderValue"),
    "BounceAction": ("TopicArn", "SmtpReplyCode", "StatusCode", "Message", "Sender"),
    "ConnectAction": ("InstanceARN", "IAMRoleARN"),
    "LambdaAction": ("TopicArn", "FunctionArn", "InvocationType"),
    "S3Action": ("TopicArn", "BucketName", "ObjectKeyPrefix", "KmsKeyArn", "IamRoleArn"),
    "SNSAction": ("TopicArn", "Encoding"),
    "StopAction": ("Scope", "TopicArn"),
    "WorkmailAction": ("TopicArn", "OrganizationArn"),
}
_NEEDED: dict[str, tuple[str, ...]] = {
    "AddHeaderAction": ("HeaderName", "HeaderValue"),
    "BounceAction": ("SmtpReplyCode", "Message", "Sender"),
    "ConnectAction": ("InstanceARN", "IAMRoleARN"),
    "LambdaAction": ("FunctionArn",),
    "S3Action": ("BucketName",),
    "SNSAction": ("TopicArn",),
    "StopAction": ("Scope",),
    "WorkmailAction": ("OrganizationArn",),
}
_WORDS = {
    "Encoding": ("UTF-8", "Base64"),
    "InvocationType": ("Event", "RequestResponse"),
    "Scope": ("RuleSet",),
}
_ACTIONS, _RECIPIENTS = 10, 500
_NAME_LENGTH = 64
_HEADER_VALUE_LENGTH = 2048
_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_-]*[a-zA-Z0-9])?")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_RECIPIENT = re.compile(rf"(?:[^@\s]+@|\.)?{_LABEL}(?:\.{_LABEL})+")
_REPLY_CODE = re.compile(r"[45]\d\d")
_STATUS_CODE = re.compile(r"[45]\.\d{1,3}\.\d{1,3}")


def check_name(name: str, field: str) -> None:
    """Refuse the name of a rule set, a rule or a filter."""
    if not name:
        raise _constraint(field, "Member must have length greater than or equal to 1")
    if not re.fullmatch(r"[a-zA-Z0-9_.-]+", name):
        raise _constraint(field, "Member must satisfy regular expression pattern: ^[a-zA-Z0-9_.-]+$")
    # Only names of rules have periods.
    if len(name) > _NAME_LENGTH or not _NAME.fullmatch(name.replace(".", "-") if field == "ruleName" else name):
        raise SesError("InvalidParameterValue", f"Not a valid {field}: {name}")


def check_rule(rule: Rule) -> None:
    """Refuse a rule for its name, its recipients or the parameters of its actions."""
    check_name(rule.name, "ruleName")
    if len(rule.recipients) > _RECIPIENTS:
        raise SesError("LimitExceeded", f"A receipt rule can have at most {_RECIPIENTS} recipients.")
    for recipient in rule.recipients:
        if not _RECIPIENT.fullmatch(recipient):
            raise SesError("InvalidParameterValue", f"Invalid recipient: {recipient}")
    if len(rule.actions) > _ACTIONS:
        raise SesError("LimitExceeded", f"A receipt rule can have at most {_ACTIONS} actions.")
    for number, action in enumerate(rule.actions, start=1):
        _check_action(action, number)
        if action.kind == "StopAction" and number != len(rule.actions):
            raise SesError(
                "InvalidParameterValue", "Stop action, if any, must be placed at the end of the actions list"
            )


def check_tls_policy(value: str) -> None:
    """Refuse anything but the two that there are."""
    if value not in ("Optional", "Require"):
        raise _constraint("rule.tlsPolicy", "Member must satisfy enum value set: [Optional, Require]")


def _check_action(action: Action, number: int) -> None:
    place = f"rule.actions.{number}.member.{_lower(action.kind)}"
    for name in _NEEDED[action.kind]:
        if name not in action.fields:
            raise _constraint(f"{place}.{_lower(name)}", "Member must not be null")
    for name, words in _WORDS.items():
        if name in action.fields and action.fields[name] not in words:
            listed = ", ".join(words)
            raise _constraint(f"{place}.{_lower(name)}", f"Member must satisfy enum value set: [{listed}]")
    if action.kind == "AddHeaderAction":
        _check_header(action.fields["HeaderName"], action.fields["HeaderValue"])
    if action.kind == "BounceAction":
        code, status = action.fields["SmtpReplyCode"], action.fields.get("StatusCode")
        if not _REPLY_CODE.fullmatch(code):
            raise SesError("InvalidParameterValue", f"Invalid SMTP reply code: {code}")
        if status is not None and not _STATUS_CODE.fullmatch(status):
            raise SesError("InvalidParameterValue", f"Invalid status code: {status}")


def _check_header(name: str, value: str) -> None:
    if not re.fullmatch(r"[a-zA-Z0-9-]{1,50}", name):
        raise SesError("InvalidParameterValue", f"Invalid header name: {name}")
    if len(value) > _HEADER_VALUE_LENGTH or "\n" in value or "\r" in value:
        printable = value.replace("\n", "0x000a").replace("\r", "0x000d")
        raise SesError("InvalidParameterValue", f"Invalid header value: {printable}")


def _constraint(field: str, constraint: str) -> SesError:
    text = f"1 validation error detected: Value at '{field}' failed to satisfy constraint: {constraint}"
    return SesError("ValidationError", text)


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]
