"""Reports as receivers write them, for the tests of tables, queries and the example."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple


class Record(NamedTuple):
    """Mails from one address, as one receiver saw them."""

    source_ip: str
    messages: int
    dkim: str = "fail"
    spf: str = "fail"
    signed_by: Mapping[str, str] = {}  # domain -> result
    mail_from: tuple[str, str] = ("", "none")
    reasons: Sequence[str] = ()
    disposition: str = "none"


def _begins(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def aggregate_report(
    day: str, *records: Record, reporter: str = "receiver.example", domain: str = "example.com", namespace: str = ""
) -> bytes:
    """One day's report about a domain."""
    rows = "".join(
        f"""<record><row><source_ip>{it.source_ip}</source_ip><count>{it.messages}</count>
        <policy_evaluated><disposition>{it.disposition}</disposition><dkim>{it.dkim}</dkim><spf>{it.spf}</spf>
        {"".join(f"<reason><type>{reason}</type></reason>" for reason in it.reasons)}</policy_evaluated></row>
        <identifiers><header_from>{domain}</header_from></identifiers><auth_results>
        {
            "".join(
                f"<dkim><domain>{name}</domain><selector>s1</selector><result>{result}</result></dkim>"
                for name, result in it.signed_by.items()
            )
        }
        <spf><domain>{it.mail_from[0]}</domain><result>{it.mail_from[1]}</result></spf></auth_results></record>"""
        for it in records
    )
    xmlns = f' xmlns="{namespace}"' if namespace else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?><feedback{xmlns}><report_metadata>
    <org_name>{reporter}</org_name><email>noreply@{reporter}</email><report_id>{reporter}-{domain}-{day}</report_id>
    <date_range><begin>{_begins(day)}</begin><end>{_begins(day) + 86_399}</end></date_range></report_metadata>
    <policy_published><domain>{domain}</domain><p>none</p></policy_published>{rows}</feedback>""".encode()


def tls_report(
    day: str, successful: int, failures: Mapping[str, int], *, domain: str = "example.com", reporter: str = "Receiver"
) -> bytes:
    """One day's report about sessions to a domain's mail servers, the failures by their kind."""
    report = {
        "organization-name": reporter,
        "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
        "report-id": f"{reporter}-{day}",
        "policies": [
            {
                "policy": {"policy-type": "sts", "policy-domain": domain},
                "summary": {
                    "total-successful-session-count": successful,
                    "total-failure-session-count": sum(failures.values()),
                },
                "failure-details": [
                    {"result-type": kind, "receiving-mx-hostname": f"mx.{domain}", "failed-session-count": sessions}
                    for kind, sessions in failures.items()
                ],
            }
        ],
    }
    return json.dumps(report).encode()
