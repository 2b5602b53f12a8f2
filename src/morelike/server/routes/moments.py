"""Parts of an item: where it was cut, how a part looks, and the waveform of what sounds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from hashlib import blake2b
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import Query, Request, Response

from morelike.collection import OpenCollection
from morelike.server.answers import Json, dumps
from morelike.server.deps import CollectionName, ItemId, Limit, Offset, api_router, parts_of
from morelike.server.docs import binary_response, documented, json_response, problems
from morelike.server.errors import Invalid
from morelike.server.previews import side_for
from morelike.server.ranges import SEALED, matches
from morelike.server.schemas import PeakList, SegmentList
from morelike.shapes import span_shape
from morelike.types import WHOLE, Item, Preview, Segment, Span

__all__ = ["Atoms", "drawing_of", "router"]

router = api_router("items")
IMMUTABLE: Final = "private, max-age=31536000, immutable"
ALONE: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""For a drawing that somebody opens by itself: it has styles, and does nothing."""
_COUNTED: Final = {"characters": "characters", "page": "pages"}
"""Units of parts by what an item's info says of how many it has."""
LONGEST: Final = 1e7
"""Seconds: a hundred days and more."""
Start = Annotated[
    float | None, Query(ge=0, le=LONGEST, allow_inf_nan=False, description="Seconds: where the part begins.")
]
End = Annotated[float | None, Query(ge=0, le=LONGEST, allow_inf_nan=False, description="Seconds: where it ends.")]

Page = Annotated[int | None, Query(ge=1, le=100_000, description="A page of a document, counted from 1.")]
Characters = Annotated[
    str,
    Query(
        max_length=32,
        pattern=r"^(\d{1,9}-\d{1,9})?$",
        description="From and to in an item's words, as the span of a hit has them: `120-480`.",
    ),
]

Atoms = Annotated[
    str,
    Query(
        max_length=4096,
        pattern=r"^(\d{1,4}(,\d{1,4})*)?$",
        description="Numbers of atoms to mark, as `why.shared.atoms` of a hit has them: `0,1,5`.",
    ),
]


@router.get(
    "/collections/{collection}/items/{item}/segments",
    summary="Where it was cut",
    responses={**json_response("A page of them.", documented("segments"), SegmentList), **problems(404)},
)
def segments(  # noqa: PLR0917 - FastAPI names them
    request: Request,
    collection: CollectionName,
    item: ItemId,
    kind: Annotated[str, Query(max_length=64, description="Only segments of this kind: `image`, `audio` …")] = "",
    offset: Offset = 0,
    limit: Limit = 100,
) -> Response:
    """The parts that searches answer with: shots of a film, windows of a recording, regions of a picture."""
    found = parts_of(request).library.collection(collection).segments(item)
    wanted = [segment for segment in found if kind in ("", segment.kind)]
    page = wanted[offset : offset + limit]
    return Json({"segments": [_segment_shape(one) for one in page], "more": len(wanted) > offset + limit})


@router.get(
    "/collections/{collection}/items/{item}/preview",
    summary="A small picture",
    response_class=Response,
    responses={
        **binary_response(200, "The picture, mostly a JPEG.", "image/*"),
        304: {"description": "The client has it: `If-None-Match`."},
        **problems(404, 410, 422, 503),
    },
)
async def preview(  # noqa: PLR0917 - FastAPI names them
    request: Request,
    collection: CollectionName,
    item: ItemId,
    side: Annotated[int, Query(ge=16, le=1024, description="Pixels a side at most, rounded up to a size kept.")] = 256,
    start: Start = None,
    end: End = None,
    atoms: Atoms = "",
    page: Page = None,
    characters: Characters = "",
) -> Response:
    """A small rendering, kept on disk after the first time; of the part from `start` to `end` where they are given, of
    a molecule with these `atoms` marked; of a document this `page`, or the one with these `characters`, marked.
    """
    wide = side_for(side)
    marked = _marked(atoms)
    what = f"{wide}-{blake2b(repr(marked).encode(), digest_size=8).hexdigest()}" if marked else str(wide)

    def make(opened: OpenCollection, found: Item, span: Span) -> Preview:
        return opened.preview(found.id, wide, span, parts=marked)

    part = _words_of(page, characters) or span_of(start, end)
    return await _kept(request, collection, item, part, what, make)


@router.get(
    "/collections/{collection}/items/{item}/drawing",
    summary="A molecule as an SVG",
    response_class=Response,
    responses={
        **binary_response(200, "The drawing.", "image/svg+xml"),
        304: {"description": "The client has it: `If-None-Match`."},
        **problems(404, 422, 503),
    },
)
async def drawing(
    request: Request,
    collection: CollectionName,
    item: ItemId,
    side: Annotated[int, Query(ge=16, le=1024, description="Pixels a side at most; it is sharp at any size.")] = 512,
    atoms: Atoms = "",
) -> Response:
    """Its formula with these `atoms` marked: what a hit shares with the example, as `why.shared.atoms` says."""
    return await parts_of(request).pictures.run(drawing_of, request, collection, item, side, atoms)


@router.get(
    "/collections/{collection}/items/{item}/peaks",
    summary="The waveform",
    responses={
        **json_response("How loud each piece is, 0 to 1.", documented("peaks"), PeakList),
        304: {"description": "The client has it: `If-None-Match`."},
        **problems(404, 410, 422, 503),
    },
)
async def peaks(  # noqa: PLR0917 - FastAPI names them
    request: Request,
    collection: CollectionName,
    item: ItemId,
    points: Annotated[int, Query(ge=16, le=4096, description="Into how many pieces.")] = 800,
    start: Start = None,
    end: End = None,
) -> Response:
    """The loudest sample of each of `points` equal pieces; 422 where nothing sounds."""

    def make(opened: OpenCollection, found: Item, span: Span) -> Preview:
        heights = opened.peaks(found.id, points, span)
        return Preview(peaks_shape(heights, span, found.info.get("duration")), "application/json")

    return await _kept(request, collection, item, span_of(start, end), f"peaks-{points}", make)


async def _kept(  # noqa: PLR0917 - what both routes have
    request: Request,
    collection: str,
    item: str,
    asked: Span,
    what: str,
    make: Callable[[OpenCollection, Item, Span], Preview],
) -> Response:
    """What ``make`` draws of the item's part, kept on disk after the first time under ``what`` it is."""
    parts = parts_of(request)

    def draw() -> Response:
        opened = parts.library.collection(collection)
        found = opened.item(item)
        span = within(asked, found)
        named = f"{quote(opened.modality, safe='')}{_options_of(opened)}-{what}{_mark(span)}"
        headers = _headers(f'"{found.digest.blake3[:32]}-{named}"')
        if matches(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        made = parts.previews.get(f"{found.digest.blake3}-{named}", lambda: make(opened, found, span))
        return Response(made.data, media_type=made.media_type, headers=headers)

    return await parts.pictures.run(draw)


def _options_of(opened: OpenCollection) -> str:
    """What is drawn of the same bytes may depend on the collection's options: which column is a text."""
    told = json.dumps(dict(opened.options), sort_keys=True, default=str)
    return f"-{blake2b(told.encode(), digest_size=4).hexdigest()}" if opened.options else ""


def _segment_shape(segment: Segment) -> dict[str, Any]:
    return {"kind": segment.kind, "span": span_shape(segment.span)}


def peaks_shape(heights: tuple[float, ...], span: Span, duration: Any) -> bytes:
    """As JSON: ``peaks`` from ``start`` to ``end`` in seconds; ``end`` null where nobody knows how long it is."""
    whole = span == WHOLE
    return dumps(
        {
            "peaks": [round(float(height), 4) for height in heights],
            "start": 0.0 if whole else span.start,
            "end": (duration if isinstance(duration, int | float) else None) if whole else span.end,
        }
    )


def span_of(start: float | None, end: float | None) -> Span:
    """The whole where neither is given. Raises Invalid where only one is, or they are the wrong way round."""
    if start is None and end is None:
        return WHOLE
    if start is None or end is None:
        raise Invalid([{"loc": ("start" if start is None else "end",), "msg": "start and end go together"}])
    if start >= end:
        raise Invalid([{"loc": ("end",), "msg": "a part ends after it begins"}])
    return Span("seconds", round(start, 3), round(max(end, start + 0.001), 3))


def _words_of(page: int | None, characters: str) -> Span | None:
    """Raises Invalid where both are given, or the characters are the wrong way round."""
    if page is not None and characters:
        raise Invalid([{"loc": ("page",), "msg": "a page or characters of it, not both"}])
    if page is not None:
        return Span("page", float(page), float(page))
    if not characters:
        return None
    start, end = map(int, characters.split("-"))
    if start >= end:
        raise Invalid([{"loc": ("characters",), "msg": "a part ends after it begins"}])
    return Span("characters", float(start), float(end))


def within(span: Span, item: Item) -> Span:
    """The part, cut at the item's end; the whole of an item that has none such. Raises Invalid behind its end."""
    if span.unit in _COUNTED:
        count = item.info.get(_COUNTED[span.unit])
        if not isinstance(count, int):
            return WHOLE
        if span.unit == "page" and span.start > count:
            raise Invalid([{"loc": ("page",), "msg": f"it has {count:,} pages"}])
        return span
    length = item.info.get("duration")
    if span == WHOLE or not isinstance(length, int | float) or not math.isfinite(length):
        return WHOLE
    if span.start >= length:
        raise Invalid([{"loc": ("start",), "msg": f"it is {length:.1f} s long"}])
    return Span("seconds", span.start, min(span.end, float(length)))


def _mark(span: Span) -> str:
    """What tells the renderings of different parts apart: milliseconds, a page, characters."""
    if span.unit in _COUNTED:
        return f"-{span.unit}-{span.start:.0f}-{span.end:.0f}"
    return "" if span == WHOLE else f"-{round(span.start * 1000)}-{round(span.end * 1000)}"


def drawing_of(request: Request, collection: str, item_id: str, side: int, atoms: str) -> Response:
    """Blocks. Raises NoSuchItem, DecodeError."""
    opened = parts_of(request).library.collection(collection)
    made = opened.drawing(item_id, side, parts=_marked(atoms))
    etag = f'"{blake2b(made.data, digest_size=16).hexdigest()}"'
    headers = {**_headers(etag), "Content-Security-Policy": ALONE}
    if matches(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(made.data, media_type=made.media_type, headers=headers)


def _marked(atoms: str) -> list[int]:
    return sorted({int(atom) for atom in atoms.split(",") if atom})


def _headers(etag: str) -> dict[str, str]:
    return {"Cache-Control": IMMUTABLE, "Content-Security-Policy": SEALED, "ETag": etag}
