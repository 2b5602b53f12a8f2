"""What an ``add`` would do, measured on a sample and written nowhere."""

from __future__ import annotations

import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import numpy as np

from morelike.errors import ItemError
from morelike.prepare import Budget, EncoderLane, decode_pool, decoding, load_segments, map_ahead, read_blob
from morelike.progress import Meter, Progress
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
    ``there``: of the sampled, those whose content the collection has already; they are only read. ``interrupted``: it
    was stopped, and all figures are of what had been counted and tried by then.
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
    interrupted: bool = False


@dataclass(slots=True)
class _Sample:
    """Files that were counted, unless it was ``cut_off`` all of them; those chosen, and what came of these so far."""

    files: int = 0
    cut_off: bool = False
    bytes: int = 0
    chosen: list[Blob] = field(default_factory=list)
    through: int = 0
    there: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    segments: int = 0
    tried: int = 0
    stored: int = 0
    """Bytes of the vectors of those segments that were tried."""


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
    progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
) -> DryRun:
    """Walk everything, work on a seeded sample. ``lanes`` are by payload kind; ``has``: whether an item is there.

    ``progress`` tells how many files were ``seen`` while they are walked, without a total; then how many of the sample
    are through. Setting ``stop`` ends it with the file that is under way.
    """
    meter, stopping = Meter(progress), stop or Event()
    found = _walked(sources, sample, meter, stopping)
    began = monotonic()
    if not stopping.is_set():
        meter.total = len(found.chosen)
        meter.tick("", force=True)

        def work(blob: Blob) -> tuple[int, dict[Kind, list[Any]]] | None:
            return _tried(modality, collection, lanes, blob, has)

        with decode_pool(settings.workers or os.cpu_count() or 1) as pool:
            _try(found, map_ahead(pool, work, found.chosen, settings.look_ahead), lanes, meter, stopping)
    meter.tick("", force=True)
    whole = max(found.segments / found.tried, 1.0) if found.tried else 1.0
    seconds = max(monotonic() - began, 1e-6) * whole
    good = max(found.through - len(found.rejected) - found.there, 0)
    share = good / found.through if found.through else 0.0
    vector_bytes = found.stored * whole / good if good else 0.0
    kept = 0 if in_place else found.bytes
    rate = found.through / seconds
    return DryRun(
        files=found.files,
        sampled=found.through,
        rejected=tuple(found.rejected),
        items_per_second=rate,
        seconds_estimated=found.files / rate if rate else 0.0,
        bytes_on_disk=int(share * (kept + found.files * (vector_bytes * VECTOR_ROOM + ROW_BYTES))),
        peak_memory=peak_memory(),
        encoder=", ".join(lane.encoder.card.name for lane in lanes.values()),
        there=found.there,
        interrupted=found.cut_off or found.through < len(found.chosen),
    )


def _walked(sources: Iterable[tuple[str, Iterator[Blob]]], size: int, meter: Meter, stop: Event) -> _Sample:
    """All files counted, a uniform sample chosen: Vitter's algorithm R, seeded, so that a second run agrees."""
    generator = random.Random(0)  # noqa: S311 # a sample, not a secret
    found = _Sample()
    for _, blobs in sources:
        for blob in blobs:
            found.files += 1
            found.bytes += blob.size or 0
            if len(found.chosen) < size:
                found.chosen.append(blob)
            elif (at := generator.randrange(found.files)) < size:
                found.chosen[at] = blob
            meter.seen = found.files
            meter.tick(blob.name)
            if stop.is_set():
                found.cut_off = True
                return found
    return found


def _try(
    found: _Sample,
    results: Generator[tuple[Blob, tuple[int, dict[Kind, list[Any]]] | ItemError | None]],
    lanes: Mapping[str, EncoderLane],
    meter: Meter,
    stop: Event,
) -> None:
    """Encode what was decoded, and count what came of each file, until ``stop`` is set."""
    with closing(results):  # what is ahead is not begun any more
        for blob, result in results:
            found.through += 1
            try:
                if isinstance(result, ItemError):
                    raise result
                if result is None:
                    found.there += 1
                    meter.passed()
                else:
                    _count(found, result, lanes)
                    meter.finish([blob.uri])
            except ItemError as error:
                rejection = Rejection(blob.uri, "", error.stage, str(error), size=blob.size)
                found.rejected.append(rejection)
                meter.reject(rejection)
            meter.tick(blob.name)
            if stop.is_set():
                return


def _count(found: _Sample, result: tuple[int, dict[Kind, list[Any]]], lanes: Mapping[str, EncoderLane]) -> None:
    """Encode an item's segments, and add up what they take. Raises EncodeError."""
    number, prepared = result
    encoded = [vector for kind, some in prepared.items() for vector in lanes[kind].submit(kind, some).result()]
    found.segments += number
    found.tried += len(encoded)
    found.stored += sum(_bytes(vector) for vector in encoded)


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
