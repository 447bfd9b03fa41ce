"""AWS CDK constructs for Amazon SES: who may send, how it is sent and seen, and who must not be mailed again.

Names are loaded when they are first used (PEP 562), so `import ses_constructs` costs nothing and a program that only
makes identities never loads the Lambda part of the CDK.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ses_constructs.feedback import FeedbackPipeline, SoftBounces
    from ses_constructs.feedback.changes import SuppressionChanges
    from ses_constructs.feedback.reaction import SuppressionReaction
    from ses_constructs.identity import (
        Bimi,
        CrossAccountDnsRole,
        Dkim,
        Dmarc,
        DmarcReportAuthorisation,
        Dns,
        DnsRecord,
        DomainIdentity,
        EmailAddressIdentity,
        Spf,
        TlsRpt,
    )
    from ses_constructs.identity.mta_sts import MtaSts
    from ses_constructs.identity.notifications import IdentityNotifications
    from ses_constructs.identity.sending_policy import IdentitySendingPolicy
    from ses_constructs.identity.verification import IdentityVerification
    from ses_constructs.receiving import (
        ActiveReceiptRuleSet,
        BounceTemplate,
        InboundMx,
        Invocation,
        ReceiptAction,
        SnsEncoding,
    )
    from ses_constructs.receiving.forwarder import MailForwarder
    from ses_constructs.receiving.mailbox import InboundMailbox, VerdictPolicy
    from ses_constructs.receiving.reply_addresses import ReplyAddresses
    from ses_constructs.receiving.reports.dmarc_reports import DmarcReports
    from ses_constructs.sending import (
        AccountEventType,
        CloudWatchEventDestination,
        DedicatedIpPool,
        Dimension,
        EmailTemplate,
        EventBridgeDestination,
        EventType,
        FirehoseEventDestination,
        MessageTag,
        SendingConfigurationSet,
        SesAccountEvents,
        SesEventRule,
        SnsEventDestination,
    )
    from ses_constructs.sending.anymail import AnymailSubscription
    from ses_constructs.sending.lake.event_lake import EventLake
    from ses_constructs.sending.tracking_domain import TrackingDomain

__all__ = [
    "AccountEventType",
    "ActiveReceiptRuleSet",
    "AnymailSubscription",
    "Bimi",
    "BounceTemplate",
    "CloudWatchEventDestination",
    "CrossAccountDnsRole",
    "DedicatedIpPool",
    "Dimension",
    "Dkim",
    "Dmarc",
    "DmarcReportAuthorisation",
    "DmarcReports",
    "Dns",
    "DnsRecord",
    "DomainIdentity",
    "EmailAddressIdentity",
    "EmailTemplate",
    "EventBridgeDestination",
    "EventLake",
    "EventType",
    "FeedbackPipeline",
    "FirehoseEventDestination",
    "IdentityNotifications",
    "IdentitySendingPolicy",
    "IdentityVerification",
    "InboundMailbox",
    "InboundMx",
    "Invocation",
    "MailForwarder",
    "MessageTag",
    "MtaSts",
    "ReceiptAction",
    "ReplyAddresses",
    "SendingConfigurationSet",
    "SesAccountEvents",
    "SesEventRule",
    "SnsEncoding",
    "SnsEventDestination",
    "SoftBounces",
    "Spf",
    "SuppressionChanges",
    "SuppressionReaction",
    "TlsRpt",
    "TrackingDomain",
    "VerdictPolicy",
]

# Some are not handed on by their folder: they load Lambda or CloudFront, which most programs do without.
_FOLDERS = {
    "AccountEventType": "sending",
    "ActiveReceiptRuleSet": "receiving",
    "AnymailSubscription": "sending.anymail",
    "Bimi": "identity",
    "BounceTemplate": "receiving",
    "CloudWatchEventDestination": "sending",
    "CrossAccountDnsRole": "identity",
    "DedicatedIpPool": "sending",
    "Dimension": "sending",
    "Dkim": "identity",
    "Dmarc": "identity",
    "DmarcReportAuthorisation": "identity",
    "DmarcReports": "receiving.reports.dmarc_reports",
    "Dns": "identity",
    "DnsRecord": "identity",
    "DomainIdentity": "identity",
    "EmailAddressIdentity": "identity",
    "EmailTemplate": "sending",
    "EventBridgeDestination": "sending",
    "EventLake": "sending.lake.event_lake",
    "EventType": "sending",
    "FeedbackPipeline": "feedback",
    "FirehoseEventDestination": "sending",
    "IdentityNotifications": "identity.notifications",
    "IdentitySendingPolicy": "identity.sending_policy",
    "IdentityVerification": "identity.verification",
    "InboundMailbox": "receiving.mailbox",
    "InboundMx": "receiving",
    "Invocation": "receiving",
    "MailForwarder": "receiving.forwarder",
    "MessageTag": "sending",
    "MtaSts": "identity.mta_sts",
    "ReceiptAction": "receiving",
    "ReplyAddresses": "receiving.reply_addresses",
    "SendingConfigurationSet": "sending",
    "SesAccountEvents": "sending",
    "SesEventRule": "sending",
    "SnsEncoding": "receiving",
    "SnsEventDestination": "sending",
    "SoftBounces": "feedback",
    "Spf": "identity",
    "SuppressionChanges": "feedback.changes",
    "SuppressionReaction": "feedback.reaction",
    "TlsRpt": "identity",
    "TrackingDomain": "sending.tracking_domain",
    "VerdictPolicy": "receiving.mailbox",
}


def __getattr__(name: str) -> Any:
    if name not in _FOLDERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_FOLDERS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
