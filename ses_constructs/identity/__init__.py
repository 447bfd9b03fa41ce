"""Who may send? Identities, their authentication, and where their DNS records go.

`mta_sts` is imported by itself: it alone loads CloudFront, which makes half of the folder's import time.
"""

from ses_constructs.identity.bimi import Bimi
from ses_constructs.identity.dkim import Dkim
from ses_constructs.identity.dmarc import Dmarc
from ses_constructs.identity.dns import Dns
from ses_constructs.identity.domain_identity import DomainIdentity
from ses_constructs.identity.records import DnsRecord
from ses_constructs.identity.report_authorisation import DmarcReportAuthorisation
from ses_constructs.identity.tls_rpt import TlsRpt

__all__ = ["Bimi", "Dkim", "Dmarc", "DmarcReportAuthorisation", "Dns", "DnsRecord", "DomainIdentity", "TlsRpt"]
