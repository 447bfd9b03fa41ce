import base64

import pytest
from aws_cdk import Fn, SecretValue
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from ses_constructs import Dkim
from ses_constructs._kit.rsa import rsa_bits

PRIVATE = SecretValue.secrets_manager("dkim")
SPKI = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def pem(bits: int) -> str:
    return rsa.generate_private_key(65537, bits).public_key().public_bytes(*SPKI).decode()


@pytest.mark.parametrize("bits", [1024, 1536, 2048])
def test_keys_of_every_allowed_length_are_taken_as_pem_and_as_base64(bits: int) -> None:
    key = pem(bits)
    Dkim.byo(selector="s1", public_key=key, private_key=PRIVATE)
    Dkim.byo(selector="s1", public_key="".join(key.splitlines()[1:-1]), private_key=PRIVATE)


def test_a_longer_key_is_refused_with_its_length() -> None:
    with pytest.raises(ValueError, match=r"must have 1024 to 2048 bits, got 4096 bits in 'MII"):
        Dkim.byo(selector="s1", public_key=pem(4096), private_key=PRIVATE)


def test_a_key_of_another_algorithm_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*SPKI).decode()
    with pytest.raises(ValueError, match="must be an RSA public key; its algorithm is not RSA"):
        Dkim.byo(selector="s1", public_key=key, private_key=PRIVATE)


@pytest.mark.parametrize("key", ["", "not base64!", "AAAA", base64.b64encode(b"0" * 300).decode()])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="must be an RSA public key"):
        Dkim.byo(selector="s1", public_key=key, private_key=PRIVATE)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_and_nothing_else_happens(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        rsa_bits(base64.b64encode(data).decode())


@pytest.mark.parametrize("selector", ["", "-a", "a-", "a.b", "x" * 64, "ä"])
def test_a_malformed_selector_is_refused(selector: str) -> None:
    with pytest.raises(ValueError, match="selector must be 1 to 63"):
        Dkim.byo(selector=selector, public_key=pem(1024), private_key=PRIVATE)


def test_a_private_key_in_plain_text_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="private_key must be a SecretValue") as refused:
        Dkim.byo(selector="s1", public_key=pem(1024), private_key="MIIEow...")  # type: ignore[arg-type]  # the mistake
    assert "MIIEow" not in str(refused.value)


def test_a_private_key_that_only_looks_like_a_secret_is_refused_and_not_repeated() -> None:
    plain = SecretValue.unsafe_plain_text("MIIEow...")
    with pytest.raises(ValueError, match=r"private_key must be read .* got SecretValue\.unsafe_plain_text") as refused:
        Dkim.byo(selector="s1", public_key=pem(1024), private_key=plain)
    assert "MIIEow" not in str(refused.value)


@pytest.mark.parametrize(
    "secret",
    [
        SecretValue.secrets_manager("dkim", json_field="key"),
        SecretValue.ssm_secure("/dkim"),
        SecretValue.unsafe_plain_text(Fn.import_value("key")),
    ],
)
def test_a_private_key_is_taken_from_wherever_secrets_are_kept(secret: SecretValue) -> None:
    Dkim.byo(selector="s1", public_key=pem(1024), private_key=secret)


def test_a_public_key_that_is_known_too_late_to_be_cut_for_dns_is_refused() -> None:
    with pytest.raises(ValueError, match="public_key must be a text that is known at synth"):
        Dkim.byo(selector="s1", public_key=Fn.import_value("key"), private_key=PRIVATE)
