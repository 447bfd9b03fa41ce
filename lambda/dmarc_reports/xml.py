"""XML of strangers as plain trees: no document type, so no entities; namespaces forgotten; bounded in depth. Pure.

The parser is not asked for namespaces: it would write a long one out before the name of every element.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn
from xml.parsers import expat

from ses_common.envelope import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEEPEST = 20
_MOST_ELEMENTS = 1_000_000
_LONGEST_TEXT = 10_000  # of one element; what comes after is left out


@dataclass(slots=True)
class Element:
    """An element with its text and its children."""

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Element]:
        """Yield the children of this name."""
        return (child for child in self.children if child.name == name)

    def child(self, name: str) -> Element:
        """Return the first child of this name; an empty element if there is none."""
        return next(self.all(name), Element(name))

    def value(self, name: str) -> str:
        """Return the text of the first child of this name, without blanks around it."""
        return self.child(name).text.strip()


def parse(content: bytes) -> Element:
    """Return the root element.

    :raises Unusable: for what is no XML, or has a document type, or is nested too deep.
    """
    root: list[Element] = []
    path: list[Element] = []
    count = 0

    def refuse(*_: object) -> NoReturn:
        raise Unusable("HasDocumentType", "The report has a document type, which no report needs.")

    def start(name: str, _: object) -> None:
        nonlocal count
        count += 1
        if len(path) == _DEEPEST or count > _MOST_ELEMENTS:
            raise Unusable("NotAReport", "The report has elements that are nested too deep, or too many.")
        element = Element(name.rpartition(":")[2].lower())
        (path[-1].children if path else root).append(element)
        path.append(element)

    def text(data: str) -> None:
        if len(path[-1].text) < _LONGEST_TEXT:
            path[-1].text += data

    def end(_: str) -> None:
        path.pop()

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.CharacterDataHandler = text
    parser.EndElementHandler = end
    parser.buffer_text = True
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise Unusable("BrokenXml", f"The report is not XML: {expat.ErrorString(error.code)}.") from None
    except (ValueError, LookupError) as error:  # an encoding that Python does not know
        if isinstance(error, Unusable):
            raise
        raise Unusable("BrokenXml", f"Reading the XML failed with {type(error).__name__}.") from None
    return root[0]
