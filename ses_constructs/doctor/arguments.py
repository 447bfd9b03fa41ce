"""The arguments of ``ses-constructs doctor``. Loads nothing of the extra before it is known to be there."""

from __future__ import annotations

import argparse
import importlib.util
import ipaddress
import re

from ses_constructs._kit.domains import LABEL, domain_problem

_SELECTOR = re.compile(rf"{LABEL}(?:\.{LABEL})*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define what the command takes."""
    parser.description = "Examine the DNS and SES set-up of a domain. Status: 0 fine, 1 errors, 2 could not check."
    parser.add_argument("domain", metavar="DOMAIN", type=domain, help="the domain in the From address")
    parser.add_argument("--region", help="of the SES identity (default: that of the environment or profile)")
    parser.add_argument("--no-aws", action="store_true", help="do not ask SES")
    parser.add_argument("--selector", type=selector, action="append", help="with --no-aws: of a DKIM key; repeatable")
    parser.add_argument("--mail-from", type=domain, help="with --no-aws and --region: the MAIL FROM domain")
    parser.add_argument("--no-https", action="store_true", help="do not fetch the MTA-STS policy")
    parser.add_argument("--resolver", type=resolver, metavar="IP[:PORT]", help="(default: those of this machine)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run_doctor(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Run the command; returns its exit status."""
    if not options.no_aws and (options.selector or options.mail_from):
        parser.error("--selector and --mail-from need --no-aws: SES itself says what they are")
    if options.mail_from and not options.region:
        parser.error("--mail-from needs --region: the MX of a MAIL FROM domain names it")
    missing = [name for name in ("boto3", "dns", "rich") if importlib.util.find_spec(name) is None]
    if missing:
        parser.error("the doctor is not installed: pip install 'ses-constructs[doctor]'")
    from ses_constructs.doctor.commands import doctor
    from ses_constructs.doctor.examination import Claims

    claims = Claims(selectors=options.selector or (), mail_from=options.mail_from, region=options.region)
    return doctor(
        options.domain,
        resolver=options.resolver,
        claims=claims if options.no_aws else None,
        region=options.region,
        https=not options.no_https,
        as_json_text=options.json,
    )


def domain(text: str) -> str:
    """Return a domain in lower case and ASCII form (RFC 5891), without the final dot."""
    try:
        name = text if text.isascii() else text.encode("idna").decode()
    except UnicodeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a domain name") from error
    name = name.removesuffix(".").lower()
    problem = domain_problem(name)
    if problem is not None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a domain name like example.com: it {problem}")
    return name


def selector(text: str) -> str:
    """Return the selector of a DKIM key: RFC 6376, section 3.1."""
    if len(text) > 200 or not _SELECTOR.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the selector of a DKIM key")
    return text


def resolver(text: str) -> tuple[str, int]:
    """Return address and port of ``IP``, ``IP:PORT`` or ``[IPv6]:PORT``."""
    match = re.fullmatch(r"\[(?P<v6>[^]]+)\](?::(?P<port6>\d{1,5}))?|(?P<v4>[^:]+)(?::(?P<port4>\d{1,5}))?", text)
    address = (match["v6"] or match["v4"]) if match is not None else text
    port = int((match["port6"] or match["port4"] or 53) if match is not None else 53)
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not IP or IP:PORT") from error
    if not 0 < port < 65_536:
        raise argparse.ArgumentTypeError(f"{port} is not a port")
    return address, port
