"""PDF: the words of its pages, their pictures, and where on them what stands."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError
from morelike.modalities._document_words import MOST_CHARACTERS, MOST_PARTS, Piece, Words, fact, moment, together
from morelike.modalities._document_workers import answers

__all__ = ["LONGEST", "Box", "Picture", "Wanted", "pictures", "read_pdf"]

Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]

LONGEST: Final = 4096
"""Pixels of a picture's longer side."""
_SCANS: Final = 4
"""So many pages are drawn before they are read: the process that draws is not to wait for them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page (from 0) to be drawn: ``shorter`` pixels on its shorter side, or so many ``dots`` an inch where that is 0;
    no more than ``longest`` on the longer one. ``marked``: characters of the page's text whose boxes are wanted.
    """

    page: int
    shorter: int = 0
    longest: int = LONGEST
    dots: float = 150.0
    marked: tuple[int, int] | None = None


def pictures(data: bytes, name: str, wanted: Sequence[Wanted]) -> Generator[tuple[Picture, tuple[Box, ...]]]:
    """(h, w, 3) uint8 RGB of each page, and the boxes of what is marked on it in pixels: left, top, right, bottom.

    Raises DecodeError.
    """
    asked = [
        {"page": one.page, "shorter": one.shorter, "longest": one.longest, "dots": one.dots, "marked": one.marked}
        for one in wanted
    ]
    with closing(answers(data, {"asked": "pictures", "wanted": asked}, name)) as frames:
        for told, pixels in frames:
            picture = np.frombuffer(bytearray(pixels), dtype=np.uint8).reshape(told["height"], told["width"], 3)
            yield picture, tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in told["boxes"])


def read_pdf(data: bytes, name: str, scan: Callable[[Picture], Piece] | None, *, all_scans: bool = False) -> Words:
    """The pages' words. ``scan`` reads the pictures of those without any, or with ``all_scans`` of all that are drawn.

    Pages that are damaged are empty; DecodeError where all are, or the document cannot be used.
    """
    request = {"asked": "words", "pages": MOST_PARTS, "characters": MOST_CHARACTERS}
    with closing(answers(data, request, name)) as frames:
        whole, _ = next(frames, ({}, b""))
        pages = [told for told, _ in frames]
    if not pages or all(page["broken"] for page in pages):
        raise DecodeError(f"{name} has no page that can be read", hint="copy or download it again")
    pieces = [Piece(_text(page), bool(page["drawn"])) for page in pages]
    wordless = [at for at, piece in enumerate(pieces) if piece.drawn and not piece.text]
    if scan is not None:
        wanted = [at for at, piece in enumerate(pieces) if piece.drawn] if all_scans else wordless
        for at, piece in _scanned(data, name, wanted, scan):
            pieces[at] = piece if piece.text or not pieces[at].text else pieces[at]
    broken = sum(bool(page["broken"]) for page in pages)
    info = {
        "pages": len(pages),
        **fact("title", str(whole["Title"])),
        **fact("author", str(whole["Author"])),
        **moment("created", [str(whole["CreationDate"])]),
        **({"scanned": len(wordless)} if wordless else {}),
        **({"damaged_pages": broken} if broken else {}),
    }
    return together(pieces, info, paged=True)


def _text(page: dict[str, Any]) -> str:
    return str(page["text"])


def _scanned(
    data: bytes, name: str, numbers: Sequence[int], scan: Callable[[Picture], Piece]
) -> Iterator[tuple[int, Piece]]:
    from morelike.modalities._document_ocr import DOTS, LONGEST

    for start in range(0, len(numbers), _SCANS):
        some = numbers[start : start + _SCANS]
        drawn = list(pictures(data, name, [Wanted(at, longest=LONGEST, dots=DOTS) for at in some]))
        for at, (picture, _) in zip(some, drawn, strict=True):
            yield at, scan(picture)
