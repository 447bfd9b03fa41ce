import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ses_constructs.sending.lake import schema
from tests.unit.lake import events
from tests.unit.lake.parquet import leaves, read_back, write

Json = dict[str, Any]

CORPUS = os.environ.get("SES_EVENT_CORPUS")


def events_in(document: Any) -> Iterator[Json]:
    """The events in a sample, out of whatever they are wrapped in."""
    match document:
        case {"eventType": _, "mail": _}:
            yield document
        case {"recordId": _, "data": data}:
            yield from events_in(json.loads(base64.b64decode(data)))
        case dict():
            for item in document.values():
                yield from events_in(item)
        case list():
            for item in document:
                yield from events_in(item)
        case str() if document.lstrip().startswith("{"):
            yield from events_in(json.loads(document))


def corpus() -> list[Path]:
    if CORPUS is None:
        return []
    return sorted(path for kind in ("event-publishing", "firehose") for path in (Path(CORPUS) / kind).iterdir())


@pytest.mark.parametrize("event", events.all_types(), ids=lambda event: event["eventType"])
def test_nothing_of_an_event_is_lost_in_the_table(event: Json, tmp_path: Path) -> None:
    write(tmp_path / "event.parquet", [event])
    (found,) = read_back(tmp_path / "event.parquet")
    assert dict(leaves(found)) == dict(leaves(event))


@pytest.mark.skipif(CORPUS is None, reason="SES_EVENT_CORPUS names no folder of samples")
@pytest.mark.parametrize("sample", corpus(), ids=lambda path: path.stem)
def test_nothing_of_a_sample_is_lost_in_the_table(sample: Path, tmp_path: Path) -> None:
    lines = sample.read_text().splitlines() if sample.suffix == ".ndjson" else [sample.read_text()]
    found = [event for line in lines for event in events_in(json.loads(line))]
    assert found
    write(tmp_path / "sample.parquet", found)
    for before, after in zip(found, read_back(tmp_path / "sample.parquet"), strict=True):
        assert dict(leaves(after)) == dict(leaves(before))


def test_a_field_that_the_table_does_not_know_is_lost_so_the_comparison_can_fail(tmp_path: Path) -> None:
    event = events.delivery()
    event["delivery"]["weather"] = "fine"
    write(tmp_path / "event.parquet", [event])
    (found,) = read_back(tmp_path / "event.parquet")
    assert dict(leaves(event)).items() - dict(leaves(found)).items() == {(("delivery", "weather"), "fine")}


def test_message_tags_keep_their_case_and_all_their_values(tmp_path: Path) -> None:
    write(tmp_path / "event.parquet", [events.send()])
    (found,) = read_back(tmp_path / "event.parquet")
    assert found["mail"]["tags"]["customTag_1"] == ["Some-Value", "another"]


def test_every_type_has_a_folder_whose_name_needs_no_quoting() -> None:
    assert {event["eventType"].replace(" ", "") for event in events.all_types()} == set(schema.EVENT_TYPES)


def test_no_two_json_keys_become_one_name() -> None:
    mappings = schema.key_mappings()
    assert all(name == key.lower() for name, key in mappings.items())
    keys = set(schema._keys(schema.EVENT))
    assert len({key.lower() for key in keys}) == len(keys)
