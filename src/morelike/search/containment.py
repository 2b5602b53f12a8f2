"""The mode ``containment``: which genomes hold the example, or are held by it, and how alike they are.

Sketches say how many of the k-mers of one genome another has (FracMinHash; Irber et al. 2022): of a plasmid in a
genome, of a genome in a set of reads, whatever their sizes. What is shared is counted exactly over all pieces of an
item. From a containment c follows the average nucleotide identity, c ** (1 / k) (Hera et al. 2023).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError, QueryError, StoreDamaged
from morelike.originals import stored_blob
from morelike.prepare import decoding, load_segments, recognise
from morelike.protocols import ReadsText
from morelike.search.modes import Asked, Detail, Ranked
from morelike.types import WHOLE, Blob, Example, Segment, SegmentSpec, Sketch, Space

__all__ = ["CANDIDATES", "SIDES", "containment"]

Hashes = NDArray[np.uint64]

CANDIDATES = 64
"""How many pieces of items are looked at for each piece of the query, at the least."""
SIDES = ("query", "item", "either")
"""Of what the share is the score: of the example, of the item, or of the one of which it is more."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An item that shares hashes with the query; ``segment``: the piece that shares most."""

    segment: Segment
    shared: int
    query: int
    item: int
    k: int
    of: str

    @property
    def containment(self) -> float:
        shares = {"query": self.shared / self.query, "item": self.shared / self.item}
        return shares.get(self.of, max(shares.values()))

    @property
    def jaccard(self) -> float:
        return self.shared / (self.query + self.item - self.shared)

    @property
    def unit(self) -> dict[str, float]:
        ani = self.containment ** (1 / self.k)
        return {"containment": self.containment, "jaccard": self.jaccard, "ani": ani, "shared": float(self.shared)}


def containment(asked: Asked, n: int) -> list[Ranked]:
    """The items that share a part of the example, best first; there may be none. The score is the share of the option
    ``of``: of the example that is in the item (``query``), of the ``item`` that is in the example, or ``either``.
    """
    spaces = [space for space in asked.spaces if space.card.form == "sketch" and "scaled" in space.card.options]
    name = asked.embedder.collection.name
    if not spaces:
        hint = "a collection of sequences has one: morelike add NAME SOURCE --modality sequence"
        raise QueryError(f"the collection {name} has no index of genomes", hint=hint)
    if len(asked.query.examples) != 1 or asked.query.examples[0].weight <= 0:
        raise QueryError("what contains a genome is looked for by one example", hint="leave --plus and --minus out")
    example = asked.query.examples[0]
    if example.form == "payload":
        raise QueryError("an array is no genome", hint="give a file, an item, or the letters as text")
    of = str(asked.options.get("of", "query"))
    if of not in SIDES:
        raise QueryError(f"the option of cannot be {of!r}", hint=f"one of {', '.join(SIDES)}")
    return [_ranked(asked, space, example, of, n) for space in spaces]


def _ranked(asked: Asked, space: Space, example: Example, of: str, n: int) -> Ranked:
    with asked.clock.stage("decode"):
        pieces = _pieces_of(asked, space, example)
    with asked.clock.stage("sketches"):
        candidates = _candidates(asked, space, pieces, n)
        found = _counted(asked, space, _union(pieces), candidates, of)
    found = sorted(found, key=lambda one: (-one.containment, -one.jaccard, one.segment.id))
    details = {one.segment.id: Detail(None, one.unit, _why(one)) for one in found}
    ids = np.array([one.segment.id for one in found[:n]], dtype=np.int64)
    scores = np.array([one.containment for one in found[:n]], dtype=np.float32)
    return Ranked(space, ids, scores, len(found) <= n, details)


def _why(one: _Found) -> dict[str, int]:
    return {"hashes": one.query, "item_hashes": one.item, "shared_hashes": one.shared}


def _pieces_of(asked: Asked, space: Space, example: Example) -> list[Sketch]:
    """The example's sketches, of which at least one is not empty."""
    pieces = _stored(asked, space, example) if example.form == "item" and example.at is None else []
    if not pieces:
        blob = _blob(asked, example)
        specs = _specs(asked, blob, space, example)
        if not specs:
            raise QueryError(
                f"{blob.name or blob.uri} has no {space.kind} to look for",
                hint="that needs 5 000 bases of DNA or more; the mode similar takes shorter ones, and proteins",
            )
        lane = asked.embedder.lane(space)
        future = lane.ask(space.kind, load_segments(asked.embedder.modality, lane.encoder, blob, specs))
        with asked.clock.waiting():
            pieces = list(future.result())
    if not any(len(piece.hashes) for piece in pieces):
        scaled = space.card.options["scaled"]
        told = f"the example is too short: one in {scaled} of its k-mers is looked for, and it has none of these"
        raise QueryError(told, hint="use the mode similar")
    return pieces


def _blob(asked: Asked, example: Example) -> Blob:
    embedder = asked.embedder
    if example.form == "text":
        if not isinstance(embedder.modality, ReadsText):
            raise QueryError("words are no genome", hint="give a file or an item")
        return embedder.modality.of_text(str(example.content))
    if example.form == "item":
        with asked.clock.waiting():  # the bytes may lie far away
            return stored_blob(embedder.stores, embedder.collection, example.content)
    blob: Blob = example.content
    recognise(blob, embedder.modality)
    return blob


def _specs(asked: Asked, blob: Blob, space: Space, example: Example) -> list[SegmentSpec]:
    """The example's pieces. They come first: what is cut after them may not be there, as of a set of reads."""
    embedder = asked.embedder
    specs: list[SegmentSpec] = []
    with decoding(blob):
        try:
            for spec in embedder.modality.split(blob, embedder.collection.options, example.at or WHOLE):
                if spec.kind != space.kind:
                    break
                specs.append(spec)
        except DecodeError:
            if not specs:
                raise
    return specs


def _stored(asked: Asked, space: Space, example: Example) -> list[Sketch]:
    """What ``add`` made of the item; nothing where it has no piece."""
    stores, collection = asked.embedder.stores, asked.embedder.collection
    item_id = example.content
    state = asked.states[item_id]
    if state not in {"ready", "duplicate"}:
        raise QueryError(f"the item {item_id[:12]} is {state}", hint="add it again with --retry, or give a file")
    segments = stores.catalog.segments_of(collection, [item_id]).get(item_id, [])
    ids = np.array([one.id for one in segments if one.kind == space.kind], dtype=np.int64)
    sketches = [sketch for sketch in stores.sketches.fetch(space, ids) if sketch is not None]
    if len(sketches) < len(ids):
        raise StoreDamaged(f"the sketches of the item {item_id[:12]} are gone", hint="run `morelike doctor --fix`")
    return sketches


def _candidates(asked: Asked, space: Space, pieces: Sequence[Sketch], n: int) -> list[str]:
    """The items whose pieces share most with the query's, best first."""
    stores, collection = asked.embedder.stores, asked.embedder.collection
    within = asked.within_of(space)
    most = max(CANDIDATES, 2 * n)
    shared_by: defaultdict[str, int] = defaultdict(int)
    for sketch in pieces:
        ids, shared, _ = stores.sketches.search(space, sketch, most, within=within)
        segments = stores.catalog.segments(collection, ids)
        for piece, count in zip(ids.tolist(), shared.tolist(), strict=True):
            if piece in segments:
                shared_by[segments[piece].item_id] += count
    return sorted(shared_by, key=lambda item_id: (-shared_by[item_id], item_id))[:most]


def _counted(asked: Asked, space: Space, query: Hashes, item_ids: Sequence[str], of: str) -> list[_Found]:
    """The candidates, each by all that it shares with the query."""
    stores, collection = asked.embedder.stores, asked.embedder.collection
    by_item = stores.catalog.segments_of(collection, list(item_ids))
    k = int(space.card.options["k"])
    found = []
    for item_id in item_ids:
        segments = [one for one in by_item.get(item_id, []) if one.kind == space.kind]
        ids = np.array([one.id for one in segments], dtype=np.int64)
        known = [
            (segment, sketch)
            for segment, sketch in zip(segments, stores.sketches.fetch(space, ids), strict=True)
            if sketch is not None
        ]
        if not known:
            continue
        hashes = _union([sketch for _, sketch in known])
        shared = _common(query, hashes)
        if shared:
            best = max(known, key=lambda one: (_common(query, one[1].hashes), -one[0].ordinal))[0]
            found.append(_Found(best, shared, len(query), len(hashes), k, of))
    return found


def _union(sketches: Sequence[Sketch]) -> Hashes:
    union: Hashes = np.unique(np.concatenate([sketch.hashes for sketch in sketches]))
    return union


def _common(one: Hashes, other: Hashes) -> int:
    return len(np.intersect1d(one, other, assume_unique=True))
