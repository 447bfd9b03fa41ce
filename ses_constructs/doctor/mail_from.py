"""The MAIL FROM domain, which carries SPF: https://docs.aws.amazon.com/ses/latest/dg/mail-from.html."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ses_constructs._kit.records import mail_from_records
from ses_constructs.doctor.spf import examine_mail_from

if TYPE_CHECKING:
    from ses_constructs.doctor.check import Check

_FEEDBACK = re.compile(r"feedback-smtp\.[a-z0-9-]+\.amazonses\.com")


def is_feedback_host(host: str) -> bool:
    """Whether a host is where SES takes bounces, and nothing else."""
    return _FEEDBACK.fullmatch(host) is not None


def examine(check: Check, mail_from: str, region: str) -> None:
    """Examine the MX, of which there must be exactly one, and the SPF record."""
    check.facts.append(mail_from)
    exchanges = check.ask(mail_from, "MX")
    record, _ = mail_from_records(mail_from, region)
    if exchanges is not None:
        hosts = [value.partition(" ")[2] for value in exchanges]
        expected = record.values[0].partition(" ")[2]
        if not hosts:
            message = "There is no MX, so SES does not use it and SPF does not align."
            check.report("mail-from-mx-missing", mail_from, message, record)
        elif expected not in hosts:
            message = f"The MX is {', '.join(hosts)}, and not that of SES in {region}."
            check.report("mail-from-mx-wrong", mail_from, message, record)
        elif len(hosts) > 1:
            message = f"There are {len(hosts)} MX records; SES accepts exactly one. Remove the others."
            check.report("mail-from-mx-several", mail_from, message, record)
    examine_mail_from(check, mail_from)
