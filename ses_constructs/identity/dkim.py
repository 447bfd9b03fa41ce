"""DKIM of a domain identity.

See https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from aws_cdk import aws_ses as ses

if TYPE_CHECKING:
    from aws_cdk.aws_ses import DkimIdentity

_EASY_KEY_LENGTHS = {
    1024: ses.EasyDkimSigningKeyLength.RSA_1024_BIT,
    2048: ses.EasyDkimSigningKeyLength.RSA_2048_BIT,
}


@dataclass(frozen=True)
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

    @cached_property
    def signing(self) -> DkimIdentity:
        """The CDK's own object, made once and shared by every identity that is given this one."""
        return ses.DkimIdentity.easy_dkim(_EASY_KEY_LENGTHS[self.key_length])
