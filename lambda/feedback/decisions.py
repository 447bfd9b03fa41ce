"""What follows from a bounce or complaint, by SES's type and sub-type. This table is the one place where it is decided.

Bounces: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types, and for
``CustomTimeoutExceeded`` https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html.
Complaints: https://www.iana.org/assignments/marf-parameters/marf-parameters.xhtml (the types), and
https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html (the sub-types).
"""

from enum import StrEnum
from typing import NamedTuple


class Action(StrEnum):
    """What becomes of the recipients."""

    SUPPRESS = "SUPPRESS"
    UNSUBSCRIBE = "UNSUBSCRIBE"
    COUNT = "COUNT"
    KEEP = "KEEP"


class Decision(NamedTuple):
    """What follows, and why."""

    action: Action
    why: str
    echo: bool = False
    """SES did not try to deliver, because the recipient is on a suppression list of the account or tenant."""
    tenant_only: bool = False
    """It holds for the tenant that the mail was sent for, and for nobody else."""
    recognised: bool = True
    """Whether SES documents the sub-type (of a complaint: the IANA the type)."""
    recipients_expected: bool = True
    """Whether an event without recipients is an error."""
    diagnosed_only: bool = False
    """It holds for recipients that the delivery failed for by a status, and not for those who sent a reply."""


_SUPPRESS, _UNSUBSCRIBE, _COUNT, _KEEP = Action.SUPPRESS, Action.UNSUBSCRIBE, Action.COUNT, Action.KEEP

BOUNCES: dict[tuple[str, str], Decision] = {
    ("Permanent", "General"): Decision(_SUPPRESS, "The mailbox or its domain does not exist."),
    ("Permanent", "NoEmail"): Decision(
        _SUPPRESS, "A hard bounce that may not tell whose it is.", recipients_expected=False
    ),
    ("Permanent", "Suppressed"): Decision(_SUPPRESS, "The address is on SES's global suppression list."),
    ("Permanent", "OnAccountSuppressionList"): Decision(
        _SUPPRESS, "The address is on the account's suppression list.", echo=True
    ),
    ("Permanent", "OnTenantSuppressionList"): Decision(
        _SUPPRESS, "The address is on the tenant's suppression list.", echo=True, tenant_only=True
    ),
    ("Permanent", "UnsubscribedRecipient"): Decision(_UNSUBSCRIBE, "The contact opted out; the mailbox is fine."),
    ("Permanent", "EmailValidationSuppressed"): Decision(_SUPPRESS, "The address failed SES's validation."),
    # An out-of-office reply has this type as well. It has no status, for the mail arrived.
    ("Transient", "General"): Decision(
        _COUNT,
        "SES gave up on a passing failure, where a status tells of one.",
        recipients_expected=False,
        diagnosed_only=True,
    ),
    ("Transient", "MailboxFull"): Decision(
        _COUNT, "The mailbox was full until SES gave up; one that stays full is abandoned.", recipients_expected=False
    ),
    ("Transient", "MessageTooLarge"): Decision(_KEEP, "The message was too large, which is not the mailbox's fault."),
    ("Transient", "CustomTimeoutExceeded"): Decision(_KEEP, "The sender's own time limit for delivery passed."),
    ("Transient", "ContentRejected"): Decision(_KEEP, "The content was refused, which is not the mailbox's fault."),
    ("Transient", "AttachmentRejected"): Decision(
        _KEEP, "The attachment was refused, which is not the mailbox's fault."
    ),
    ("Undetermined", "Undetermined"): Decision(
        _COUNT, "SES could not tell why the mail bounced; once says little.", recipients_expected=False
    ),
}

# SES adds sub-types over time; whether the mailbox is gone for good is said by the type.
_BOUNCES_OF_NEW_SUB_TYPES = {
    "Permanent": Decision(_SUPPRESS, "A hard bounce of a sub-type that is not known.", recognised=False),
    "Transient": Decision(_KEEP, "A passing failure of a sub-type that is not known.", recognised=False),
    "Undetermined": Decision(
        _COUNT,
        "SES could not tell why the mail bounced; once says little.",
        recognised=False,
        recipients_expected=False,
    ),
}

COMPLAINTS: dict[str, Decision] = {
    "": Decision(_SUPPRESS, "The recipient complained; the mailbox provider does not say how."),
    "abuse": Decision(_SUPPRESS, "The recipient reported the mail as unsolicited."),
    "fraud": Decision(_SUPPRESS, "The recipient reported the mail as fraud."),
    "other": Decision(_SUPPRESS, "The recipient complained."),
    "virus": Decision(_SUPPRESS, "The recipient reported a virus in the mail."),
    "not-spam": Decision(_KEEP, "The recipient says that the mail is not spam."),
    "auth-failure": Decision(_KEEP, "A report about authentication, and not by the recipient."),
}
_COMPLAINT_OF_NEW_TYPE = Decision(_SUPPRESS, "The recipient complained in a way that is not known.", recognised=False)

# With a sub-type nothing was delivered, so that nobody complained now, whatever the type says.
COMPLAINTS_FROM_LISTS: dict[str, Decision] = {
    "OnAccountSuppressionList": Decision(_SUPPRESS, "The address is on the account's suppression list.", echo=True),
    "OnTenantSuppressionList": Decision(
        _SUPPRESS, "The address is on the tenant's suppression list.", echo=True, tenant_only=True
    ),
}
_COMPLAINT_FROM_NEW_LIST = Decision(
    _SUPPRESS, "The address is on a suppression list of a kind that is not known.", echo=True, recognised=False
)


def on_bounce(bounce_type: str, sub_type: str) -> Decision | None:
    """Return what follows from a bounce; None if SES has no such type, so that nothing can be said."""
    return BOUNCES.get((bounce_type, sub_type)) or _BOUNCES_OF_NEW_SUB_TYPES.get(bounce_type)


def on_complaint(feedback_type: str, sub_type: str) -> Decision:
    """Return what follows from a complaint. Types are compared as mail headers are, regardless of case."""
    if sub_type:
        return COMPLAINTS_FROM_LISTS.get(sub_type, _COMPLAINT_FROM_NEW_LIST)
    return COMPLAINTS.get(feedback_type.lower(), _COMPLAINT_OF_NEW_TYPE)
