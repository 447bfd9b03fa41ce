"""DKIM of a domain identity.

See https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim.html.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from aws_cdk import SecretValue

from ses_constructs._kit.checks import is_token
from ses_constructs._kit.records import DKIM_PURPOSE, DnsRecord, dkim_record, record_set
from ses_constructs._kit.rsa import public_key_base64, rsa_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ses_constructs._kit.records import RecordSet

# What CloudFormation calls name and target of the three records: GetAtt of AWS::SES::EmailIdentity.
DKIM_ATTRIBUTES = tuple((f"DkimDNSTokenName{number}", f"DkimDNSTokenValue{number}") for number in (1, 2, 3))

_EASY_KEY_LENGTHS = (1024, 2048)
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_DkimSigningAttributes.html
_SELECTOR = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]")


class Dkim(ABC):
    """How a domain signs its mail. Made by :meth:`easy`, :meth:`byo` or :meth:`deterministic`."""

    @abstractmethod
    def signing(self) -> Mapping[str, str] | None:
        """Return the ``DkimSigningAttributes`` of CloudFormation in the CDK's spelling; None if it has none."""

    @abstractmethod
    def settings(self) -> Mapping[str, str] | None:
        """Return what the custom resource needs to set it; None if it would have to be told a secret."""

    @abstractmethod
    def records(self, tokens: Callable[[], Sequence[tuple[str, str]]], domain: str) -> Sequence[DnsRecord]:
        """Return the records that have to be made for receivers, and for SES itself.

        :param tokens: returns name and target of the three records of Easy DKIM.
        """

    def record_sets(self, logical_id: str, domain: str) -> Sequence[RecordSet]:
        """Return the same as ``AWS::Route53::RecordSetGroup`` takes it, in the stack of the identity.

        :param logical_id: of the identity.
        """
        return [record.record_set() for record in self.records(tuple, domain)]

    @staticmethod
    def easy(key_length: int = 2048) -> Dkim:
        """Let SES make and rotate the keys (Easy DKIM); three CNAME records point to them.

        :param key_length: bits of the RSA key, 1024 or 2048. SES lets it be changed once in 24 hours.
        :raises ValueError: for any other length.
        """
        if key_length not in _EASY_KEY_LENGTHS:
            raise ValueError(f"Dkim.easy: key_length must be 1024 or 2048, got {key_length!r}")
        return _EasyDkim(key_length)

    @staticmethod
    def byo(*, selector: str, public_key: str, private_key: SecretValue) -> Dkim:
        """Sign with your own key (BYODKIM), which you also rotate; one TXT record publishes it.

        Mail is not signed with the domain while a change between Easy DKIM and your own key waits for DNS.

        :param selector: name of the key, 1 to 63 letters, digits and inner hyphens. A new key needs a new one.
        :param public_key: RSA, 1024 to 2048 bits, as PEM (``-----BEGIN PUBLIC KEY-----``) or its bare base64. Must be
            known at synth: DNS takes it in pieces of 255 octets (RFC 1035, section 3.3), which nobody makes later.
        :param private_key: the base64 of the private key on one line, without the PEM lines, as a secret:
            ``SecretValue.secrets_manager("dkim-key")``.
        :raises ValueError: for a malformed selector, a public key of another kind or length or one that is a token, or
            a private key in plain text, ``SecretValue.unsafe_plain_text`` too.
        """
        if not is_token(selector) and not _SELECTOR.fullmatch(selector):
            raise ValueError(f"Dkim.byo: selector must be 1 to 63 letters, digits and inner hyphens, got {selector!r}")
        if not isinstance(private_key, SecretValue):
            raise ValueError("Dkim.byo: private_key must be a SecretValue, for a template is no place for a key")
        reference = private_key.unsafe_unwrap()
        if not is_token(reference):
            rule = "must be read from where secrets are kept, for a template is no place for a key"
            raise ValueError(f"Dkim.byo: private_key {rule}, got SecretValue.unsafe_plain_text")
        return _ByoDkim(selector, _checked_public_key(public_key), reference)

    @staticmethod
    def deterministic(*, parent_region: str) -> Dkim:
        """Sign with the keys that SES made for the same domain in another region (Deterministic Easy DKIM).

        The DKIM records of the parent serve for both, so none is made. As every region needs a MAIL FROM domain of its
        own and a domain has one DMARC record, give *mail_from* another label here and no *dmarc*. The parent must use
        Easy DKIM, and cannot be deleted while a copy is there. See
        https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim-deed.html.

        :param parent_region: region of the parent identity, in the same account, such as ``eu-west-1``.
        :raises ValueError: for what is no region.
        """
        if not isinstance(parent_region, str) or not _REGION.fullmatch(parent_region):
            raise ValueError(f"Dkim.deterministic: parent_region must be like eu-west-1, got {parent_region!r}")
        return DeterministicDkim(parent_region)


class _EasyDkim(Dkim):
    def __init__(self, key_length: int) -> None:
        self._key_length = key_length

    def signing(self) -> Mapping[str, str]:
        return {"nextSigningKeyLength": f"RSA_{self._key_length}_BIT"}

    def settings(self) -> Mapping[str, str]:
        return {"DkimOrigin": "AWS_SES", "DkimKeyLength": f"RSA_{self._key_length}_BIT"}

    def records(self, tokens: Callable[[], Sequence[tuple[str, str]]], domain: str) -> Sequence[DnsRecord]:
        return [dkim_record(name, target) for name, target in tokens()]

    def record_sets(self, logical_id: str, domain: str) -> Sequence[RecordSet]:
        # As intrinsic functions, for which nothing need be asked of the CDK.
        def attribute(name: str) -> dict[str, list[str]]:
            return {"Fn::GetAtt": [logical_id, name]}

        record = dkim_record("", "")
        return [
            record_set(attribute(name), record.type, record.ttl, [attribute(value)]) for name, value in DKIM_ATTRIBUTES
        ]


class _ByoDkim(Dkim):
    def __init__(self, selector: str, public_key: str, private_key: str) -> None:
        self._selector = selector
        self._public_key = public_key
        self._private_key = private_key

    def signing(self) -> Mapping[str, str]:
        return {"domainSigningSelector": self._selector, "domainSigningPrivateKey": self._private_key}

    def settings(self) -> None:
        return None

    def records(self, tokens: Callable[[], Sequence[tuple[str, str]]], domain: str) -> Sequence[DnsRecord]:
        text = f"v=DKIM1; k=rsa; p={self._public_key}"
        return [DnsRecord(f"{self._selector}._domainkey.{domain}", "TXT", (text,), DKIM_PURPOSE)]


class DeterministicDkim(Dkim):
    """Made by :meth:`Dkim.deterministic`."""

    def __init__(self, parent_region: str) -> None:
        """:param parent_region: checked."""
        self.parent_region = parent_region

    def signing(self) -> None:
        """Return None."""

    def settings(self) -> Mapping[str, str]:
        """Return the origin that SES names after the region."""
        return {"DkimOrigin": f"AWS_SES_{self.parent_region.upper().replace('-', '_')}"}

    def records(self, tokens: Callable[[], Sequence[tuple[str, str]]], domain: str) -> Sequence[DnsRecord]:
        """Return nothing: the records are there, as those of the parent."""
        return ()


def _checked_public_key(public_key: str) -> str:
    if not isinstance(public_key, str) or is_token(public_key):
        raise ValueError(f"Dkim.byo: public_key must be a text that is known at synth, got {public_key!r}")
    key = public_key_base64(public_key)
    shown = f"{key[:20]}..." if len(key) > 20 else key
    try:
        bits = rsa_bits(key)
    except ValueError as error:
        raise ValueError(f"Dkim.byo: public_key must be an RSA public key; {error}, got {shown!r}") from error
    if not 1024 <= bits <= 2048:
        raise ValueError(f"Dkim.byo: public_key must have 1024 to 2048 bits, got {bits} bits in {shown!r}")
    return key
