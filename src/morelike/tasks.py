"""What each kind of job does: arguments that came over a wire, checked, and handed to the facade."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from threading import Event
from typing import Any, Protocol

from morelike.arguments import (
    LABELS,
    PLACES,
    SHARE,
    TEXT,
    TEXTS,
    TRUTH,
    Argument,
    are_texts,
    is_flat,
    is_number,
    is_text,
    is_whole_from,
)
from morelike.collection import OpenCollection
from morelike.doctor import DoctorReport
from morelike.errors import NoSuchCollection, UsageError
from morelike.jobs import JobStopped, Report
from morelike.progress import AddReport, Progress
from morelike.records import Job
from morelike.registry import ENGINES
from morelike.settings import Settings
from morelike.shapes import doctor_shape, dry_run_shape, evaluation_shape, group_shape, map_head
from morelike.sources import open_source
from morelike.types import Metadata, Rejection
from morelike.unpacking import Holds, configured, holds_of

__all__ = ["KINDS", "OF_LIBRARY", "check", "perform"]

OF_LIBRARY = frozenset({"doctor"})
"""Kinds of jobs that work on no one collection."""

SHOWN_REJECTIONS = 20
SHOWN_GROUPS = 200
SHOWN_MEMBERS = 50
MOST_MEMBERS = 5000
"""Of all the whole groups that one result holds."""
MOST_SAMPLED = 1000


class _Library(Protocol):
    """As much of ``morelike.Library`` as a job needs, which itself starts them."""

    settings: Settings

    def collection(
        self,
        name: str,
        *,
        modality: str | None = None,
        encoder: str = "auto",
        options: Metadata | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> OpenCollection: ...

    def doctor(
        self,
        *,
        fix: bool = False,
        rescue: str = "",
        notify: Callable[[str], None] | None = None,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> DoctorReport: ...


@dataclass(frozen=True, slots=True)
class _Kind:
    arguments: Mapping[str, Argument]
    perform: Callable[[_Library, Job, Report, Event], Metadata]


def check(kind: str, arguments: Metadata) -> None:
    """Raises UsageError, naming the argument that is missing, unknown or of a wrong type."""
    if kind not in KINDS:
        raise UsageError(f"there is no job of the kind {kind!r}", hint=f"there are: {', '.join(KINDS)}")
    known = KINDS[kind].arguments
    for name, value in arguments.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise UsageError(f"a job of the kind {kind} has no argument {name!r}", hint=f"there are: {names}")
        if not known[name].fits(value):
            raise UsageError(f"the argument {name!r} of a job of the kind {kind} must be {known[name].what}")
    for name, argument in known.items():
        if argument.needed and name not in arguments:
            raise UsageError(f"a job of the kind {kind} needs the argument {name!r}", hint=f"it is {argument.what}")
    if kind == "add" and not (arguments.get("sources") or arguments.get("retry")):
        raise UsageError("there is nothing to add", hint="name a folder, an archive, a table or a URL in 'sources'")
    if kind == "add" and arguments.get("sources") and isinstance(arguments.get("retry"), list | tuple):
        raise UsageError("rows of the ledger are tried again without sources", hint="name the ones or the others")
    if kind == "reembed" and bool(arguments.get("encoder")) == bool(arguments.get("rollback")):
        raise UsageError("a job of the kind reembed needs the argument 'encoder', or 'rollback'", hint="one of the two")


def perform(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:
    """Do the job. Raises JobStopped when ``stop`` was set before its end, and what the facade raises."""
    check(job.kind, job.arguments)
    return KINDS[job.kind].perform(library, job, report, stop)


def _holds(library: _Library, job: Job) -> Holds | None:
    """As the collection that is there, or is to be made, knows files of records. Raises UsageError."""
    name, options = job.arguments.get("modality"), job.arguments.get("options") or {}
    with suppress(NoSuchCollection):
        opened = library.collection(job.collection)
        name, options = opened.modality, opened.options
    modality = configured(str(name), library.settings, options) if name else None
    return holds_of(modality, library.settings)


def _add(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:
    given = job.arguments
    sources, exclude = given.get("sources", []), tuple(given.get("exclude", ()))
    for source in sources:
        open_source(  # a slip of the pen must not leave an empty collection
            source, library.settings, exclude, holds=_holds(library, job)
        )
    notes = _Notes(report, "added")
    collection = library.collection(
        job.collection,
        modality=given.get("modality"),
        encoder=given.get("encoder", "auto"),
        options=given.get("options"),
        notify=notes.note,
    )
    added = collection.add(
        *sources,
        exclude=exclude,
        only=tuple(given.get("only", ())),
        in_place=given.get("in_place", False),
        sync=given.get("sync", False),
        retry=given.get("retry", False),
        tags=tuple(given.get("tags", ())),
        metadata=given.get("metadata", {}),
        progress=notes.progress,
        stop=stop,
        engine=given.get("engine", "local"),
    )
    return _whole(_added(added), interrupted=added.interrupted)


def _added(report: AddReport) -> Metadata:
    values = {name: value for name, value in asdict(report).items() if name != "rejections"}
    return {**values, "rejections": _first(report.rejections)}


def _calibrate(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:  # noqa: ARG001  # all kinds'
    return {"spaces": library.collection(job.collection).calibrate()}


def _dedup(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:
    given = dict(job.arguments)
    dry_run = not given.pop("apply", False)
    collection = library.collection(job.collection)
    found = collection.dedup(**given, dry_run=dry_run, progress=_Notes(report).progress, stop=stop)
    result = {
        "run": found.run,
        "found": len(found.groups),
        "groups": [group_shape(group, SHOWN_MEMBERS) for group in found.groups[:SHOWN_GROUPS]],
        "set_aside": found.set_aside,
        "would_free": found.would_free,
        "looked_at": found.looked_at,
        "near": found.near,
        "passed_over": _first(found.passed_over),
        "seconds": found.seconds,
    }
    return _whole(result, interrupted=found.interrupted)


def _duplicates(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:
    collection = library.collection(job.collection)
    found = collection.duplicates(**job.arguments, progress=_Notes(report).progress, stop=stop)
    groups: list[Metadata] = []
    room = MOST_MEMBERS
    for group in found:
        room -= len(group.members)
        if room < 0:
            break
        groups.append(group_shape(group))
    return _whole({"found": len(found), "groups": groups}, interrupted=stop.is_set())


def _evaluate(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:
    collection, notes = library.collection(job.collection), _Notes(report, found=True)
    measured = collection.evaluate(**job.arguments, progress=notes.progress, stop=stop)
    return _whole(evaluation_shape(measured), interrupted=measured.interrupted)


def _dry_run(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:
    given = dict(job.arguments)
    collection, notes = library.collection(job.collection), _Notes(report, found=True)
    tried = collection.dry_run(*given.pop("sources"), **given, progress=notes.progress, stop=stop)
    return _whole(dry_run_shape(tried), interrupted=tried.interrupted)


def _doctor(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:
    waiting, notes = _Notes(report), _Notes(report)  # apart: once it goes on, nobody waits any more
    found = library.doctor(**job.arguments, notify=waiting.note, progress=notes.progress, stop=stop)
    return _whole(doctor_shape(found), interrupted=found.interrupted)


def _map(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:
    collection = library.collection(job.collection)
    made = collection.map(**job.arguments, refresh=True, progress=_Notes(report).progress, stop=stop)
    return _whole(map_head(made), interrupted=made.interrupted)


def _reembed(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:
    notes = _Notes(report, "encoded")
    collection = library.collection(job.collection)
    options: dict[str, Any] = {"progress": notes.progress, "stop": stop}
    options["allow_missing"] = job.arguments.get("allow_missing", False)
    switch = job.arguments.get("switch", True)
    if job.arguments.get("rollback"):
        done = collection.rollback(**options)
    else:
        done = collection.reembed(job.arguments["encoder"], **options, switch=switch, notify=notes.note)
    values = {name: value for name, value in asdict(done).items() if name != "rejections"}
    return _whole({**values, "rejections": _first(done.rejections)}, interrupted=done.interrupted)


def _tag(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:
    given = dict(job.arguments)
    tagged = library.collection(job.collection).tag_auto(
        given.pop("labels"), **given, progress=_Notes(report).progress, stop=stop
    )
    return _whole(asdict(tagged), interrupted=tagged.interrupted)


def _first(rejections: Sequence[Rejection]) -> list[Metadata]:
    """The ledger has them all."""
    return [
        {"source": row.uri, "item": row.item_id, "stage": row.stage, "reason": row.reason}
        for row in rejections[:SHOWN_REJECTIONS]
    ]


class _Notes:
    """A run's progress as a job tells it: ``done`` of ``total`` are through, whatever became of them."""

    def __init__(self, report: Report, new: str = "", *, found: bool = False) -> None:
        """``new``: what those are called that were neither there already nor rejected. ``found``: what is counted
        before the work begins is told as that.
        """
        self._report = report
        self._new = new
        self._found = found
        self._note = ""

    def note(self, sentence: str) -> None:
        self._note = sentence
        self._report({"done": 0, "total": None, "rate": 0.0, "eta": None, "note": sentence})

    def progress(self, now: Progress) -> None:
        self._report(
            {
                "done": now.done + now.same + now.rejected,
                "total": now.total,
                "rate": round(now.rate, 2),
                "eta": None if now.eta is None else round(now.eta, 1),
                "note": now.note or self._note,
                **({self._new: now.done} if self._new else {}),
                **({"found": now.seen} if self._found else {}),
                "same": now.same,
                "rejected": now.rejected,
                "seen": now.seen,
                "current": now.current,
            }
        )


def _whole(result: Metadata, *, interrupted: bool) -> Metadata:
    if interrupted:
        raise JobStopped(result)
    return result


KINDS: Mapping[str, _Kind] = {
    "add": _Kind(
        {
            "encoder": TEXT,
            "engine": Argument(f"one of {', '.join(ENGINES)}", lambda value: is_text(value) and value in ENGINES),
            "exclude": TEXTS,
            "in_place": TRUTH,
            "metadata": Argument("an object of texts, numbers, true, false and null", is_flat),
            "modality": TEXT,
            "only": TEXTS,
            "options": Argument("an object of texts, numbers, true, false and null", is_flat),
            "retry": Argument(
                "true, false or a list of uris of the ledger", lambda value: isinstance(value, bool) or are_texts(value)
            ),
            "sources": PLACES,
            "sync": TRUTH,
            "tags": TEXTS,
        },
        _add,
    ),
    "calibrate": _Kind({}, _calibrate),
    "dedup": _Kind(
        {
            "apply": TRUTH,
            "contained": TRUTH,
            "keep": TEXT,
            "near": TRUTH,
            "threshold": SHARE,
        },
        _dedup,
    ),
    "doctor": _Kind({"fix": TRUTH, "rescue": TEXT}, _doctor),
    "dry-run": _Kind(
        {
            "exclude": TEXTS,
            "in_place": TRUTH,
            "sample": Argument(f"a whole number from 1 to {MOST_SAMPLED}", is_whole_from(1, MOST_SAMPLED)),
            "sources": replace(PLACES, needed=True),
        },
        _dry_run,
    ),
    "duplicates": _Kind({"keep": TEXT, "near": TRUTH, "threshold": SHARE}, _duplicates),
    "evaluate": _Kind(
        {
            "folds": LABELS,
            "kind": TEXT,
            "labels": LABELS,
            "queries": Argument("a whole number from 1", is_whole_from(1, 2**31)),
            "seed": Argument("a whole number from 0", is_whole_from(0, 2**63 - 1)),
        },
        _evaluate,
    ),
    "map": _Kind({"kind": TEXT}, _map),
    "reembed": _Kind(
        {"allow_missing": TRUTH, "encoder": Argument("a card's name", is_text), "rollback": TRUTH, "switch": TRUTH},
        _reembed,
    ),
    "tag": _Kind(
        {
            "dry_run": TRUTH,
            "filter": TEXT,
            "labels": Argument(
                "a list of texts, one at least", lambda value: are_texts(value) and bool(value), needed=True
            ),
            "prefix": TEXT,
            "threshold": Argument("a finite number", is_number),
            "top": Argument("a whole number from 1", lambda value: type(value) is int and value >= 1),
            "wording": TEXT,
        },
        _tag,
    ),
}
"""Kind to what it takes and does."""
