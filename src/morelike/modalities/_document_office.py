"""Word and PowerPoint: the words of WordprocessingML and DrawingML, in their order.

python-docx and python-pptx read every picture of a document into memory, and leave out text boxes, footnotes and
controls; words need one pass over a few members.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from morelike.errors import DecodeError
from morelike.modalities._document_words import MOST_CHARACTERS, MOST_PARTS, Piece, Words, fact, moment, together
from morelike.modalities._document_zips import Package, read_xml, related

__all__ = ["read_office"]

_NOT_SHOWN: Final = frozenset({"Fallback", "instrText", "moveFrom", "pPr", "rPr", "sectPr", "tblPr", "tcPr", "trPr"})
"""Settings, which have tabs of their own; what was moved away; what stands in for what an old program cannot show."""
_FIELDS_LEFT_OUT: Final = ("slidenum", "datetime")
_BLANKS: Final = re.compile(r"[ \xa0]*\t[ \t\xa0]*")
_LINES: Final = re.compile(r"[ \t]*\n[ \t\n]*\n[ \t]*|[ \t]*\n[ \t]*")


def read_office(data: bytes, name: str) -> Words:
    """A slide is a page; a Word document is one part. Raises DecodeError."""
    package = Package(data, name)
    main = _main(package, name)
    if main.endswith(".xml") and "presentation" in main.rpartition("/")[2]:
        pieces = _slides(package, main, name)
        return together(pieces, {**_facts(package, name), "pages": len(pieces)}, paged=True)
    if "xl/" in main:
        raise DecodeError(f"{name} is a spreadsheet", hint="save it as CSV, and add that as text")
    notes = [_beside(main, f"{kind}notes.xml") for kind in ("foot", "end")]
    texts = [_text(package, member, name) for member in (main, *notes) if member == main or package.has(member)]
    return together([Piece("\n\n".join(filter(None, texts)))], _facts(package, name), paged=False)


def _main(package: Package, name: str) -> str:
    """The member that the document begins with."""
    found = _relations(package, "", name, "officeDocument")
    if not found:
        raise DecodeError(f"{name} is neither a Word document nor a presentation", hint="save it anew as DOCX or PPTX")
    return next(iter(found.values()))


def _slides(package: Package, main: str, name: str) -> list[Piece]:
    """In the presentation's order, hidden ones among them, each with its notes."""
    order: list[str] = []

    def opened(tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "sldId":
            order.append(attributes.get(":id", ""))

    read_xml(package.read(main), name, opened)
    slides = _relations(package, main, name, "slide")
    members = [slides[key] for key in order if key in slides] or sorted(slides.values())
    if len(members) > MOST_PARTS:
        raise DecodeError(f"{name} has more than {MOST_PARTS:,} slides", hint="cut it into several")
    pieces, left = [], MOST_CHARACTERS
    for member in members:
        notes = [one for one in _relations(package, member, name, "notesSlide").values() if package.has(one)]
        pieces.append(Piece("\n\n".join(filter(None, (_text(package, one, name) for one in (member, *notes))))))
        left -= len(pieces[-1].text)
        if left < 0:
            raise DecodeError(f"{name} has more than {MOST_CHARACTERS:,} letters", hint="cut it into several")
    return pieces


def _relations(package: Package, member: str, name: str, kind: str) -> dict[str, str]:
    """What a member refers to, by the reference's id: members of that kind."""
    found: dict[str, str] = {}
    listing = _beside(member, f"_rels/{member.rpartition('/')[2]}.rels")

    def opened(tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "Relationship" and attributes.get("Type", "").endswith(f"/{kind}"):
            inside = attributes.get("TargetMode", "").lower() != "external"
            if inside and len(found) <= MOST_PARTS:
                found[attributes.get("Id", "")] = related(member, attributes.get("Target", ""))

    if package.has(listing):
        read_xml(package.read(listing), name, opened)
    return found


def _beside(member: str, other: str) -> str:
    folder = member.rpartition("/")[0]
    return f"{folder}/{other}" if folder else other


def _facts(package: Package, name: str) -> dict[str, str]:
    if not package.has("docProps/core.xml"):
        return {}
    said: dict[str, str] = {}
    inside: list[str] = []
    read_xml(
        package.read("docProps/core.xml"),
        name,
        lambda tag, _: inside.append(tag),
        lambda _: inside.__delitem__(-1),
        lambda text: said.update({inside[-1]: said.get(inside[-1], "") + text[:1000]}),
    )
    return {
        **fact("title", said.get("title", "")),
        **fact("author", said.get("creator", "")),
        **moment("created", [said.get("created", "")]),
    }


def _text(package: Package, member: str, name: str) -> str:
    """Paragraphs with an empty line between; a table's rows are lines, with tabs between its cells."""
    reading = _Reading(name)
    read_xml(package.read(member), name, reading.opened, reading.closed, reading.said)
    return reading.text()


class _Reading:
    """Goes through the elements once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said: list[str] = []
        self._length = 0
        self._unseen = 0
        """How deep it is in what is not shown."""
        self._open = 0
        """How many elements of text are open."""
        self._cells = 0

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        left_out = tag == "fld" and attributes.get("type", "").startswith(_FIELDS_LEFT_OUT)
        if self._unseen or tag in _NOT_SHOWN or left_out:
            self._unseen += 1
        elif tag == "t":
            self._open += 1
        elif tag == "tc":
            self._cells += 1
        elif tag in {"br", "cr", "tab", "noBreakHyphen"}:
            self._said.append({"tab": "\t", "noBreakHyphen": "-"}.get(tag, " " if self._cells else "\n"))

    def closed(self, tag: str) -> None:
        if self._unseen:
            self._unseen -= 1
        elif tag == "t":
            self._open -= 1
        elif tag == "tc":
            self._cells -= 1
            self._said.append("\t")
        elif tag == "tr":
            self._said.append("\n")
        elif tag in {"p", "tbl"}:
            self._said.append(" " if self._cells else "\n\n")

    def said(self, text: str) -> None:
        if self._open and not self._unseen:
            self._length += len(text)
            if self._length > MOST_CHARACTERS:
                raise DecodeError(f"{self._name} has more than {MOST_CHARACTERS:,} letters", hint="cut it into several")
            self._said.append(text)

    def text(self) -> str:
        cells = _BLANKS.sub("\t", "".join(self._said))
        return _LINES.sub(lambda found: "\n\n" if found[0].count("\n") > 1 else "\n", cells).strip()
