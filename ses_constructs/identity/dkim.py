"""DKIM of a domain identity.

See https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from aws_cdk import aws_ses as ses

if TYPE_CHECKING:
    from aws_cdk.aws_ses import DkimIdentity

_EASY_KEY_LENGTHS = {
    1024: ses.EasyDkimSigningKeyLength.RSA_1024_BIT,
    2048: ses.EasyDkimSigningKeyLength.RSA_2048_BIT,
}


@dataclass(frozen=True, slots=True)
class Dkim:
    """How a domain signs its mail. Made by :meth:`easy`."""

    key_length: int

    @classmethod
    def easy(cls, key_length: int = 2048) -> Dkim:
        """Let SES make and rotate the keys (Easy DKIM); three CNAME records point to them.

        :param key_length: bits of the RSA key, 1024 or 2048. SES lets it be changed once in 24 hours.
        :raises ValueError: for any other length.
        """
        if key_length not in _EASY_KEY_LENGTHS:
            raise ValueError(f"Dkim.easy: key_length must be 1024 or 2048, got {key_length!r}")
        return cls(key_length=key_length)

    def signing(self) -> DkimIdentity:
        """Return the CDK's own value for it."""
        return _easy_dkim(self.key_length)


@cache
def _easy_dkim(key_length: int) -> DkimIdentity:
    # Made once: a hundred identities share the value, and each would cost a call into the CDK.
    return ses.DkimIdentity.easy_dkim(_EASY_KEY_LENGTHS[key_length])
