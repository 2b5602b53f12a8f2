"""``/c/NAME``: ask by example, and what the collection answers."""

from __future__ import annotations

from dataclasses import replace

from fastapi import Request, Response
from starlette.datastructures import FormData

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError, QueryError, TooBusy
from morelike.search.composing import composer_of
from morelike.server.deps import parts_of
from morelike.server.errors import status_of
from morelike.server.pages.answers import PAGE, results_of
from morelike.server.pages.asked import asked_of, kept_of, takes_words, words_of
from morelike.server.pages.board import Board
from morelike.server.pages.reading import openings
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.shown import adding_of, shown_of, worded_of
from morelike.server.pages.uploads import stash_of
from morelike.server.pages.view import collection_path, library_of, redirect, render, spread
from morelike.server.pages.writing import modes_of, writing_of
from morelike.server.routes.moments import peaks_shape
from morelike.types import WHOLE

__all__ = ["router"]

router = page_router()

KEPT = {"Cache-Control": "private, max-age=3600"}


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
        results = results_of(request, opened, board, writing_of(opened))
    except MorelikeError as error:
        query = request.scope["query_string"].decode("latin-1")
        return render(
            request, "parts/unmore.html", status=status_of(error), error=error, collection=opened, query=query
        )
    return render(request, "parts/more.html", collection=opened, board=board, results=results)


@router.get("/c/{name}/written")
async def written_fragment(request: Request, name: str) -> Response:
    """What the search page has below its field, while somebody writes or moves a weight: the answers, or why there are
    none yet.

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

    ``keep`` is the search that this is added to, with ``weight``, or in place of its example ``instead``; without it a
    new one begins, in the mode ``mode`` and within ``filter``.
    """
    return await parts_of(request).fetches.run(_ask, request, name, form)


def _ask(request: Request, name: str, form: FormData) -> Response:
    opened = library_of(request).collection(name)
    kept = Board()
    try:
        kept = kept_of(form)
        board = asked_of(request, opened, form, kept)
    except MorelikeError as error:
        typed = "" if kept.asks else words_of(form)
        return _page(request, opened, kept, error, typed=typed, added=words_of(form) if kept.asks else "")
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
    added: str = "",
    template: str = "search.html",
) -> Response:
    """``typed``: what stands in the field where that is not the search's own text; ``added``: the same on the board.
    Raises what a search raises where a part of a page is asked for.
    """
    writing, worded = writing_of(opened), takes_words(opened)
    results = None
    if board.asks:
        try:
            results = results_of(request, opened, board, writing)
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
        examples=[shown_of(request, opened, part) for part in board.parts],
        results=results,
        begin=begin,
        openings=openings(opened, settings, begin) if begin else {},
        error=error,
        takes_words=worded,
        worded=worded_of(request, opened, board, writing),
        adding=adding_of(opened, writing, takes_words=worded),
        composer=composer_of(opened.spaces),
        writing=writing,
        typed=typed or board.text,
        added=added,
        modes=modes_of(opened),
        takes_sound=any(space.active and space.kind == "audio" for space in opened.spaces),
    )
    if request.headers.get("hx-request"):  # a form's empty fields do not belong into the address
        page.headers["HX-Push-Url"] = collection_path(opened.name, query=board.query())
    return page
