from __future__ import annotations

import functools
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ses_constructs.cli import main
from ses_constructs.doctor import commands
from ses_constructs.doctor.arguments import domain, resolver
from ses_constructs.doctor.resolver import Resolver
from ses_constructs.lab import Lab
from tests.unit.doctor import healthy
from tests.unit.doctor.healthy import DOMAIN, MAIL_FROM, public_key
from tests.unit.doctor.server import SERVFAIL, serving

ALONE = ["--no-aws", "--no-https", "--region", "eu-west-1", "--mail-from", MAIL_FROM, "--selector", "s1"]


@pytest.fixture
def zone() -> dict[tuple[str, str], Any]:
    return {**healthy.zone(), (f"s1._domainkey.{DOMAIN}", "TXT"): [f"p={public_key()}"]}


@pytest.fixture
def server(zone: dict[tuple[str, str], Any]) -> Iterator[str]:
    with serving(zone) as (address, port):
        yield f"{address}:{port}"


def test_a_healthy_domain_is_status_0(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", DOMAIN, "--resolver", server, *ALONE]) == 0
    output = capsys.readouterr().out
    assert "2048-bit RSA key" in output
    assert "error" not in output


def test_an_error_is_status_1_and_the_line_to_paste_is_printed_whole(
    server: str, zone: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    del zone[MAIL_FROM, "MX"]
    assert main(["doctor", DOMAIN, "--resolver", server, *ALONE]) == 1
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert f"{MAIL_FROM}. 1800 IN MX 10 feedback-smtp.eu-west-1.amazonses.com." in lines


def test_a_record_cannot_command_the_terminal(server: str, zone: Any, capsys: pytest.CaptureFixture[str]) -> None:
    zone[f"_smtp._tls.{DOMAIN}", "TXT"] = [b"v=TLSRPTv1; rua=mailto:a@example.com; x=\x1b[2J[red]"]
    assert main(["doctor", DOMAIN, "--resolver", server, *ALONE]) == 0
    output = capsys.readouterr().out
    assert "\x1b[2J" not in output
    assert "\\x1b[2J[red]" in output.replace("\n", "")


def test_what_could_not_be_checked_is_status_2(server: str, zone: Any) -> None:
    zone[f"_dmarc.{DOMAIN}", "TXT"] = SERVFAIL
    assert main(["doctor", DOMAIN, "--resolver", server, *ALONE]) == 2


def test_a_resolver_that_never_answers_is_named_in_bounded_time_and_is_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "Resolver", functools.partial(Resolver, timeout=0.2))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert main(["doctor", DOMAIN, "--resolver", address, "--json", *ALONE]) == 2
    output = capsys.readouterr()
    assert "No answer at all came from 127.0.0.1; name another resolver" in output.err
    results = {check["subject"]: check["result"] for check in json.loads(output.out)["checks"]}
    assert set(results.values()) == {"unchecked"}


def test_what_only_ses_knows_is_not_said_to_be_fine(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", DOMAIN, "--resolver", server, "--no-aws", "--no-https", "--json"]) == 0
    results = {check["subject"]: check["result"] for check in json.loads(capsys.readouterr().out)["checks"]}
    assert (results["DKIM"], results["MAIL FROM"], results["SPF"]) == ("skipped", "skipped", "ok")


def test_json_is_as_documented(server: str, zone: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (DOMAIN, "example.com"):
        del zone[f"_dmarc.{name}", "TXT"]
    assert main(["doctor", DOMAIN.upper(), "--resolver", server, "--json", *ALONE]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["domain"], report["exitStatus"]) == (DOMAIN, 1)
    (dmarc,) = [check for check in report["checks"] if check["subject"] == "DMARC"]
    assert dmarc["result"] == "error"
    (finding,) = dmarc["findings"]
    assert (finding["code"], finding["severity"]) == ("dmarc-missing", "error")
    assert finding["records"] == [
        {
            "name": f"_dmarc.{DOMAIN}",
            "type": "TXT",
            "ttl": 3600,
            "value": "v=DMARC1; p=none",
            "line": f'_dmarc.{DOMAIN}. 3600 IN TXT "v=DMARC1; p=none"',
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["example"], "not a domain name"),
        (["example.com", "--selector", "s1"], "need --no-aws"),
        (["example.com", "--no-aws", "--mail-from", "b.example.com"], "needs --region"),
        (["example.com", "--no-aws", "--selector", "a b"], "not the selector"),
        (["example.com", "--resolver", "dns.example"], "not IP or IP:PORT"),
        (["example.com", "--resolver", "192.0.2.1:99999"], "not a port"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["doctor", *arguments])
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
        ("2001:db8::1", ("2001:db8::1", 53)),
    ],
)
def test_a_resolver_is_an_address_and_perhaps_a_port(text: str, address: tuple[str, int]) -> None:
    assert resolver(text) == address


def test_a_domain_is_taken_as_people_write_it() -> None:
    assert domain("Bücher.Example.") == "xn--bcher-kva.example"


def test_the_doctor_loads_no_part_of_the_cdk() -> None:
    program = "import sys, ses_constructs.doctor.commands; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not {"aws_cdk", "constructs", "jsii"} & set(run.stdout.split())


@pytest.mark.lab
def test_what_ses_names_is_looked_up_in_dns(
    ses_lab: Lab, server: str, zone: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in ses_lab.environment().items():
        monkeypatch.setenv(name, value)
    client = ses_lab.session().client("sesv2")
    name = "doctor.example.com"
    client.create_email_identity(EmailIdentity=name)
    client.put_email_identity_mail_from_attributes(EmailIdentity=name, MailFromDomain=f"bounce.{name}")
    (missing, *present) = client.get_email_identity(EmailIdentity=name)["DkimAttributes"]["Tokens"]
    for token in present:
        zone[f"{token}._domainkey.{name}", "CNAME"] = [f"{token}.dkim.amazonses.com"]
        zone[f"{token}.dkim.amazonses.com", "TXT"] = [f"p={public_key()}"]
    zone[f"bounce.{name}", "MX"] = [f"10 feedback-smtp.{ses_lab.region}.amazonses.com"]
    assert main(["doctor", name, "--resolver", server, "--no-https", "--json"]) == 1
    checks = {it["subject"]: it for it in json.loads(capsys.readouterr().out)["checks"]}
    (finding,) = checks["DKIM"]["findings"]
    assert finding["records"][0]["line"] == (
        f"{missing}._domainkey.{name}. 1800 IN CNAME {missing}.dkim.amazonses.com."
    )
    assert [it["code"] for it in checks["MAIL FROM"]["findings"]] == ["mail-from-spf-missing"]
    assert "ses-identity-missing" not in [it["code"] for it in checks["SES"]["findings"]]
