"""The DMARC policy record of a domain.

RFC 9989 (which replaced RFC 7489): https://www.rfc-editor.org/rfc/rfc9989. What SES needs for alignment:
https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dmarc.html.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from ses_constructs._kit.checks import is_token
from ses_constructs.identity.report_uris import is_address, mailto

Policy = Literal["none", "quarantine", "reject"]
Alignment = Literal["relaxed", "strict"]

_FAILURE_OPTIONS = ("0", "1", "d", "s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dmarc:
    """What receivers should do with mail that claims to be from the domain and is not, and where they report it.

    Begin with the default, read the reports until every legitimate sender passes, then go to ``quarantine`` and
    ``reject``; ``testing=True`` lets receivers apply one step less than what is published.

    :param policy: for the domain itself (``p``). Default: ``none``, which changes no delivery.
    :param subdomain_policy: for existing subdomains (``sp``). Default: as *policy*.
    :param nonexistent_subdomain_policy: for subdomains that are not in DNS (``np``). Default: as *subdomain_policy*.
    :param testing: ask receivers to apply the policy one step lower (``t=y``; took the place of ``pct``).
    :param aggregate_reports: addresses that get the daily aggregate reports (``rua``), such as that of
        :class:`DmarcReports`. An address in another organisational domain gets them only if that domain says so in DNS
        (RFC 9990).
    :param failure_reports: addresses that get reports on single messages (``ruf``); few receivers send any.
    :param failure_options: when a failure report is wanted (``fo``): ``0`` or ``1``, and ``d``, ``s``.
        Needs *failure_reports*.
    :param dkim_alignment: ``strict`` wants the DKIM domain equal to the From domain (``adkim``). SES signs with the
        identity's domain, so both work.
    :param spf_alignment: ``strict`` wants the MAIL FROM domain equal to the From domain (``aspf``). With SES the MAIL
        FROM is always a subdomain: an identity that has a MAIL FROM refuses ``strict``.
    :raises ValueError: for any value outside of RFC 9989.
    """

    policy: Policy = "none"
    subdomain_policy: Policy | None = None
    nonexistent_subdomain_policy: Policy | None = None
    testing: bool = False
    aggregate_reports: Sequence[str] = ()
    failure_reports: Sequence[str] = ()
    failure_options: Sequence[str] = ()
    dkim_alignment: Alignment = "relaxed"
    spf_alignment: Alignment = "relaxed"
    _text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_word("policy", self.policy, get_args(Policy))
        for name in ("subdomain_policy", "nonexistent_subdomain_policy"):
            value = getattr(self, name)
            if value is not None:
                self._check_word(name, value, get_args(Policy))
        for name in ("dkim_alignment", "spf_alignment"):
            self._check_word(name, getattr(self, name), get_args(Alignment))
        if not isinstance(self.testing, bool):
            raise ValueError(f"Dmarc: testing must be True or False, got {self.testing!r}")
        for name in ("aggregate_reports", "failure_reports"):
            _check_addresses(name, getattr(self, name))
        self._check_failure_options()
        object.__setattr__(self, "_text", self._render())

    def text(self) -> str:
        """Return the record's text, `v=DMARC1; p=...`; tags that have their default are left out."""
        return self._text

    def report_domains(self) -> list[str]:
        """Return the domains of all report addresses, in lower case, each once."""
        addresses = [*self.aggregate_reports, *self.failure_reports]
        return sorted({address.rpartition("@")[2].lower() for address in addresses if not is_token(address)})

    def _check_word(self, name: str, value: str, allowed: Sequence[str]) -> None:
        if value not in allowed:
            raise ValueError(f"Dmarc: {name} must be one of {', '.join(allowed)}, got {value!r}")

    def _check_failure_options(self) -> None:
        options = self.failure_options
        is_list = isinstance(options, Sequence) and not isinstance(options, str)
        if not is_list or any(option not in _FAILURE_OPTIONS for option in options):
            raise ValueError(f"Dmarc: failure_options must be a list of 0, 1, d and s, got {options!r}")
        if "0" in options and "1" in options:
            raise ValueError(f"Dmarc: failure_options 0 and 1 exclude each other, got {options!r}")
        if options and not self.failure_reports:
            raise ValueError(f"Dmarc: failure_options need failure_reports to be sent to, got {options!r} alone")

    def _render(self) -> str:
        tags = [("v", "DMARC1"), ("p", self.policy)]
        if self.subdomain_policy is not None:
            tags.append(("sp", self.subdomain_policy))
        if self.nonexistent_subdomain_policy is not None:
            tags.append(("np", self.nonexistent_subdomain_policy))
        if self.testing:
            tags.append(("t", "y"))
        if self.dkim_alignment == "strict":
            tags.append(("adkim", "s"))
        if self.spf_alignment == "strict":
            tags.append(("aspf", "s"))
        if self.aggregate_reports:
            tags.append(("rua", ",".join(mailto(address) for address in self.aggregate_reports)))
        if self.failure_reports:
            tags.append(("ruf", ",".join(mailto(address) for address in self.failure_reports)))
        if self.failure_options:
            tags.append(("fo", ":".join(self.failure_options)))
        return "; ".join(f"{name}={value}" for name, value in tags)


def _check_addresses(name: str, addresses: Sequence[str]) -> None:
    if isinstance(addresses, str) or not isinstance(addresses, Sequence):
        raise ValueError(f"Dmarc: {name} must be a list of addresses, got {addresses!r}")
    for address in addresses:
        if not is_address(address):
            raise ValueError(f"Dmarc: {name} must be plain addresses like dmarc@example.com, got {address!r}")
