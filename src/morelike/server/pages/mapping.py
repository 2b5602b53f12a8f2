"""``/c/NAME/map``: a collection's items as points; what is alike stands together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from starlette.datastructures import FormData

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError
from morelike.jobs import FINISHED
from morelike.project import Map
from morelike.records import Job
from morelike.server.deps import parts_of
from morelike.server.errors import status_of
from morelike.server.pages.nouns import kind_of
from morelike.server.pages.reading import openings
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.view import collection_path, library_of, redirect, render

__all__ = ["SHAPES", "ClusterRow", "router"]

router = page_router()

HUES: Final = 8
SHAPES: Final = 4
"""Hues times shapes are the clusters that look different; the map's script and sheet know both numbers."""
SCRIPTS: Final = tuple(one.name for one in sorted((Path(__file__).parents[1] / "static" / "elements").glob("*map*.js")))
"""What the map is made of, so that a browser need not find it out file by file."""
RECENT: Final = 100
"""Jobs among which one of this map is looked for."""


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """One line of the legend; ``hue`` and ``shape`` count from 0."""

    id: int
    name: str
    size: int
    hue: int
    shape: int


@router.get("/c/{name}/map")
def map_page(
    request: Request,
    name: str,
    kind: Annotated[str, Query(max_length=64)] = "",
    job: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """The map that was made last, or a button that makes one; while a job makes it, its progress."""
    return _page(request, name, kind, library_of(request).jobs.get(job) if job else None)


@router.post("/c/{name}/map")
async def begin(request: Request, name: str, form: SentForm) -> Response:
    """Queue the job that makes it; the page then follows it."""
    return await parts_of(request).writes.run(_begin, request, name, form)


@router.get("/c/{name}/map/card")
def map_card(request: Request, name: str, item: Annotated[str, Query(max_length=128)]) -> Response:
    """What an item is, in a few lines: a fragment that the map's script shows beside its point."""
    opened = library_of(request).collection(name)
    found = opened.item(item)
    first = openings(opened, library_of(request).settings, [found])
    return render(request, "parts/map_card.html", collection=opened, item=found, opening=first.get(found.id, ""))


def _begin(request: Request, name: str, form: FormData) -> Response:
    library = library_of(request)
    opened = library.collection(name)
    asked = form.get("kind")
    kind = asked[:64] if isinstance(asked, str) else ""
    try:
        opened.kept_map(kind or None)  # at once, not when the job is done
        running = _underway(library.jobs.list(collection=name, limit=RECENT), kind, _kinds(opened))
        begun = running or library.jobs.add("map", name, {"kind": kind} if kind else {})
    except MorelikeError as error:
        return _page(request, name, kind, error=error)
    chosen = f"kind={kind}&" if kind else ""
    return redirect(collection_path(name, "map", query=f"{chosen}job={begun.id}"))


def _page(
    request: Request, name: str, kind: str, job: Job | None = None, error: MorelikeError | None = None
) -> Response:
    library = library_of(request)
    opened = library.collection(name)
    kinds = _kinds(opened)
    found: Map | None = None
    status = 200 if error is None else status_of(error)
    try:
        found = opened.kept_map(kind or None)
    except MorelikeError as refused:
        status = status_of(refused) if kind else status  # without one it is what the collection is
        error = error or refused
    if job is not None and (job.kind != "map" or job.collection != name):
        job = None
    if job is None or job.state in FINISHED:
        job = _underway(library.jobs.list(collection=name, limit=RECENT), kind, kinds) or job
    return render(
        request,
        "map.html",
        status=status,
        collection=opened,
        count=opened.count(),
        kind=found.kind if found is not None else kind or (kinds[0] if kinds else ""),
        kinds=kinds,
        compared=kind_of,
        found=found,
        clusters=_rows(found) if found is not None else (),
        which=_which(found) if found is not None else "",
        scripts=SCRIPTS,
        job=job if job is not None and (job.state != "done" or found is None) else None,
        error=error,
    )


def _which(found: Map) -> str:
    """Names this very map in the addresses of its points."""
    return urlencode({"kind": found.kind, "made_at": found.made_at, "revision": found.revision})


def _kinds(opened: OpenCollection) -> list[str]:
    """Those that have a map, the usual one first."""
    return [space.kind for space in opened.spaces if space.active and space.has_vectors and not space.is_screen]


def _underway(jobs: Sequence[Job], kind: str, kinds: Sequence[str]) -> Job | None:
    """The job that makes this map now, whoever asked for it."""
    usual = kinds[0] if kinds else ""
    for job in jobs:
        if job.kind == "map" and job.state not in FINISHED and (job.arguments.get("kind") or usual) == (kind or usual):
            return job
    return None


def _rows(found: Map) -> list[ClusterRow]:
    """Largest first, as they are numbered."""
    return [ClusterRow(one.id, one.name, one.size, one.id % HUES, one.id // HUES % SHAPES) for one in found.clusters]
