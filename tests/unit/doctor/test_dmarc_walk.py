"""The DNS tree walk of RFC 9989, section 4.10, on the trees of that section and others."""

from __future__ import annotations

import pytest

from ses_constructs.doctor.check import Answer, Check, Status
from ses_constructs.doctor.dmarc import applicable, examine, organizational_domain, steps
from ses_constructs.doctor.dmarc_record import DmarcRecord, read_dmarc


def records(**texts: str) -> dict[str, DmarcRecord]:
    by_domain = {name.replace("_", "."): text for name, text in texts.items()}
    return {domain: read_dmarc(domain, f"v=DMARC1; p=none; {text}") for domain, text in by_domain.items()}


def test_the_walk_asks_for_the_domain_and_everything_above() -> None:
    assert steps("a.mail.example.com") == ["a.mail.example.com", "mail.example.com", "example.com", "com"]


def test_the_walk_asks_eight_times_at_most_and_jumps_to_seven_labels() -> None:
    walk = steps("a.b.c.d.e.f.g.h.i.j.mail.example.com")
    assert walk[:2] == ["a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com"]
    assert len(walk) == 8
    assert walk[-1] == "com"


@pytest.mark.parametrize(
    ("domain", "tree", "organization", "policy_of"),
    [
        ("a.mail.example.com", {"example_com": ""}, "example.com", "example.com"),
        ("a.mail.example.com", {"mail_example_com": "", "example_com": ""}, "example.com", "example.com"),
        ("mail.example.com", {"mail_example_com": "", "example_com": ""}, "example.com", "mail.example.com"),
        (
            "a.mail.example.com",
            {"mail_example_com": "psd=n", "example_com": ""},
            "mail.example.com",
            "mail.example.com",
        ),
        ("a.example.bank", {"example_bank": "", "bank": "psd=y"}, "example.bank", "example.bank"),
        ("a.example.bank", {"bank": "psd=y"}, "example.bank", "bank"),
        ("bank.example", {"bank_example": "psd=y"}, "bank.example", "bank.example"),
        ("a.mail.example.com", {}, "a.mail.example.com", None),
        ("a.b.c.d.e.f.g.h.i.com", {"i_com": ""}, "i.com", "i.com"),
    ],
)
def test_organisation_and_policy_are_found(
    domain: str, tree: dict[str, str], organization: str, policy_of: str | None
) -> None:
    found = records(**tree)
    assert organizational_domain(domain, found.get) == organization
    record = applicable(domain, found.get)
    assert (record.domain if record is not None else None) == policy_of


@pytest.mark.parametrize(
    ("status", "text", "applied"),
    [
        (Status.EMPTY, "v=DMARC1; p=none; sp=quarantine; np=reject", "quarantine"),
        (Status.ABSENT, "v=DMARC1; p=none; sp=quarantine; np=reject", "reject"),
        (Status.ABSENT, "v=DMARC1; p=none; sp=quarantine", "quarantine"),
        (Status.EMPTY, "v=DMARC1; p=reject", "reject"),
        (Status.EMPTY, "v=DMARC1; p=reject; t=y", "quarantine"),
        (Status.EMPTY, "v=DMARC1; p=quarantine; t=y", "none"),
    ],
)
def test_what_a_subdomain_inherits_is_what_receivers_apply(status: Status, text: str, applied: str) -> None:
    def lookup(name: str, type: str) -> Answer:
        if name == "_dmarc.example.com":
            return Answer(Status.FOUND, (text,))
        return Answer(status if name == "mail.example.com" else Status.ABSENT)

    check = Check("DMARC", lookup)
    assert examine(check, "mail.example.com", signing_domain="mail.example.com", mail_from=None) == applied


def test_without_an_answer_on_the_way_up_nothing_is_said_to_be_missing() -> None:
    def lookup(name: str, type: str) -> Answer:
        return Answer(Status.SERVFAIL if name == "_dmarc.example.com" else Status.ABSENT)

    check = Check("DMARC", lookup)
    assert examine(check, "mail.example.com", signing_domain="mail.example.com", mail_from=None) is None
    assert [(finding.code, finding.name) for finding in check.findings] == [("dns-servfail", "_dmarc.example.com")]


def test_an_authorisation_is_not_needed_within_the_organisation_and_accepted_beyond() -> None:
    zone = {
        "_dmarc.example.com": "v=DMARC1; p=reject; rua=mailto:a@reports.example.com,mailto:b@example.net",
        "example.com._report._dmarc.example.net": "v=DMARC1;",
    }

    def lookup(name: str, type: str) -> Answer:
        if type == "MX":
            return Answer(Status.FOUND, ("10 mx.example.net",))
        return Answer(Status.FOUND, (zone[name],)) if name in zone else Answer(Status.ABSENT)

    check = Check("DMARC", lookup)
    examine(check, "example.com", signing_domain="example.com", mail_from=None)
    assert check.findings == []
