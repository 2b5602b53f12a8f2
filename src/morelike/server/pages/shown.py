"""What the board shows of each part of a search, also of one that is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError
from morelike.server.pages.board import Board, Part
from morelike.server.pages.passages import leaf_of
from morelike.server.pages.reading import openings
from morelike.server.pages.telling import called_of
from morelike.server.pages.uploads import CROPPED, stash_of
from morelike.server.pages.view import has_words, joins, length_of, library_of, name_of, peaks_path, sounds
from morelike.server.pages.writing import Writing, drawn_of
from morelike.types import Item

__all__ = ["Adding", "Worded", "adding_of", "shown_of", "worded_of"]


@dataclass(frozen=True, slots=True)
class Worded:
    """Words of a search. ``drawn``: a picture of what they write down, as an address of its own; "" without one.
    ``smiles``: of a molecule.
    """

    text: str
    weight: float
    drawn: str = ""
    smiles: str = ""


@dataclass(frozen=True, slots=True)
class Adding:
    """How a further part comes to the board. ``together``: whether the encoder can join several at all."""

    together: bool
    words: bool
    pictures: bool
    sounds: bool


def shown_of(request: Request, opened: OpenCollection, part: Part) -> dict[str, Any]:
    """An example as the board shows it. ``length``: seconds, of what has time; ``written``: a molecule's SMILES."""
    shown: dict[str, Any] = {"part": part, "item": None, "name": "", "preview": "", "size": (4, 3)}
    shown |= {"length": 0.0, "peaks": "", "sound": False, "written": "", "words": "", "crops": False}
    try:
        if part.form == "upload":
            return {**shown, **_uploaded(request, opened, part)}
        item = opened.item(part.name)
    except MorelikeError:
        return shown
    uri = item.sources[0].uri if item.sources else item.id
    return {
        **shown,
        "name": called_of(item) or name_of(uri),
        "item": item,
        "written": str(item.info.get("smiles") or ""),
        "size": (item.info.get("width"), item.info.get("height")),
        "length": length_of(item.info),
        "peaks": peaks_path(opened.name, item.id) if sounds(opened.modality, item.info) else "",
        "sound": opened.modality == "audio",
        "words": _words_of(request, opened, item),
        "crops": opened.modality in CROPPED,
    }


def _uploaded(request: Request, opened: OpenCollection, part: Part) -> dict[str, Any]:
    """Raises QueryError where it is not kept any more."""
    kept = stash_of(request).get(part.name)
    return {
        "name": kept.blob.name,
        "preview": f"/q/{part.name}",
        "size": (kept.preview.width, kept.preview.height),
        "length": kept.length,
        "peaks": f"/q/{part.name}/peaks" if kept.peaks else "",
        "sound": bool(kept.peaks) and opened.modality == "audio",
        "written": kept.written,
        "words": kept.words,
        "crops": kept.crops,
    }


def worded_of(request: Request, opened: OpenCollection, board: Board, writing: Writing | None) -> Sequence[Worded]:
    """The words of a search, with drawings where they write items down."""
    if writing is None or writing.words:
        return [Worded(text, weight) for text, weight in board.words]
    settings = library_of(request).settings
    return [Worded(text, weight, *drawn_of(opened, settings, text)) for text, weight in board.words]


def adding_of(opened: OpenCollection, writing: Writing | None, *, takes_words: bool) -> Adding:
    """What the board offers for a further part."""
    kinds = {space.kind for space in opened.spaces if space.active}
    return Adding(
        together=joins(opened),
        words=takes_words or writing is not None,
        pictures="image" in kinds and opened.modality in {"image", "video", "document"},
        sounds="audio" in kinds,
    )


def _words_of(request: Request, opened: OpenCollection, item: Item) -> str:
    """What the board shows of a text; "" of what is shown as a picture."""
    if not has_words(opened.modality) or leaf_of(None, item.info):
        return ""
    said = openings(opened, library_of(request).settings, [item]).get(item.id, "")
    return str(item.info.get("question") or "") or said
