"""How well and how fast the very same recording is found: ``python -m benchmarks.fingerprint [TRACKS]``.

Two hundred seeded tracks of 30 to 60 s are added to a library as WAV files. Ten seconds of each, from anywhere, are
asked for after each distortion, and ten seconds of fifty tracks that are not there. Then the index is grown to 10 000
tracks with made-up sketches whose hashes are those of the real ones, each track's moved to another pitch.
It prints the tables of docs/recordings.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np

import morelike
from benchmarks.machine import machine
from morelike.collection import OpenCollection
from morelike.encoders.landmarks import LandmarkEncoder
from morelike.models import cards
from morelike.settings import Settings
from morelike.stores.sketches import SqliteSketchStore
from morelike.testing.sounds import as_wav
from morelike.testing.tunes import DISTORTIONS, RATE, distorted, tune
from morelike.types import Audio, Blob, Example, Query, Sketch, Space

STRANGERS = 50
LENGTHS = (
    (10.0, tuple(DISTORTIONS)),
    (5.0, ("as it is", "pink noise at 10 dB")),
    (3.0, ("as it is", "pink noise at 10 dB")),
)
GROWN = 10_000


@dataclass
class Row:
    asked: int = 0
    right: int = 0
    placed: int = 0
    wrong: int = 0
    strangers: int = 0
    found: int = 0
    """Strangers that find anything."""
    apart: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)


def main() -> None:
    tracks = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(library=Path(scratch) / "library", offline=True)
        with morelike.open(settings) as library:
            collection = library.collection("tracks", modality="audio", encoder="landmarks")
            print(*_quality(collection, tracks, Path(scratch)), sep="\n", flush=True)
        print("", *_cost(settings, Path(scratch), tracks), sep="\n")


def _quality(collection: OpenCollection, tracks: int, scratch: Path) -> Iterator[str]:
    folder = scratch / "files"
    folder.mkdir()
    for seed in range(tracks):
        (folder / f"{seed}.wav").write_bytes(as_wav(tune(seed), RATE))
    collection.add(folder, in_place=True)
    yield "| seconds | distortion | found first | within 0.1 s | farthest off | strangers | other wrong | ms a query |"
    yield "|---|---|---|---|---|---|---|---|"
    for seconds, names in LENGTHS:
        rows = {name: Row() for name in names}
        for seed in range(tracks + STRANGERS):
            samples = tune(seed)
            start = int(np.random.default_rng((7, seed)).integers(0, len(samples) - seconds * RATE))
            part = samples[start : start + int(seconds * RATE)]
            for name, row in rows.items():
                _ask(collection, row, distorted(name, part, seed), str(seed) if seed < tracks else "", start / RATE)
        for name, row in rows.items():
            yield (
                f"| {seconds:g} | {name} | {row.right / row.asked:.1%} | {row.placed / row.asked:.1%} "
                f"| {max(row.apart, default=0):.3f} s | {row.found} of {row.strangers} | {row.wrong} "
                f"| {median(row.milliseconds):.0f} |"
            )


def _ask(collection: OpenCollection, row: Row, sound: bytes, stem: str, start: float) -> None:
    example = Example("blob", Blob.from_bytes(sound, "query"))
    began = perf_counter()
    hits = collection.search(Query((example,), mode="recording")).hits
    row.milliseconds.append((perf_counter() - began) * 1000)
    if not stem:
        row.strangers += 1
        row.found += bool(hits)
        return
    right = bool(hits) and Path(hits[0].source).stem == stem
    row.wrong += len(hits) > right
    row.asked += 1
    row.right += right
    if right:
        row.apart.append(abs(hits[0].unit["offset"] - start))
        row.placed += row.apart[-1] <= 0.1


def _cost(settings: Settings, scratch: Path, tracks: int) -> Iterator[str]:
    import soxr

    card = cards.find("landmarks", settings)
    encoder, space = LandmarkEncoder(card, {}, settings), Space(1, 1, "recording", card, active=True)
    sounds = [Audio(soxr.resample(tune(seed), RATE, 8000), 8000) for seed in range(tracks)]
    seconds = sum(len(sound.samples) for sound in sounds) / 8000
    began = process_time()
    sketches = [encoder.prepare("recording", sound) for sound in sounds]
    yield f"- sketches: {seconds / (process_time() - began):.0f} × real time on one core, "
    yield f"  {sum(len(sketch.hashes) for sketch in sketches) / seconds:.0f} hashes a second"
    queries = [_cut(sketch, 10.0) for sketch in sketches[:50]]
    store = SqliteSketchStore(scratch / "store", settings)
    for start in range(0, tracks, 16):
        store.upsert(space, np.arange(start, min(start + 16, tracks)), sketches[start : start + 16])
    yield f"- one search of the index for 10 s: {_searched(store, space, queries):.1f} ms among {tracks} tracks"
    made = (_moved(sketches[number % tracks], number) for number in range(tracks, GROWN))
    began, batch, written = process_time(), [], tracks
    for sketch in made:
        batch.append(sketch)
        if len(batch) == 32 or written + len(batch) == GROWN:
            store.upsert(space, np.arange(written, written + len(batch)), batch)
            written, batch = written + len(batch), []
    grown = process_time() - began
    yield f"- the same among {GROWN} tracks: {_searched(store, space, queries):.1f} ms"
    store.close()
    hours = seconds / tracks * GROWN / 3600
    yield f"- written: {hours / grown * 3600:.0f} × real time, batches of 32, merges among them"
    yield f"- on disk: {store.bytes_used() / hours / 1e6:.2f} MB an hour of sound ({hours:.0f} hours)"


def _searched(store: SqliteSketchStore, space: Space, queries: list[Sketch]) -> float:
    """The median of milliseconds of processor time, the first search left out."""
    taken = []
    for query in [queries[0], *queries]:
        began = process_time()
        store.search(space, query, 64)
        taken.append((process_time() - began) * 1000)
    return median(taken[1:])


def _cut(sketch: Sketch, seconds: float) -> Sketch:
    kept = sketch.at < seconds / 0.032
    return Sketch(sketch.hashes[kept], sketch.at[kept])


def _moved(sketch: Sketch, seed: int) -> Sketch:
    """Both pitches of each pair moved alike, by up to 30 bins, and the moments shuffled."""
    random = np.random.default_rng((5, seed))
    by = int(random.integers(-30, 31))
    hashes = (sketch.hashes.astype(np.int64) + (by << 15) + (by << 6)).clip(0).astype(np.uint64)
    at = random.permutation(sketch.at)
    order = np.lexsort((at, hashes))
    return Sketch(hashes[order], at[order])


if __name__ == "__main__":
    main()
