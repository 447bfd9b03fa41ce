"""Who is behind an address."""

from mail_forwarder.aliases import Aliases

ALIASES = Aliases(
    {
        "info@example.com": ["ann@example.net"],
        "info+press@example.com": ["bob@example.net", "eve@example.net"],
        "sales-*@example.com": ["sales@example.net"],
        "sales-de-*@example.com": ["berlin@example.net"],
        "*@example.com": ["rest@example.net"],
        "a.b[c]?*d@example.org": ["odd@example.net"],
    }
)


def test_an_address_comes_before_its_form_without_label_and_both_before_patterns() -> None:
    assert ALIASES.behind("info@example.com") == ["ann@example.net"]
    assert ALIASES.behind("Info+News@Example.COM") == ["ann@example.net"]
    assert ALIASES.behind("info+press@example.com") == ["bob@example.net", "eve@example.net"]


def test_of_patterns_the_one_with_most_letters_counts_and_a_catch_all_comes_last() -> None:
    assert ALIASES.behind("sales-fr-1@example.com") == ["sales@example.net"]
    assert ALIASES.behind("sales-de-1@example.com") == ["berlin@example.net"]
    assert ALIASES.behind("sales@example.com") == ["rest@example.net"]


def test_a_pattern_is_of_its_own_domain_and_means_nothing_but_the_asterisk() -> None:
    for address in ("info@example.org", "sales-1@mail.example.com", "axb[c]?zd@example.org", "a.bc?d@example.org", ""):
        assert ALIASES.behind(address) == ()
    assert ALIASES.behind("A.B[c]?zzD@example.org") == ["odd@example.net"]


def test_patterns_with_many_asterisks_do_not_try_all_ways_to_match() -> None:
    aliases = Aliases({"*a*a*a*a*a*a*a*a*b@example.com": ["ann@example.net"]})
    assert aliases.behind("a" * 20_000 + "@example.com") == (), "which would take years"
