"""Reading the placeholders of a template."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ses_constructs.sending.placeholders import placeholders

NAMES = st.from_regex(r"[a-z][a-zA-Z0-9_]{0,8}", fullmatch=True).filter(
    lambda it: it not in {"if", "unless", "each", "with", "lookup", "log", "true", "false", "null", "this", "else"}
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dear {{name}}, {{ order.id }}", {"name", "order.id"}),
        ("{{{raw}}} {{&raw2}}", {"raw", "raw2"}),
        ("{{~ tight ~}}", {"tight"}),
        ("{{#if a}}x{{else if b}}y{{else}}{{c}}{{/if}}", {"a", "b", "c"}),
        ("{{#unless a}}{{b}}{{^}}{{c}}{{/unless}}", {"a", "b", "c"}),
        ("{{#each items}}{{price}} {{this.name}} {{./size}} {{../currency}} {{@index}} {{this}}{{/each}}",
         {"items", "items.[].price", "items.[].name", "items.[].size", "currency"}),
        ("{{#with a}}{{#each b}}{{#if c}}{{d}}{{/if}}{{../e}}{{../../f}}{{/each}}{{/with}}",
         {"a", "a.b", "a.b.[].c", "a.b.[].d", "a.e", "f"}),
        ("{{lookup map key}} {{log 'hello world' 5}}", {"map", "key"}),
        ("{{! a {comment} }} {{!-- {{another}} --}} \\{{escaped}}", set()),
        ('{{#* inline "footer"}}{{company}}{{/inline}}{{> footer}}', {"company"}),
        ("<style>@media print{a{color:#000}}</style> {single}", set()),
        ("{{amazonSESUnsubscribeUrl}}", set()),
    ],
)  # fmt: skip
def test_the_data_that_a_template_wants(text: str, expected: set[str]) -> None:
    assert placeholders(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Dear {{name", "'{{name' is not closed by }}"),
        ("Dear {{name, order {{id}}", "'{{name, order {{id}}' is not closed by }}"),
        ("{{{raw}}", "'{{{raw}}' is not closed by }}}"),
        ("{{!-- x }}", "'{{!-- x }}' is not closed by --}}"),
        ("{{#if a}}x", "{{#if}} is not closed by {{/if}}"),
        ("{{#if a}}{{#each b}}{{/each}}", "{{#if}} is not closed by {{/if}}"),
        ("{{#if a}}{{#each b}}{{/if}}{{/each}}", "{{/if}} stands where {{/each}} is due"),
        ("{{/if}}", "{{/if}} stands where no block is open"),
        ("Dear {{ }}", "{{}} names nothing"),
        ("Dear {{first name}}", "{{first name}} calls first, which SES does not have: a name has no spaces"),
        ("{{#upper name}}{{/upper}}", "{{#upper name}} calls upper"),
    ],
)
def test_what_is_not_closed_is_an_error(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        placeholders(text)


@given(st.lists(NAMES), st.text(alphabet=st.characters(exclude_characters="{}\\")))
def test_every_placeholder_is_found_whatever_is_between(names: list[str], between: str) -> None:
    assert placeholders(between.join(f"{{{{{name}}}}}" for name in names)) == set(names)


@given(st.text(alphabet="{}#/!>^&~ .ab\\", max_size=30))
def test_no_text_is_more_than_an_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert all(placeholders(text))
