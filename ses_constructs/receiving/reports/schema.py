"""What the rows of reports look like, once, as data: the columns of the Glue tables, by name, with their types.

They are what ``lambda/dmarc_reports`` writes. Fields of the reports: RFC 7489, appendix C, and RFC 9990
(https://www.rfc-editor.org/rfc/rfc9990); RFC 8460, section 4.4 (https://www.rfc-editor.org/rfc/rfc8460).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_REPORT: Final = {
    "report_id": "string",
    "reporter": "string",  # what the report says of itself
    "begins_at": "string",
    "ends_at": "string",
    "domain": "string",
}
_MAIL: Final = {
    "sent_by": "string",  # domain of the mail's From address
    "authenticated": "boolean",  # whether the mail passed DMARC, so that it is of that domain
    "received_at": "string",
    "ses_message_id": "string",
}

TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "dmarc": {
        **_REPORT,
        "policy": "string",
        "subdomain_policy": "string",
        "nonexistent_policy": "string",
        "dkim_alignment": "string",
        "spf_alignment": "string",
        "testing": "string",
        "source_ip": "string",
        "messages": "bigint",
        "disposition": "string",
        "dkim": "string",
        "spf": "string",
        "passed": "boolean",
        "override_reasons": "array<string>",
        "header_from": "string",
        "envelope_from": "string",
        "envelope_to": "string",
        "dkim_results": "array<struct<domain:string,selector:string,result:string>>",
        "spf_domain": "string",
        "spf_result": "string",
        **_MAIL,
    },
    "tls": {
        **_REPORT,
        "policy_type": "string",
        "result": "string",
        "sessions": "bigint",
        "sending_ip": "string",
        "receiving_host": "string",
        "failure_reason": "string",
        **_MAIL,
    },
}
"""By the table's name, which is also the folder of its objects. Each has the partition ``day`` besides, the day (UTC)
on which the time begins that the report is about."""
