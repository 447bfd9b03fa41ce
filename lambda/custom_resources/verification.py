"""``Custom::SesVerification``: waits until SES has verified an identity, or says what it waits for in vain.

See https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_VerificationInfo.html.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from custom_resources import ses
from ses_common.lifecycle import Refused, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_common.lifecycle import Request

_LONGEST_PAUSE = 10.0  # seconds between two looks; the first comes after one
_SEEN = {
    "HOST_NOT_FOUND": "there is no record of such a name",
    "TYPE_NOT_FOUND": "the name is there, but has no record of this type",
    "INVALID_VALUE": "a record of this name and type has another value",
    "DNS_SERVER_ERROR": "the name servers of the domain do not answer as they should",
    "SERVICE_ERROR": "SES itself had a problem",
    "REPLICATION_ACCESS_DENIED": "SES may not copy the DKIM key of the parent identity",
    "REPLICATION_PRIMARY_NOT_FOUND": "there is no such identity in the parent region",
    "REPLICATION_PRIMARY_BYO_DKIM_NOT_SUPPORTED": "the parent identity signs with a key of its owner",
    "REPLICATION_REPLICA_AS_PRIMARY_NOT_SUPPORTED": "the parent identity is itself a copy",
    "REPLICATION_PRIMARY_INVALID_REGION": "SES cannot copy from the parent region",
}


class Verifications:
    """Properties: ``Identity``, ``TimeoutSeconds``. The physical id is the identity; deleting it does nothing."""

    def create(self, request: Request) -> Result:
        """Wait. SES gives up after 72 hours with a status that no record changes any more, so that ends it too."""
        identity, timeout = request.properties["Identity"], int(request.properties["TimeoutSeconds"])
        deadline = min(request.deadline, time.monotonic() + timeout)
        pause = 1.0
        while True:
            found = _look(identity, request.deadline)
            if found["VerifiedForSendingStatus"]:
                return Result(identity)
            given_up = found.get("VerificationStatus") == "FAILED"
            if given_up or time.monotonic() + pause > deadline:
                after = "and SES has given up" if given_up else f"after {timeout} s"
                raise Refused(
                    f"{identity} is not verified {after}: {explain(identity, found, os.environ['AWS_REGION'])}"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def update(self, request: Request) -> Result:
        """Wait again: for another identity, or for another time."""
        return self.create(request)

    def delete(self, request: Request) -> None:
        """Nothing was made."""


def explain(identity: str, found: Mapping[str, Any], region: str) -> str:
    """Say what SES looks for and what it sees instead.

    :param found: the answer of GetEmailIdentity.
    """
    if "@" in identity:
        return "somebody must open the link that SES has mailed to it; the link is good for 24 hours"
    info, dkim, mail_from = (found.get(key, {}) for key in ("VerificationInfo", "DkimAttributes", "MailFromAttributes"))
    error = info.get("ErrorType")
    said = [
        f"{_SEEN.get(error, 'see the SES console')} ({error})" if error else "SES has not seen its DKIM records yet"
    ]
    if name_server := info.get("SOARecord", {}).get("PrimaryNameServer"):
        said.append(f"the name server that SES asked is {name_server}")
    said.append(f"DKIM is {dkim.get('Status', 'NOT_STARTED')} and needs {', '.join(_dkim_records(identity, dkim))}")
    if mail_from.get("MailFromDomain") and mail_from.get("MailFromDomainStatus") != "SUCCESS":
        record = f"MX {mail_from['MailFromDomain']} 10 feedback-smtp.{region}.amazonses.com"
        said.append(f"MAIL FROM is {mail_from.get('MailFromDomainStatus')} and needs {record}, alone of its type")
    return "; ".join(said)


def _look(identity: str, deadline: float) -> Any:
    try:
        return ses.call(ses.v2().get_email_identity, deadline, EmailIdentity=identity)
    except ClientError as error:
        if ses.code(error) == "NotFoundException":
            raise Refused(f"there is no identity {identity} to wait for") from error
        raise


def _dkim_records(identity: str, dkim: Mapping[str, Any]) -> list[str]:
    tokens = dkim.get("Tokens", [])
    if dkim.get("SigningAttributesOrigin") == "EXTERNAL":  # then the token is the selector
        return [f"TXT {token}._domainkey.{identity} with the public key" for token in tokens] or ["a TXT record"]
    zone = dkim.get("SigningHostedZone", "dkim.amazonses.com")
    return [f"CNAME {token}._domainkey.{identity} {token}.{zone}" for token in tokens] or ["to be set up"]
