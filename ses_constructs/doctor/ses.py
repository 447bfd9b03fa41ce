"""What SES says of the domain, judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ses_constructs._kit.records import mail_from_records
from ses_constructs.doctor import dkim, mail_from
from ses_constructs.doctor.check import Status

if TYPE_CHECKING:
    from ses_constructs.doctor.account import Account, Identity, SesView
    from ses_constructs.doctor.check import Check


def examine(check: Check, domain: str, view: SesView) -> None:
    """Examine identity and account."""
    check.facts.append(view.region)
    for failure in view.failures:
        check.report("aws-unavailable", domain, f"SES cannot be asked: {failure}.")
    if view.identity is not None:
        _examine_identity(check, domain, view.identity)
    elif not view.failures:
        message = (
            f"Neither the domain nor one above it is an identity in {view.region}, so nothing can be sent from it."
        )
        check.report("ses-identity-missing", domain, message)
    if view.account is not None:
        _examine_account(check, view.account, view.region)
    host = f"email-smtp.{view.region}.amazonaws.com"
    if check.lookup(host, "A").status is Status.ABSENT:
        message = f"SES has no SMTP endpoint in {view.region}: send over the API, or from another region."
        check.report("smtp-not-offered", host, message)


def examine_dkim(check: Check, identity: Identity) -> None:
    """Examine what the identity signs with."""
    status = identity.dkim_status
    if not identity.dkim_tokens:
        check.report(
            "dkim-not-set-up", identity.name, "The identity has no DKIM key: set up Easy DKIM or your own key."
        )
        return
    if not identity.signs:
        check.report("dkim-disabled", identity.name, "DKIM is switched off: mail is signed for amazonses.com alone.")
    if status == "FAILED":
        message = "SES has looked for the records for 72 hours and gave up; mend them, then start DKIM anew in SES."
        check.report("dkim-failed", identity.name, message)
    elif status != "SUCCESS":
        message = f"SES says {status}: mail is not signed with this domain yet. SES looks for 72 hours."
        check.report("dkim-pending", identity.name, message)
    if identity.has_own_key:
        for selector in identity.dkim_tokens:
            dkim.examine_selector(check, identity.name, selector)
    else:
        dkim.examine_easy(check, identity.name, identity.dkim_tokens, identity.dkim_zone)


def examine_mail_from(check: Check, identity: Identity, region: str) -> None:
    """Examine the MAIL FROM domain of the identity."""
    name = identity.mail_from
    if name is None:
        check.facts.append("amazonses.com")
        suggested = f"bounce.{identity.name}"
        message = (
            f"There is no MAIL FROM domain, so SPF never aligns with the domain and DMARC rests on DKIM alone. Set "
            f"{suggested}, say, in SES, and publish:"
        )
        check.report("mail-from-missing", identity.name, message, *mail_from_records(suggested, region))
        return
    if identity.mail_from_status == "FAILED":
        message = (
            "SES has looked for the MX for 72 hours and gave up; mend it, then set the MAIL FROM domain anew in SES."
        )
        check.report("mail-from-failed", name, message)
    elif identity.mail_from_status != "SUCCESS":
        message = f"SES says {identity.mail_from_status}: it is not used yet. SES looks for 72 hours."
        check.report("mail-from-pending", name, message)
    mail_from.examine(check, name, region)


def _examine_identity(check: Check, domain: str, identity: Identity) -> None:
    check.facts.append("own identity" if identity.name == domain else f"identity {identity.name}")
    if not identity.is_verified:
        reason = f" ({identity.problem})" if identity.problem else ""
        check.report(
            "ses-identity-unverified", identity.name, f"It is not verified{reason}: nothing can be sent from it."
        )


def _examine_account(check: Check, account: Account, region: str) -> None:
    if not account.may_send or account.enforcement == "SHUTDOWN":
        check.report("ses-sending-paused", region, "Sending is paused for the account in this region.")
    elif account.enforcement != "HEALTHY":
        message = "The account is under review for its bounces or complaints; AWS may pause it."
        check.report("ses-under-review", region, message)
    if not account.is_out_of_sandbox:
        message = (
            "The account is in the sandbox: 200 mails a day, to verified addresses only. Ask for production access."
        )
        check.report("ses-sandbox", region, message)
