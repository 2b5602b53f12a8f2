"""`add --engine ray` against the number of its actors, and against the local engine in the same round.

``python -m benchmarks.ray [ENCODER [ROUNDS]]``: prints a table in Markdown. Real photographs, blobs stored, into fresh
embedded libraries. Ray is started once before, on this machine; each actor has one CPU. An actor that starts loads
Python, the library and the encoder, which takes as long for one picture as for a million: the time until the first
pictures are in is shown apart, and the rate is of those after them. So are the local engine's.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import ray

import morelike
from benchmarks.machine import machine
from morelike.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
ENCODER = "mobilenet-v2"
ROUNDS = 3


def measured(settings: Settings, encoder: str, pictures: Path, actors: int) -> tuple[float, float]:
    """Pictures a second, and seconds before the first, of one ``add`` into a fresh library; 0 actors: locally."""
    moments: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory() as scratch:
        own = settings.model_copy(update={"library": Path(scratch) / "library", "ray_actors": actors})
        with morelike.open(own) as library:
            photos = library.collection("bench", modality="image", encoder=encoder)
            began = time.perf_counter()
            report = photos.add(
                pictures,
                engine="ray" if actors else "local",
                progress=lambda now: moments.append((time.perf_counter(), now.done)),
            )
    assert report.rejected == 0, report
    first = next(moment for moment in moments if moment[1])
    last = next(moment for moment in moments if moment[1] == report.added)
    return (last[1] - first[1]) / (last[0] - first[0]), first[0] - began


def main() -> None:
    encoder = sys.argv[1] if len(sys.argv) > 1 else ENCODER
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    data = Path(os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared"))
    settings = Settings(models=(data / "models",), offline=True)
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    sizes = sorted({0, 1, 2, cores} | {n for n in (4, 8, 16) if n < cores})
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    began = time.perf_counter()
    ray.init(address="local", num_cpus=cores, include_dashboard=False, log_to_driver=False, logging_level="CRITICAL")
    print(f"Ray {ray.__version__} started in {time.perf_counter() - began:.1f} s; {machine()}")
    rates: dict[int, list[float]] = {size: [] for size in sizes}
    starts: dict[int, list[float]] = {size: [] for size in sizes}
    with tempfile.TemporaryDirectory() as scratch:
        pictures = Path(scratch) / "pictures"
        shutil.copytree(data / "data" / "clothing", pictures)
        files = sum(path.is_file() for path in pictures.rglob("*"))
        for number in range(rounds):
            for size in sizes:
                rate, start = measured(settings, encoder, pictures, size)
                rates[size].append(rate)
                starts[size].append(start)
            print(f"round {number + 1} of {rounds}, load {os.getloadavg()[0]:.1f}", flush=True)
    ray.shutdown()
    print(f"\n{encoder}, {files} photographs, {cores} cores\n")
    print("| | pictures a second | of the local engine | until the first, s |\n|---|---|---|---|")
    for size in sizes:
        ratios = [mine / local for mine, local in zip(rates[size], rates[0], strict=True)]
        name = f"ray, {size} actor{'s' if size > 1 else ''}" if size else f"local, {cores} threads"
        least, most = min(ratios), max(ratios)
        row = f"{statistics.median(rates[size]):.0f} | {statistics.median(ratios):.2f} ({least:.2f}-{most:.2f})"
        print(f"| {name} | {row} | {statistics.median(starts[size]):.1f} |")


if __name__ == "__main__":
    main()
