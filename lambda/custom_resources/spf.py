"""Adding to the SPF record of a name that others write to as well, and taking only that away again. Pure.

SPF: RFC 7208. A TXT record set holds many values; one of them, at most, may be the SPF record. Values come and go in
the form in which Route 53 keeps them: quoted strings. What is not ours is never written anew, so it stays as it was,
byte for byte.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MAX_LOOKUPS = 10  # RFC 7208, section 4.6.4
_QUERYING = re.compile(r"[+?~-]?(?:include:|exists:|a(?:[:/]|$)|mx(?:[:/]|$)|ptr(?::|$))|redirect=", re.IGNORECASE)
_FOLLOWED = re.compile(r"(?:[+?~-]?include:|redirect=)(?P<name>[^%\s]+)", re.IGNORECASE)
_IS_SPF = re.compile(r"v=spf1(?:\s|$)", re.IGNORECASE)
_LAST = re.compile(r"(?:[+?~-]?all|redirect=\S*)(?=\s|$)", re.IGNORECASE)


TextsOf = Callable[[str], Sequence[str] | None]
"""The TXT records of a name; None if they are not known."""


class SpfError(Exception):
    """The record cannot be changed; the message says what a person has to do."""


@dataclass(frozen=True)
class Merged:
    """The values to write, and what of them is ours: to be handed to :func:`remove` later."""

    values: list[str]
    created: bool
    added: list[str]


def merge(
    values: Sequence[str], terms: Sequence[str], qualifier: str, *, texts_of: TextsOf = lambda name: None
) -> Merged:
    """Add *terms* (like ``include:amazonses.com``) to the SPF record among *values*, or make one.

    :param qualifier: how a record that is made here ends, like ``~all``. One that is there keeps its end.
    :param texts_of: by which the look-ups of what is included are counted; what is not known counts as one.
    :raises SpfError: if there are two SPF records, or the result would need more than ten look-ups.
    """
    position = _spf_position(values)
    if position is None:
        text = " ".join(["v=spf1", *terms, qualifier])
        _check_lookups(text, texts_of)
        return Merged([*values, f'"{text}"'], created=True, added=list(terms))
    text = read(values[position])
    present = {_plain(term) for term in text.split()}
    added = [term for term in terms if _plain(term) not in present]
    if not added:
        return Merged(list(values), created=False, added=[])
    last = _LAST.search(text, pos=len("v=spf1"))
    place = last.start() if last else len(text)
    inserted = "".join(f"{term} " for term in added) if last else "".join(f" {term}" for term in added)
    text = text[:place] + inserted + text[place:]
    _check_lookups(text, texts_of)
    return Merged(_replaced(values, position, write(text)), created=False, added=added)


def remove(values: Sequence[str], *, added: Sequence[str], created: bool) -> list[str]:
    """Take away what :func:`merge` added, as far as it is still there. A record made by it goes when nothing is left.

    :raises SpfError: if there are two SPF records.
    """
    position = _spf_position(values)
    if position is None:
        return list(values)
    text = read(values[position])
    for term in added:
        text = re.sub(rf"(?<=\s)[+]?{re.escape(term)}(?:\s+|$)", "", text, count=1, flags=re.IGNORECASE)
    text = text.rstrip() if not read(values[position]).endswith(" ") else text
    rest = [term for term in text.split()[1:] if not _LAST.fullmatch(term)]
    if created and not rest:
        return [value for place, value in enumerate(values) if place != position]
    if text == read(values[position]):
        return list(values)
    return _replaced(values, position, write(text))


def read(value: str) -> str:
    """Return the text of a TXT value: its quoted strings, joined (RFC 7208, section 3.3)."""
    strings = re.findall(r'"((?:[^"\\]|\\.)*)"', value)
    return "".join(re.sub(r"\\([^0-9])", r"\1", string) for string in strings) if strings else value


def write(text: str) -> str:
    """Return a text as a TXT value: quoted strings of at most 255 octets (RFC 1035, section 3.3)."""
    strings = [text[start : start + 255] for start in range(0, len(text), 255)]
    return " ".join('"{}"'.format(re.sub(r'(["\\])', r"\\\1", string)) for string in strings)


def _spf_position(values: Sequence[str]) -> int | None:
    positions = [place for place, value in enumerate(values) if _IS_SPF.match(read(value))]
    if len(positions) > 1:
        raise SpfError(
            f"there are {len(positions)} SPF records at this name, so receivers ignore all of them (RFC 7208, section "
            "3.2): make one of them, then deploy again"
        )
    return positions[0] if positions else None


def _check_lookups(text: str, texts_of: TextsOf) -> None:
    lookups = count_lookups(text, texts_of)
    if lookups > MAX_LOOKUPS:
        raise SpfError(
            f"the SPF record would need {lookups} DNS look-ups or more, and receivers stop at {MAX_LOOKUPS} (RFC 7208, "
            f"section 4.6.4): take some out of {text!r}, then deploy again"
        )


def count_lookups(text: str, texts_of: TextsOf) -> int:
    """Return how many look-ups a record needs with all that it includes. The count ends beyond the limit."""
    count = 0
    waiting = [text]
    while waiting and count <= MAX_LOOKUPS:
        for term in waiting.pop().split()[1:]:
            if not _QUERYING.match(term):
                continue
            count += 1
            followed = _FOLLOWED.fullmatch(term)
            if followed is not None and count <= MAX_LOOKUPS:
                waiting += [it for it in texts_of(followed["name"]) or () if _IS_SPF.match(it)]
    return count


def _plain(term: str) -> str:
    return term.lower().removeprefix("+")


def _replaced(values: Sequence[str], position: int, value: str) -> list[str]:
    return [*values[:position], value, *values[position + 1 :]]
