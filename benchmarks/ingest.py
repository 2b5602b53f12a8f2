"""`add` against its floor, and against the same work written as a plain loop.

The floor is the larger of the encoder's own time on tensors that are already in memory, and (decode CPU + encode CPU) /
cores. The plain loop decodes, encodes one, inserts one: what a first script would do.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
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

ROUNDS = 3


def _prepared(settings: Settings, encoder: Any, path: Path) -> Any:
    modality = ImageModality(settings)
    payload = modality.load(Blob.from_path(path), SegmentSpec("image"), encoder.card.inputs["image"])
    return encoder.prepare("image", payload)


def floor(settings: Settings, name: str, paths: list[Path]) -> dict[str, float]:
    """Seconds: the encoder alone, decode CPU, encode CPU, and the floor that follows."""
    encoder = load_encoder(resolve_card(name, settings), settings)
    began_cpu = time.process_time()
    prepared = [_prepared(settings, encoder, path) for path in paths]
    decode_cpu = time.process_time() - began_cpu
    encoder.encode("image", prepared[:32])
    alone, encode_cpu = [], []
    for _ in range(ROUNDS):
        began, began_cpu = time.perf_counter(), time.process_time()
        for start in range(0, len(prepared), 32):
            encoder.encode("image", prepared[start : start + 32])
        alone.append(time.perf_counter() - began)
        encode_cpu.append(time.process_time() - began_cpu)
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    both = (decode_cpu + min(encode_cpu)) / cores
    return {
        "encoder_alone_s": min(alone),
        "decode_cpu_s": decode_cpu,
        "encode_cpu_s": min(encode_cpu),
        "floor_s": max(min(alone), both),
    }


def add(settings: Settings, name: str, folder: Path, *, in_place: bool) -> dict[str, float]:
    """Wall seconds of one `add` into a fresh library, model load included in neither."""
    seconds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as scratch:
            own = settings.model_copy(update={"library": Path(scratch) / "library"})
            with morelike.open(own) as library:
                collection = library.collection("bench", modality="image", encoder=name)
                lane = library._lanes.lane(collection.spaces[0])
                lane.submit("image", [_warm(lane.encoder)]).result()
                began = time.perf_counter()
                report = collection.add(folder, in_place=in_place)
                seconds.append(time.perf_counter() - began)
                assert report.rejected == 0, report
    return {"seconds": min(seconds), "items": float(report.added)}


def _warm(encoder: Any) -> Any:
    return encoder.prepare("image", np.zeros((64, 64, 3), dtype=np.uint8))


def plain_loop(settings: Settings, name: str, paths: list[Path]) -> float:
    """Decode, encode one, insert one into SQLite and faiss; wall seconds."""
    encoder = load_encoder(resolve_card(name, settings), settings)
    encoder.encode("image", [_warm(encoder)])
    best = float("inf")
    for _ in range(ROUNDS):
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
            best = min(best, time.perf_counter() - began)
            rows.close()
    return best


def decode_rate(settings: Settings, name: str, paths: list[Path]) -> float:
    """Pictures decoded and prepared a second on all cores."""
    encoder = load_encoder(resolve_card(name, settings), settings)
    began = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda path: _prepared(settings, encoder, path), paths))
    return len(paths) / (time.perf_counter() - began)


def measure(settings: Settings, name: str, folder: Path) -> dict[str, Any]:
    """All of it for one encoder over one folder of pictures."""
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / "pictures"
        shutil.copytree(folder, local)
        paths = sorted(path for path in local.rglob("*") if path.is_file())
        below = floor(settings, name, paths)
        in_place = add(settings, name, local, in_place=True)
        stored = add(settings, name, local, in_place=False)
        plain = plain_loop(settings, name, paths)
    return {
        "encoder": name,
        "pictures": len(paths),
        **below,
        "add_in_place_s": in_place["seconds"],
        "add_stored_s": stored["seconds"],
        "plain_loop_s": plain,
        "in_place_over_floor": in_place["seconds"] / below["floor_s"],
        "stored_over_floor": stored["seconds"] / below["floor_s"],
        "plain_over_in_place": plain / in_place["seconds"],
    }
