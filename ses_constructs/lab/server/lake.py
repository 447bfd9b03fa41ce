"""What a lake of events asks of Athena, CloudFormation and Firehose, and MiniStack lacks.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-athena-namedquery.html and
https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-partitioning-keys.html.
"""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ses_constructs.lab.server.hooks import Emulator

Properties = dict[str, Any]

# MiniStack's Athena is DuckDB, which has these functions of Athena under another name or with another meaning.
_FUNCTIONS = """
SET TimeZone = 'UTC';
SET lambda_syntax = 'ENABLE_SINGLE_ARROW';
CREATE MACRO element_at(collection, k) AS collection[k];
CREATE MACRO transform(list, f) AS list_transform(list, f);
CREATE MACRO contains(list, item) AS list_contains(list, item);
CREATE MACRO cardinality(list) AS len(list);
CREATE MACRO array_join(list, separator) AS array_to_string(list, separator);
CREATE MACRO json_format(document) AS CAST(document AS varchar);
CREATE MACRO approx_percentile(x, p) AS quantile_disc(x, p);
"""

# Of jq's functions MiniStack knows strftime alone. This one is enough to take the blank out of an event type.
_GSUB = re.compile(r'([A-Za-z_]\w*)(\s*:[^,|}]*?)\s*\|\s*gsub\("([^"]*)";\s*"([^"]*)"\)')


def register(emulator: Emulator) -> None:
    """Let CloudFormation make saved queries, Athena run them, and Firehose work out folders with ``gsub``."""
    queries = _NamedQuery(emulator)
    emulator.register("AWS::Athena::NamedQuery", create=queries.create, update=queries.update, delete=queries.delete)
    _extend_athena(emulator.provisioners._athena)
    _extend_firehose(emulator.provisioners._firehose)


def _extend_athena(athena: Any) -> None:
    start, rewrite = athena._start_query_execution, athena._rewrite_data_paths

    def with_parameters(request: Properties) -> Any:
        query, values = request.get("QueryString", ""), request.get("ExecutionParameters") or []
        places = [start for kind, text, start, _ in athena._sql_tokens(query) if (kind, text) == ("punct", "?")]
        if len(places) != len(values):
            message = f"Incorrect number of parameters: expected {len(places)} but found {len(values)}"
            return athena.error_response_json("InvalidRequestException", message, 400)
        # Each value is a literal of SQL, with the quotes of a text.
        for place, value in reversed(list(zip(places, values, strict=True))):
            query = f"{query[:place]}{value}{query[place + 1 :]}"
        return start({**request, "QueryString": query})

    async def with_functions(query: str, *context: Any) -> tuple[Any, ...]:
        rewritten, *more = await rewrite(query, *context)
        return (f"{_FUNCTIONS}{rewritten}", *more)

    athena._start_query_execution, athena._rewrite_data_paths = with_parameters, with_functions
    _type_tables(athena)


def _type_tables(athena: Any) -> None:
    """Read JSON with the types of its table, and not with those that DuckDB guesses; also where there is no object."""
    relation = athena._table_relation
    athena._duckdb_type = lambda column: _duckdb_type(column["Type"], athena._DUCKDB_TYPE_BY_ATHENA)

    def with_types(table: Properties, files: list[str]) -> Any:
        if athena._data_format(table) != "json":
            return relation(table, files)
        columns = ", ".join(
            f"'{column['Name']}': '{athena._duckdb_type(column)}'" for column in table["StorageDescriptor"]["Columns"]
        )
        partitions = athena._hive_options(athena._path_partition_keys(table, files))
        options = f"format = 'newline_delimited', columns = {{{columns}}}, {partitions}"
        return f"read_json({athena._sql_list(files)}, {options})"

    athena._table_relation = with_types


def _duckdb_type(kind: str, primitives: Properties) -> str:
    """Write a type of Glue as DuckDB does."""
    outer, _, inner = kind.lower().strip().partition("<")
    parts = _parts(inner.removesuffix(">"))
    match outer:
        case "array":
            return f"{_duckdb_type(parts[0], primitives)}[]"
        case "map":
            return f"MAP({', '.join(_duckdb_type(part, primitives) for part in parts)})"
        case "struct":
            fields = (part.partition(":") for part in parts)
            return f"STRUCT({', '.join(f'{name} {_duckdb_type(field, primitives)}' for name, _, field in fields)})"
    name = outer.partition("(")[0]
    return "DECIMAL" if name == "decimal" else str(primitives.get(name, "VARCHAR"))


def _parts(text: str) -> list[str]:
    """Split at the commas that are not inside of brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"<": 1, ">": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _extend_firehose(firehose: Any) -> None:
    extract = firehose._metadata_extraction_keys

    def with_gsub(configuration: Properties, data: bytes) -> dict[str, str] | None:
        plain, substitutions = _without_gsub(configuration)
        keys: dict[str, str] | None = extract(plain, data)
        for name, pattern, replacement in substitutions if keys is not None else ():
            assert keys is not None
            keys[name] = re.sub(pattern, replacement, keys[name])
        return keys

    firehose._metadata_extraction_keys = with_gsub


def _without_gsub(configuration: Properties) -> tuple[Properties, list[tuple[str, str, str]]]:
    """Take the substitutions out of the queries of a destination; return them with the names of their keys."""
    plain = copy.deepcopy(configuration)
    found: list[tuple[str, str, str]] = []
    for processor in (plain.get("ProcessingConfiguration") or {}).get("Processors") or []:
        for parameter in processor.get("Parameters") or []:
            if parameter["ParameterName"] == "MetadataExtractionQuery":
                query = parameter["ParameterValue"]
                found += [(name, pattern, replacement) for name, _, pattern, replacement in _GSUB.findall(query)]
                parameter["ParameterValue"] = _GSUB.sub(r"\1\2", query)
    return plain, found


class _NamedQuery:
    """A saved query. It cannot be changed, only replaced."""

    def __init__(self, emulator: Emulator) -> None:
        self._athena = emulator.provisioners._athena

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> tuple[str, dict[str, Any]]:
        request = {"WorkGroup": "primary", **properties}
        if request["WorkGroup"] not in self._athena._workgroups and request["WorkGroup"] != "primary":
            raise ValueError(f"WorkGroup {request['WorkGroup']} is not found.")
        _, _, body = self._athena._create_named_query(request)
        query_id = str(json.loads(body)["NamedQueryId"])
        return query_id, {"NamedQueryId": query_id}

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> tuple[str, dict[str, Any]]:
        if old == new:
            return physical_id, {"NamedQueryId": physical_id}
        created = self.create(physical_id, new, stack_name)
        self.delete(physical_id, old)
        return created

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._athena._delete_named_query({"NamedQueryId": physical_id})
