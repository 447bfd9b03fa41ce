"""Who is behind an address. Pure: no I/O, no environment, no clock."""

from __future__ import annotations

from fnmatch import translate
from functools import cache
from re import compile as compile_pattern
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from re import Pattern


class Aliases:
    """Addresses, and patterns of them, each with those whom its mail goes to.

    An address comes before its form without ``+label``, as SES has it, and both before patterns. Of the patterns that
    match, the one with most letters of its own counts, so that ``*@example.com`` comes last. Case makes no difference.
    """

    def __init__(self, aliases: Mapping[str, Sequence[str]]) -> None:
        """:param aliases: in lower case; in a pattern ``*`` stands for any characters of the local part."""
        self._exact = {alias: targets for alias, targets in aliases.items() if "*" not in alias}
        patterns = [alias for alias in aliases if "*" in alias]
        patterns.sort(key=lambda alias: (-len(alias.replace("*", "")), alias))
        self._patterns = [(alias, aliases[alias]) for alias in patterns]

    def behind(self, address: str) -> Sequence[str]:
        """Return whom mail to *address* goes to; nobody if there is no alias for it."""
        local, _, domain = address.lower().rpartition("@")
        for exact in (f"{local}@{domain}", f"{local.partition('+')[0]}@{domain}"):
            if exact in self._exact:
                return self._exact[exact]
        return next((targets for alias, targets in self._patterns if _matches(alias, local, domain)), ())


def _matches(alias: str, local: str, domain: str) -> bool:
    pattern, _, of = alias.rpartition("@")
    return of == domain and _compiled(pattern).match(local) is not None


@cache
def _compiled(pattern: str) -> Pattern[str]:
    # Of fnmatch's marks the asterisk alone is one here; its expressions do not backtrack over and over.
    return compile_pattern(translate("".join(f"[{it}]" if it in "?[" else it for it in pattern)))
