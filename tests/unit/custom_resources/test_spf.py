import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_resources.spf import SpfError, count_lookups, merge, read, remove, write

SES = ["include:amazonses.com"]
GOOGLE = '"google-site-verification=abc DEF/123=="'

MECHANISMS = st.sampled_from(
    ["include:_spf.google.com", "ip4:192.0.2.0/24", "a", "mx", "-include:spf.example.net", "ip6:2001:db8::/32"]
)
SPF = st.builds(
    lambda terms, end, gap: write(gap.join(["v=spf1", *terms, *end])),
    st.lists(MECHANISMS, max_size=6),
    st.sampled_from([["~all"], ["-all"], ["?all"], [], ["redirect=_spf.example.net"]]),
    st.sampled_from([" ", "  "]),
)
OTHERS = st.lists(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=300)
    .filter(lambda text: not text.lower().startswith("v=spf1"))
    .map(write),
    max_size=4,
    unique=True,
)


@given(OTHERS, st.lists(SPF, max_size=1))
def test_what_was_added_is_taken_away_again_byte_for_byte(others: list[str], spf: list[str]) -> None:
    before = [*others, *spf]
    merged = merge(before, SES, "~all")
    assert set(others) <= set(merged.values)
    assert sum(read(value).lower().startswith("v=spf1") for value in merged.values) == 1
    assert remove(merged.values, added=merged.added, created=merged.created) == before


@given(OTHERS, st.lists(SPF, max_size=1))
def test_adding_twice_is_adding_once(others: list[str], spf: list[str]) -> None:
    once = merge([*others, *spf], SES, "~all")
    twice = merge(once.values, SES, "~all")
    assert (twice.values, twice.added, twice.created) == (once.values, [], False)


def test_the_include_goes_before_the_end_so_that_it_counts() -> None:
    before = [GOOGLE, '"v=spf1 include:_spf.google.com include:mail.example.net -all"']
    assert merge(before, SES, "~all").values == [
        GOOGLE,
        '"v=spf1 include:_spf.google.com include:mail.example.net include:amazonses.com -all"',
    ]


def test_a_record_is_made_where_there_is_none_and_goes_again() -> None:
    merged = merge([GOOGLE], SES, "~all")
    assert merged.values == [GOOGLE, '"v=spf1 include:amazonses.com ~all"']
    assert remove(merged.values, added=merged.added, created=True) == [GOOGLE]


def test_what_was_there_before_stays_when_we_go() -> None:
    before = ['"v=spf1 include:amazonses.com -all"']
    merged = merge(before, SES, "~all")
    assert merged.added == []
    assert remove(merged.values, added=merged.added, created=merged.created) == before


def test_an_edit_by_somebody_else_in_between_survives() -> None:
    merged = merge([], SES, "~all")
    edited = ['"v=spf1 include:amazonses.com ip4:192.0.2.1 -all"', GOOGLE]
    assert remove(edited, added=merged.added, created=True) == ['"v=spf1 ip4:192.0.2.1 -all"', GOOGLE]
    assert remove([GOOGLE], added=merged.added, created=True) == [GOOGLE]


def test_two_records_are_refused_with_what_to_do() -> None:
    two = ['"v=spf1 -all"', '"V=SPF1 include:a.example ~all"']
    with pytest.raises(SpfError, match="there are 2 SPF records"):
        merge(two, SES, "~all")


def test_an_eleventh_look_up_is_refused_and_ten_are_not() -> None:
    nine = " ".join(f"include:s{number}.example" for number in range(7)) + " a mx"
    merge([f'"v=spf1 {nine} ip4:192.0.2.1 ~all"'], SES, "~all")
    with pytest.raises(SpfError, match="would need 11 DNS look-ups or more"):
        merge([f'"v=spf1 {nine} exists:%{{i}}.example ~all"'], SES, "~all")


def test_a_long_record_is_split_inside_one_value() -> None:
    long = write("v=spf1 " + " ".join(f"ip4:192.0.2.{number}" for number in range(30)) + " -all")
    (value,) = merge([long], SES, "~all").values
    assert "include:amazonses.com -all" in read(value)
    assert all(len(string) <= 255 for string in value[1:-1].split('" "'))


ELSEWHERE = {
    "amazonses.com": ["v=spf1 ip4:199.255.192.0/22 -all"],
    "five.example": ["unrelated", "v=spf1 include:a.five.example include:b.five.example a mx ~all"],
    "a.five.example": ["v=spf1 ip4:192.0.2.1 -all"],
    "loop.example": ["v=spf1 include:loop.example -all"],
    "chain.example": ["v=spf1 redirect=five.example"],
    "macro.example": ["v=spf1 exists:%{i}.macro.example include:%{d}.macro.example -all"],
}


@pytest.mark.parametrize(
    ("terms", "lookups"),
    [
        ("include:amazonses.com", 1),
        ("include:five.example", 5),
        ("include:chain.example", 6),
        ("include:unknown.example", 1),
        ("include:macro.example", 3),
        ("ip4:192.0.2.1 ip6:2001:db8::1", 0),
    ],
)
def test_look_ups_are_counted_through_what_is_included(terms: str, lookups: int) -> None:
    assert count_lookups(f"v=spf1 {terms} -all", ELSEWHERE.get) == lookups


def test_an_include_is_refused_that_passes_the_limit_by_what_others_include() -> None:
    before = ['"v=spf1 include:five.example include:chain.example -all"']
    merge(before, SES, "~all")  # nothing is known of them
    with pytest.raises(SpfError, match="DNS look-ups or more"):
        merge(before, SES, "~all", texts_of=ELSEWHERE.get)


def test_records_that_include_each_other_are_not_followed_for_ever() -> None:
    with pytest.raises(SpfError):
        merge(['"v=spf1 include:loop.example -all"'], SES, "~all", texts_of=ELSEWHERE.get)
