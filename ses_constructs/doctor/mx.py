"""Whether the domain can be answered: its MX records. RFC 5321, section 5.1; RFC 7505."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from ses_constructs.doctor.mail_from import is_feedback_host

if TYPE_CHECKING:
    from ses_constructs.doctor.check import Check

_NULL = "."


def examine(check: Check, domain: str) -> list[str]:
    """Examine the hosts that take mail for *domain*, and return them."""
    values = check.ask(domain, "MX")
    if values is None:
        return []
    hosts = [value.partition(" ")[2] for value in values]
    if hosts == [_NULL]:
        check.facts.append("null MX")
        message = "A null MX says that the domain takes no mail (RFC 7505); receivers may refuse mail that is from it."
        check.report("mx-null", domain, message)
        return []
    check.facts.append(", ".join(hosts) or "no record")
    if not hosts and all(check.ask(domain, type) == () for type in ("A", "AAAA")):
        message = "There is neither MX nor address: replies come back, and some receivers refuse mail that is from it."
        check.report("mx-missing", domain, message)
    for host in hosts:
        _examine_host(check, domain, host)
    return hosts


def _examine_host(check: Check, domain: str, host: str) -> None:
    if is_feedback_host(host):
        message = f"{host} is for a MAIL FROM domain alone: SES swallows what is sent to {domain}."
        check.report("mx-feedback", domain, message)
    elif _is_address(host):
        check.report("mx-unresolvable", domain, f"The MX names the address {host}; it must name a host.")
    elif check.ask(host, "CNAME"):
        check.report(
            "mx-alias", domain, f"The MX names the alias {host}; it must name a host (RFC 2181, section 10.3)."
        )
    elif all(check.ask(host, type) == () for type in ("A", "AAAA")):
        check.report("mx-unresolvable", domain, f"The MX names {host}, which has no address.")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
