"""JSON to Parquet as Firehose does it, with exactly the types of the Glue table, and back."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # the same

from ses_constructs.sending.lake import schema

Json = dict[str, Any]

_PRIMITIVES = {"string": pa.string(), "bigint": pa.int64(), "boolean": pa.bool_()}


def arrow_type(glue_type: str) -> pa.DataType:
    kind, _, inner = glue_type.partition("<")
    if not inner:
        return _PRIMITIVES[kind]
    parts = _split(inner.removesuffix(">"))
    match kind:
        case "array":
            return pa.list_(arrow_type(*parts))
        case "map":
            key, value = parts
            return pa.map_(arrow_type(key), arrow_type(value))
        case "struct":
            fields = (part.partition(":") for part in parts)
            return pa.struct([pa.field(name, arrow_type(field)) for name, _, field in fields])
    raise AssertionError(f"no type of Glue: {glue_type}")


def arrow_schema() -> pa.Schema:
    return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in schema.columns().items()])


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += {"<": 1, ">": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def read(value: Any, kind: pa.DataType, mappings: Mapping[str, str]) -> Any:
    """What the OpenX SerDe makes of a JSON value, without its conversions: a value of another kind is a failure."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        assert isinstance(value, dict), value
        fields = (kind.field(place) for place in range(kind.num_fields))
        return {it.name: read(value.get(mappings.get(it.name, it.name)), it.type, mappings) for it in fields}
    if pa.types.is_map(kind):
        assert isinstance(value, dict), value
        return [(key, read(item, kind.item_type, mappings)) for key, item in value.items()]
    if pa.types.is_list(kind):
        assert isinstance(value, list), value
        return [read(item, kind.value_type, mappings) for item in value]
    python = {pa.string(): str, pa.int64(): int, pa.bool_(): bool}[kind]
    assert type(value) is python, value
    return value


def written(value: Any, kind: pa.DataType, mappings: Mapping[str, str]) -> Any:
    """The JSON that a value was made from, as far as it is still there."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        fields = (kind.field(place) for place in range(kind.num_fields))
        return {mappings.get(it.name, it.name): written(value[it.name], it.type, mappings) for it in fields}
    if pa.types.is_map(kind):
        return {key: written(item, kind.item_type, mappings) for key, item in value}
    if pa.types.is_list(kind):
        return [written(item, kind.value_type, mappings) for item in value]
    return value


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value with its place. An empty list or map is one, but null is not: it says no more than a missing key."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from leaves(item, (*path, place))
    elif value is not None:
        yield path, value if not isinstance(value, dict | list) else type(value).__name__


def write(path: Path, events: Iterable[Json]) -> None:
    row = pa.struct(list(arrow_schema()))
    rows = [read(event, row, schema.key_mappings()) for event in events]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=arrow_schema()), path)


def read_back(file: Path | io.BytesIO) -> list[Json]:
    table = pq.read_table(file, partitioning=None)
    row = pa.struct(list(table.schema))
    return [written(it, row, schema.key_mappings()) for it in table.to_pylist()]


def folder(event: Json, day: str) -> str:
    """Where Firehose puts an event."""
    return f"events/day={day}/event_type={re.sub(' ', '', event['eventType'])}"
