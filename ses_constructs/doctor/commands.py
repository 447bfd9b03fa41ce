"""What ``ses-constructs doctor`` does."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import dns.resolver
from rich.console import Console

from ses_constructs.doctor.account import AwsUnavailableError, view_ses
from ses_constructs.doctor.examination import Claims, examine, exit_status
from ses_constructs.doctor.https import Fetcher
from ses_constructs.doctor.report import as_json, show
from ses_constructs.doctor.resolver import Resolver

if TYPE_CHECKING:
    from ses_constructs.doctor.account import SesView

_UNCHECKED = 2


def doctor(
    domain: str,
    *,
    resolver: tuple[str, int] | None,
    claims: Claims | None,
    region: str | None,
    https: bool,
    as_json_text: bool,
) -> int:
    """Examine *domain* and print the report: 0 fine, 1 errors found, 2 could not check.

    :param claims: what the user says in place of SES, which then is not asked.
    """
    try:
        lookup = Resolver(resolver)
    except dns.resolver.NoResolverConfiguration:
        print("This machine has no resolver configured; name one with --resolver.", file=sys.stderr)
        return _UNCHECKED
    source = claims if claims is not None else _ask_ses(domain, region)
    checks = examine(domain, lookup=lookup, fetch=Fetcher(lookup) if https else None, source=source)
    if as_json_text:
        print(as_json(domain, checks))
    else:
        show(Console(highlight=False), domain, checks)
    if lookup.is_dead:
        print(f"No answer at all came from {lookup.servers}; name another resolver with --resolver.", file=sys.stderr)
    return exit_status(checks)


def _ask_ses(domain: str, region: str | None) -> SesView | str:
    try:
        return view_ses(domain, region)
    except AwsUnavailableError as error:
        return str(error)
