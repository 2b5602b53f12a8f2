"""What an ``add`` would do, measured on a sample and written nowhere."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from morelike.errors import ItemError
from morelike.prepare import Budget, EncoderLane, decode_pool, load_segment, map_ahead, read_blob
from morelike.protocols import Modality
from morelike.settings import Settings
from morelike.types import Blob, Collection, Rejection

__all__ = ["DryRun", "dry_run", "peak_memory"]

ROW_BYTES = 1100
"""The catalog's share of an item: its row, source, segment and indexes; 1 073 measured on 1 000 photographs."""
VECTOR_ROOM = 1.25
"""The vector file over the vectors themselves; 1.22 measured at 1 145 numbers, 1.26 at 512."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """``files`` were counted, ``sampled`` of them were read, decoded and encoded; the rest is that, scaled.

    ``bytes_on_disk``: blobs (none ``--in-place``), vectors and rows. ``peak_memory``: of this process so far, in bytes.
    """

    files: int
    sampled: int
    rejected: tuple[Rejection, ...]
    items_per_second: float
    seconds_estimated: float
    bytes_on_disk: int
    peak_memory: int
    encoder: str


def dry_run(
    settings: Settings,
    collection: Collection,
    modality: Modality,
    lanes: Mapping[str, EncoderLane],
    sources: Iterable[tuple[str, Iterator[Blob]]],
    *,
    in_place: bool,
    sample: int,
) -> DryRun:
    """Walk everything, work on a seeded sample. ``lanes`` are by payload kind."""
    files, bytes_seen, chosen = _sample(sources, sample)
    began = monotonic()
    rejected: list[Rejection] = []
    segments = 0
    with decode_pool(settings.workers or os.cpu_count() or 1) as pool:

        def work(blob: Blob) -> list[tuple[str, object]]:
            reading = read_blob(blob, modality, Budget(0))
            modality.describe(reading.blob)
            specs = [spec for spec in modality.split(reading.blob, collection.options) if spec.kind in lanes]
            return [(spec.kind, load_segment(modality, lanes[spec.kind].encoder, reading.blob, spec)) for spec in specs]

        for blob, result in map_ahead(pool, work, chosen, settings.look_ahead):
            if isinstance(result, ItemError):
                rejected.append(Rejection(blob.uri, "", result.stage, str(result), size=blob.size))
                continue
            try:
                for kind, prepared in result:
                    lanes[kind].submit(kind, [prepared]).result()
            except ItemError as error:
                rejected.append(Rejection(blob.uri, "", error.stage, str(error), size=blob.size))
                continue
            segments += len(result)
    seconds = max(monotonic() - began, 1e-6)
    good = max(len(chosen) - len(rejected), 0)
    share = good / len(chosen) if chosen else 0.0
    vector_bytes = sum(_bytes(lane) for lane in lanes.values()) * (segments / good if good else 0)
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
    )


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


def _bytes(lane: EncoderLane) -> float:
    card = lane.encoder.card
    return card.dim / 8 if card.form == "bits" else card.dim * 4


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
