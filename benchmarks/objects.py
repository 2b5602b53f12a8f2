"""Blobs in a bucket against blobs in a folder: objects a second, and CPU seconds. ``python -m benchmarks.objects``.

The bucket is a gateway of the tests' own on this machine (scripts/radosgw), which takes CPU from the same cores.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3

from morelike.protocols import BlobStore
from morelike.registry import BLOB_STORES
from morelike.settings import Settings
from morelike.types import Blob, ContentDigest

OBJECTS = 2000
SIZE = 100_000
GROUP = 128
READERS = 8
LONG = 256 << 20


def main() -> None:
    print(json.dumps(measure(), indent=2))


def measure() -> dict[str, Any]:
    """Figures for ``folder`` and ``s3``: put in groups, put again, read by one and by several, and one long blob."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "services"))
    from radosgw_process import running_gateway  # a module of the tests

    with tempfile.TemporaryDirectory() as scratch, running_gateway() as gateway:
        settings = Settings(library=Path(scratch) / "library", offline=True)
        folder = BLOB_STORES.load("folder")(Path(scratch) / "blobs", settings, "0123456789ab")
        bucket = BLOB_STORES.load("s3")(Path(scratch), gateway.settings(f"s3://{gateway.bucket()}/x"), "0123456789ab")
        return {"objects": OBJECTS, "bytes": SIZE, "folder": _store(folder), "s3": _store(bucket)}


def _store(store: BlobStore) -> dict[str, Any]:
    blobs = [_blob(number, SIZE) for number in range(OBJECTS)]
    groups = [blobs[start : start + GROUP] for start in range(0, len(blobs), GROUP)]
    names = [digest.blake3 for digest, _ in blobs]

    def read(name: str) -> int:
        with store.open(name) as stream:
            return len(stream.read())

    def put() -> None:
        for group in groups:
            store.put_many(group)

    def read_by_several() -> None:
        with ThreadPoolExecutor(READERS) as pool:
            list(pool.map(read, names))

    figures = {
        "put": _rate(put, OBJECTS),
        "put_again": _rate(put, OBJECTS),
        "read": _rate(lambda: [read(name) for name in names[:500]], 500),
        f"read_by_{READERS}": _rate(read_by_several, OBJECTS),
        "list": _rate(lambda: list(store.digests()), OBJECTS),
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    long = _blob(OBJECTS, LONG)
    between = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures["long_put_mb"] = _rate(lambda: store.put_many([long]), LONG / 1e6)
    figures["long_put_mb"]["memory_mb"] = round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - between) / 1e3)
    figures["long_read_mb"] = _rate(lambda: _drain(store, long[0].blake3), LONG / 1e6)
    figures["long_put_mb"]["of_the_bytes_themselves_mb"] = round((between - before) / 1e3)
    store.close()
    return figures


def _drain(store: BlobStore, name: str) -> None:
    with store.open(name) as stream:
        while stream.read(1 << 20):
            pass


def _blob(number: int, size: int) -> tuple[ContentDigest, Blob]:
    data = np.random.default_rng(number).bytes(size)
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return ContentDigest(blake3(data).hexdigest(), md5, size), Blob.from_bytes(data, f"{number}.bin")


def _rate(work: Callable[[], object], count: float) -> dict[str, float]:
    """``per_second`` of wall time; ``cpu_s``: this process's own."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"per_second": round(count / wall, 1), "wall_s": round(wall, 2), "cpu_s": round(cpu, 2)}


if __name__ == "__main__":
    main()
