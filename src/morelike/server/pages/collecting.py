"""``/``: the collections, with a place to drop a picture; making and dropping them."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request, Response
from starlette.datastructures import FormData

from morelike.errors import MorelikeError, UsageError
from morelike.library import CollectionSummary, Library
from morelike.models import cards, weights
from morelike.registry import MODALITIES
from morelike.server.deps import parts_of
from morelike.server.errors import status_of
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.view import collection_path, library_of, redirect, render, spread
from morelike.types import Item

__all__ = ["router"]

router = page_router()

SHOWN = 5
"""Pictures that stand for a collection."""


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """One line of the list to choose an encoder from."""

    name: str
    kinds: tuple[str, ...]
    licence: str
    size: int
    here: bool
    description: str


@router.get("/")
def collections_page(request: Request) -> Response:
    """Every collection, and a form for a new one."""
    return _page(request)


@router.post("/collections")
async def make_collection(request: Request, form: SentForm) -> Response:
    """Make one, and lead to where pictures are added."""
    return await parts_of(request).writes.run(_make, request, form)


def _make(request: Request, form: FormData) -> Response:
    name = _field(form, "name")
    modality = _field(form, "modality") or "image"
    encoder = _field(form, "encoder") or "auto"
    library = library_of(request)
    try:
        if not name:
            raise UsageError("a collection needs a name", hint="letters, digits, - and _")
        if name in {summary.name for summary in library.collections()}:
            raise UsageError(f"there is a collection {name} already", hint="choose another name")
        library.collection(name, modality=modality, encoder=encoder)
    except MorelikeError as error:
        return _page(request, error, typed=name)
    return redirect(collection_path(name, "add"))


@router.post("/c/{name}/drop")
async def drop_collection(request: Request, name: str, form: SentForm) -> Response:
    """Drop one; its name has to be typed, or the button that says how much goes with it be pressed."""
    return await parts_of(request).writes.run(_drop, request, name, form)


def _drop(request: Request, name: str, form: FormData) -> Response:
    if _field(form, "confirm") != name:
        raise UsageError(f"{name} was not dropped: its name was not confirmed", hint="type the collection's name")
    library_of(request).drop(name)
    return redirect("/")


def _page(request: Request, error: MorelikeError | None = None, *, typed: str = "") -> Response:
    library = library_of(request)
    summaries = library.collections()
    return render(
        request,
        "collections.html",
        status=200 if error is None else status_of(error),
        collections=[(summary, _pictures(library, summary)) for summary in summaries],
        encoders=_encoders(library),
        modalities=list(MODALITIES),
        error=error,
        typed=typed,
    )


def _pictures(library: Library, summary: CollectionSummary) -> list[Item]:
    return spread(library.collection(summary.name), SHOWN) if summary.items else []


def _encoders(library: Library) -> list[EncoderChoice]:
    """Those that can be used at once first."""
    found = []
    for card in cards.all_cards(library.settings):
        status = weights.status(card, library.settings)
        found.append(EncoderChoice(card.name, card.kinds, card.licence, status.size, status.here, card.description))
    return sorted(found, key=lambda choice: (not choice.here, choice.name))


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""
