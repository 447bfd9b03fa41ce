"""DynamoDB streams: what PartiQL statements write is in them too, which MiniStack leaves out.

Part of the hooks, in a file of its own; what is relied on is listed in :mod:`required` with the rest.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Execute = Callable[..., Any]
    Table = dict[str, Any]


def stream_partiql(dynamodb: ModuleType) -> None:
    """Let the statements of *dynamodb*, MiniStack's module, write to the table's stream."""
    for name in ("_partiql_insert", "_partiql_update", "_partiql_delete"):
        setattr(dynamodb, name, _streaming(dynamodb, getattr(dynamodb, name)))


def _streaming(dynamodb: ModuleType, execute: Execute) -> Execute:
    def streaming(table: Table, parsed: Table, *more: Any) -> Any:
        key = _key(dynamodb, table, parsed)
        before = copy.deepcopy(_item(table, key))
        response = execute(table, parsed, *more)
        after = copy.deepcopy(_item(table, key))
        if before != after:
            event = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
            dynamodb._emit_stream_event(table["TableName"], event, before, after)
        return response

    return streaming


def _key(dynamodb: ModuleType, table: Table, parsed: Table) -> tuple[Any, Any] | None:
    """Return partition and sort key of the one item that the statement is about; None if it is wrong."""
    if parsed["op"] != "INSERT":
        partition, sort, _, error = dynamodb._partiql_key_target(table, parsed)
        return None if error else (partition, sort)
    item = parsed.get("item") or {}
    item = item["M"] if set(item) == {"M"} else item
    sort_name = table["sk_name"]
    sort = dynamodb._extract_key_val(item.get(sort_name)) if sort_name else "__no_sort__"
    return dynamodb._extract_key_val(item.get(table["pk_name"])), sort


def _item(table: Table, key: tuple[Any, Any] | None) -> Any:
    return table["items"].get(key[0], {}).get(key[1]) if key is not None else None
