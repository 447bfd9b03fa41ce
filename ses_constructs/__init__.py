"""AWS CDK constructs for Amazon SES: who may send, how it is sent and seen, and who must not be mailed again.

Names are loaded when they are first used (PEP 562), so `import ses_constructs` costs nothing and a program that only
makes identities never loads the Lambda part of the CDK.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ses_constructs.feedback import FeedbackPipeline
    from ses_constructs.identity import (
        Bimi,
        Dkim,
        Dmarc,
        DmarcReportAuthorisation,
        Dns,
        DnsRecord,
        DomainIdentity,
        TlsRpt,
    )
    from ses_constructs.identity.mta_sts import MtaSts
    from ses_constructs.sending import EventType, SendingConfigurationSet, SnsEventDestination

__all__ = [
    "Bimi",
    "Dkim",
    "Dmarc",
    "DmarcReportAuthorisation",
    "Dns",
    "DnsRecord",
    "DomainIdentity",
    "EventType",
    "FeedbackPipeline",
    "MtaSts",
    "SendingConfigurationSet",
    "SnsEventDestination",
    "TlsRpt",
]

_FOLDERS = {
    "Bimi": "identity",
    "Dkim": "identity",
    "Dmarc": "identity",
    "DmarcReportAuthorisation": "identity",
    "Dns": "identity",
    "DnsRecord": "identity",
    "DomainIdentity": "identity",
    "EventType": "sending",
    "FeedbackPipeline": "feedback",
    "MtaSts": "identity.mta_sts",
    "SendingConfigurationSet": "sending",
    "SnsEventDestination": "sending",
    "TlsRpt": "identity",
}


def __getattr__(name: str) -> Any:
    if name not in _FOLDERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_FOLDERS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
