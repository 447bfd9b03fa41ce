import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ses_common.addresses import keyed_hash, normalise

SAME = {
    "ann@example.com": [
        "ann@example.com",
        " Ann@Example.COM\n",
        "<ann@example.com>",
        "Ann <ann@example.com>",
        '"Ann, <the> B." <ANN@example.com>',
        '"Ann \\"B\\"" < ann@example.com >',
        "=?utf-8?q?J=C3=BCrgen?= <ann@example.com>",
        "Jürgen <ann@example.com>",
        "ann@example.com.",
    ],
    "ann+news@example.com": ["Ann+News@example.com"],
    '"ann b"@example.com': ['"Ann B"@example.com', 'Ann <"ann b"@EXAMPLE.com>'],
    '"a@b"@example.com': ['"a@b"@example.com'],
    "ann@xn--bcher-kva.example": ["ann@bücher.example", "ann@BÜCHER.example", "Ann <ann@xn--BCHER-kva.example>"],
    "jürgen@example.com": ["Jürgen@example.com"],
    "ann@[192.0.2.1]": ["ann@[192.0.2.1]"],
    "ann@[ipv6:2001:db8::1]": ["ann@[IPv6:2001:DB8::1]"],
    "prvs=1234=ann@example.com": ["prvs=1234=Ann@example.com"],
    "ann@localhost": ["ann@localhost"],
}


@pytest.mark.parametrize(("address", "spelling"), [(a, spelling) for a, all in SAME.items() for spelling in all])
def test_all_spellings_of_an_address_are_one(address: str, spelling: str) -> None:
    assert normalise(spelling) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "ann",
        "@example.com",
        "ann@",
        "ann@@example.com",
        "ann@exa mple.com",
        "ann@example..com",
        "ann@.example.com",
        "ann b@example.com",
        "Ann <>",
        "Ann <ann>",
        "ann@example.com, bob@example.com",
        "ann@example.com <bob",
        "ann\x00@example.com",
        "ann\ud800@example.com",
        f"{'a' * 310}@example.com",
        "<" * 100_000,
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        normalise(text)


@given(st.one_of(st.text(max_size=40), st.emails(), st.text(alphabet='a@.<>" \\é\ud800', max_size=20)))
@settings(deadline=None)
def test_normalising_again_changes_nothing_and_the_result_can_be_stored(text: str) -> None:
    try:
        address = normalise(text)
    except ValueError:
        return
    assert normalise(address) == address
    assert address.encode().decode() == address
    assert "@" in address


def test_hashes_need_the_key_to_be_compared() -> None:
    digest = keyed_hash("ann@example.com", b"key")
    assert digest == keyed_hash("ann@example.com", b"key")
    assert digest != keyed_hash("ann@example.com", b"another key")
    assert digest != keyed_hash("bob@example.com", b"key")
    assert len(digest) == 16
    assert int(digest, 16) >= 0
