import re
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ses_constructs import Dmarc

POLICIES = ("none", "quarantine", "reject")
LOCAL_PARTS = st.text("abcXYZ019.!#$%&'*+/=?^_`{|}~-,", min_size=1, max_size=20).filter(
    lambda local: not local.startswith("mailto:")
)
ADDRESSES = st.builds("{}@{}".format, LOCAL_PARTS, st.sampled_from(["example.com", "reports.example.net"]))


def read(record: str) -> dict[str, str]:
    """A strict reader of the grammar of RFC 9989, section 4.8, written apart from the writer."""
    tags: dict[str, str] = {}
    for number, part in enumerate(record.split(";")):
        name, value = re.fullmatch(r" ?([a-z]+)=([!-:<-~]+)", part).groups()  # type: ignore[union-attr]  # None fails the test
        assert name not in tags
        assert (number == 0) == (name == "v")
        tags[name] = value
    assert tags["v"] == "DMARC1"
    return tags


@given(
    st.sampled_from(POLICIES),
    st.none() | st.sampled_from(POLICIES),
    st.none() | st.sampled_from(POLICIES),
    st.booleans(),
    st.lists(ADDRESSES, max_size=3),
    st.lists(ADDRESSES, max_size=2),
    st.sampled_from(["relaxed", "strict"]),
)
def test_whatever_is_given_can_be_read_back(
    policy: Any, sp: Any, np: Any, testing: bool, rua: list[str], ruf: list[str], alignment: Any
) -> None:
    dmarc = Dmarc(
        policy=policy,
        subdomain_policy=sp,
        nonexistent_subdomain_policy=np,
        testing=testing,
        aggregate_reports=rua,
        failure_reports=ruf,
        failure_options=["1", "s"] if ruf else [],
        dkim_alignment=alignment,
        spf_alignment=alignment,
    )
    tags = read(dmarc.text())
    assert tags["p"] == policy
    assert (tags.get("sp"), tags.get("np")) == (sp, np)
    assert tags.get("t", "n") == ("y" if testing else "n")
    assert tags.get("adkim", "r") == tags.get("aspf", "r") == alignment[0]
    for name, addresses in (("rua", rua), ("ruf", ruf)):
        uris = tags[name].split(",") if name in tags else []
        assert all(re.fullmatch(r"mailto:[^!,;]+", uri) for uri in uris)
        assert [unquote(uri.removeprefix("mailto:")) for uri in uris] == addresses
    assert tags.get("fo") == ("1:s" if ruf else None)


def test_the_policy_comes_second_for_readers_of_the_older_standard() -> None:
    assert Dmarc(policy="reject", aggregate_reports=["d@example.com"]).text().startswith("v=DMARC1; p=reject; ")


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"policy": "Reject"}, "policy must be one of none, quarantine, reject, got 'Reject'"),
        ({"subdomain_policy": "drop"}, "subdomain_policy must be one of"),
        ({"nonexistent_subdomain_policy": ""}, "nonexistent_subdomain_policy must be one of"),
        ({"dkim_alignment": "s"}, "dkim_alignment must be one of relaxed, strict, got 's'"),
        ({"spf_alignment": None}, "spf_alignment must be one of"),
        ({"testing": "n"}, "testing must be True or False, got 'n'"),
        ({"aggregate_reports": "d@example.com"}, "aggregate_reports must be a list"),
        ({"aggregate_reports": ["mailto:d@example.com"]}, "must be plain addresses"),
        ({"aggregate_reports": ["d@example"]}, "must be plain addresses"),
        ({"aggregate_reports": ["d;x@example.com"]}, "must be plain addresses"),
        ({"failure_reports": ["a b@example.com"]}, "failure_reports must be plain addresses"),
        ({"failure_options": ["1"]}, "need failure_reports"),
        ({"failure_reports": ["d@example.com"], "failure_options": ["0", "1"]}, "exclude each other"),
        ({"failure_reports": ["d@example.com"], "failure_options": ["2"]}, "must be a list of 0, 1, d and s"),
        ({"failure_reports": ["d@example.com"], "failure_options": "1"}, "must be a list of 0, 1, d and s"),
    ],
)
def test_values_outside_of_the_standard_are_refused(arguments: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Dmarc(**arguments)


WORDS = {"policy", "subdomain_policy", "nonexistent_subdomain_policy", "dkim_alignment", "spf_alignment"}
LISTS = {"aggregate_reports", "failure_reports", "failure_options"}
NEITHER_POLICY_NOR_ALIGNMENT = (st.text(max_size=12) | st.integers() | st.lists(st.text(max_size=3))).filter(
    lambda value: value not in (*POLICIES, "relaxed", "strict")
)
NO_LIST = st.text(max_size=12) | st.integers() | st.none() | st.booleans()
# What separates tags, what is not printable, what is not ASCII, and what is no address at all.
NO_ADDRESS = (
    st.builds("{}{}@example.com".format, LOCAL_PARTS, st.sampled_from([";", " ", "\t", "\r\n", "\x00", "\x7f", "é"]))
    | st.builds("user@{}example.com".format, st.sampled_from(["-", "_", ".", " ", ";", "ü", "a..", "*."]))
    | st.builds("mailto:{}".format, ADDRESSES)
    | st.builds("{}@localhost".format, LOCAL_PARTS)
    | LOCAL_PARTS
    | st.none()
    | st.integers()
)


@given(st.sampled_from(sorted(WORDS)), NEITHER_POLICY_NOR_ALIGNMENT)
def test_no_other_word_gets_into_the_record(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"Dmarc: {name} must be one of"):
        Dmarc(**{name: value})


@given(st.sampled_from(sorted(LISTS)), NO_LIST)
def test_nothing_but_a_list_is_taken_for_one(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"Dmarc: {name} must be a list"):
        Dmarc(**{name: value})


@given(st.sampled_from(["aggregate_reports", "failure_reports"]), st.lists(ADDRESSES, max_size=2), NO_ADDRESS)
def test_no_list_of_reports_has_anything_but_addresses(name: str, addresses: list[str], value: Any) -> None:
    given_reports: dict[str, Any] = {name: [*addresses, value]}
    with pytest.raises(ValueError, match=f"Dmarc: {name} must be plain addresses"):
        Dmarc(**given_reports)
