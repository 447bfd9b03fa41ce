"""What a mail team asks the lake: one SQL file a question, in Athena's dialect.

The texts also run in DuckDB as they stand, once ``queries/athena.duckdb.sql`` has been executed there.
See https://docs.aws.amazon.com/athena/latest/ug/saved-queries.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "queries"


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A question, and how Athena lists it."""

    name: str
    description: str

    @property
    def sql(self) -> str:
        """The text; each ``?`` is a parameter that Athena asks for."""
        return (_FOLDER / f"{self.name}.sql").read_text(encoding="utf-8")


QUERIES: Final = (
    SavedQuery(
        "delivery_funnel", "Per day and configuration set: sent, delivered, bounced, opened, clicked, complained"
    ),
    SavedQuery("bounces", "Bounces by type, sub-type and recipient domain"),
    SavedQuery("complaint_rate", "Complaints per 100 delivered messages, by the tag campaign"),
    SavedQuery("engagement", "Opens and clicks by people, not by bots, by the tag campaign"),
    SavedQuery("slowest_domains", "The recipient domains that take longest to accept mail"),
    SavedQuery("address_history", "Everything that happened to one address. Parameter: the address"),
    SavedQuery("message_history", "Everything that happened to one message. Parameter: the SES message id"),
    SavedQuery(
        "objects_of_address", "The objects that hold events with one address, to erase it. Parameter: the address"
    ),
)

FUNCTIONS_FOR_DUCKDB: Final = _FOLDER / "athena.duckdb.sql"
"""What DuckDB needs to run them."""
