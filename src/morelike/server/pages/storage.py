"""``/storage``: what the library takes, how it grows, when there will be no room; and looking for faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response
from starlette.datastructures import FormData

from morelike.errors import MorelikeError
from morelike.jobs import FINISHED
from morelike.library import Library
from morelike.records import Job, StorageReading
from morelike.server.deps import parts_of
from morelike.server.errors import status_of
from morelike.server.pages.growth import chart_of, daily_of, growth_said, room_said, total_of
from morelike.server.pages.language import N_, _
from morelike.server.pages.outcomes import findings_of
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.view import library_of, number, redirect, render, size
from morelike.storage import CollectionFigures, Disk, Forecast, StorageReport, forecast
from morelike.stores.disk import tree_bytes

__all__ = ["router"]

router = page_router()

DAYS_LISTED = 60
KEEPS: Mapping[str, str] = {
    N_("catalog"): N_("what is known of items, their sources and tags; jobs and keys"),
    N_("vectors"): N_("what searches compare"),
    N_("blobs"): N_("the bytes of items that are kept; none of those that stay in place"),
    N_("maps"): N_("where items stand on maps; they may be removed, and are made again"),
    N_("previews"): N_("small pictures; they may be removed, and are made again"),
    N_("sketches"): N_("what sounds, films and sequences are compared by, in part"),
    N_("words"): N_("the words of texts and documents"),
}
MENDED: Mapping[str, str] = {
    "pending": N_("Pending items are worked on again, from their bytes."),
    "missing-vectors": N_("Items without vectors are worked on again, from their bytes."),
    "orphan-vectors": N_("Vectors of no item are removed."),
    "orphan-space": N_("Vectors of no item are removed."),
    "orphan-maps": N_("Maps of collections and spaces that are gone are removed."),
    "other-card": N_("Vectors of another encoder are removed, and made anew."),
    "missing-blobs": N_("Bytes that are gone or cut short are taken from a source that still has them."),
    "damaged-blobs": N_("Bytes that are gone or cut short are taken from a source that still has them."),
    "orphan-blobs": N_("Blobs of no item are removed, unless a collection takes them in."),
    "half-written": N_("Half-written files are removed."),
    "deleting": N_("Removals that were cut off are finished."),
    "stale-fields": N_(
        "What filters ask for is given up where it is of another time, and written anew beside searches."
    ),
    "damaged": N_("Damaged vectors are repaired; a catalog is restored from a backup, by hand."),
}
"""What becomes of each kind of finding."""
STATES: Mapping[str, str] = {
    "pending": N_("%(count)s pending"),
    "duplicate": N_("%(count)s set aside"),
    "deleting": N_("%(count)s being removed"),
}
OTHERWISE: Final = N_("What else was found is mended where it can be.")


@dataclass(frozen=True, slots=True)
class PartRow:
    """A part of the library; ``share`` in percent of the whole."""

    name: str
    keeps: str
    bytes: int
    share: float


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """A collection's figures, summed up; ``others``: how many items wait, or were set aside, by state."""

    name: str
    items: int
    others: Mapping[str, int]
    segments: int
    vectors: int
    vectors_bytes: int
    kept: int
    kept_bytes: int
    in_place: int
    in_place_bytes: int
    rejected: int


@dataclass(frozen=True, slots=True)
class DayRow:
    """The last reading of a day; ``sizes`` in the order of the parts."""

    at: str
    items: int
    sizes: tuple[int, ...]
    total: int


@router.get("/storage")
def storage_page(request: Request, job: str = "") -> Response:
    """All figures, and the report of the job that is named, else of the last one that looked for faults."""
    return _page(request, library_of(request).jobs.get(job) if job else None)


@router.post("/storage/doctor")
async def begin(request: Request, form: SentForm) -> Response:
    """Queue the job; the page then follows it."""
    return await parts_of(request).writes.run(_begin, request, form)


def _begin(request: Request, form: FormData) -> Response:
    """Only looks, unless the form says that it was asked and answered."""
    library = library_of(request)
    rescue = form.get("rescue")
    asked: dict[str, bool | str] = {}
    if form.get("fix") == "yes":
        asked["fix"] = True
        if isinstance(rescue, str) and rescue:
            asked["rescue"] = rescue
    try:
        if "rescue" in asked:
            library.collection(str(asked["rescue"]))
        job = library.jobs.add("doctor", "", asked)
    except MorelikeError as error:
        return _page(request, error=error)
    return redirect(f"/storage?job={job.id}#faults")


def _page(request: Request, job: Job | None = None, error: MorelikeError | None = None) -> Response:
    library = library_of(request)
    report = library.storage()
    kept = library.storage_history()
    readings = [*(one for one in kept if one.at != report.at), report.reading]
    shown = job if job is not None and job.kind == "doctor" else _last_look(library)
    return render(
        request,
        "storage.html",
        status=200 if error is None else status_of(error),
        report=report,
        parts=_parts(report.parts),
        models=tree_bytes(library.settings.models_cache),
        elsewhere=_elsewhere(report),
        collections=_collections(library, report),
        disks=[(disk, _room(disk, readings, library)) for disk in report.disks],
        growth_said=growth_said,
        room_said=room_said,
        others_said=others_said,
        size_of=size,
        kept=len(kept),
        days=[_day(one, report) for one in daily_of(readings, DAYS_LISTED)],
        days_listed=DAYS_LISTED,
        chart_of=chart_of,
        readings=readings,
        job=shown,
        active=shown is not None and shown.state not in FINISHED,
        findings=(findings := [] if shown is None else findings_of(shown)),
        becomes=list(dict.fromkeys(MENDED.get(one.kind, OTHERWISE) for one in findings)),
        orphans=any(one.kind == "orphan-blobs" for one in findings),
        error=error,
    )


def _last_look(library: Library) -> Job | None:
    """Of the jobs that work on no one collection."""
    jobs = library.jobs.list(collection="", limit=10)
    return next((job for job in jobs if job.kind == "doctor"), None)


def _parts(parts: Mapping[str, int]) -> list[PartRow]:
    whole = max(total_of(parts), 1)
    return [PartRow(name, KEEPS.get(name, ""), taken, taken / whole * 100) for name, taken in parts.items()]


def _day(reading: StorageReading, report: StorageReport) -> DayRow:
    sizes = tuple(total_of({part: reading.parts.get(part)}) for part in report.parts)
    return DayRow(reading.at, reading.items, sizes, total_of(reading.parts))


def _elsewhere(report: StorageReport) -> list[str]:
    """The parts that lie on no disk of this machine."""
    here = {part for disk in report.disks for part in disk.parts}
    return [part for part in report.parts if part not in here]


def _collections(library: Library, report: StorageReport) -> list[CollectionRow]:
    rejected = {summary.name: summary.rejected for summary in library.collections()}
    return [_row(one, rejected.get(one.name, 0)) for one in report.collections]


def _row(one: CollectionFigures, rejected: int) -> CollectionRow:
    others: dict[str, int] = {
        state: count for state, count in one.states.items() if state not in {"ready", "rejected"} and count
    }
    return CollectionRow(
        name=one.name,
        items=one.items,
        others=others,
        segments=sum(one.segments.values()),
        vectors=sum(space.rows for space in one.spaces),
        vectors_bytes=sum(space.bytes for space in one.spaces),
        kept=one.kept,
        kept_bytes=one.kept_bytes,
        in_place=one.in_place,
        in_place_bytes=one.in_place_bytes,
        rejected=rejected,
    )


def others_said(others: Mapping[str, int]) -> str:
    """``2 pending, 1 set aside``."""
    said = [_(STATES[state], count=number(count)) for state, count in others.items() if state in STATES]
    return ", ".join(said)


def _room(disk: Disk, readings: Sequence[StorageReading], library: Library) -> Forecast | None:
    """When this disk alone is full, at the growth of what lies on it."""
    return forecast(readings, (disk,), library.settings.model_copy(update={"storage_warn_bytes": 0}))
