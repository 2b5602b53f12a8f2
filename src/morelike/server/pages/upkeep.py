"""``/c/NAME/upkeep``: find duplicates, measure what scores mean, change the encoder; each is a job."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from starlette.datastructures import FormData

from morelike.errors import MorelikeError, UsageError
from morelike.models import cards, weights
from morelike.records import Job
from morelike.server.deps import parts_of
from morelike.server.errors import status_of
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.view import collection_path, library_of, redirect, render
from morelike.types import Card

__all__ = ["router"]

router = page_router()

KEEP = ("best", "largest", "oldest", "newest")


@router.get("/c/{name}/upkeep")
def upkeep_page(request: Request, name: str, job: str = "") -> Response:
    """Three forms, and the job that the last one of them began."""
    return _page(request, name, library_of(request).jobs.get(job) if job else None)


@router.post("/c/{name}/upkeep/{kind}")
async def begin(request: Request, name: str, kind: str, form: SentForm) -> Response:
    """Queue the job; the page then follows it."""
    return await parts_of(request).writes.run(_begin, request, name, kind, form)


def _begin(request: Request, name: str, kind: str, form: FormData) -> Response:
    library = library_of(request)
    library.collection(name)
    try:
        if kind not in _ARGUMENTS:
            raise UsageError(f"there is no upkeep named {kind[:40]!r}", hint=f"there are: {', '.join(_ARGUMENTS)}")
        job = library.jobs.add(kind, name, _ARGUMENTS[kind](form))
    except MorelikeError as error:
        return _page(request, name, error=error)
    return redirect(collection_path(name, "upkeep", query=f"job={job.id}"))


def _page(request: Request, name: str, job: Job | None = None, error: MorelikeError | None = None) -> Response:
    opened = library_of(request).collection(name)
    active = [space for space in opened.spaces if space.active]
    return render(
        request,
        "upkeep.html",
        status=200 if error is None else status_of(error),
        collection=opened,
        count=opened.count(),
        spaces=active,
        others=_others(request, {space.kind for space in active if space.has_vectors}, {s.card.name for s in active}),
        keep=KEEP,
        job=job if job is not None and job.collection == name else None,
        error=error,
    )


def _others(request: Request, kinds: set[str], used: set[str]) -> list[tuple[Card, bool]]:
    """(card, whether its weights are here) of those that the collection could have instead; these first."""
    settings = library_of(request).settings
    fitting = [card for card in cards.all_cards(settings) if kinds.intersection(card.kinds) and card.name not in used]
    found = [(card, weights.status(card, settings).here) for card in fitting if card.form in {"dense", "bits"}]
    return sorted(found, key=lambda one: (not one[1], one[0].name))


def _dedup(form: FormData) -> dict[str, Any]:
    """A dry run, unless it is said that the others are to be set aside."""
    asked: dict[str, Any] = {"near": form.get("near") == "on"}
    keep = form.get("keep")
    if isinstance(keep, str) and keep in KEEP:
        asked["keep"] = keep
    if form.get("apply") == "yes":
        asked["apply"] = True
    return asked


def _reembed(form: FormData) -> dict[str, Any]:
    encoder = form.get("encoder")
    if not isinstance(encoder, str) or not encoder:
        raise UsageError("no encoder was chosen", hint="choose one of the list")
    asked: dict[str, Any] = {"encoder": encoder}
    if form.get("allow_missing") == "on":
        asked["allow_missing"] = True
    return asked


_ARGUMENTS = {"calibrate": lambda form: {}, "dedup": _dedup, "reembed": _reembed}  # noqa: ARG005 - all kinds'
