"""What SES says: the identity of a domain, and the account. The only part that talks to AWS.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetEmailIdentity.html and
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

_DKIM_ZONE = "dkim.amazonses.com"  # for an answer without SigningHostedZone


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The identity that a domain's mail is sent with.

    :param name: the domain, or one above it.
    :param problem: why it is not verified, as SES says (``HOST_NOT_FOUND``, ...).
    :param dkim_status: ``PENDING``, ``SUCCESS``, ``FAILED``, ``TEMPORARY_FAILURE`` or ``NOT_STARTED``.
    :param dkim_tokens: three of Easy DKIM; the one selector, if the key is your own.
    :param dkim_zone: where the names of Easy DKIM lead.
    :param mail_from_status: ``PENDING``, ``SUCCESS``, ``FAILED`` or ``TEMPORARY_FAILURE``.
    """

    name: str
    is_verified: bool = True
    problem: str | None = None
    signs: bool = True
    dkim_status: str = "SUCCESS"
    dkim_tokens: tuple[str, ...] = ()
    dkim_zone: str = _DKIM_ZONE
    has_own_key: bool = False
    mail_from: str | None = None
    mail_from_status: str = "SUCCESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account in one region.

    :param enforcement: ``HEALTHY``, ``PROBATION`` (under review) or ``SHUTDOWN``.
    """

    is_out_of_sandbox: bool = True
    may_send: bool = True
    enforcement: str = "HEALTHY"


@dataclass(frozen=True, slots=True, kw_only=True)
class SesView:
    """What SES says of a domain in a region.

    :param identity: None if there is none, or if it could not be read.
    :param account: None if it could not be read.
    :param failures: what could not be read, and why.
    """

    region: str
    identity: Identity | None = None
    account: Account | None = None
    failures: tuple[str, ...] = ()


class AwsUnavailableError(Exception):
    """Nothing can be asked at all; the message says what to do."""


def view_ses(domain: str, region: str | None) -> SesView:
    """Ask SES, with the credentials of the environment.

    :param region: None takes the one that the environment or the profile names.
    :raises AwsUnavailableError: without credentials or region.
    """
    try:
        session = boto3.Session(region_name=region)
        if session.get_credentials() is None:
            raise AwsUnavailableError("there are no AWS credentials; --no-aws leaves SES out")
        if session.region_name is None:
            raise AwsUnavailableError("no region is set; pass --region, or --no-aws to leave SES out")
        config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3})
        client = session.client("sesv2", config=config)
    except BotoCoreError as error:
        raise AwsUnavailableError(str(error)) from error
    return read_view(client, domain, session.region_name)


def read_view(client: SESV2Client, domain: str, region: str) -> SesView:
    """Read identity and account, each as far as the caller may."""
    failures = []
    identity = account = None
    try:
        identity = _identity(client, domain)
    except (BotoCoreError, ClientError) as error:
        failures.append(str(error))
    try:
        account = _account(client.get_account())
    except (BotoCoreError, ClientError) as error:
        failures.append(str(error))
    return SesView(region=region, identity=identity, account=account, failures=tuple(failures))


def _identity(client: SESV2Client, domain: str) -> Identity | None:
    """Return the most specific identity: the domain's own, else that of a domain above it, which covers it."""
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        name = ".".join(labels[start:])
        try:
            return _read_identity(name, client.get_email_identity(EmailIdentity=name))
        except client.exceptions.NotFoundException:
            continue
    return None


def _read_identity(name: str, answer: Any) -> Identity:
    dkim, mail_from = answer.get("DkimAttributes") or {}, answer.get("MailFromAttributes") or {}
    return Identity(
        name=name,
        is_verified=bool(answer.get("VerifiedForSendingStatus")),
        problem=(answer.get("VerificationInfo") or {}).get("ErrorType"),
        signs=bool(dkim.get("SigningEnabled")),
        dkim_status=dkim.get("Status", "NOT_STARTED"),
        dkim_tokens=tuple(dkim.get("Tokens") or ()),
        dkim_zone=(dkim.get("SigningHostedZone") or _DKIM_ZONE).rstrip("."),
        has_own_key=dkim.get("SigningAttributesOrigin") == "EXTERNAL",
        mail_from=(mail_from.get("MailFromDomain") or "").lower() or None,
        mail_from_status=mail_from.get("MailFromDomainStatus", "PENDING"),
    )


def _account(answer: Any) -> Account:
    return Account(
        is_out_of_sandbox=bool(answer.get("ProductionAccessEnabled")),
        may_send=bool(answer.get("SendingEnabled")),
        enforcement=answer.get("EnforcementStatus", "HEALTHY"),
    )
