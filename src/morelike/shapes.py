"""The JSON shapes of the command line and of the HTTP API: stable names, documented in docs/cli.md."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morelike.dedup import Group
    from morelike.doctor import DoctorReport
    from morelike.dryrun import DryRun
    from morelike.evaluate import Evaluation
    from morelike.hits import GroupedHits, Hits
    from morelike.progress import AddReport
    from morelike.project import Map
    from morelike.records import Aside, Calibration, CollectionSummary, Job, SourceRow, StorageReading
    from morelike.search.several import Placed
    from morelike.storage import StorageReport
    from morelike.tagging import TagReport
    from morelike.types import Card, Hit, Item, Quote, Rejection, Source, Space, Span

__all__ = [
    "answer_shape",
    "aside_shape",
    "card_shape",
    "collection_shape",
    "doctor_shape",
    "dry_run_shape",
    "evaluation_shape",
    "group_shape",
    "hit_shape",
    "item_shape",
    "job_shape",
    "map_head",
    "map_shape",
    "quote_shape",
    "reading_shape",
    "rejection_shape",
    "report_shape",
    "several_shape",
    "source_name",
    "source_shape",
    "space_shape",
    "span_shape",
    "storage_shape",
    "tag_shape",
    "tags_shape",
]


def answer_shape(hits: Hits, *, explain: bool = False) -> dict[str, Any]:
    """One page of hits. ``nothing_similar``: the best is no closer than chance would have it. ``unknown_words``, only
    where there are any: those of the query that the encoder does not know.
    """
    shape: dict[str, Any] = {
        "hits": [hit_shape(hit, explain=explain) for hit in hits],
        "more": hits.more,
        "nothing_similar": hits.nothing_similar,
    }
    if hits.unknown_words:
        shape["unknown_words"] = list(hits.unknown_words)
    return {**shape, "timings": dict(hits.timings)} if explain else shape


def several_shape(found: GroupedHits, *, explain: bool = False) -> dict[str, Any]:
    """One page of the hits of several collections: as one list, by modality; and those that gave none."""
    return {
        "fused": [_placed_shape(one, explain=explain) for one in found.fused],
        "groups": [
            {
                "modality": group.modality,
                "collections": list(group.collections),
                "hits": [_placed_shape(one, explain=explain) for one in group.hits],
                "more": group.more,
            }
            for group in found.groups
        ],
        "silent": [
            {
                "collection": reply.collection,
                "modality": reply.modality,
                "reason": getattr(reply.answer, "message", ""),
                "hint": getattr(reply.answer, "hint", ""),
            }
            for reply in found.silent
        ],
        "more": found.more,
    }


def _placed_shape(one: Placed, *, explain: bool) -> dict[str, Any]:
    """``rrf`` is what the list is in the order of; ``score`` is that of the hit's own collection."""
    return {
        "collection": one.collection,
        "modality": one.modality,
        "rrf": one.score,
        "also": list(one.also),
        **hit_shape(one.hit, explain=explain),
    }


def hit_shape(hit: Hit, *, explain: bool = False) -> dict[str, Any]:
    """One hit of ``search``. ``percentile`` is None where its space was not calibrated; ``kind`` is what was compared:
    a film's ``image`` or its ``audio``; ``span`` says where in the item; ``segment`` is its id, as JSON's numbers are
    too short for it.
    """
    shape = {
        "item": hit.item,
        "source": hit.source,
        "score": float(hit.score),
        "percentile": hit.percentile,
        "unit": {name: float(value) for name, value in hit.unit.items()},
        "kind": hit.kind,
        "segment": str(hit.segment),
        "span": span_shape(hit.span),
        "metadata": dict(hit.metadata),
    }
    if hit.quote is not None:
        shape["quote"] = quote_shape(hit.quote)
    return {**shape, "why": dict(hit.why)} if explain else shape


def quote_shape(quote: Quote) -> dict[str, Any]:
    """A hit's words. ``marks`` are (from, to) in the characters of ``text``, ``start`` is in those of the item."""
    return {
        "text": quote.text,
        "start": quote.start,
        "page": quote.page,
        "marks": [list(mark) for mark in quote.marks],
        "reply": quote.reply,
    }


def tag_shape(report: TagReport) -> dict[str, Any]:
    """What ``tag --auto`` did, or with ``dry_run`` would do; ``shown``: the first hundred of the tags."""
    return asdict(report)


def span_shape(span: Span) -> dict[str, Any]:
    """Where a segment lies in its item; for a region of a picture also its ``box``: left, top, right, bottom."""
    shape: dict[str, Any] = {"unit": span.unit, "start": span.start, "end": span.end}
    return {**shape, "box": list(span.box)} if span.box is not None else shape


def collection_shape(summary: CollectionSummary) -> dict[str, Any]:
    """One collection of ``ls``."""
    return {
        "name": summary.name,
        "modality": summary.modality,
        "items": summary.items,
        "rejected": summary.rejected,
        "encoders": [space.card.id for space in summary.spaces if space.active],
        "options": dict(summary.options),
        "created_at": summary.created_at,
    }


def job_shape(job: Job) -> dict[str, Any]:
    """One job: what was asked for, how far it is, and what came of it."""
    return {
        "id": job.id,
        "kind": job.kind,
        "collection": job.collection,
        "arguments": dict(job.arguments),
        "state": job.state,
        "progress": dict(job.progress),
        "result": dict(job.result),
        "error": job.error,
        "hint": job.hint,
        "attempts": job.attempts,
        "cancelling": job.cancelling,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


def item_shape(item: Item) -> dict[str, Any]:
    """One item of ``ls`` and ``show``."""
    return {
        "item": item.id,
        "source": source_name(item),
        "state": item.state,
        "media_type": item.media_type,
        "size": item.digest.size,
        "blake3": item.digest.blake3,
        "md5": item.digest.md5,
        "tags": list(item.tags),
        "info": dict(item.info),
        "sources": [_source_shape(source) for source in item.sources],
        "in_place": item.in_place,
        "added_at": item.added_at,
        "updated_at": item.updated_at,
    }


def _source_shape(source: Source) -> dict[str, Any]:
    return {
        "uri": source.uri,
        "name": source.name,
        "size": source.size,
        "modified_ns": source.modified_ns,
        "metadata": dict(source.metadata),
        "origin": source.origin,
        "added_at": source.added_at,
    }


def source_shape(row: SourceRow) -> dict[str, Any]:
    """A source as a row of its own, with what it says of its item."""
    return {
        "number": row.number,
        "key": row.key,
        **_source_shape(row.source),
        "item": row.item_id,
        "state": row.state,
        "blake3": row.digest.blake3,
        "md5": row.digest.md5,
        "item_size": row.digest.size,
        "media_type": row.media_type,
        "updated_at": row.updated_at,
    }


def space_shape(space: Space, vectors: int, calibration: Calibration | None) -> dict[str, Any]:
    """A space with its whole card, and what was measured in it."""
    return {
        "id": str(space.id),
        "kind": space.kind,
        "active": space.active,
        "card": space.card.to_dict(),
        "vectors": vectors,
        "calibration": None if calibration is None else asdict(calibration),
    }


def aside_shape(aside: Aside) -> dict[str, Any]:
    """An item that was set aside as a duplicate of ``keeper``."""
    return {"item": aside.item_id, "keeper": aside.keeper, "run": aside.run, "score": aside.score, "at": aside.at}


def group_shape(group: Group, most: int | None = None) -> dict[str, Any]:
    """Things that are the same, the keeper first; ``most`` of them where it is given. ``size`` counts all."""
    members = [
        {
            "item": member.item,
            "source": member.source,
            "size": member.size,
            "media_type": member.media_type,
            "width": member.width,
            "height": member.height,
            "duration": member.duration,
            "score": float(member.score),
            "why": dict(member.why),
        }
        for member in group.members[:most]
    ]
    return {"kind": group.kind, "keeper": group.keeper, "size": len(group.members), "members": members}


def evaluation_shape(found: Evaluation) -> dict[str, Any]:
    """``eval --json``."""
    return {
        "p_at_1": found.p_at_1,
        "p_at_5": found.p_at_5,
        "map": found.map,
        "queries": found.queries,
        "items": found.items,
        "labels": found.labels,
        "folds": found.folds,
        "intervals": {name: list(interval) for name, interval in found.intervals.items()},
        "interrupted": found.interrupted,
    }


def tags_shape(tags: Sequence[tuple[str, int]], *, more: bool) -> dict[str, Any]:
    """A page of tags with how many items have each: ``ls --tags --json`` and ``GET …/tags``."""
    return {"tags": [{"tag": tag, "count": count} for tag, count in tags], "more": more}


def map_head(found: Map) -> dict[str, Any]:
    """A map without its points; ``items``: how many it has."""
    return {
        "made_at": found.made_at,
        "revision": found.revision,
        "stale": found.stale,
        "kind": found.kind,
        "encoder": found.encoder,
        "items": len(found.items),
        "clusters": [asdict(cluster) for cluster in found.clusters],
    }


def map_shape(found: Map, offset: int = 0, limit: int | None = None) -> dict[str, Any]:
    """``map --json``, and a page of it over HTTP. A point: its item, x and y from -1 to 1, its cluster."""
    part = slice(offset, None if limit is None else offset + limit)
    places, clusters = found.points[part].astype(float).round(5).tolist(), found.cluster_of[part].tolist()
    rows = zip(found.items[part], places, clusters, strict=True)
    points = [[item, x, y, cluster] for item, (x, y), cluster in rows]
    return {**map_head(found), "points": points, "more": offset + len(points) < len(found.items)}


def dry_run_shape(found: DryRun) -> dict[str, Any]:
    """What ``add --dry-run`` found; it names those of the sample that would be rejected."""
    return {**asdict(found), "rejected": [rejection_shape(row) for row in found.rejected]}


def doctor_shape(report: DoctorReport) -> dict[str, Any]:
    """``doctor --json``."""
    findings = [asdict(finding) for finding in report.findings]
    return {"ok": report.ok, "findings": findings, "interrupted": report.interrupted}


def reading_shape(reading: StorageReading) -> dict[str, Any]:
    """How much there was at one moment."""
    return {"at": reading.at, "items": reading.items, "parts": dict(reading.parts)}


def source_name(item: Item) -> str:
    """Where the item was found first; its id where no source is left."""
    return item.sources[0].uri if item.sources else item.id


def rejection_shape(rejection: Rejection) -> dict[str, Any]:
    """One row of the ledger."""
    return {
        "source": rejection.uri,
        "item": rejection.item_id,
        "stage": rejection.stage,
        "reason": rejection.reason,
        "attempts": rejection.attempts,
        "at": rejection.at,
    }


def report_shape(collection: str, report: AddReport) -> dict[str, Any]:
    """What ``add`` did."""
    values = {name: value for name, value in asdict(report).items() if name != "rejections"}
    rejections = [rejection_shape(rejection) for rejection in report.rejections]
    return {"collection": collection, **values, "rejections": rejections}


def card_shape(card: Card) -> dict[str, Any]:
    """An encoder's identity, without its preprocessing numbers."""
    return {
        "name": card.name,
        "id": card.id,
        "family": card.family,
        "kinds": list(card.kinds),
        "form": card.form,
        "dim": card.dim,
        "metric": card.metric,
        "licence": card.licence,
        "source": card.source,
        "description": card.description,
    }


def storage_shape(report: StorageReport) -> dict[str, Any]:
    """What the library takes: ``storage --json`` and ``GET /storage``."""
    forecast = report.forecast
    return {
        "at": report.at,
        "total": report.total,
        "parts": dict(report.parts),
        "needed": report.needed,
        "collections": [
            {
                "name": one.name,
                "modality": one.modality,
                "items": one.items,
                "states": dict(one.states),
                "segments": dict(one.segments),
                "kept": {"items": one.kept, "bytes": one.kept_bytes},
                "in_place": {"items": one.in_place, "bytes": one.in_place_bytes},
                "spaces": [asdict(space) for space in one.spaces],
            }
            for one in report.collections
        ],
        "disks": [{**asdict(disk), "parts": list(disk.parts)} for disk in report.disks],
        "forecast": None if forecast is None else asdict(forecast),
        "warnings": list(report.warnings),
    }
