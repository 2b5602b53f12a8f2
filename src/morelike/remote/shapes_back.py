"""The JSON shapes of the HTTP API, turned back into what they were made of. They raise KeyError, TypeError, ValueError
on what is of another shape; what they do not know is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from morelike.dedup.groups import Group, Member
from morelike.dedup.run import DedupReport
from morelike.doctor import DoctorReport
from morelike.doctor.report import Finding
from morelike.dryrun import DryRun
from morelike.evaluate import Evaluation
from morelike.hits import GroupedHits, HitGroup, Hits, Reply
from morelike.notebook import Previews
from morelike.progress import AddReport, Progress
from morelike.project import Cluster, Map
from morelike.records import Aside, Calibration, Job, SourceRow, StorageReading
from morelike.reembed import ReembedReport
from morelike.remote.problems import error_of
from morelike.search.several import Placed
from morelike.storage import CollectionFigures, Disk, Forecast, SpaceFigures, StorageReport
from morelike.tagging import AutoTag, TagReport
from morelike.types import Answer, Card, ContentDigest, Hit, Item, Quote, Rejection, Source, Space, Span

__all__ = [
    "add_report_of",
    "aside_of",
    "calibration_of",
    "dedup_report_of",
    "doctor_report_of",
    "dry_run_of",
    "evaluation_of",
    "group_of",
    "grouped_of",
    "hits_of",
    "item_of",
    "job_of",
    "map_of",
    "progress_of",
    "reading_of",
    "reembed_report_of",
    "rejection_of",
    "source_row_of",
    "space_of",
    "span_of",
    "storage_of",
    "tag_report_of",
]

Json = Mapping[str, Any]


def span_of(shape: Json) -> Span:
    return Span(shape["unit"], shape["start"], shape["end"])


def hit_of(shape: Json) -> Hit:
    quote = shape.get("quote")
    return Hit(
        item=shape["item"],
        source=shape["source"],
        score=shape["score"],
        unit=shape["unit"],
        span=span_of(shape["span"]),
        metadata=shape["metadata"],
        kind=shape.get("kind", ""),
        segment=int(shape.get("segment", 0)),
        why=shape.get("why", {}),
        percentile=shape.get("percentile"),
        quote=None if quote is None else _quote_of(quote),
    )


def _quote_of(shape: Json) -> Quote:
    marks = tuple((start, end) for start, end in shape["marks"])
    return Quote(shape["text"], shape["start"], shape["page"], marks, shape["reply"])


def hits_of(shape: Json, previews: Previews) -> Hits:
    """A page of hits, which ``previews`` draws."""
    answer = Answer(
        tuple(hit_of(hit) for hit in shape["hits"]),
        shape["more"],
        shape.get("timings", {}),
        shape.get("nothing_similar", False),
        tuple(shape.get("unknown_words", ())),
    )
    return Hits(answer, previews)


def _placed_of(shape: Json) -> Placed:
    return Placed(shape["collection"], shape["modality"], hit_of(shape), shape["rrf"], tuple(shape["also"]))


def grouped_of(shape: Json, drawn_by: Mapping[str, Previews]) -> GroupedHits:
    """The hits of several collections; ``drawn_by``: each collection by its name."""
    groups = [
        HitGroup(one["modality"], tuple(one["collections"]), tuple(map(_placed_of, one["hits"])), one["more"])
        for one in shape["groups"]
    ]
    modality_of = {one["collection"]: one.get("modality", "") for one in shape["silent"]}
    answers: dict[str, Hits] = {}
    silent: list[Reply] = []
    for one in shape["answers"]:
        name = one["collection"]
        problem = one.get("problem")
        if problem is not None:
            silent.append(Reply(name, modality_of.get(name, ""), error_of(problem, problem["status"])))
        else:
            answers[name] = hits_of(one, drawn_by[name])
    return GroupedHits.of([_placed_of(one) for one in shape["fused"]], groups, answers, silent, more=shape["more"])


def _source_of(shape: Json) -> Source:
    return Source(
        shape["uri"],
        shape["name"],
        shape["size"],
        shape.get("modified_ns"),
        shape["metadata"],
        shape.get("origin", ""),
        shape["added_at"],
    )


def item_of(shape: Json) -> Item:
    return Item(
        id=shape["item"],
        state=shape["state"],
        digest=ContentDigest(shape["blake3"], shape["md5"], shape["size"]),
        media_type=shape["media_type"],
        info=shape["info"],
        tags=tuple(shape["tags"]),
        sources=tuple(map(_source_of, shape["sources"])),
        in_place=shape["in_place"],
        added_at=shape["added_at"],
        updated_at=shape["updated_at"],
    )


def source_row_of(shape: Json) -> SourceRow:
    return SourceRow(
        number=shape["number"],
        key=shape["key"],
        source=_source_of(shape),
        item_id=shape["item"],
        state=shape["state"],
        digest=ContentDigest(shape["blake3"], shape["md5"], shape["item_size"]),
        media_type=shape["media_type"],
        updated_at=shape["updated_at"],
    )


def rejection_of(shape: Json) -> Rejection:
    return Rejection(
        uri=shape["source"],
        item_id=shape["item"],
        stage=shape["stage"],
        reason=shape["reason"],
        attempts=shape.get("attempts", 1),
        at=shape.get("at", ""),
    )


def space_of(shape: Json) -> Space:
    """The collection's own number is not told, and stands as 0."""
    return Space(int(shape["id"]), 0, shape["kind"], Card.from_dict(shape["card"]), shape["active"])


def calibration_of(shape: Json | None) -> Calibration | None:
    if shape is None:
        return None
    return Calibration(shape["items"], tuple(shape["background"]), tuple(shape["nearest"]), shape.get("made_at", ""))


def aside_of(shape: Json) -> Aside:
    return Aside(shape["item"], shape["keeper"], shape["run"], shape["score"], shape["at"])


def group_of(shape: Json) -> Group:
    members = tuple(
        Member(
            item=one["item"],
            source=one["source"],
            size=one["size"],
            media_type=one["media_type"],
            width=one["width"],
            height=one["height"],
            duration=one["duration"],
            score=one["score"],
            why=one["why"],
        )
        for one in shape["members"]
    )
    return Group(shape["kind"], shape["keeper"], members)


def job_of(shape: Json) -> Job:
    """Who does it, and until when it is theirs, is not told."""
    names = ("id", "kind", "collection", "arguments", "state", "progress", "result", "error", "hint", "attempts")
    more = ("cancelling", "created_at", "started_at", "finished_at")
    return Job(**{name: shape[name] for name in (*names, *more)})


def progress_of(job: Job, new: str) -> Progress:
    """``new``: what the job calls those that were neither there already nor rejected; empty where it has no word."""
    told = job.progress
    same, rejected = int(told.get("same") or 0), int(told.get("rejected") or 0)
    through = int(told.get("done") or 0)
    done = told.get(new) if new else None
    waits = "the job waits for its turn on the server" if job.state == "queued" else ""
    return Progress(
        done=through - same - rejected if done is None else int(done),
        same=same,
        rejected=rejected,
        seen=int(told.get("seen") or through),
        total=told.get("total"),
        rate=float(told.get("rate") or 0.0),
        eta=told.get("eta"),
        current=str(told.get("current") or ""),
        note=str(told.get("note") or "") or waits,
    )


def _rejections(shape: Json, name: str = "rejections") -> tuple[Rejection, ...]:
    return tuple(map(rejection_of, shape.get(name, ())))


def add_report_of(shape: Json) -> AddReport:
    """Its rejections are the first ones; the ledger has all."""
    return AddReport(
        added=shape["added"],
        same=shape["same"],
        replaced=shape["replaced"],
        removed=shape["removed"],
        rejected=shape["rejected"],
        rejected_before=shape["rejected_before"],
        rejections=_rejections(shape),
        seconds=shape["seconds"],
        stages=shape["stages"],
        interrupted=shape["interrupted"],
    )


def reembed_report_of(shape: Json) -> ReembedReport:
    names = ("encoder", "encoded", "same", "missing", "seconds", "switched", "already", "interrupted")
    return ReembedReport(rejections=_rejections(shape), **{name: shape[name] for name in names})


def dedup_report_of(shape: Json, *, interrupted: bool) -> DedupReport:
    return DedupReport(
        run=shape["run"] or "",
        groups=tuple(map(group_of, shape["groups"])),
        set_aside=shape["set_aside"],
        would_free=shape["would_free"],
        passed_over=_rejections(shape, "passed_over"),
        looked_at=shape["looked_at"],
        seconds=shape["seconds"],
        interrupted=interrupted,
        near=shape["near"],
    )


def tag_report_of(shape: Json) -> TagReport:
    shown = tuple(AutoTag(one["item"], one["source"], one["label"], one["score"]) for one in shape["shown"])
    names = ("items", "tagged", "labels", "added", "removed", "threshold", "dry_run", "interrupted", "seconds")
    return TagReport(shown=shown, **{name: shape[name] for name in names})


def evaluation_of(shape: Json) -> Evaluation:
    intervals = {name: (low, high) for name, (low, high) in shape["intervals"].items()}
    names = ("p_at_1", "p_at_5", "map", "queries", "items", "labels", "folds")
    return Evaluation(
        intervals=intervals,
        interrupted=bool(shape.get("interrupted")),  # an older server says nothing of it; so below
        **{name: shape[name] for name in names},
    )


def dry_run_of(shape: Json) -> DryRun:
    names = ("files", "sampled", "items_per_second", "seconds_estimated", "bytes_on_disk", "peak_memory", "encoder")
    return DryRun(
        rejected=_rejections(shape, "rejected"),
        there=int(shape.get("there", 0)),
        interrupted=bool(shape.get("interrupted")),
        **{name: shape[name] for name in names},
    )


def doctor_report_of(shape: Json) -> DoctorReport:
    return DoctorReport(
        [Finding(one["kind"], one["sentence"], one["count"], one["fixed"]) for one in shape["findings"]],
        interrupted=bool(shape.get("interrupted")),
    )


def reading_of(shape: Json) -> StorageReading:
    return StorageReading(shape["at"], shape["items"], shape["parts"])


def storage_of(shape: Json) -> StorageReport:
    forecast = shape["forecast"]
    return StorageReport(
        at=shape["at"],
        parts=shape["parts"],
        needed=shape["needed"],
        collections=tuple(map(_figures_of, shape["collections"])),
        disks=tuple(_disk_of(one) for one in shape["disks"]),
        forecast=None
        if forecast is None
        else Forecast(forecast["per_day"], forecast["days"], forecast["days_left"], forecast["limit"]),
        warnings=tuple(shape["warnings"]),
    )


def _figures_of(shape: Json) -> CollectionFigures:
    names = ("kind", "encoder", "form", "active", "rows", "bytes")
    spaces: Sequence[Json] = shape["spaces"]
    return CollectionFigures(
        name=shape["name"],
        modality=shape["modality"],
        items=shape["items"],
        states=shape["states"],
        segments=shape["segments"],
        kept=shape["kept"]["items"],
        kept_bytes=shape["kept"]["bytes"],
        in_place=shape["in_place"]["items"],
        in_place_bytes=shape["in_place"]["bytes"],
        spaces=tuple(SpaceFigures(**{name: one[name] for name in names}) for one in spaces),
    )


def _disk_of(shape: Json) -> Disk:
    return Disk(shape["path"], shape["total"], shape["free"], shape["share"], tuple(shape["parts"]))


def map_of(shape: Json, points: Sequence[Sequence[Any]], *, interrupted: bool = False) -> Map:
    """``points``: those of all pages."""
    places = np.array([(x, y) for _, x, y, _ in points], dtype=np.float32).reshape(-1, 2)
    return Map(
        made_at=shape["made_at"],
        revision=shape["revision"],
        stale=shape["stale"],
        kind=shape["kind"],
        encoder=shape["encoder"],
        clusters=tuple(Cluster(one["id"], one["name"], one["size"]) for one in shape["clusters"]),
        items=tuple(item for item, *_ in points),
        points=places,
        cluster_of=np.array([cluster for *_, cluster in points], dtype=np.int32),
        interrupted=interrupted,
    )
