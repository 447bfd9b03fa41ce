"""A DNS record as a value, how it is written in a zone, and the records that SES and receivers want of every domain.

Loads no part of the CDK, so that what the doctor tells to add is what the constructs publish. See
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html and RFC 1035, section 3.3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

_CHARACTER_STRING = 255  # octets in one quoted string of a TXT record: RFC 1035, section 3.3
_TTL = 1800  # seconds
_DMARC_TTL = 3600  # seconds; receivers look it up for every mail, and a roll-out changes it rarely

LOGO_SUFFIXES = (".svg", ".svgz")
"""What the location of a BIMI logo ends in: any other is a permanent error by the draft's "Supported Image Formats"."""

DKIM_PURPOSE = "DKIM: proves the domain is yours"

RecordSet = dict[str, Any]


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
    ttl: int = _TTL

    def presentation(self) -> list[str]:
        """Return the values as a zone file and Route 53 write them: a TXT quoted, and split at 255 octets."""
        if self.type != "TXT":
            return list(self.values)
        return [quote_txt(value) for value in self.values]

    def lines(self) -> list[str]:
        """Return it as lines of a zone file, one a value: RFC 1035, section 5.1."""
        # Without its final dot a host name would be taken for one below the zone.
        values = (it if self.type == "TXT" or it.endswith(".") else f"{it}." for it in self.presentation())
        return [f"{self.name}. {self.ttl} IN {self.type} {value}" for value in values]

    def record_set(self) -> RecordSet:
        """Return it as ``AWS::Route53::RecordSetGroup`` takes it."""
        return record_set(self.name, self.type, self.ttl, self.presentation())


class LateRecords(Sequence[DnsRecord]):
    """Records of which some texts are attributes of a resource, and made when somebody looks at them.

    Each such text costs a call into the CDK, which a hundred domains in Route 53 can do without.
    """

    def __init__(self, read: Callable[[], Sequence[DnsRecord]], record_sets: list[RecordSet]) -> None:
        """:param read: returns the records.

        :param record_sets: the same as ``AWS::Route53::RecordSetGroup`` takes them.
        """
        self.record_sets = record_sets
        self._read = read
        self._records: tuple[DnsRecord, ...] | None = None

    def _all(self) -> tuple[DnsRecord, ...]:
        if self._records is None:
            self._records = tuple(self._read())
        return self._records

    @overload
    def __getitem__(self, index: int) -> DnsRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[DnsRecord]: ...
    def __getitem__(self, index: int | slice) -> DnsRecord | Sequence[DnsRecord]:
        """Return one record, or some."""
        return self._all()[index]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.record_sets)

    def __repr__(self) -> str:
        """Return it as the tuple that it stands for."""
        return repr(self._all())


def record_set(name: Any, type: str, ttl: int, values: Sequence[Any]) -> RecordSet:
    """Return one record set as ``AWS::Route53::RecordSetGroup`` takes it; texts may be intrinsic functions."""
    return {"Name": name, "Type": type, "TTL": str(ttl), "ResourceRecords": list(values)}


def record_sets(records: Sequence[DnsRecord]) -> list[RecordSet]:
    """Return records as ``AWS::Route53::RecordSetGroup`` takes them."""
    return records.record_sets if isinstance(records, LateRecords) else [it.record_set() for it in records]


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
        mail_from_spf_record(mail_from_domain),
    )


def mail_from_spf_record(mail_from_domain: str) -> DnsRecord:
    """Return the SPF record of a MAIL FROM domain alone."""
    text = "v=spf1 include:amazonses.com ~all"
    return DnsRecord(mail_from_domain, "TXT", (text,), "MAIL FROM: SPF, aligned with the From domain")


def dmarc_record(domain: str, text: str = "v=DMARC1; p=none") -> DnsRecord:
    """Return the DMARC record of a domain. Default: the policy that stops no mail."""
    return DnsRecord(f"_dmarc.{domain}", "TXT", (text,), "DMARC: what receivers do with forgeries", _DMARC_TTL)


def dkim_record(name: str, target: str) -> DnsRecord:
    """Return one of the three records of Easy DKIM: a name that leads to a key that SES keeps."""
    return DnsRecord(name, "CNAME", (target,), DKIM_PURPOSE)


def report_consent_record(policy_domain: str, report_domain: str) -> DnsRecord:
    """Return the record by which one domain agrees to take DMARC reports on another: RFC 9990, section 4."""
    name = f"{policy_domain}._report._dmarc.{report_domain}"
    return DnsRecord(name, "TXT", ("v=DMARC1",), f"DMARC: reports of {policy_domain} are welcome here")


def mta_sts_record(domain: str, policy_id: str) -> DnsRecord:
    """Return the record that says that there is an MTA-STS policy, and which: RFC 8461, section 3.1."""
    text = f"v=STSv1; id={policy_id};"
    return DnsRecord(f"_mta-sts.{domain}", "TXT", (text,), "MTA-STS: there is a policy, and which")


def tls_rpt_record(domain: str, *uris: str) -> DnsRecord:
    """Return the record that says where reports on TLS go: RFC 8460, section 3."""
    text = f"v=TLSRPTv1; rua={','.join(uris)}"
    return DnsRecord(f"_smtp._tls.{domain}", "TXT", (text,), "TLS-RPT: where senders report failures of TLS")
