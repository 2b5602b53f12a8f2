"""What somebody asks with: taken from a form or an address, looked at once, and kept for a while."""

from __future__ import annotations

from html import escape

from fastapi import Request
from starlette.datastructures import UploadFile

from morelike.collection import OpenCollection
from morelike.errors import ItemError, QueryError
from morelike.examples import as_blob
from morelike.prepare import decoding
from morelike.protocols import Modality, Quotes, ReadsText
from morelike.search.reading import readers
from morelike.server.pages.passages import beginning, leaf_of
from morelike.server.pages.stash import LARGEST, Example, Stash
from morelike.server.pages.view import has_words, length_of, library_of, name_of
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, Span
from morelike.unpacking import configured
from morelike.words import wordless

__all__ = ["CROPPED", "fetched", "stash_of", "stashed", "uploaded", "written"]

PREVIEW_SIDE = 640
CROPPED = ("image", "video")
"""Modalities of which a part of the picture can be asked with."""
FIRST_WORDS = 1000
POINTS = 400
"""Numbers of a waveform on the board."""


def stash_of(request: Request) -> Stash:
    """The application's own, made when it is first needed."""
    state = request.app.state
    if not hasattr(state, "stash"):
        state.stash = Stash()
    stash: Stash = state.stash
    return stash


def uploaded(file: UploadFile) -> Blob:
    """A file of a form. Raises QueryError where it is empty or too large."""
    return _bounded(file.file.read(LARGEST + 1), name_of((file.filename or "").replace("\\", "/")))


def fetched(request: Request, url: str) -> Blob:
    """Through the guard against private addresses, once; the search keeps what came. Raises SourceError, QueryError."""
    blob = as_blob(url, library_of(request).settings)
    return _bounded(blob.read(LARGEST + 1), blob.name)


def stashed(request: Request, opened: OpenCollection, blob: Blob) -> str:
    """Its token. Raises DecodeError or UnknownMedia where it cannot be used, before anything is kept."""
    modality = _modality_of(library_of(request).settings, opened, blob)
    preview = modality.preview(blob, WHOLE, PREVIEW_SIDE)
    info = modality.describe(blob) if {"audio", "molecule"} & set(modality.kinds) else {}
    length = length_of(info)
    example = Example(
        blob,
        preview,
        blob.size or 0,
        length,
        _peaks(modality, blob) if length else (),
        _first_words(modality, blob),
        modality.name in CROPPED,
        str(info.get("smiles") or ""),
    )
    return stash_of(request).put(example)


def written(request: Request, opened: OpenCollection, text: str) -> str:
    """The token of an item that somebody wrote down. Raises DecodeError, which says where the text is wrong,
    and QueryError.
    """
    modality = configured(opened.modality, library_of(request).settings, opened.options)
    if isinstance(modality, ReadsText):
        return stashed(request, opened, modality.of_text(text))
    if has_words(opened.modality):
        if wordless(text):
            raise QueryError("the text has no words to search for", hint="it needs a letter or a digit")
        page = f"<!doctype html><html><body><p>{escape(text)}</p></body></html>"  # documents are files of their formats
        return stashed(request, opened, Blob.from_bytes(page.encode("utf-8", "replace"), "words.html"))
    raise QueryError(f"an item of {opened.modality} cannot be written down", hint="drop a file")


def _modality_of(settings: Settings, opened: OpenCollection, blob: Blob) -> Modality:
    """The collection's own, or the one that knows these bytes: a film is searched with a picture or a sound, too."""
    own = configured(opened.modality, settings, opened.options)
    return readers(own, settings, blob, {space.kind for space in opened.spaces if space.active})[0]


def _peaks(modality: Modality, blob: Blob) -> tuple[float, ...]:
    draw = getattr(modality, "peaks", None)
    if draw is None:
        return ()
    try:
        return tuple(draw(blob, POINTS, WHOLE))
    except ItemError:  # a film without sound
        return ()


def _first_words(modality: Modality, blob: Blob) -> str:
    """Of a text, which is shown as words; "" of what is shown as a picture."""
    if not isinstance(modality, Quotes):
        return ""
    with decoding(blob):
        if leaf_of(None, modality.describe(blob)):
            return ""
        quote = modality.quote(blob, Span("characters", 0.0, float(FIRST_WORDS)))
    return beginning(quote.text)[0] if quote else ""


def _bounded(data: bytes, name: str) -> Blob:
    if len(data) > LARGEST:
        raise QueryError(f"{name} is larger than {LARGEST // 1024**2} MB", hint="search with a smaller copy of it")
    if not data:
        raise QueryError(f"{name} is empty", hint="choose another file")
    return Blob.from_bytes(data, name)
