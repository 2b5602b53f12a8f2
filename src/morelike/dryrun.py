"""What an ``add`` would do, measured on a sample and written nowhere."""

from __future__ import annotations

import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from morelike.errors import ItemError
from morelike.prepare import Budget, EncoderLane, decode_pool, decoding, load_segments, map_ahead, read_blob
from morelike.protocols import Modality
from morelike.settings import Settings
from morelike.types import Blob, Collection, Kind, Rejection, SegmentSpec, Sketch

__all__ = ["DryRun", "dry_run", "peak_memory"]

ROW_BYTES = 1100
"""The catalog's share of an item: its row, source, segment and indexes; 1 073 measured on 1 000 photographs."""
TRIED = 64
"""So many segments of a long item are decoded and encoded; the rest is taken to be like them."""
VECTOR_ROOM = 1.25
"""The vector file over the vectors themselves; 1.22 measured at 1 145 numbers, 1.26 at 512."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """``files`` were counted, ``sampled`` of them were read, decoded and encoded; the rest is that, scaled.

    ``bytes_on_disk``: blobs (none ``--in-place``), vectors and rows. ``peak_memory``: of this process so far, in bytes.
    ``there``: of the sampled, those whose content the collection has already; they are only read.
    """

    files: int
    sampled: int
    rejected: tuple[Rejection, ...]
    items_per_second: float
    seconds_estimated: float
    bytes_on_disk: int
    peak_memory: int
    encoder: str
    there: int = 0


def dry_run(
    settings: Settings,
    collection: Collection,
    modality: Modality,
    lanes: Mapping[str, EncoderLane],
    sources: Iterable[tuple[str, Iterator[Blob]]],
    *,
    in_place: bool,
    sample: int,
    has: Callable[[str], bool],
) -> DryRun:
    """Walk everything, work on a seeded sample. ``lanes`` are by payload kind; ``has``: whether an item is there."""
    files, bytes_seen, chosen = _sample(sources, sample)
    began = monotonic()
    rejected: list[Rejection] = []
    segments = tried = stored = there = 0
    with decode_pool(settings.workers or os.cpu_count() or 1) as pool:

        def work(blob: Blob) -> tuple[int, dict[Kind, list[Any]]] | None:
            return _tried(modality, collection, lanes, blob, has)

        for blob, result in map_ahead(pool, work, chosen, settings.look_ahead):
            try:
                if isinstance(result, ItemError):
                    raise result
                if result is None:
                    there += 1
                    continue
                number, prepared = result
                encoded = [
                    vector for kind, some in prepared.items() for vector in lanes[kind].submit(kind, some).result()
                ]
            except ItemError as error:
                rejected.append(Rejection(blob.uri, "", error.stage, str(error), size=blob.size))
                continue
            segments += number
            tried += len(encoded)
            stored += sum(_bytes(vector) for vector in encoded)
    whole = max(segments / tried, 1.0) if tried else 1.0
    seconds = max(monotonic() - began, 1e-6) * whole
    good = max(len(chosen) - len(rejected) - there, 0)
    share = good / len(chosen) if chosen else 0.0
    vector_bytes = stored * whole / good if good else 0.0
    kept = 0 if in_place else bytes_seen
    rate = len(chosen) / seconds
    return DryRun(
        files=files,
        sampled=len(chosen),
        rejected=tuple(rejected),
        items_per_second=rate,
        seconds_estimated=files / rate if rate else 0.0,
        bytes_on_disk=int(share * (kept + files * (vector_bytes * VECTOR_ROOM + ROW_BYTES))),
        peak_memory=peak_memory(),
        encoder=", ".join(lane.encoder.card.name for lane in lanes.values()),
        there=there,
    )


def _tried(
    modality: Modality,
    collection: Collection,
    lanes: Mapping[Kind, EncoderLane],
    blob: Blob,
    has: Callable[[str], bool],
) -> tuple[int, dict[Kind, list[Any]]] | None:
    """How many segments an item has, and the first of them, prepared, by kind; None of one that is there."""
    reading = read_blob(blob, modality, Budget(0))
    if has(reading.item_id):
        return None
    modality.describe(reading.blob)
    with decoding(reading.blob):
        specs = [spec for spec in modality.split(reading.blob, collection.options) if spec.kind in lanes]
    by_kind: defaultdict[Kind, list[SegmentSpec]] = defaultdict(list)
    for spec in specs:
        if len(by_kind[spec.kind]) < TRIED:
            by_kind[spec.kind].append(spec)
    prepared = {
        kind: load_segments(modality, lanes[kind].encoder, reading.blob, some) for kind, some in by_kind.items()
    }
    return len(specs), prepared


def _sample(sources: Iterable[tuple[str, Iterator[Blob]]], size: int) -> tuple[int, int, list[Blob]]:
    """(how many, their bytes, a uniform sample): Vitter's algorithm R, seeded, so that a second run agrees."""
    generator = random.Random(0)  # noqa: S311 # a sample, not a secret
    chosen: list[Blob] = []
    files = total = 0
    for _, blobs in sources:
        for blob in blobs:
            files += 1
            total += blob.size or 0
            if len(chosen) < size:
                chosen.append(blob)
            elif (at := generator.randrange(files)) < size:
                chosen[at] = blob
    return files, total, chosen


def _bytes(encoded: Any) -> int:
    """What a vector or a sketch takes in its store, nearly."""
    if isinstance(encoded, Sketch):
        return encoded.hashes.nbytes + encoded.at.nbytes
    return int(np.asarray(encoded).nbytes)


def peak_memory() -> int:
    """The largest resident size of this process so far, in bytes."""
    import resource  # not on Windows, where the library is not supported

    status = Path("/proc/self/status")
    if status.is_file():  # the other figure is inherited from whoever started this process
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
