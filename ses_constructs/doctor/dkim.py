"""DKIM: the keys that receivers find. RFC 6376, section 3.6.1: https://www.rfc-editor.org/rfc/rfc6376#section-3.6.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ses_constructs._kit.records import dkim_record
from ses_constructs._kit.rsa import rsa_bits
from ses_constructs.doctor.tags import parse_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs.doctor.check import Check

_MIN_BITS = 1024  # RFC 8301, section 3.2, which recommends 2048
_GOOD_BITS = 2048


def examine_easy(check: Check, domain: str, tokens: Sequence[str], hosted_zone: str) -> None:
    """Examine the CNAMEs of Easy DKIM and the keys that they lead to.

    :param hosted_zone: where SES keeps the keys of this identity, ``dkim.amazonses.com`` or one of a region.
    """
    for token in tokens:
        name = f"{token}._domainkey.{domain}"
        record = dkim_record(name, f"{token}.{hosted_zone}")
        (target,) = record.values
        targets = check.ask(name, "CNAME")
        if targets is None:
            continue
        if not targets:
            check.report("dkim-cname-missing", name, _why_missing(check, name, domain), record)
        elif targets[0] != target.lower():
            check.report("dkim-cname-wrong", name, f"The CNAME leads to {targets[0]}.", record)
        else:
            _examine_key(check, name, behind=target)


def examine_selector(check: Check, domain: str, selector: str) -> None:
    """Examine the TXT record of a selector, directly or behind a CNAME."""
    _examine_key(check, f"{selector}._domainkey.{domain}", behind=None)


def _why_missing(check: Check, name: str, domain: str) -> str:
    doubled = f"{name}.{domain}"
    if check.lookup(doubled, "CNAME").values:
        return f"There is no CNAME; there is one at {doubled}: the zone was appended twice when it was entered."
    return "There is no CNAME."


def _examine_key(check: Check, name: str, *, behind: str | None) -> None:
    texts = check.ask(name, "TXT")
    if texts is None:
        return
    if not texts:
        if behind is None:
            check.report("dkim-key-missing", name, "There is no key, so signatures with this selector do not verify.")
        else:
            message = f"The CNAME is right; SES has no key at {behind} (yet)."
            check.report("dkim-key-pending", name, message)
        return
    if len(texts) > 1:
        message = f"There are {len(texts)} TXT records; what receivers make of them is undefined. Keep one."
        check.report("dkim-key-several", name, message)
        return
    check.facts.append(_examine_text(check, name, texts[0]))


def _examine_text(check: Check, name: str, text: str) -> str:
    tags, problems = parse_tags(text)
    version = tags.get("v", "DKIM1")
    if version != "DKIM1" or ("v" in tags and next(iter(tags)) != "v"):
        problems.append("v must come first and be DKIM1")
    if "p" not in tags:
        problems.append("there is no p=")
    kind = tags.get("k", "rsa").lower()
    bits = None
    if not problems and kind == "rsa" and tags["p"]:
        try:
            bits = rsa_bits("".join(tags["p"].split()), bare=True)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        check.report("dkim-key-malformed", name, f"The key record cannot be read: {'; '.join(problems)}.")
        return "unreadable key"
    if not tags["p"]:
        check.report("dkim-key-revoked", name, "The key is revoked (p= is empty), so signatures do not verify.")
        return "revoked key"
    if "y" in tags.get("t", "").lower().replace(" ", "").split(":"):
        check.report("dkim-key-testing", name, "The key says t=y, testing: receivers may treat the mail as unsigned.")
    if bits is None:
        return f"{kind} key"
    if bits < _MIN_BITS:
        check.report("dkim-key-too-short", name, f"The key has {bits} bits; receivers want at least {_MIN_BITS}.")
    elif bits < _GOOD_BITS:
        check.report("dkim-key-short", name, f"The key has {bits} bits; {_GOOD_BITS} are recommended.")
    return f"{bits}-bit RSA key"
