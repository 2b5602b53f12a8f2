"""``/c/NAME``: ask by example, and what the collection answers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs

from fastapi import Request, Response
from starlette.datastructures import FormData, UploadFile

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError, NoSuchItem, QueryError, TooBusy
from morelike.examples import ITEM_ID
from morelike.hits import Hits
from morelike.search.composing import composer_of
from morelike.search.filter import parse_filter
from morelike.server.deps import parts_of
from morelike.server.errors import status_of
from morelike.server.pages.board import SIMILAR, Board, Fields, Part
from morelike.server.pages.passages import leaf_of
from morelike.server.pages.reading import openings
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.telling import RECORD, called_of
from morelike.server.pages.uploads import CROPPED, fetched, stash_of, stashed, uploaded, written
from morelike.server.pages.view import (
    collection_path,
    has_words,
    length_of,
    library_of,
    name_of,
    peaks_path,
    redirect,
    render,
    sounds,
    spread,
)
from morelike.server.pages.writing import Writing, drawn_of, fits_address, modes_of, writing_of
from morelike.server.routes.moments import peaks_shape
from morelike.types import WHOLE, Hit, Item, Query
from morelike.types import Example as QueryExample

__all__ = ["router"]

router = page_router()

PAGE = 30
MOST_UPLOADS = 8
KEPT = {"Cache-Control": "private, max-age=3600"}
LEAST_ID = 12
"""Letters of an id where words are searched: `decade` may be the beginning of one."""
URL = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Results:
    """One page of hits, ready to draw. ``scale``: where the threshold's slider begins and ends.

    ``names``: by id, those of items that are records of files. ``unknown``: words that ``composer`` does not know.
    """

    hits: Sequence[Hit]
    more: Board | None
    nothing_similar: bool
    scale: tuple[float, float]
    seconds: float
    names: Mapping[str, str] = field(default_factory=dict)
    unknown: Sequence[str] = ()
    composer: str = ""


@router.get("/c/{name}")
async def search_page(request: Request, name: str) -> Response:
    """The search in the address, or where to begin one."""
    return await parts_of(request).searches.run(_search_page, request, name)


def _search_page(request: Request, name: str) -> Response:
    opened = library_of(request).collection(name)
    try:
        board = Board.read(request.query_params)
    except QueryError as error:
        return _page(request, opened, Board(), error)
    return _page(request, opened, board)


@router.get("/c/{name}/results")
async def results_fragment(request: Request, name: str) -> Response:
    """A further page of hits, for the end of the list."""
    return await parts_of(request).searches.run(_results_fragment, request, name)


def _results_fragment(request: Request, name: str) -> Response:
    opened = library_of(request).collection(name)
    try:
        board = Board.read(request.query_params)
        results = _results(request, opened, board, writing_of(opened))
    except MorelikeError as error:
        return render(request, "parts/alert.html", status=status_of(error), error=error)
    return render(request, "parts/more.html", collection=opened, board=board, results=results)


@router.get("/c/{name}/written")
async def written_fragment(request: Request, name: str) -> Response:
    """What the search page has below its field, while somebody writes: the answers, or why there are none yet.

    What is half written is no failure: the status is 200, and the element ``#unread`` says what is wrong with it.
    """
    return await parts_of(request).searches.run(_written_fragment, request, name)


def _written_fragment(request: Request, name: str) -> Response:
    opened = library_of(request).collection(name)
    try:
        board = Board.read(request.query_params)
        return _page(request, opened, board, template="parts/answered.html")
    except TooBusy:
        raise
    except MorelikeError as error:
        if status_of(error) >= 500:
            raise
        return render(request, "parts/unread.html", error=error)


@router.post("/c/{name}/ask")
async def ask(request: Request, name: str, form: SentForm) -> Response:
    """Take an uploaded file, an address, an item's id or words, and lead to the search's own address.

    ``keep`` is the search that this is added to, with ``weight``; without it a new one begins, in the mode ``mode`` and
    within ``filter``.
    """
    return await parts_of(request).fetches.run(_ask, request, name, form)


def _ask(request: Request, name: str, form: FormData) -> Response:
    opened = library_of(request).collection(name)
    kept = Board()
    try:
        keep = form.get("keep")
        if isinstance(keep, str) and keep:
            kept = Board.read(Fields(parse_qs(keep, keep_blank_values=True, max_num_fields=100)))
        elif (mode := _sent(form, "mode")) or _sent(form, "filter"):
            kept = Board(mode=mode or SIMILAR, filter=_sent(form, "filter"))
        board = _asked(request, opened, form, kept)
    except MorelikeError as error:
        return _page(request, opened, kept, error, typed=_words(form))
    return redirect(collection_path(name, query=board.query()))


@router.get("/q/{token}")
def uploaded_picture(request: Request, token: str) -> Response:
    """What an uploaded example looks like: a rendering of ours, never the bytes that were sent."""
    try:
        preview = stash_of(request).get(token).preview
    except QueryError:
        return Response(status_code=404)
    return Response(preview.data, media_type=preview.media_type, headers=KEPT)


@router.get("/q/{token}/peaks")
def uploaded_peaks(request: Request, token: str) -> Response:
    """The waveform of an uploaded sound, as the API gives that of an item."""
    try:
        kept = stash_of(request).get(token)
    except QueryError:
        return Response(status_code=404)
    return Response(peaks_shape(kept.peaks, WHOLE, kept.length), media_type="application/json", headers=KEPT)


def _page(
    request: Request,
    opened: OpenCollection,
    board: Board,
    error: MorelikeError | None = None,
    *,
    typed: str = "",
    template: str = "search.html",
) -> Response:
    """``typed``: what stands in the field where that is not the search's own text. Raises what a search raises where a
    part of a page is asked for.
    """
    writing = writing_of(opened)
    results = None
    if board.asks:
        try:
            results = _results(request, opened, board, writing)
            if board.threshold is not None and board.threshold <= results.scale[0]:
                board = replace(board, threshold=None)  # the slider at its very beginning
        except MorelikeError as failed:
            if template != "search.html":
                raise
            error = error or failed
    begin = spread(opened, PAGE) if results is None else []
    settings = library_of(request).settings
    page = render(
        request,
        template,
        status=200 if error is None else status_of(error),
        collection=opened,
        count=opened.count(),
        board=board,
        examples=[_shown(request, opened, part) for part in board.parts],
        results=results,
        begin=begin,
        openings=openings(opened, settings, begin) if begin else {},
        error=error,
        takes_words=_takes_words(opened),
        composer=composer_of(opened.spaces),
        writing=writing,
        typed=typed or board.text,
        drawn=drawn_of(opened, settings, board.text) if writing and board.text and results else "",
        modes=modes_of(opened),
        takes_sound=any(space.active and space.kind == "audio" for space in opened.spaces),
    )
    if request.headers.get("hx-request"):  # a form's empty fields do not belong into the address
        page.headers["HX-Push-Url"] = collection_path(opened.name, query=board.query())
    return page


def _results(request: Request, opened: OpenCollection, board: Board, writing: Writing | None) -> Results:
    """Raises what a search raises."""
    examples = [_example(request, part) for part in board.parts]
    for text, weight in board.words:
        means = opened.means(text) if writing and not writing.words else "text"
        examples.append(QueryExample(means, text, weight))
    query = Query(
        tuple(examples),
        mode=board.mode,
        k=PAGE,
        offset=board.offset,
        filter=parse_filter(board.filter) if board.filter else None,
        threshold=board.threshold,
        explain=writing is not None,
    )
    began = perf_counter()
    hits = opened.search(query)
    plain = all(part.weight > 0 for part in board.parts)  # no two items differ as an item and a difference do
    return Results(
        hits.hits if plain else tuple(replace(hit, percentile=None) for hit in hits.hits),
        board.page(board.offset + PAGE) if hits.more else None,
        hits.nothing_similar and plain,
        _scale(opened, hits, board),
        perf_counter() - began,
        _names(opened, hits),
        hits.unknown_words,
        composer_of(opened.spaces),
    )


def _names(opened: OpenCollection, hits: Hits) -> dict[str, str]:
    """What records of files are called; a hit has only their place in the file."""
    records = [hit.item for hit in hits.hits if RECORD in hit.source]
    return {name: called_of(item) for name, item in opened.items_of(records).items()} if records else {}


def _scale(opened: OpenCollection, hits: Hits, board: Board) -> tuple[float, float]:
    """Similarities have known ends; what else there is gets those of the answer."""
    scores = [hit.score for hit in hits.hits] + ([board.threshold] if board.threshold is not None else [])
    metrics = {space.card.metric for space in opened.spaces if space.active and space.card.form != "terms"}
    low, high = min(scores, default=0.0), max(scores, default=1.0)
    unbounded = any(name in hit.unit for hit in hits.hits for name in ("rrf", "bits", "bm25"))
    if not unbounded and metrics <= {"cosine", "tanimoto", "containment"}:
        return (0.0 if low >= 0 else -1.0), 1.0
    # outwards: a browser sends no form whose slider stands a rounding error below its own beginning
    low, high = math.floor(low * 1000) / 1000, math.ceil(high * 1000) / 1000
    return low, high if high > low else low + 1.0


def _example(request: Request, part: Part) -> QueryExample:
    if part.form == "upload":
        return QueryExample("blob", stash_of(request).get(part.name).blob, part.weight, part.crop, part.span)
    return QueryExample("item", part.name, part.weight, part.crop, part.span)


def _shown(request: Request, opened: OpenCollection, part: Part) -> dict[str, Any]:
    """What the board shows of an example, also of one that is gone. ``length``: seconds, of what has time."""
    shown: dict[str, Any] = {"part": part, "item": None, "name": "gone", "preview": "", "size": (4, 3)}
    shown |= {"length": 0.0, "peaks": "", "sound": False, "written": "", "words": "", "crops": False}
    try:
        if part.form == "upload":
            kept = stash_of(request).get(part.name)
            return {
                **shown,
                "name": kept.blob.name or "your file",
                "preview": f"/q/{part.name}",
                "size": (kept.preview.width, kept.preview.height),
                "length": kept.length,
                "peaks": f"/q/{part.name}/peaks" if kept.peaks else "",
                "sound": bool(kept.peaks) and opened.modality == "audio",
                "words": kept.words,
                "crops": kept.crops,
            }
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


def _words_of(request: Request, opened: OpenCollection, item: Item) -> str:
    """What the board shows of a text; "" of what is shown as a picture."""
    if not has_words(opened.modality) or leaf_of(None, item.info):
        return ""
    said = openings(opened, library_of(request).settings, [item]).get(item.id, "")
    return str(item.info.get("question") or "") or said


def _takes_words(opened: OpenCollection) -> bool:
    spaces = opened.spaces
    cards = [space.card for space in spaces if space.active]
    return bool(composer_of(spaces)) or any("text" in card.kinds or card.form == "terms" for card in cards)


def _asked(request: Request, opened: OpenCollection, form: FormData, kept: Board) -> Board:
    files = [one for one in form.getlist("example") if isinstance(one, UploadFile) and one.filename][:MOST_UPLOADS]
    weight = -1.0 if form.get("weight") == "-1" else 1.0
    words = _words(form)
    board = kept
    for file in files:  # one at a time: together they may be larger than the memory that is kept for them
        board = board.plus(Part("upload", stashed(request, opened, uploaded(file)), weight))
    if files:
        return board
    if URL.match(words):
        return board.plus(Part("upload", stashed(request, opened, fetched(request, words)), weight))
    if not words:
        raise QueryError("there is nothing to search for", hint="drop a file, choose one, or type something")
    item = _item(opened, words)
    if item:
        return board.plus(Part("item", item, weight))
    writing = writing_of(opened)
    if writing and writing.words:
        words = " ".join(words.split())
    if writing and not fits_address(words):
        return board.plus(Part("upload", written(request, opened, words), weight))
    if not writing and not _takes_words(opened):
        raise QueryError(
            f"{words[:80]!r} is no address and no item of {opened.name}, and its encoder does not understand words",
            hint="drop a file, or make a collection with an encoder that takes text",
        )
    return replace(board, text=words, threshold=None, offset=0)


def _words(form: FormData) -> str:
    return _sent(form, "q")


def _sent(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def _item(opened: OpenCollection, words: str) -> str:
    """The id that the words are, or begin; "" where they are none."""
    if has_words(opened.modality):
        if len(words) < LEAST_ID:
            return ""
    elif opened.reads_text:  # an InChIKey, say, and no SMILES
        return opened.item(words).id if opened.means(words) == "item" else ""
    if not ITEM_ID.fullmatch(words):
        return ""
    try:
        return opened.item(words).id
    except NoSuchItem:
        return ""
