"""Filling in templates, as far as it needs no lab."""

from typing import Any

import pytest

from ses_constructs.lab.server.errors import SesError
from ses_constructs.lab.server.templates import RenderingError, parse_data, render

DATA = {
    "name": "Ann",
    "address": {"town": "Köln"},
    "items": [{"title": "Tea", "tags": ["hot", "dry"]}, {"title": "Ice", "tags": []}],
    "count": 2,
    "nothing": None,
}


@pytest.mark.parametrize(
    ("text", "filled_in"),
    [
        ("{{name}}, {{ address.town }}, {{{count}}}", "Ann, Köln, 2"),
        ("{{items.[0].title}}", "Tea"),
        ("[{{nothing}}]", "[]"),
        ("{{#each items}}{{title}}:{{#each tags}}{{this}};{{/each}} {{/each}}", "Tea:hot;dry; Ice: "),
        ("{{#each items}}{{@index}}{{name}}{{/each}}", "0Ann1Ann"),
        ("{{#each none}}x{{else}}empty{{/each}}", "empty"),
        ("{{#if name}}yes{{else}}no{{/if}}{{#if none}}yes{{else}}no{{/if}}", "yesno"),
        ("{{#unless none}}no{{/unless}}{{#unless name}}yes{{/unless}}", "no"),
        ("a{{! not said }}b", "ab"),
        ("{{ses:openTracker}}{{amazonSESUnsubscribeUrl}}", "{{ses:openTracker}}{{amazonSESUnsubscribeUrl}}"),
        ("{ {name} } }}", "{ {name} } }}"),
    ],
)
def test_a_template_is_filled_in(text: str, filled_in: str) -> None:
    assert render({"SubjectPart": "s", "HtmlPart": text}, DATA)["Html"] == filled_in


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{surname}}", "Attribute 'surname' is not present in the rendering data."),
        ("{{address.street}}", "Attribute 'address.street' is not present"),
        ("{{#each items}}{{price}}{{/each}}", "Attribute 'price' is not present"),
        ("{{#if name}}", "Block 'if' is not closed"),
        ("{{#if name}}{{/each}}", "Unexpected closing tag '{{/each}}'"),
        ("{{/if}}", "Unexpected closing tag '{{/if}}'"),
        ("{{#shout name}}x{{/shout}}", "Helper 'shout' is not known"),
    ],
)
def test_what_cannot_be_filled_in_is_an_error(text: str, message: str) -> None:
    with pytest.raises(RenderingError) as raised:
        render({"SubjectPart": text}, DATA)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(("data", "parsed"), [("", {}), ('{"a": 1}', {"a": 1})])
def test_data_is_a_json_object(data: str, parsed: dict[str, Any]) -> None:
    assert parse_data(data) == parsed


@pytest.mark.parametrize("data", ["{", "[1]", '"text"'])
def test_other_data_is_refused(data: str) -> None:
    with pytest.raises(SesError):
        parse_data(data)
