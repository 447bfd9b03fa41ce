"""The logo beside the mail: https://datatracker.ietf.org/doc/draft-brand-indicators-for-message-identification/."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ses_constructs._kit.records import LOGO_SUFFIXES
from ses_constructs.doctor.tags import parse_tags

if TYPE_CHECKING:
    from ses_constructs.doctor.check import Check


def examine(check: Check, domain: str, dmarc_policy: str | None) -> None:
    """Examine the default record.

    :param dmarc_policy: what receivers apply to the domain's mail; None if that is not known.
    """
    name = f"default._bimi.{domain}"
    texts = check.ask(name, "TXT")
    if texts is None:
        return
    records = [text for text in texts if re.match(r"v[ \t]*=[ \t]*BIMI1[ \t]*(;|$)", text)]
    is_enforced = dmarc_policy in ("quarantine", "reject")
    if not records:
        check.facts.append("no record")
        if any("bimi1" in text.lower() for text in texts):  # and not what a wildcard answers
            check.report("bimi-malformed", name, "Receivers ignore the record: it must begin with v=BIMI1;.")
        elif is_enforced:
            check.report("bimi-missing", name, "With DMARC enforced, mailbox providers could show your logo.")
        return
    if len(records) > 1:
        message = f"There are {len(records)} BIMI records, so receivers ignore all of them. Keep one."
        check.report("bimi-several", name, message)
        return
    tags, problems = parse_tags(records[0])
    if "l" not in tags:
        problems.append("there is no l=")
    if problems:
        check.report("bimi-malformed", name, f"Receivers ignore the record: {'; '.join(problems)}.")
    elif not tags["l"]:
        check.facts.append("declined")
    else:
        check.facts.append(tags["l"])
        _examine_logo(check, name, tags)
        if dmarc_policy == "none":
            message = "No logo is shown while DMARC is not enforced: quarantine or reject, and not t=y."
            check.report("bimi-not-enforced", name, message)


def _examine_logo(check: Check, name: str, tags: dict[str, str]) -> None:
    logo, certificate = tags["l"], tags.get("a", "")
    if not _is_https(logo) or not urlsplit(logo).path.lower().endswith(LOGO_SUFFIXES):
        check.report("bimi-bad-url", name, f"l must be an https URL that ends in .svg, not {logo!r}.")
    if not certificate:
        check.report("bimi-no-certificate", name, "Without a= (a Mark Certificate) Gmail and others show no logo.")
    elif not _is_https(certificate):
        check.report("bimi-bad-url", name, f"a must be an https URL, not {certificate!r}.")


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.netloc)
