"""What a mail team asks the lake: one SQL file a question, in Athena's dialect.

The texts also run in DuckDB as they stand, once ``queries/athena.duckdb.sql`` has been executed there.
See https://docs.aws.amazon.com/athena/latest/ug/saved-queries.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ses_constructs._kit.athena import SavedQuery

_FOLDER: Final = Path(__file__).parent / "queries"

QUERIES: Final = tuple(
    SavedQuery(name, description, _FOLDER)
    for name, description in {
        "delivery_funnel": "Per day and configuration set: sent, delivered, bounced, opened, clicked, complained",
        "bounces": "Bounces by type, sub-type and recipient domain",
        "complaint_rate": "Complaints per 100 delivered messages, by the tag campaign",
        "engagement": "Opens and clicks by people, not by bots, by the tag campaign",
        "slowest_domains": "The recipient domains that take longest to accept mail",
        "address_history": "Everything that happened to one address. Parameter: the address",
        "message_history": "Everything that happened to one message. Parameter: the SES message id",
        "objects_of_address": "The objects that hold events with one address, to erase it. Parameter: the address",
    }.items()
)

FUNCTIONS_FOR_DUCKDB: Final = _FOLDER / "athena.duckdb.sql"
"""What DuckDB needs to run them."""
