"""A DNS record as a value, and how its text is written in a zone.

See https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html and RFC 1035, section 3.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_CHARACTER_STRING = 255  # octets in one quoted string of a TXT record: RFC 1035, section 3.3


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """One DNS record set that an identity needs.

    :param name: full host name, without the final dot. May be a token (the names of Easy DKIM records are).
    :param type: ``CNAME``, ``MX`` or ``TXT``.
    :param values: one text a record: the target of a CNAME, ``"10 host"`` of an MX, the bare text of a TXT
        (quoting and splitting is the publisher's work, see :meth:`presentation`). May be tokens.
    :param purpose: what it is for, in a few words, for whoever has to make it by hand.
    :param ttl: seconds that resolvers may keep it.
    """

    name: str
    type: str
    values: tuple[str, ...]
    purpose: str
    ttl: int = 1800

    def presentation(self) -> list[str]:
        """Return the values as a zone file and Route 53 write them: a TXT quoted, and split at 255 octets."""
        if self.type != "TXT":
            return list(self.values)
        return [quote_txt(value) for value in self.values]


def quote_txt(text: str) -> str:
    """Quote the text of one TXT record. A long text becomes several strings **in one value**; readers join them."""
    escaped = [character if character not in '"\\' else f"\\{character}" for character in text]
    strings: list[str] = []
    current: list[str] = []
    for character in escaped:
        if len(current) == _CHARACTER_STRING:
            strings.append("".join(current))
            current = []
        current.append(character)
    strings.append("".join(current))
    return " ".join(f'"{string}"' for string in strings)


def mail_from_records(mail_from_domain: str, region: str) -> Sequence[DnsRecord]:
    """Return the MX and the SPF record of a MAIL FROM domain: exactly one MX, or SES does not accept it.

    See https://docs.aws.amazon.com/ses/latest/dg/mail-from.html.
    """
    return (
        DnsRecord(
            name=mail_from_domain,
            type="MX",
            values=(f"10 feedback-smtp.{region}.amazonses.com",),
            purpose="MAIL FROM: bounces come back to SES",
        ),
        DnsRecord(
            name=mail_from_domain,
            type="TXT",
            values=("v=spf1 include:amazonses.com ~all",),
            purpose="MAIL FROM: SPF, aligned with the From domain",
        ),
    )
