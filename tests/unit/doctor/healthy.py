"""A domain with nothing to say against it: its zone, what SES says, and its MTA-STS policy."""

from __future__ import annotations

import base64
import dataclasses
import functools
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ses_constructs.doctor.account import Account, Identity, SesView
from ses_constructs.doctor.transport import Fetched

DOMAIN = "mail.example.com"
MAIL_FROM = f"bounce.{DOMAIN}"
TOKENS = ("aaa", "bbb", "ccc")
SPF = "v=spf1 include:amazonses.com ~all"
DMARC = "v=DMARC1; p=reject; rua=mailto:dmarc@example.com"
POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mx.example.com\r\nmax_age: 604800\r\n"


@functools.cache
def public_key(bits: int = 2048) -> str:
    key = rsa.generate_private_key(65537, bits).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def zone() -> dict[tuple[str, str], Any]:
    easy = {(f"{it}._domainkey.{DOMAIN}", "CNAME"): [f"{it}.dkim.amazonses.com"] for it in TOKENS}
    keys = {(f"{it}.dkim.amazonses.com", "TXT"): [f"p={public_key()}"] for it in TOKENS}
    return {
        **easy,
        **keys,
        ("amazonses.com", "TXT"): ["v=spf1 ip4:199.255.192.0/22 -all"],
        ("email-smtp.eu-west-1.amazonaws.com", "A"): ["192.0.2.1"],
        (MAIL_FROM, "MX"): ["10 feedback-smtp.eu-west-1.amazonses.com"],
        (MAIL_FROM, "TXT"): [SPF],
        (DOMAIN, "TXT"): [SPF, "some-site-verification=abc"],
        (DOMAIN, "MX"): ["10 mx.example.com"],
        ("mx.example.com", "A"): ["192.0.2.2"],
        ("example.com", "MX"): ["10 mx.example.com"],
        (f"_dmarc.{DOMAIN}", "TXT"): [DMARC],
        ("_dmarc.example.com", "TXT"): [DMARC],
        (f"_mta-sts.{DOMAIN}", "TXT"): ["v=STSv1; id=20261124;"],
        (f"_smtp._tls.{DOMAIN}", "TXT"): ["v=TLSRPTv1; rua=mailto:tls@example.com"],
        (f"default._bimi.{DOMAIN}", "TXT"): ["v=BIMI1; l=https://example.com/l.svg; a=https://example.com/c.pem"],
    }


def identity(**changes: Any) -> Identity:
    healthy = Identity(name=DOMAIN, dkim_tokens=TOKENS, mail_from=MAIL_FROM)
    return dataclasses.replace(healthy, **changes)


def view(*, account: Account | None = None, region: str = "eu-west-1", **changes: Any) -> SesView:
    return SesView(region=region, identity=identity(**changes), account=account or Account())


def fetch(host: str, path: str) -> Fetched:
    assert (host, path) == (f"mta-sts.{DOMAIN}", "/.well-known/mta-sts.txt")
    return Fetched(body=POLICY)
