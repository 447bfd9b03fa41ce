"""AWS CDK constructs for Amazon SES: who may send, how it is sent and seen, and who must not be mailed again.

Names are loaded when they are first used (PEP 562), so `import ses_constructs` costs nothing and a program that only
makes identities never loads the Lambda part of the CDK.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ses_constructs.feedback import FeedbackPipeline
    from ses_constructs.identity import (
        CrossAccountDnsRole,
        Dkim,
        Dmarc,
        Dns,
        DnsRecord,
        DomainIdentity,
        EmailAddressIdentity,
        Spf,
    )
    from ses_constructs.identity.notifications import IdentityNotifications
    from ses_constructs.identity.sending_policy import IdentitySendingPolicy
    from ses_constructs.identity.verification import IdentityVerification
    from ses_constructs.sending import EventType, SendingConfigurationSet, SnsEventDestination

__all__ = [
    "CrossAccountDnsRole",
    "Dkim",
    "Dmarc",
    "Dns",
    "DnsRecord",
    "DomainIdentity",
    "EmailAddressIdentity",
    "EventType",
    "FeedbackPipeline",
    "IdentityNotifications",
    "IdentitySendingPolicy",
    "IdentityVerification",
    "SendingConfigurationSet",
    "SnsEventDestination",
    "Spf",
]

_FOLDERS = {
    "CrossAccountDnsRole": "identity",
    "Dkim": "identity",
    "Dmarc": "identity",
    "Dns": "identity",
    "DnsRecord": "identity",
    "DomainIdentity": "identity",
    "EmailAddressIdentity": "identity",
    "EventType": "sending",
    "FeedbackPipeline": "feedback",
    # Not handed on by their folder: they load Lambda, which most identities do without.
    "IdentityNotifications": "identity.notifications",
    "IdentitySendingPolicy": "identity.sending_policy",
    "IdentityVerification": "identity.verification",
    "SendingConfigurationSet": "sending",
    "SnsEventDestination": "sending",
    "Spf": "identity",
}


def __getattr__(name: str) -> Any:
    if name not in _FOLDERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_FOLDERS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
