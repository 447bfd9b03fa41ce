"""Reading the length of an RSA public key, so that a wrong one is refused before it is deployed, or found in DNS.

Loads no part of the CDK.
The key is a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) in DER, as `openssl rsa -pubout` writes it.
"""

import base64
import binascii

_RSA_ENCRYPTION = bytes.fromhex("2a864886f70d010101")  # OID 1.2.840.113549.1.1.1
_SEQUENCE, _INTEGER, _BIT_STRING, _OID = 0x30, 0x02, 0x03, 0x06


def public_key_base64(text: str) -> str:
    """Return the base64 of a public key given as PEM or as bare base64, on one line."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return "".join(line for line in lines if not line.startswith("-----"))


def rsa_bits(public_key: str, *, bare: bool = False) -> int:
    """Return the bits of the modulus of a base64 RSA public key.

    :param bare: whether the key may also be the bare one of RFC 8017, appendix A.1.1: some publish it, and it verifies.
    :raises ValueError: if it is no such key.
    """
    try:
        content = _read(base64.b64decode(public_key, validate=True), _SEQUENCE)
        if not bare or content[0] == _SEQUENCE:
            algorithm, rest = _take(content, _SEQUENCE)
            if _read(algorithm, _OID, whole=False) != _RSA_ENCRYPTION:
                raise ValueError("its algorithm is not RSA")
            content = _read(_read(rest, _BIT_STRING)[1:], _SEQUENCE)
        modulus, _ = _take(content, _INTEGER)
    except (binascii.Error, IndexError) as error:
        raise ValueError(f"it cannot be read: {error}") from error
    return int.from_bytes(modulus, "big").bit_length()


def _take(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Return the content of the first element, which must have *tag*, and what follows it."""
    if data[0] != tag:
        raise ValueError("its structure is not that of a public key")
    length, start = data[1], 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
    if start + length > len(data):
        raise ValueError("it is cut short")
    return data[start : start + length], data[start + length :]


def _read(data: bytes, tag: int, *, whole: bool = True) -> bytes:
    content, rest = _take(data, tag)
    if whole and rest:
        raise ValueError("something follows it")
    return content
