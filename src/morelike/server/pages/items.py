"""One item with all that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from fastapi import Request, Response
from starlette.datastructures import FormData

from morelike.collection import OpenCollection
from morelike.errors import QueryError
from morelike.server.deps import parts_of
from morelike.server.pages.figures import tags_in
from morelike.server.pages.found import atoms_of, region_of
from morelike.server.pages.lettering import letters_of
from morelike.server.pages.reading import Leaves, Reading, asked_for, leaves_of, reading_of
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.times import range_of
from morelike.server.pages.view import collection_path, has_words, item_path, length_of, library_of, redirect, render
from morelike.server.routes.moments import Atoms, drawing_of
from morelike.types import Item, Segment, Span

__all__ = ["router"]

router = page_router()

MOMENTS = 60
"""Pictures of a film's strip at most, or one more."""
DRAWING_SIDE = 512
LONGEST_NUMBER = 6
"""Digits of a page's number."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A picture of the strip: what it stands for, the second that it shows, and whether the film stands there."""

    span: Span
    at: float
    here: bool


@router.get("/i/{collection}/{item_id}")
def item_page(request: Request, collection: str, item_id: str) -> Response:
    """The record of one item."""
    opened = library_of(request).collection(collection)
    item = opened.item(item_id)
    length = length_of(item.info)
    marked, standing = _moment(request, length) if length else (None, 0.0)
    leaves, reading = _read(request, opened, item)
    stretches = asked_for(request, "letters")
    return render(
        request,
        "item.html",
        collection=opened,
        item=item,
        length=length,
        marked=marked,
        standing=standing,
        leaves=leaves,
        reading=reading,
        letters=letters_of(opened, library_of(request).settings, item, stretches[0] if stretches else None),
        region=region_of(request, item.info),
        atoms=atoms_of(request) if opened.modality == "molecule" else "",
        strip=_strip(opened.segments(item.id), standing) if length and opened.modality == "video" else [],
    )


def _read(request: Request, opened: OpenCollection, item: Item) -> tuple[Leaves | None, Reading | None]:
    """Pictures of its pages, or its words: what there is of them."""
    if not has_words(opened.modality):
        return None, None
    passages, marks = asked_for(request, "passage"), asked_for(request, "mark")
    passage = passages[0] if passages else None
    page = request.query_params.get("page", "")
    number = int(page) if page.isdecimal() and 0 < len(page) <= LONGEST_NUMBER else 1
    if leaves := leaves_of(item, max(number, 1), passage, marks):
        return leaves, None
    return None, reading_of(opened, library_of(request).settings, item, passage, marks)


def _moment(request: Request, length: float) -> tuple[tuple[float, float] | None, float]:
    """(the part that the address names, the second to stand at), both inside; what cannot be read is passed over."""
    marked: tuple[float, float] | None = None
    with suppress(QueryError):
        start, end = range_of(request.query_params.get("at", ""))
        if start < length:
            marked = start, min(end, length)
    standing = marked[0] if marked else 0.0
    with suppress(ValueError):
        wanted = float(request.query_params.get("t", ""))
        if 0 <= wanted <= length:
            standing = wanted
    return marked, standing


def _strip(segments: Sequence[Segment], standing: float) -> list[Moment]:
    """Pictures of a film in time: all of them, or so many at equal distances, the one that is stood at among them."""
    frames = [segment.span for segment in segments if segment.kind == "image" and segment.span.unit == "seconds"]
    here = next((place for place, span in enumerate(frames) if span.start <= standing < span.end), -1)
    step = max(1, -(-len(frames) // MOMENTS))
    places = sorted({*range(0, len(frames), step), *([here] if here >= 0 else [])})
    return [Moment(frames[place], (frames[place].start + frames[place].end) / 2, place == here) for place in places]


@router.get("/i/{collection}/{item_id}/drawing")
async def drawing(request: Request, collection: str, item_id: str, atoms: Atoms = "") -> Response:
    """A molecule as an SVG, these atoms marked: sharp at any size, and a tenth of the work of the preview's PNG."""
    return await parts_of(request).pictures.run(drawing_of, request, collection, item_id, DRAWING_SIDE, atoms)


@router.post("/i/{collection}/{item_id}/tags")
async def tag_item(request: Request, collection: str, item_id: str, form: SentForm) -> Response:
    """Add the tags of the field ``add`` (between commas), remove the one of ``remove``."""
    return await parts_of(request).writes.run(_tag_item, request, collection, item_id, form)


def _tag_item(request: Request, collection: str, item_id: str, form: FormData) -> Response:
    opened = library_of(request).collection(collection)
    add = tags_in(str(form.get("add") or ""))
    remove = [str(tag) for tag in form.getlist("remove") if tag]
    opened.tag([item_id], add, remove)
    return redirect(item_path(collection, opened.item(item_id).id))


@router.post("/i/{collection}/{item_id}/remove")
async def remove_item(request: Request, collection: str, item_id: str) -> Response:
    """Take an item out of the collection."""
    return await parts_of(request).writes.run(_remove_item, request, collection, item_id)


def _remove_item(request: Request, collection: str, item_id: str) -> Response:
    opened = library_of(request).collection(collection)
    opened.remove([item_id])
    return redirect(collection_path(collection, "items"))
