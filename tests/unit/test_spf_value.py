from typing import Any

import pytest

from ses_constructs import Spf


@pytest.mark.parametrize(
    "also",
    [
        [],
        ["include:_spf.example.net"],
        ["ip4:192.0.2.0/24", "ip4:198.51.100.7", "ip6:2001:db8::/32"],
        ["a", "mx", "a:mail.example.com", "mx:example.com/24", "exists:x.example.com"],
        [f"include:s{number}.example.com" for number in range(9)],
    ],
)
def test_the_mechanisms_of_the_standard_are_taken_and_ses_comes_first(also: list[str]) -> None:
    assert Spf.include_ses(also).terms == ("include:amazonses.com", *also)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"also": "include:example.com"}, "must be a list"),
        ({"also": ["-all"]}, "must be include:"),
        ({"also": ["redirect=example.com"]}, "must be include:"),
        ({"also": ["~include:example.com"]}, "must be include:"),
        ({"also": ["ptr"]}, "must be include:"),
        ({"also": ["include:"]}, "must name a domain"),
        ({"also": ["include:not a domain"]}, "must name a domain"),
        ({"also": ["ip4:2001:db8::1"]}, "must give an IPv4 address"),
        ({"also": ["ip6:192.0.2.1"]}, "must give an IPv6 address"),
        ({"also": ["ip4:192.0.2.300"]}, "must give an address"),
        ({"also": ["include:AmazonSES.com"]}, "must not repeat"),
        ({"also": [f"include:s{number}.example.com" for number in range(10)]}, "within 10 DNS look-ups, got 11"),
        ({"qualifier": "+all"}, "qualifier must be one of"),
    ],
)
def test_what_receivers_would_choke_on_is_refused(arguments: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=f"Spf.include_ses: .*{rule}"):
        Spf.include_ses(**arguments)
