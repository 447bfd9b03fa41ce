"""What is asked of reports: one SQL file a question, in Athena's dialect.

The texts also run in DuckDB as they stand, once ``sending/lake/queries/athena.duckdb.sql`` has been executed there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ses_constructs._kit.athena import SavedQuery

_FOLDER: Final = Path(__file__).parent / "queries"

QUERIES: Final = tuple(
    SavedQuery(name, description, _FOLDER)
    for name, description in {
        "pass_rate": "Per domain and day: mails that passed DMARC, and what receivers did with the others",
        "sources": "Who sends in your name, by the domains that DKIM and SPF prove, and what passes",
        "failing_sources": "The addresses whose mail fails most, to look at first",
        "forwarders": "Who hands your mail on, so that SPF or both fail",
        "ready_for_quarantine": "Per domain: whether what is known to be yours passes, and what is left to look at",
        "reporters": "Who reports, and whether somebody vouches for it",
        "tls_pass_rate": "Per domain and day: sessions to your mail servers that TLS protected",
        "tls_failures": "Sessions to your mail servers that TLS did not protect, by the kind of failure",
    }.items()
)
