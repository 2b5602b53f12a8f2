"""``/c/NAME/add``: files in, and a look at what would come of it first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from starlette.datastructures import FormData, UploadFile

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError, UsageError
from morelike.records import Job
from morelike.server.adding import add_uploads, check_sources
from morelike.server.deps import parts_of
from morelike.server.errors import status_of
from morelike.server.pages.figures import tags_in
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.view import collection_path, library_of, redirect, render
from morelike.settings import Settings

__all__ = ["Tried", "router", "tried_of"]

router = page_router()

MOST_LINES = 1000
SHOWN_REFUSED = 20
SHOWN_REJECTED = 50
EXAMPLES: Mapping[str, str] = {
    "audio": "song.flac",
    "document": "report.pdf",
    "image": "picture.jpg",
    "mesh": "part.stl",
    "molecule": "molecules.smi",
    "sequence": "genes.fasta",
    "text": "questions.csv",
    "video": "film.mp4",
}


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form for folders and addresses."""

    sources: Sequence[str] = ()
    tags: str = ""
    exclude: str = ""
    in_place: bool = False

    @classmethod
    def read(cls, form: FormData) -> Typed:
        lines = [line.strip() for line in _field(form, "sources").splitlines()]
        named = tuple(line for line in lines if line)
        return cls(named, _field(form, "tags"), _field(form, "exclude"), form.get("in_place") == "on")

    @classmethod
    def of(cls, job: Job, tags: str) -> Typed:
        """As it was when the job was begun; a dry run knows no tags."""
        given = job.arguments
        exclude = ", ".join(map(str, given.get("exclude") or ()))
        sources = tuple(map(str, given.get("sources") or ()))
        return cls(sources, tags, exclude, in_place=given.get("in_place") is True)

    def arguments(self) -> dict[str, Any]:
        """Of a job, as far as both kinds take them."""
        asked: dict[str, Any] = {"sources": list(self.sources), "in_place": self.in_place}
        return {**asked, "exclude": _between_commas(self.exclude)} if self.exclude else asked


@dataclass(frozen=True, slots=True)
class LineRefused:
    """A line that cannot be added, and why."""

    number: int
    source: str
    error: MorelikeError


@dataclass(frozen=True, slots=True)
class Tried:
    """What a dry run found, scaled from its sample to all files; ``whole``: nothing had to be scaled."""

    files: int
    sampled: int
    new: int
    there: int
    rejected: int
    seconds: float
    bytes: int
    encoder: str
    rejections: Sequence[tuple[str, str]]
    """(source, reason) of the sample."""

    @property
    def whole(self) -> bool:
        return self.sampled >= self.files


def tried_of(job: Job | None) -> Tried | None:
    """Of a finished dry run; None of every other job."""
    if job is None or job.kind != "dry-run" or job.state != "done":
        return None
    found = job.result
    files, sampled = int(found.get("files") or 0), int(found.get("sampled") or 0)
    refused = [row for row in found.get("rejected") or () if isinstance(row, Mapping)]
    there = int(found.get("there") or 0)

    def scaled(count: int) -> int:
        return round(count * files / sampled) if sampled else 0

    some = scaled(there), scaled(len(refused))
    return Tried(
        files,
        sampled,
        max(0, files - sum(some)),
        *some,
        seconds=float(found.get("seconds_estimated") or 0),
        bytes=int(found.get("bytes_on_disk") or 0),
        encoder=str(found.get("encoder") or ""),
        rejections=[(str(row.get("source", "")), str(row.get("reason", ""))) for row in refused[:SHOWN_REJECTED]],
    )


@router.get("/c/{name}/add")
def add_page(request: Request, name: str, job: str = "", tags: str = "") -> Response:
    """Two ways in: files of this browser, and sources that the server reaches itself."""
    library = library_of(request)
    opened = library.collection(name)
    running = library.jobs.get(job) if job else None
    if running is not None and running.collection != name:
        running = None
    typed = Typed.of(running, tags[:500]) if running is not None and running.kind == "dry-run" else Typed()
    return _page(request, opened, job=running, typed=typed)


@router.post("/c/{name}/upload")
async def upload(request: Request, name: str, form: SentForm) -> Response:
    """Files from a plain form, where no script sends them in groups."""
    return await parts_of(request).uploads.run(_upload, request, name, form)


def _upload(request: Request, name: str, form: FormData) -> Response:
    opened = library_of(request).collection(name)
    files = [one for one in form.getlist("files") if isinstance(one, UploadFile) and one.filename]
    try:
        report = add_uploads(opened, files, tags=tags_in(_field(form, "tags")), metadata={})
    except MorelikeError as error:
        return _page(request, opened, error=error)
    return _page(request, opened, report=report)


@router.post("/c/{name}/sources")
async def add_sources(request: Request, name: str, form: SentForm) -> Response:
    """Start a job that adds folders or addresses, one a line; with ``look`` one that only says what it would do."""
    return await parts_of(request).fetches.run(_add_sources, request, name, form)


def _add_sources(request: Request, name: str, form: FormData) -> Response:
    library = library_of(request)
    opened = library.collection(name)
    typed = Typed.read(form)
    try:
        if not typed.sources:
            raise UsageError("there is nothing to add", hint="one folder or address a line")
        if len(typed.sources) > MOST_LINES:
            raise UsageError(f"{len(typed.sources)} lines are too many", hint=f"at most {MOST_LINES} at a time")
        if refused := _refused(typed, library.settings):
            return _page(request, opened, typed=typed, refused=refused)
        if form.get("look"):
            job = library.jobs.add("dry-run", name, typed.arguments())
        else:
            tags = tags_in(typed.tags)
            job = library.jobs.add("add", name, {**typed.arguments(), **({"tags": tags} if tags else {})})
    except MorelikeError as error:
        return _page(request, opened, typed=typed, error=error)
    return redirect(collection_path(name, "add", query=_query(job, typed)))


def _query(job: Job, typed: Typed) -> str:
    kept = {"tags": typed.tags[:500]} if job.kind == "dry-run" and typed.tags else {}
    return urlencode({"job": job.id, **kept})


def _refused(typed: Typed, settings: Settings) -> list[LineRefused]:
    """Each line by itself, so that all that is wrong is said at once."""
    found = []
    for number, source in enumerate(typed.sources, 1):
        try:
            check_sources([source], _between_commas(typed.exclude), settings)
        except MorelikeError as error:
            found.append(LineRefused(number, source, error))
            if len(found) == SHOWN_REFUSED:
                break
    return found


def _page(
    request: Request,
    opened: OpenCollection,
    *,
    job: Job | None = None,
    typed: Typed | None = None,
    report: Mapping[str, Any] | None = None,
    refused: Sequence[LineRefused] = (),
    error: MorelikeError | None = None,
) -> Response:
    settings = library_of(request).settings
    failed = error or (refused[0].error if refused else None)
    return render(
        request,
        "add.html",
        status=200 if failed is None else status_of(failed),
        collection=opened,
        count=opened.count(),
        rejected=opened.rejected_count(),
        folders=[str(root) for root in settings.allow_roots or ()],
        buckets=list(settings.s3_roots),
        sample_name=EXAMPLES.get(opened.modality, "picture.jpg"),
        job=job,
        tried=tried_of(job),
        typed=typed or Typed(),
        report=report,
        refused=refused,
        error=error,
    )


def _between_commas(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""
