"""``/c/NAME/compare``: what two encoders answer to the same examples, side by side, before one is switched to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final
from urllib.parse import urlencode

from fastapi import Request, Response
from starlette.datastructures import FormData, UploadFile

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError, QueryError, UsageError
from morelike.jobs import FINISHED
from morelike.records import Job
from morelike.server.deps import parts_of
from morelike.server.errors import status_of
from morelike.server.pages.reading import openings
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.uploads import stash_of, stashed, uploaded
from morelike.server.pages.view import collection_path, library_of, redirect, render, spread
from morelike.types import Example, Hit, Item, Query, Space

__all__ = ["Beside", "beside_of", "rival_of", "router"]

router = page_router()

EXAMPLES: Final = 3
"""Items of the collection's own that are asked with where none is named."""
MOST_EXAMPLES: Final = 6
DEPTHS: Final = (5, 10, 20)
LONGEST: Final = 300
"""Characters of an id or a token."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A hit at its place, and its place in the other answer; 0: it is not there."""

    place: int
    hit: Hit
    other: int


@dataclass(frozen=True, slots=True)
class Beside:
    """Two answers to one example: of the space that is searched, and of the other one. ``shared``: hits of both."""

    used: tuple[Ranked, ...]
    other: tuple[Ranked, ...]
    shared: int
    used_seconds: float
    other_seconds: float

    @property
    def same_first(self) -> bool:
        return bool(self.used and self.other and self.used[0].hit.item == self.other[0].hit.item)


@dataclass(frozen=True, slots=True)
class Asked:
    """An example with its answers; ``item`` is None of a file that somebody chose, whose ``token`` it is kept under."""

    example: Example
    item: Item | None
    token: str = ""
    called: str = ""
    beside: Beside | None = None
    error: MorelikeError | None = None


@router.get("/c/{name}/compare")
def compare_page(request: Request, name: str) -> Response:
    """The space that is searched beside the one of ``space`` or ``encoder``, or the fullest of the others."""
    library = library_of(request)
    opened = library.collection(name)
    given = request.query_params
    job_id = given.get("job", "")[:LONGEST]
    job = library.jobs.get(job_id) if job_id else None
    job = job if job is not None and job.kind == "reembed" and job.collection == name else None
    used, other = rival_of(opened, given.get("space", "")[:LONGEST], given.get("encoder", "")[:LONGEST])
    counts = {space.id: opened.vectors_in(space) for space in (used, other) if space is not None}
    active = job is not None and job.state not in FINISHED
    depth = next((one for one in DEPTHS if str(one) == given.get("k")), 10)
    error: MorelikeError | None = None
    asked: Sequence[Asked] = ()
    if used is not None and other is not None and counts[other.id] and not active:
        try:
            asked = _asked(request, opened)
        except MorelikeError as failed:
            error = failed
        asked = [_answered(opened, one, used, other, depth) for one in asked]
    items = opened.items_of(
        [row.hit.item for one in asked if one.beside for row in (*one.beside.used, *one.beside.other)]
    )
    items = {**items, **{one.item.id: one.item for one in asked if one.item is not None}}
    return render(
        request,
        "comparing.html",
        status=200 if error is None else status_of(error),
        collection=opened,
        job=job,
        active=active,
        used=used,
        other=other,
        counts=counts,
        asked=asked,
        sums=_sums([one.beside for one in asked if one.beside is not None]),
        items=items,
        openings=openings(opened, library.settings, list(items.values())) if items else {},
        depth=depth,
        depths=DEPTHS,
        error=error,
    )


def rival_of(opened: OpenCollection, space_id: str, encoder: str) -> tuple[Space | None, Space | None]:
    """(the space that is searched, the one to hold it against), of the same kind; None where there is none."""
    spaces = [space for space in opened.spaces if space.has_vectors and not space.is_screen]
    others = [space for space in spaces if not space.active]
    if space_id or encoder:
        others = [space for space in others if str(space.id) == space_id or (encoder and space.card.name == encoder)]
    other = max(others, key=lambda space: (opened.vectors_in(space), space.id), default=None)
    kind = other.kind if other is not None else None
    used = next((space for space in spaces if space.active and kind in {None, space.kind}), None)
    return used, other


def _asked(request: Request, opened: OpenCollection) -> list[Asked]:
    """The examples that the address names, else some of the collection's own. Raises NoSuchItem, QueryError."""
    given = request.query_params
    found = []
    for token in [one[:LONGEST] for one in given.getlist("upload") if one][:MOST_EXAMPLES]:
        kept = stash_of(request).get(token)
        found.append(Asked(Example("blob", kept.blob), None, token, kept.blob.name))
    for name in [one.strip()[:LONGEST] for one in given.getlist("item") if one.strip()][: MOST_EXAMPLES - len(found)]:
        item = opened.item(name)
        found.append(Asked(Example("item", item.id), item))
    return found or [Asked(Example("item", item.id), item) for item in spread(opened, EXAMPLES)]


def _answered(opened: OpenCollection, one: Asked, used: Space, other: Space, depth: int) -> Asked:
    """What cannot be asked is said in its place."""
    query = Query((one.example,), k=depth, timed=True)
    try:
        left, right = (opened.search(replace(query, space=space.id)) for space in (used, other))
    except MorelikeError as error:
        return replace(one, error=error)
    seconds = [sum(hits.timings.values()) for hits in (left, right)]
    return replace(one, beside=beside_of(left.hits, right.hits, seconds[0], seconds[1]))


def beside_of(
    used: Sequence[Hit], other: Sequence[Hit], used_seconds: float = 0.0, other_seconds: float = 0.0
) -> Beside:
    """Each hit with its place in the other answer."""
    places = [{hit.item: place for place, hit in enumerate(hits, 1)} for hits in (used, other)]
    return Beside(
        tuple(Ranked(place, hit, places[1].get(hit.item, 0)) for place, hit in enumerate(used, 1)),
        tuple(Ranked(place, hit, places[0].get(hit.item, 0)) for place, hit in enumerate(other, 1)),
        len(places[0].keys() & places[1].keys()),
        used_seconds,
        other_seconds,
    )


def _sums(found: Sequence[Beside]) -> Mapping[str, float]:
    """Over all examples: how many hits of how many are shared, how often the first is the same, the median times."""
    if not found:
        return {}
    return {
        "shared": sum(one.shared for one in found),
        "hits": sum(max(len(one.used), len(one.other)) for one in found),
        "first": sum(one.same_first for one in found),
        "examples": len(found),
        "used_ms": median(one.used_seconds for one in found) * 1000,
        "other_ms": median(one.other_seconds for one in found) * 1000,
    }


@router.post("/c/{name}/compare/ask")
async def ask(request: Request, name: str, form: SentForm) -> Response:
    """Take a file to compare the answers to; it is kept as one of a search is."""
    return await parts_of(request).fetches.run(_ask, request, name, form)


def _ask(request: Request, name: str, form: FormData) -> Response:
    opened = library_of(request).collection(name)
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise QueryError("no file was chosen", hint="choose one, or drop it on the page")
    token = stashed(request, opened, uploaded(file))
    asked = {"space": _field(form, "space"), "k": _field(form, "k"), "upload": token}
    return redirect(_there(name, asked))


@router.post("/c/{name}/upkeep/compare/drop")
async def drop(request: Request, name: str, form: SentForm) -> Response:
    """Remove a space that is not searched, with its vectors."""
    return await parts_of(request).writes.run(_drop, request, name, form)


def _drop(request: Request, name: str, form: FormData) -> Response:
    opened = library_of(request).collection(name)
    found = next((space for space in opened.spaces if str(space.id) == _field(form, "space")), None)
    if found is None:
        raise UsageError("this space is not there any more", hint="go back to Upkeep, which lists those that are")
    opened.drop_space(found)
    return redirect(collection_path(name, "upkeep", query=urlencode({"dropped": found.card.name})))


def beginning(name: str, encoder: str, job: Job) -> str:
    """Where the comparison is shown once the job has filled the other space."""
    return _there(name, {"encoder": encoder, "job": job.id})


def _there(name: str, asked: Mapping[str, str]) -> str:
    return collection_path(name, "compare", query=urlencode({key: value for key, value in asked.items() if value}))


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value[:LONGEST] if isinstance(value, str) else ""
