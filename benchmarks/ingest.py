"""`add` against its floor, and against the same work written as a plain loop.

The floor is the larger of the encoder's own time on tensors that are already in memory, and (decode CPU + encode CPU) /
cores; decoding is timed with every core at it, for two threads of one core are slower than two cores. The plain loop
decodes, encodes one, inserts one: what a first script would do. Each round measures all of them one after the other,
and the ratios are medians over rounds: on a shared machine they hold where seconds do not.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faiss
import numpy as np

import morelike
from morelike.modalities.image import ImageModality
from morelike.settings import Settings
from morelike.types import Blob, SegmentSpec
from morelike.wiring import load_encoder, resolve_card

ROUNDS = 5
RATIOS = ("in_place_over_floor", "stored_over_floor", "plain_over_in_place")


def _prepared(settings: Settings, encoder: Any, path: Path) -> Any:
    modality = ImageModality(settings)
    payload = modality.load(Blob.from_path(path), SegmentSpec("image"), encoder.card.inputs["image"])
    return encoder.prepare("image", payload)


def _warm(encoder: Any) -> Any:
    return encoder.prepare("image", np.zeros((64, 64, 3), dtype=np.uint8))


def floor(settings: Settings, encoder: Any, paths: list[Path]) -> dict[str, float]:
    """Seconds: the encoder alone, decode CPU, encode CPU, and the floor that follows."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    began_cpu = time.process_time()
    with ThreadPoolExecutor(cores) as pool:
        prepared = list(pool.map(lambda path: _prepared(settings, encoder, path), paths))
    decode_cpu = time.process_time() - began_cpu
    began, began_cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(prepared), 32):
        encoder.encode("image", prepared[start : start + 32])
    alone, encode_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    return {
        "encoder_alone_s": alone,
        "decode_cpu_s": decode_cpu,
        "encode_cpu_s": encode_cpu,
        "floor_s": max(alone, (decode_cpu + encode_cpu) / cores),
    }


def add(settings: Settings, name: str, folder: Path, *, in_place: bool) -> float:
    """Wall seconds of one `add` into a fresh library; the model is loaded before."""
    with tempfile.TemporaryDirectory() as scratch:
        own = settings.model_copy(update={"library": Path(scratch) / "library"})
        with morelike.open(own) as library:
            collection = library.collection("bench", modality="image", encoder=name)
            lane = library._lanes.lane(collection.spaces[0])
            lane.submit("image", [_warm(lane.encoder)]).result()
            began = time.perf_counter()
            report = collection.add(folder, in_place=in_place)
            seconds = time.perf_counter() - began
    assert report.rejected == 0, report
    return seconds


def plain_loop(settings: Settings, encoder: Any, paths: list[Path]) -> float:
    """Decode, encode one, insert one into SQLite and faiss; wall seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        rows = sqlite3.connect(Path(scratch) / "rows.sqlite")
        rows.execute("create table rows (id integer primary key, path text, vector blob)")
        index = faiss.IndexFlatIP(encoder.card.dim)
        began = time.perf_counter()
        for at, path in enumerate(paths):
            vector = encoder.encode("image", [_prepared(settings, encoder, path)])
            index.add(vector)
            rows.execute("insert into rows values (?, ?, ?)", (at, str(path), vector.tobytes()))
            rows.commit()
        seconds = time.perf_counter() - began
        rows.close()
    return seconds


def measure(settings: Settings, name: str, folder: Path) -> dict[str, Any]:
    """All of it for one encoder over one folder of pictures."""
    encoder = load_encoder(resolve_card(name, settings), settings)
    encoder.encode("image", [_warm(encoder)])
    rounds = []
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / "pictures"
        shutil.copytree(folder, local)
        paths = sorted(path for path in local.rglob("*") if path.is_file())
        for _ in range(ROUNDS):
            one = floor(settings, encoder, paths)
            one["add_in_place_s"] = add(settings, name, local, in_place=True)
            one["add_stored_s"] = add(settings, name, local, in_place=False)
            one["plain_loop_s"] = plain_loop(settings, encoder, paths)
            one["in_place_over_floor"] = one["add_in_place_s"] / one["floor_s"]
            one["stored_over_floor"] = one["add_stored_s"] / one["floor_s"]
            one["plain_over_in_place"] = one["plain_loop_s"] / one["add_in_place_s"]
            rounds.append(one)
    medians = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
    spread = {f"{key}_range": [min(one[key] for one in rounds), max(one[key] for one in rounds)] for key in RATIOS}
    return {"encoder": name, "pictures": len(paths), **medians, **spread}
