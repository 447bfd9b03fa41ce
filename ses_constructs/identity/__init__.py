"""Who may send? Identities, their authentication, and where their DNS records go.

What loads Lambda or CloudFront is imported by itself: `mta_sts`, `notifications`, `sending_policy`, `verification`.
"""

from ses_constructs._kit.records import DnsRecord
from ses_constructs.identity.address_identity import EmailAddressIdentity
from ses_constructs.identity.bimi import Bimi
from ses_constructs.identity.cross_account import CrossAccountDnsRole
from ses_constructs.identity.dkim import Dkim
from ses_constructs.identity.dmarc import Dmarc
from ses_constructs.identity.dns import Dns
from ses_constructs.identity.domain_identity import DomainIdentity
from ses_constructs.identity.report_authorisation import DmarcReportAuthorisation
from ses_constructs.identity.sending_identity import SendingIdentity
from ses_constructs.identity.spf import Spf
from ses_constructs.identity.tls_rpt import TlsRpt

__all__ = [
    "Bimi",
    "CrossAccountDnsRole",
    "Dkim",
    "Dmarc",
    "DmarcReportAuthorisation",
    "Dns",
    "DnsRecord",
    "DomainIdentity",
    "EmailAddressIdentity",
    "SendingIdentity",
    "Spf",
    "TlsRpt",
]
