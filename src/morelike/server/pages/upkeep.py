"""``/c/NAME/upkeep``: look for duplicates, measure what scores mean and how well it finds, change the encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from starlette.datastructures import FormData

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError, UsageError
from morelike.evaluate import labeller
from morelike.jobs import FINISHED
from morelike.models import cards, weights
from morelike.records import Job
from morelike.server.deps import parts_of
from morelike.server.errors import status_of
from morelike.server.pages.comparing import beginning
from morelike.server.pages.duplicates import KEEP
from morelike.server.pages.language import N_
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.spreads import Spread, spread_of
from morelike.server.pages.view import collection_path, library_of, redirect, render
from morelike.types import Card, Space

__all__ = ["router"]

router = page_router()

JOBS = 100
"""Of the collection that are looked through for the last measurement."""
LABELS: Mapping[str, str] = {
    "parent-folder": N_("the folder that they lie in"),
    "tag": N_("their tags"),
    "meta": N_("a field of their metadata, named below"),
    "info": N_("something known of the content, named below"),
    "name": N_("a pattern in their names, below"),
}
MEASURES: Mapping[str, tuple[str, str]] = {
    "p_at_1": (N_("First hit"), N_("how often the first hit has the example's label")),
    "p_at_5": (N_("First five"), N_("the share of the first five hits that have it")),
    "map": (N_("All of it"), N_("mean average precision: 1 where all of the label come before all others")),
}


@router.get("/c/{name}/upkeep")
def upkeep_page(request: Request, name: str, job: str = "") -> Response:
    """The forms, what was measured, and the job that the last one of them began."""
    return _page(request, name, library_of(request).jobs.get(job) if job else None)


@router.post("/c/{name}/upkeep/{kind}")
async def begin(request: Request, name: str, kind: str, form: SentForm) -> Response:
    """Queue the job; the page of what it is for then follows it."""
    return await parts_of(request).writes.run(_begin, request, name, kind, form)


def _begin(request: Request, name: str, kind: str, form: FormData) -> Response:
    library = library_of(request)
    library.collection(name)
    try:
        if kind not in _ARGUMENTS:
            raise UsageError(f"there is no upkeep named {kind[:40]!r}", hint=f"there are: {', '.join(_ARGUMENTS)}")
        arguments = _ARGUMENTS[kind](form)
        job = library.jobs.add(kind, name, arguments)
    except MorelikeError as error:
        return _page(request, name, error=error)
    if kind == "duplicates":
        return redirect(collection_path(name, "duplicates", query=f"job={job.id}"))
    if arguments.get("switch") is False:
        return redirect(beginning(name, arguments["encoder"], job))
    return redirect(collection_path(name, "upkeep", query=f"job={job.id}"))


def _page(request: Request, name: str, job: Job | None = None, error: MorelikeError | None = None) -> Response:
    library = library_of(request)
    opened = library.collection(name)
    spaces = [space for space in opened.spaces if not space.is_screen]
    active = [space for space in spaces if space.active]
    return render(
        request,
        "upkeep.html",
        status=200 if error is None else status_of(error),
        collection=opened,
        count=opened.count(),
        spaces=active,
        beside=[(space, opened.vectors_in(space)) for space in spaces if not space.active and space.has_vectors],
        others=_others(request, {space.kind for space in active if space.has_vectors}, {s.card.name for s in active}),
        keep=KEEP,
        spreads=_spreads(opened, active),
        labels=LABELS,
        measures=MEASURES,
        evaluated=_evaluated(library.jobs.list(collection=name, limit=JOBS)),
        asides=len(opened.asides()),
        dropped=request.query_params.get("dropped", "")[:100],
        job=job if job is not None and job.collection == name else None,
        busy=job is not None and job.state not in FINISHED,
        error=error,
    )


def _spreads(opened: OpenCollection, spaces: list[Space]) -> list[tuple[Space, Spread]]:
    """What was measured of each space, where anything was."""
    found = [(space, spread_of(opened.calibration(space))) for space in spaces if space.has_vectors]
    return [(space, spread) for space, spread in found if spread is not None]


def _evaluated(jobs: list[Job]) -> Job | None:
    """The last measurement that came to its end."""
    return next((job for job in jobs if job.kind == "evaluate" and job.state == "done" and job.result), None)


def _others(request: Request, kinds: set[str], used: set[str]) -> list[tuple[Card, bool]]:
    """(card, whether its weights are here) of those that the collection could have instead; these first."""
    settings = library_of(request).settings
    fitting = [card for card in cards.all_cards(settings) if kinds.intersection(card.kinds) and card.name not in used]
    found = [(card, weights.status(card, settings).here) for card in fitting if card.form in {"dense", "bits"}]
    return sorted(found, key=lambda one: (not one[1], one[0].name))


def _duplicates(form: FormData) -> dict[str, Any]:
    asked: dict[str, Any] = {"near": form.get("near") == "on"}
    keep = form.get("keep")
    if isinstance(keep, str) and keep in KEEP:
        asked["keep"] = keep
    return asked


def _dedup(form: FormData) -> dict[str, Any]:
    """A dry run, unless it is said that the others are to be set aside."""
    asked = _duplicates(form)
    if form.get("apply") == "yes":
        asked["apply"] = True
    return asked


def _reembed(form: FormData) -> dict[str, Any]:
    if form.get("rollback") == "yes":
        return {"rollback": True}
    encoder = form.get("encoder")
    if not isinstance(encoder, str) or not encoder:
        raise UsageError("no encoder was chosen", hint="choose one of the list")
    asked: dict[str, Any] = {"encoder": encoder}
    if form.get("allow_missing") == "on":
        asked["allow_missing"] = True
    if form.get("compare") == "yes":
        asked["switch"] = False
    return asked


def _evaluate(form: FormData) -> dict[str, Any]:
    """Raises QueryError on labels that there are not."""
    labels, field = str(form.get("labels") or ""), str(form.get("field") or "").strip()
    labels = f"{labels}:{field}" if labels in {"meta", "info", "name"} else labels
    labeller(labels)
    return {"labels": labels}


_ARGUMENTS = {
    "calibrate": lambda form: {},  # noqa: ARG005 - all kinds'
    "dedup": _dedup,
    "duplicates": _duplicates,
    "evaluate": _evaluate,
    "reembed": _reembed,
}
