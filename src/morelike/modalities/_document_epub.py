"""Books: the chapters of an EPUB, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from morelike.errors import DecodeError
from morelike.modalities._document_words import MOST_CHARACTERS, MOST_PARTS, Piece, Words, fact, moment, together
from morelike.modalities._document_zips import Package, read_xml, related
from morelike.modalities._html import html_text

__all__ = ["read_book"]

_CONTAINER: Final = "META-INF/container.xml"
_LOCKED: Final = "META-INF/encryption.xml"
_CHAPTERS: Final = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})
_MOST_SAID: Final = 1000


def read_book(data: bytes, name: str) -> Words:
    """A chapter is a part; one without words is left out. Raises DecodeError, also where chapters are locked (DRM)."""
    package = Package(data, name)
    book = _Book(package, name)
    locked = _locked(package, name)
    pieces: list[Piece] = []
    left = MOST_CHARACTERS
    for member in book.chapters():
        if member in locked:
            raise DecodeError(f"{name} is encrypted (DRM)", hint="only books that any reader opens can be added")
        if not package.has(member):
            continue
        try:
            text = html_text(package.read(member)).text
        except DecodeError as error:
            if name in error.message:
                raise
            raise DecodeError(f"{name}: in {member[:100]} {error.message}", hint=error.hint) from error
        left -= len(text)
        if left < 0:
            raise DecodeError(f"{name} has more than {MOST_CHARACTERS:,} letters", hint="cut it into several")
        if text:
            pieces.append(Piece(text))
    return together(pieces, {**book.facts(), "chapters": len(pieces)}, paged=False)


class _Book:
    """What the package's own file says: the facts, and which members make the book."""

    def __init__(self, package: Package, name: str) -> None:
        self._name = name
        self._root = ""
        self._inside = ""
        self._said: dict[str, str] = {}
        self._members: dict[str, str] = {}
        self._spine: list[str] = []
        read_xml(package.read(_CONTAINER), name, self._rootfile)
        if not self._root:
            raise DecodeError(f"{name} is damaged: it does not say where its book is", hint="copy it again")
        read_xml(package.read(self._root), name, self._opened, self._closed, self._text)

    def chapters(self) -> list[str]:
        return [self._members[key] for key in self._spine if key in self._members]

    def facts(self) -> dict[str, str]:
        return {
            **fact("title", self._said.get("title", "")),
            **fact("author", self._said.get("creator", "")),
            **fact("language", self._said.get("language", "")),
            **moment("created", [self._said.get("date", "")]),
        }

    def _rootfile(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "rootfile" and not self._root:
            self._root = related("", attributes.get("full-path", ""))

    def _opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._inside = tag if tag not in self._said else ""
        if tag == "item" and attributes.get("media-type", "").lower() in _CHAPTERS:
            self._members[attributes.get("id", "")] = related(self._root, attributes.get("href", ""))
        elif tag == "itemref":
            self._spine.append(attributes.get("idref", ""))
            if len(self._spine) > MOST_PARTS:
                raise DecodeError(f"{self._name} has more than {MOST_PARTS:,} chapters", hint="cut it into several")

    def _closed(self, tag: str) -> None:  # noqa: ARG002 - the reader's
        self._inside = ""

    def _text(self, text: str) -> None:
        if self._inside in {"title", "creator", "language", "date"}:
            self._said[self._inside] = (self._said.get(self._inside, "") + text)[:_MOST_SAID]


def _locked(package: Package, name: str) -> set[str]:
    """Members that cannot be read without a key; fonts often are."""
    found: set[str] = set()
    if package.has(_LOCKED):
        read_xml(
            package.read(_LOCKED),
            name,
            lambda tag, attributes: (
                found.add(related("", attributes.get("URI", ""))) if tag == "CipherReference" else None
            ),
        )
    return found
