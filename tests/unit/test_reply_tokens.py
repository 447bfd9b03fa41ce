"""Reply addresses: nobody without the key makes one, changes one, or makes one last longer."""

import hmac
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ses_common import reply_tokens
from ses_common.reply_tokens import Rejected

DOMAIN = "support.example.com"
NOON = 1_772_452_800
IN_A_DAY = NOON + 86_400
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def mac(message: bytes) -> bytes:
    return hmac.digest(b"key", message, "sha256")


def make(thread: str = "T-1042", *, domain: str = DOMAIN, expires_at: float = IN_A_DAY) -> str:
    return reply_tokens.make(thread, domain=domain, expires_at=expires_at, mac=mac)


def check(address: str, *, domain: str = DOMAIN, now: float = NOON) -> str:
    return reply_tokens.check(address, domain=domain, now=now, mac=mac)


def rejection(address: str, *, domain: str = DOMAIN, now: float = NOON) -> str:
    with pytest.raises(Rejected) as rejected:
        check(address, domain=domain, now=now)
    return rejected.value.code


@given(thread=st.text(min_size=1).filter(lambda it: it.isprintable() and len(it.encode()) <= 20))
def test_a_thread_comes_back_as_it_was_whatever_happens_to_the_case(thread: str) -> None:
    address = make(thread)
    assert [check(it) for it in (address, address.upper(), f" {address.title()} ")] == [thread] * 3
    local, _, domain = address.partition("@")
    assert (local.startswith("reply+"), domain, address.islower()) == (True, DOMAIN, True)
    assert len(local) <= 64


def test_a_uuid_has_room_too() -> None:
    thread = str(uuid4())
    assert check(make(thread)) == thread
    assert len(make(thread).partition("@")[0]) <= 64


@pytest.mark.parametrize("thread", ["", "x" * 21, "ö" * 11, "462C55E8-0842-4F3E-A2AD-02553DE1345E", "\ud800"])
def test_what_has_no_room_or_is_no_text_is_refused(thread: str) -> None:
    with pytest.raises(ValueError, match=r"20 bytes|surrogates"):
        make(thread)


def test_an_address_is_good_until_the_hour_after_its_end_is_full() -> None:
    address = make(expires_at=NOON + 1)
    assert check(address, now=NOON + 3599) == "T-1042"
    assert rejection(address, now=NOON + 3600) == "Expired"
    assert reply_tokens.end_of_hour(NOON + 1) == NOON + 3600


def test_no_character_can_be_changed_added_or_left_out() -> None:
    address = make()
    start, end = len("reply+"), address.index("@")
    for at in range(start, end):
        for letter in ALPHABET:
            if letter != address[at]:
                changed = f"{address[:at]}{letter}{address[at + 1 :]}"
                assert rejection(changed) in ("Forged", "NotAReplyAddress")
        assert rejection(address[:at] + address[at + 1 :]) in ("Forged", "NotAReplyAddress")
        assert rejection(f"{address[:at]}a{address[at:]}") in ("Forged", "NotAReplyAddress")


def test_tokens_of_another_domain_or_another_key_are_foreign() -> None:
    token = make(domain="example.org").partition("@")[0]
    assert rejection(f"{token}@{DOMAIN}") == "Forged"
    assert rejection(make(), domain="example.org") == "NotAReplyAddress"
    other = reply_tokens.make("T-1", domain=DOMAIN, expires_at=IN_A_DAY, mac=lambda it: hmac.digest(b"x", it, "sha256"))
    assert rejection(other) == "Forged"


@given(address=st.one_of(st.text(), st.from_regex(r"\Areply\+[a-z2-7]{0,60}@support\.example\.com\Z")))
def test_nothing_that_was_not_made_here_counts(address: str) -> None:
    assert rejection(address) in ("NotAReplyAddress", "Forged")


def test_other_addresses_of_the_domain_are_none_and_need_no_key() -> None:
    for address in ("reply@", "reply+abc@", "reply+@", "help+abcdefghijklmnopqrstuvwxyz234567@", "@"):
        assert not reply_tokens.is_reply_address(f"{address}{DOMAIN}", DOMAIN)
    assert reply_tokens.is_reply_address(make().upper(), DOMAIN)
