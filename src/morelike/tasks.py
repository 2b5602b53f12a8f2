"""What each kind of job does: arguments that came over a wire, checked, and handed to the facade."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from morelike.collection import OpenCollection
from morelike.doctor import DoctorReport
from morelike.errors import NoSuchCollection, UsageError
from morelike.jobs import JobStopped, Report
from morelike.progress import AddReport, Progress
from morelike.records import Job
from morelike.registry import ENGINES
from morelike.settings import Settings
from morelike.shapes import doctor_shape, dry_run_shape, evaluation_shape, group_shape
from morelike.sources import open_source
from morelike.types import Metadata, Rejection
from morelike.unpacking import Holds, configured, holds_of

__all__ = ["KINDS", "OF_LIBRARY", "check", "perform"]

OF_LIBRARY = frozenset({"doctor"})
"""Kinds of jobs that work on no one collection."""

MAX_SOURCES = 10_000
SHOWN_REJECTIONS = 20
SHOWN_GROUPS = 200
SHOWN_MEMBERS = 50
MOST_MEMBERS = 5000
"""Of all the whole groups that one result holds."""
MOST_SAMPLED = 1000
MOST_REPEATS = 2
LONGEST_LABELS = 500
_ESCAPED_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPEATS = re.compile(r"(?:[*+?]|\{[^}]*\})[?+]?|\|")
_REPEATED_GROUP = re.compile(r"\)[*+{]|\(\?[a-zA-Z-]*x")  # or one that hides behind the blanks of (?x)
_ANCHORED = re.compile(r"(name:)?\^|(parent-folder|tag)\Z|(meta|info):")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://.", re.IGNORECASE)


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
        self, *, fix: bool = False, rescue: str = "", notify: Callable[[str], None] | None = None
    ) -> DoctorReport: ...


@dataclass(frozen=True, slots=True)
class _Argument:
    """``what`` completes "must be …"."""

    what: str
    fits: Callable[[Any], bool]
    needed: bool = False


@dataclass(frozen=True, slots=True)
class _Kind:
    arguments: Mapping[str, _Argument]
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


def _evaluate(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:  # noqa: ARG001  # all kinds'
    return evaluation_shape(library.collection(job.collection).evaluate(**job.arguments))


def _dry_run(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:  # noqa: ARG001  # all kinds'
    given = dict(job.arguments)
    return dry_run_shape(library.collection(job.collection).dry_run(*given.pop("sources"), **given))


def _doctor(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:  # noqa: ARG001  # all kinds'
    return doctor_shape(library.doctor(**job.arguments, notify=_Notes(report).note))


def _reembed(library: _Library, job: Job, report: Report, stop: Event) -> Metadata:
    notes = _Notes(report, "encoded")
    collection = library.collection(job.collection)
    options: dict[str, Any] = {"progress": notes.progress, "stop": stop}
    options["allow_missing"] = job.arguments.get("allow_missing", False)
    if job.arguments.get("rollback"):
        done = collection.rollback(**options)
    else:
        done = collection.reembed(job.arguments["encoder"], **options, notify=notes.note)
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

    def __init__(self, report: Report, new: str = "") -> None:
        """``new``: what those are called that were neither there already nor rejected."""
        self._report = report
        self._new = new
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


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 4096 and "\0" not in value


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) <= MAX_SOURCES and all(map(_is_text, value))


def _are_places(value: Any) -> bool:
    """A job may be done by another process, whose current folder is another one."""
    if not _are_texts(value):
        return False
    places = [text.removeprefix("urls:") for text in value]
    return all(Path(place).is_absolute() or _ADDRESS.match(place) for place in places)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole_from(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= most


def _says_labels(value: Any) -> bool:
    """An expression that somebody sent must not keep the process: two things in it repeat at the most, and no group.

    Being looked for everywhere in a name is as one of them. So its work grows with the square of a name's length.
    """
    if not _is_text(value) or len(value) > LONGEST_LABELS:
        return False
    plain = _ESCAPED_OR_CLASS.sub("_", value)
    repeats = len(_REPEATS.findall(plain.replace("(?", "("))) + (_ANCHORED.match(plain) is None)
    return repeats <= MOST_REPEATS and not _REPEATED_GROUP.search(plain)


def _is_flat(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(key, str) and key and (inner is None or isinstance(inner, str | bool | int | float))
        for key, inner in value.items()
    )


_TEXT = _Argument("a text", _is_text)
_TEXTS = _Argument("a list of texts", _are_texts)
_TRUTH = _Argument("true or false", _is_truth)
_PLACES = _Argument(f"a list of at most {MAX_SOURCES} absolute paths and URLs", _are_places)
_SHARE = _Argument("a number above 0, up to 1", _is_share)
_LABELS = _Argument(
    "parent-folder, tag, meta:KEY, info:KEY or a regular expression in which at most two things repeat or can be left "
    "out, one where it does not begin with ^, and no group",
    _says_labels,
)

KINDS: Mapping[str, _Kind] = {
    "add": _Kind(
        {
            "encoder": _TEXT,
            "engine": _Argument(f"one of {', '.join(ENGINES)}", lambda value: _is_text(value) and value in ENGINES),
            "exclude": _TEXTS,
            "in_place": _TRUTH,
            "metadata": _Argument("an object of texts, numbers, true, false and null", _is_flat),
            "modality": _TEXT,
            "only": _TEXTS,
            "options": _Argument("an object of texts, numbers, true, false and null", _is_flat),
            "retry": _TRUTH,
            "sources": _PLACES,
            "sync": _TRUTH,
            "tags": _TEXTS,
        },
        _add,
    ),
    "calibrate": _Kind({}, _calibrate),
    "dedup": _Kind(
        {
            "apply": _TRUTH,
            "contained": _TRUTH,
            "keep": _TEXT,
            "near": _TRUTH,
            "threshold": _SHARE,
        },
        _dedup,
    ),
    "doctor": _Kind({"fix": _TRUTH, "rescue": _TEXT}, _doctor),
    "dry-run": _Kind(
        {
            "exclude": _TEXTS,
            "in_place": _TRUTH,
            "sample": _Argument(f"a whole number from 1 to {MOST_SAMPLED}", _is_whole_from(1, MOST_SAMPLED)),
            "sources": replace(_PLACES, needed=True),
        },
        _dry_run,
    ),
    "duplicates": _Kind({"keep": _TEXT, "near": _TRUTH, "threshold": _SHARE}, _duplicates),
    "evaluate": _Kind(
        {
            "folds": _LABELS,
            "kind": _TEXT,
            "labels": _LABELS,
            "queries": _Argument("a whole number from 1", _is_whole_from(1, 2**31)),
            "seed": _Argument("a whole number from 0", _is_whole_from(0, 2**63 - 1)),
        },
        _evaluate,
    ),
    "reembed": _Kind(
        {"allow_missing": _TRUTH, "encoder": _Argument("a card's name", _is_text), "rollback": _TRUTH}, _reembed
    ),
    "tag": _Kind(
        {
            "dry_run": _TRUTH,
            "filter": _TEXT,
            "labels": _Argument(
                "a list of texts, one at least", lambda value: _are_texts(value) and bool(value), needed=True
            ),
            "prefix": _TEXT,
            "threshold": _Argument("a finite number", _is_number),
            "top": _Argument("a whole number from 1", lambda value: type(value) is int and value >= 1),
            "wording": _TEXT,
        },
        _tag,
    ),
}
"""Kind to what it takes and does."""
