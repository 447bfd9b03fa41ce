"""Whether SES has verified an identity: at once, or when its records are in one of the lab's Route 53 zones.

See https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html and
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_VerificationInfo.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_constructs.lab.server.hooks import Emulator

REPLICA = "AWS_SES_"  # how the origin of a DKIM key begins that was copied from another region


class Verifier:
    """Looks into DNS whenever it is asked; there is no delay, and nobody gives up."""

    def __init__(self, emulator: Emulator, *, by_dns: bool) -> None:
        """:param by_dns: False: a domain is verified as soon as it is there. Addresses are so in any case."""
        self._emulator = emulator
        self._by_dns = by_dns

    def error(self, name: str, record: Mapping[str, Any]) -> str | None:
        """Return what keeps an identity from being verified, as an ``ErrorType`` of SES, or None."""
        dkim = record.get("DkimAttributes") or {}
        origin = dkim.get("SigningAttributesOrigin", "")
        if origin.startswith(REPLICA) and not self.parent_tokens(name, origin):
            return "REPLICATION_PRIMARY_NOT_FOUND"
        if not self._by_dns or "@" in name:
            return None
        for token in dkim.get("Tokens", []):
            error = self._dkim_error(f"{token}._domainkey.{name}", token, external=origin == "EXTERNAL")
            if error is not None:
                return error
        return None if dkim.get("Tokens") else "HOST_NOT_FOUND"

    def mail_from_status(self, mail_from_domain: str) -> str:
        """Return whether the MX record of a MAIL FROM domain is there, and no other beside it."""
        expected = [f"10 feedback-smtp.{self._emulator.region}.amazonses.com"]
        found = [value.rstrip(".") for value in self._values(mail_from_domain).get("MX", [])]
        return "SUCCESS" if not self._by_dns or found == expected else "PENDING"

    def parent_tokens(self, name: str, origin: str) -> list[str]:
        """Return the tokens of the identity that a copied DKIM key comes from."""
        region = origin.removeprefix(REPLICA).lower().replace("_", "-")
        parent = self._emulator.identity_elsewhere(region, name) or {}
        return list((parent.get("DkimAttributes") or {}).get("Tokens", []))

    def _dkim_error(self, host: str, token: str, *, external: bool) -> str | None:
        by_type = self._values(host)
        if not by_type:
            return "HOST_NOT_FOUND"
        if external:
            if "TXT" not in by_type:
                return "TYPE_NOT_FOUND"
            return None if any("p=" in value for value in by_type["TXT"]) else "INVALID_VALUE"
        if "CNAME" not in by_type:
            return "TYPE_NOT_FOUND"
        found = [value.rstrip(".").lower() for value in by_type["CNAME"]]
        return None if found == [f"{token}.dkim.amazonses.com"] else "INVALID_VALUE"

    def _values(self, host: str) -> dict[str, list[str]]:
        return {
            record_set["Type"]: list(record_set.get("ResourceRecords") or [])
            for record_set in self._emulator.record_sets()
            if record_set["Name"].rstrip(".").lower() == host.lower()
        }
