"""The mode ``recording``: which item holds the very recording that the example is, and where in it.

Candidates come from the sketch store, a piece of the query against a piece of an item. Each candidate item is then
counted exactly over all its pieces at the one shift, so that a match across two pieces loses nothing. What counts are
*moments*: ticks of the query of which a hash agrees. Chance hits one note, and all of its hashes with it, but hardly
many moments at one shift.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morelike.dedup.agreement import Sound, together
from morelike.errors import QueryError, StoreDamaged
from morelike.originals import stored_blob
from morelike.prepare import decoding, example_specs, load_segments, recognise
from morelike.search.modes import Asked, Detail, Ranked
from morelike.types import WHOLE, Example, Segment, Sketch, Space, Span

__all__ = ["moments_needed", "recording"]

Ints = NDArray[np.int64]

CANDIDATES = 64
"""How many pieces of items are looked at for each piece of the query, at the least."""
LEAST_SHARED = 4
"""A piece that shares fewer hashes with a piece of the query is no candidate."""
BESIDE = 2
"""Ticks by which the shifts of an item's pieces may differ and still be the same one."""


FEW_HASHES = 16
"""Half of fewer hashes than these may agree by chance."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An item in which the query was found. ``offset``: where in it the query begins, in seconds."""

    segment: Segment
    votes: int
    share: float
    offset: float
    span: Span
    why: Mapping[str, int]

    @property
    def unit(self) -> dict[str, float]:
        return {"containment": self.share, "landmarks": float(self.votes), "offset": round(self.offset, 3)}


def recording(asked: Asked, n: int) -> list[Ranked]:
    """The items that hold the example's own recording, best first; there may be none. The score is the share of the
    example's hashes that agree. Other speeds and pitches are other recordings.
    """
    spaces = [space for space in asked.spaces if space.card.form == "sketch" and "tick" in space.card.options]
    name = asked.embedder.collection.name
    if not spaces:
        hint = "a collection of sounds has one: morelike add NAME SOURCE --modality audio"
        raise QueryError(f"the collection {name} has no index of recordings", hint=hint)
    if len(asked.query.examples) != 1 or asked.query.examples[0].weight <= 0:
        raise QueryError("a recording is looked for by one example", hint="leave --plus, --minus and --text out")
    example = asked.query.examples[0]
    if example.form not in {"blob", "item"}:
        raise QueryError("a recording is looked for by a recording", hint="give a file or an item")
    return [_ranked(asked, space, example, n) for space in spaces]


def moments_needed(moments: int, segments: int) -> int:
    """How many of a query's ``moments`` must agree at one shift for it to be no chance, among so many segments.

    Measured with music and noises that are not in the collection: the most that agree by chance grow with the root of
    the query's moments, and by one with every fourfold number of segments.
    """
    return math.ceil(4 + 0.5 * math.sqrt(moments) + 0.5 * math.log2(1 + segments / 128))


def _ranked(asked: Asked, space: Space, example: Example, n: int) -> Ranked:
    with asked.clock.stage("decode"):
        pieces, seconds = _pieces_of(asked, space, example)
    tick = float(space.card.options["tick"])
    query = together(pieces, tick, seconds)
    with asked.clock.stage("sketches"):
        shifts = _candidates(asked, space, pieces, tick, n)
        found = _counted(asked, space, query, shifts, tick)
    found = sorted(found, key=lambda one: (-one.share, one.segment.id))
    details = {one.segment.id: Detail(one.span, one.unit, one.why) for one in found}
    ids = np.array([one.segment.id for one in found[:n]], dtype=np.int64)
    scores = np.array([one.share for one in found[:n]], dtype=np.float32)
    return Ranked(space, ids, scores, len(found) <= n, details)


def _pieces_of(asked: Asked, space: Space, example: Example) -> tuple[list[tuple[float, Sketch]], float]:
    """The example's sketches with the seconds at which each begins in it, and how long it is (0: not known)."""
    embedder = asked.embedder
    mine = example.form == "item"
    if mine and example.at is None:
        return _stored_pieces(asked, space, example.content)
    with asked.clock.waiting():  # the bytes may lie far away
        blob = stored_blob(embedder.stores, embedder.collection, example.content) if mine else example.content
    if not mine:
        recognise(blob, embedder.modality)
    with decoding(blob):
        own = example_specs(embedder.modality, blob, example.at, embedder.collection.options, space.kind)
    if not own:
        raise QueryError(f"{blob.name or blob.uri} has no {space.kind} to look for", hint="give a recording")
    lane = embedder.lane(space)
    future = lane.ask(space.kind, load_segments(embedder.modality, lane.encoder, blob, own, example.crop))
    with asked.clock.waiting():
        sketches = future.result()
    starts = [_start(spec.span) for spec in own]
    seconds = own[-1].span.end - starts[0]
    if own[-1].span == WHOLE:
        with decoding(blob):
            seconds = _duration(embedder.modality.describe(blob))
    return [(start - starts[0], sketch) for start, sketch in zip(starts, sketches, strict=True)], seconds


def _stored_pieces(asked: Asked, space: Space, item_id: str) -> tuple[list[tuple[float, Sketch]], float]:
    """What ``add`` made of the item."""
    stores, collection = asked.embedder.stores, asked.embedder.collection
    state = asked.states[item_id]
    if state not in {"ready", "duplicate"}:
        raise QueryError(f"the item {item_id[:12]} is {state}", hint="add it again with --retry, or give a file")
    segments = _in_time(stores.catalog.segments_of(collection, [item_id]).get(item_id, []), space)
    sketches = stores.sketches.fetch(space, _ids(segments))
    pieces = [(_start(segment.span), sketch) for segment, sketch in zip(segments, sketches, strict=True) if sketch]
    if len(pieces) < len(segments):
        raise StoreDamaged(f"the sketches of the item {item_id[:12]} are gone", hint="run `morelike doctor --fix`")
    return pieces, _duration(stores.catalog.item(collection, item_id).info)


def _candidates(
    asked: Asked, space: Space, pieces: Sequence[tuple[float, Sketch]], tick: float, n: int
) -> dict[str, int]:
    """By item: the shift, in ticks of its own time, at which its pieces share most with the query; best item first."""
    stores, collection = asked.embedder.stores, asked.embedder.collection
    within = asked.within_of(space)
    votes: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for start, sketch in pieces:
        ids, shared, shifts = stores.sketches.search(space, sketch, max(CANDIDATES, 2 * n), within=within)
        enough = shared >= LEAST_SHARED
        segments = stores.catalog.segments(collection, ids[enough])
        for piece, count, shift in zip(*(part[enough].tolist() for part in (ids, shared, shifts)), strict=True):
            if piece in segments:
                begins = _start(segments[piece].span) - start
                votes[segments[piece].item_id][round(begins / tick) + shift] += count
    best = {}
    for item_id, at_shift in votes.items():
        joint = {
            shift: sum(at_shift.get(shift + beside, 0) for beside in range(-BESIDE, BESIDE + 1)) for shift in at_shift
        }
        shift = min(joint, key=lambda one: (-joint[one], -at_shift[one], one))
        best[item_id] = joint[shift], shift
    order = sorted(best, key=lambda item_id: (-best[item_id][0], item_id))
    return {item_id: best[item_id][1] for item_id in order[: max(CANDIDATES, 2 * n)]}


def _counted(asked: Asked, space: Space, query: Sound, shifts: Mapping[str, int], tick: float) -> list[_Found]:
    """The candidates of which enough agrees, counted over all that lies beside the query."""
    stores, collection = asked.embedder.stores, asked.embedder.collection
    segments = stores.catalog.segments_of(collection, list(shifts))
    shown = stores.catalog.shown(collection, list(shifts))
    number = stores.sketches.count(space)
    near = {
        item_id: _beside(_in_time(segments.get(item_id, []), space), shift * tick, query.seconds + BESIDE * tick)
        for item_id, shift in shifts.items()
    }
    everything = [segment for some in near.values() for segment in some]
    sketches = dict(zip(everything, stores.sketches.fetch(space, _ids(everything)), strict=True))
    found = []
    for item_id, shift in shifts.items():
        pieces = [(_start(one.span), sketch) for one in near[item_id] if (sketch := sketches[one])]
        seconds = _duration(shown[item_id].info if item_id in shown else {})
        item = together(pieces, tick, seconds or max((one.span.end for one in near[item_id]), default=0.0))
        entries, apart = _agreeing(query, item, shift)
        why = _why(query, item, shift, entries, number)
        if why is not None:
            share = len(entries) / len(query.hashes)
            offset = (shift + float(np.mean(apart))) * tick
            begins, ends = max(offset, 0.0), min(offset + query.seconds, item.seconds)
            holds = [one for one in near[item_id] if _start(one.span) <= begins][-1:] or near[item_id]
            span = Span("seconds", round(begins, 3), round(max(begins, ends), 3))
            found.append(_Found(holds[0], len(entries), share, offset, span, why))
    return found


def _beside(segments: Sequence[Segment], begins: float, seconds: float) -> list[Segment]:
    """The pieces that have a part in so many seconds from ``begins`` on."""
    return [
        one for one in segments if one.span == WHOLE or (one.span.start < begins + seconds and one.span.end > begins)
    ]


def _why(query: Sound, item: Sound, shift: int, entries: Ints, segments: int) -> dict[str, int] | None:
    """The moments that agree and how many must; None where it may be chance. Only what lies beside the item counts.

    A single knock has no moments to speak of, but a copy of it has its hashes: half of them are enough.
    """
    at = query.at + shift
    beside = (at >= item.at.min(initial=0)) & (at <= item.at.max(initial=0))
    moments = len(np.unique(query.at[entries]))
    needed = moments_needed(len(np.unique(at[beside])), segments)
    if moments < needed and len(entries) < max(FEW_HASHES, 0.5 * np.count_nonzero(beside)):
        return None
    return {"moments": moments, "moments_needed": needed}


def _agreeing(query: Sound, item: Sound, shift: int) -> tuple[Ints, Ints]:
    """The query's entries whose hash the item has ``shift`` ticks later or a tick beside it, and how far beside."""
    left = np.searchsorted(item.hashes, query.hashes, "left")
    counts = np.searchsorted(item.hashes, query.hashes, "right") - left
    entry = np.repeat(np.arange(len(query.hashes)), counts)
    place = np.repeat(left - (np.cumsum(counts) - counts), counts) + np.arange(len(entry))
    apart = item.at[place] - query.at[entry] - shift
    close = np.abs(apart) <= 1
    entries, first = np.unique(entry[close], return_index=True)
    return entries, apart[close][first]


def _in_time(segments: Sequence[Segment], space: Space) -> list[Segment]:
    return sorted((one for one in segments if one.kind == space.kind), key=lambda one: _start(one.span))


def _start(span: Span) -> float:
    return span.start if span.unit == "seconds" else 0.0


def _ids(segments: Sequence[Segment]) -> Ints:
    return np.array([segment.id for segment in segments], dtype=np.int64)


def _duration(info: Mapping[str, object]) -> float:
    seconds = info.get("duration")
    return float(seconds) if isinstance(seconds, int | float) and math.isfinite(seconds) and seconds > 0 else 0.0
