"""What capacity is reckoned from, measured here: an encoder's seconds an item, and `add` with one and two workers."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

import morelike
from benchmarks import audio, ingest
from morelike.modalities.audio import AudioModality
from morelike.modalities.image import ImageModality
from morelike.prepare import Budget, read_blob
from morelike.settings import Settings
from morelike.types import Blob
from morelike.wiring import load_encoder, resolve_card
from morelike.writer import Writer

ENCODERS = {"mobilenet-v2": "image", "mobilenet-v1-025": "image", "yamnet": "audio"}
BATCH = 32
SHARES = tuple(at / 20 for at in range(21))
"""Of a distribution its least, its greatest and nineteen quantiles between are kept."""
ROUNDS = 2
SORTS = ("decode", "encoder", "write")
"""How the names of an `add`'s threads begin."""


def quantiles(values: list[float]) -> list[float]:
    """Twenty-one of them, of any number of values."""
    return [float(f"{value:.4g}") for value in np.quantile(values, SHARES)]


def encoders(settings: Settings, data: Path) -> dict[str, Any]:
    """For each: CPU seconds of reading, decoding and encoding an item on one thread, and the items' own figures."""
    own = settings.model_copy(update={"encoder_threads": 1})
    folders = {"image": data / "clothing", "audio": data / "esc10"}
    return {name: _encoder(own, name, kind, folders[kind]) for name, kind in ENCODERS.items()}


def _encoder(settings: Settings, name: str, kind: str, folder: Path) -> dict[str, Any]:
    encoder = load_encoder(resolve_card(name, settings), settings)
    paths = sorted(path for path in folder.rglob("*") if path.suffix in {".jpg", ".jpeg", ".png", ".ogg", ".wav"})
    modality: Any = ImageModality(settings) if kind == "image" else AudioModality(settings)
    prepared_of: Any = audio._prepared if kind == "audio" else _picture
    reading: list[float] = []
    decoding: list[float] = []
    prepared: list[Any] = []
    for path in paths:
        began = time.thread_time()
        read_blob(Blob.from_path(path), modality, Budget())
        between = time.thread_time()
        prepared += prepared_of(settings, encoder, path)
        reading.append(between - began)
        decoding.append(time.thread_time() - between)
    encoder.encode(kind, prepared[:BATCH])
    encoding = []
    for start in range(0, len(prepared) - BATCH + 1, BATCH):
        began = time.process_time()
        encoder.encode(kind, prepared[start : start + BATCH])
        encoding.append((time.process_time() - began) / BATCH)
    return {
        "modality": kind,
        "dim": encoder.card.dim,
        "items": len(paths),
        "segments_per_item": len(prepared) / len(paths),
        "bytes_per_item": round(statistics.fmean(path.stat().st_size for path in paths)),
        "read_cpu_s": statistics.fmean(reading),
        "decode_cpu_s": statistics.fmean(decoding),
        "decode_cpu_quantiles_s": quantiles(decoding),
        "encode_cpu_s": statistics.fmean(encoding),
        "encode_cpu_quantiles_s": quantiles(encoding),
    }


def _picture(settings: Settings, encoder: Any, path: Path) -> list[Any]:
    return [ingest._prepared(settings, encoder, path)]


def ingests(settings: Settings, data: Path) -> list[dict[str, Any]]:
    """`add --in-place` of five hundred photographs with one and with two decode threads, the encoder on one.

    The median of some rounds. ``writer_s``: how long the one thread that writes was at it; ``cpu_s`` of the process;
    ``…_had_a_core``: of the time in which the decoding, the encoder's or the writing threads wanted a core, the share
    in which they had one; 1 on a machine without others and with a core for each.
    """
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / "pictures"
        for path in sorted((data / "clothing").rglob("*.jpg"))[::2]:
            (local / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, local / path.parent.name)
        for name in ("mobilenet-v2", "mobilenet-v1-025"):
            for workers in (1, 2):
                own = settings.model_copy(update={"encoder_threads": 1, "workers": workers})
                rounds = [_added(own, name, local) for _ in range(ROUNDS)]
                median = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
                seconds = [one["wall_s"] for one in rounds]
                found.append({"encoder": name, "workers": workers, **median, "range_s": [min(seconds), max(seconds)]})
    return found


def _added(settings: Settings, name: str, folder: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as scratch:
        own = settings.model_copy(update={"library": Path(scratch) / "library"})
        with morelike.open(own) as library:
            collection = library.collection("bench", modality="image", encoder=name)
            lane = library._lanes.lane(collection.spaces[0])
            lane.submit("image", [ingest._warm(lane.encoder)]).result()
            with _timed_writer() as tasks, _scheduled() as shares:
                began, began_cpu = time.perf_counter(), time.process_time()
                report = collection.add(folder, in_place=True)
                wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    assert report.rejected == 0, report
    return {
        "items": report.added,
        "wall_s": wall,
        "cpu_s": cpu,
        "writer_s": sum(seconds for _, seconds in tasks),
        "claim_s": _sum(tasks, "_claim"),
        "finish_s": _sum(tasks, "_finish"),
        **{f"{sort}_had_a_core": share for sort, share in shares.items()},
    }


def _sum(tasks: list[tuple[str, float]], name: str) -> float:
    return sum(seconds for each, seconds in tasks if each == name)


@contextmanager
def _timed_writer() -> Iterator[list[tuple[str, float]]]:
    """The names of what the writing thread does meanwhile, and how long each took."""
    done: list[tuple[str, float]] = []
    before = Writer._run

    def run(self: Writer, action: Callable[..., object], *arguments: Any) -> None:
        began = time.perf_counter()
        try:
            before(self, action, *arguments)
        finally:
            name = getattr(action, "__name__", "")
            done.append((name, time.perf_counter() - began))

    Writer._run = run  # type: ignore[method-assign]  # put back below
    try:
        yield done
    finally:
        Writer._run = before  # type: ignore[method-assign]


@contextmanager
def _scheduled() -> Iterator[dict[str, float]]:
    """Of the time in which threads of each sort wanted a core meanwhile, the share in which they had one (Linux)."""
    seen: dict[str, tuple[int, int]] = {}
    names: dict[str, str] = {}
    before = _schedule()
    ended = threading.Event()
    shares: dict[str, float] = {}

    def look() -> None:
        while not ended.wait(0.05):
            names.update({str(thread.native_id): thread.name for thread in threading.enumerate()})
            seen.update(_schedule())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield shares
    finally:
        seen.update(_schedule())
        ended.set()
        watcher.join()
    for sort in SORTS:
        own = [thread for thread, name in names.items() if name.startswith(sort) and thread in seen]
        ran, waited = (sum(seen[thread][at] - before.get(thread, (0, 0))[at] for thread in own) for at in (0, 1))
        shares[sort] = ran / (ran + waited) if ran else 1.0


def _schedule() -> dict[str, tuple[int, int]]:
    """Nanoseconds that each thread has run, and has waited for a core."""
    found = {}
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError, ValueError):  # it has ended
            ran, waited, _ = path.read_text().split()
            found[path.parent.name] = int(ran), int(waited)
    return found


def load_now() -> float:
    """How many processes wanted a core in the last minute; 0 where that is not told."""
    with suppress(OSError):
        return round(os.getloadavg()[0], 2)
    return 0.0


__all__ = ["ENCODERS", "encoders", "ingests", "load_now", "quantiles"]
