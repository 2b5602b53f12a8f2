"""What capacity is reckoned from, measured here: bytes a vector, embedded and in Milvus, and searches in partitions.

The rows are made as those of ``benchmarks.vectors``, of any width. A Milvus server is one of the tests' own.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.capacity_query import partitioned
from benchmarks.capacity_stores import tests_modules
from benchmarks.capacity_work import quantiles
from morelike.errors import StoreUnreachable
from morelike.settings import Settings
from morelike.stores.disk import tree_bytes
from morelike.stores.vectors import _milvus_engine
from morelike.stores.vectors.faiss import FaissVectorStore
from morelike.stores.vectors.flat import merged
from morelike.stores.vectors.memory import MemoryVectorStore
from morelike.testing.kits.vector_store import bits_space, dense_space
from morelike.types import Space

DIMS = (128, 1280)
ROWS = 60_000
K = 10
QUERIES = 200
GROUP = 4_000
MILVUS = {
    "FLAT": {}, "IVF_FLAT": {"nlist": 800}, "IVF_SQ8": {"nlist": 800}, "HNSW": {"M": 16, "efConstruction": 200},
    "BIN_FLAT": {}, "BIN_IVF_FLAT": {"nlist": 800},
}  # fmt: skip
SETTLED, CALM = 60.0, 8.0
"""Seconds for which a server's memory is watched at the most, and after which it counts as falling no more."""
LOADED = 180.0
"""Seconds that a server may take to load what it held."""
MILVUS_FEW, MILVUS_ROWS, MILVUS_BIT_ROWS = 4_000, 32_000, 200_000
"""Memory and disk of a row are those of the rows between: what a server takes for any rows at all falls out."""
MILVUS_DIM, MILVUS_BITS = 512, 2048
PARTITIONS = (1, 2, 4)
PARTITION_ROWS = 25_000
REAL_ROWS, SHARDS = 100_000, 16
WINDOW = 90
"""Bases of a genome that one row stands for."""


def rows_of(count: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """(count, dim): overlapping clusters in a subspace of 32 dimensions, with noise in all the others."""
    shared, random = np.random.default_rng(1), np.random.default_rng((2, seed))
    centres = shared.standard_normal((316, dim), dtype=np.float32)
    directions = shared.standard_normal((32, dim), dtype=np.float32) / np.float32(32**0.5)
    within = np.float32(0.7) * random.standard_normal((count, 32), dtype=np.float32) @ directions
    noise = np.float32(0.3) * random.standard_normal((count, dim), dtype=np.float32)
    return centres[random.integers(0, len(centres), count)] + within + noise


def embedded() -> list[dict[str, Any]]:
    """Bytes on disk and in memory, and CPU seconds of writing and indexing, each width in a process of its own."""
    found = []
    for dim in DIMS:
        with tempfile.TemporaryDirectory() as scratch:
            filled, asked = (_alone(part, scratch, dim) for part in ("fill", "ask"))
        found.append({"rows": ROWS, "dim": dim, **filled, **asked})
    return found


def _alone(part: str, folder: str, dim: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.capacity_vectors", part, folder, str(dim)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def _fill(folder: Path, dim: int) -> dict[str, float]:
    store, space = FaissVectorStore(folder, Settings(encoder_threads=1)), dense_space(dim=dim)
    vectors = rows_of(ROWS, dim)
    began = time.process_time()
    for start in range(0, ROWS, GROUP):
        store.upsert(space, np.arange(start, min(start + GROUP, ROWS)), vectors[start : start + GROUP])
    between = time.process_time()
    while store.due():
        store.build()
    built = time.process_time()
    store.checkpoint()
    used = store.bytes_used()
    store.close()
    return {
        "upsert_cpu_s_per_row": (between - began) / ROWS,
        "build_cpu_s_per_row": (built - between) / ROWS,
        "disk_bytes_per_row": used / ROWS,
    }


def _ask(folder: Path, dim: int) -> dict[str, Any]:
    import faiss  # its import is the process's, not the store's

    process, space, queries = psutil.Process(), dense_space(dim=dim), rows_of(QUERIES, dim, seed=9)
    before = process.memory_info().rss
    store = FaissVectorStore(folder, Settings(encoder_threads=1))
    took = []
    for at in range(QUERIES):
        began = time.thread_time()
        store.search(space, queries[at : at + 1], K)
        took.append(time.thread_time() - began)
    assert faiss is not None
    return {
        "memory_bytes_per_row": (process.memory_info().rss - before) / ROWS,
        "search_cpu_quantiles_s": quantiles(took),
    }


def milvus(kind: str) -> dict[str, Any]:
    """Bytes a row in a server's memory after a restart, and on its disk by what they are; rows written a second."""
    tests_modules()
    from milvus_process import MilvusProcess, find_milvus  # a module of the tests

    bits = kind.startswith("BIN")
    space = bits_space(dim=MILVUS_BITS) if bits else dense_space(dim=MILVUS_DIM)
    index = _milvus_engine.IndexKind(kind, MILVUS[kind], dial="nprobe" if "IVF" in kind else "ef")
    before = _milvus_engine.Engine.index_for
    _milvus_engine.Engine.index_for = lambda *_: index  # type: ignore[method-assign]  # put back below
    _milvus_engine.KINDS.setdefault(kind, index)
    most = MILVUS_BIT_ROWS if bits else MILVUS_ROWS
    memory, disk, found = [], [], {}
    try:
        for rows in (MILVUS_FEW, most):
            with tempfile.TemporaryDirectory() as scratch:
                server, folder = MilvusProcess(find_milvus(), Path(scratch) / "server"), Path(scratch)
                try:
                    server.start()
                    found = _milvus_filled(server.address, folder, space, rows)
                    _logged(folder / "server" / "data", rows, space)
                    server.stop()
                    server.start()
                    found |= _milvus_asked(server.address, folder, space)
                    memory.append(_steady(server.pid))
                    disk.append(_sizes(folder / "server" / "data"))
                finally:
                    server.kill()
    finally:
        _milvus_engine.Engine.index_for = before  # type: ignore[method-assign]
    more = most - MILVUS_FEW
    sizes = {part: (size - disk[0].get(part, 0)) / more for part, size in disk[1].items()}
    return {
        "index": kind,
        "rows": most,
        "dim": MILVUS_BITS if bits else MILVUS_DIM,
        "form": space.card.form,
        "memory_bytes_per_row": (memory[1] - memory[0]) / more,
        **{f"{part}_disk_bytes_per_row": round(size, 1) for part, size in sizes.items() if size >= 1},
        **found,
    }


def _steady(pid: int) -> int:
    """The least that it takes: a server that has just loaded holds what it replayed from its queue for a while.

    Without pages of files that it has mapped, which the system may take back at any time.
    """
    least, since, deadline = _anonymous(pid), time.monotonic(), time.monotonic() + SETTLED
    while time.monotonic() < min(deadline, since + CALM):
        time.sleep(0.5)
        now = _anonymous(pid)
        if now < 0.98 * least:
            since = time.monotonic()
        least = min(least, now)
    return least


def _anonymous(pid: int) -> int:
    """Bytes of memory of a process that are no file's (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("RssAnon:")))


def _logged(data: Path, rows: int, space: Space) -> None:
    """Returns when the rows are in the server's log of inserts, not in its queue alone."""
    row = space.card.dim // 8 if space.card.form == "bits" else 4 * space.card.dim
    deadline = time.monotonic() + LOADED
    least = 0.1 if space.card.form == "bits" else 0.8  # bits that are mostly 0 are packed there
    while _sizes(data).get("insert_log", 0) < least * rows * row:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server has not written {rows} rows to {data / 'insert_log'}")
        time.sleep(0.5)


def _sizes(data: Path) -> dict[str, int]:
    return {path.name: tree_bytes(path) for path in data.iterdir() if path.is_dir()}


def _store(address: str, folder: Path) -> Any:
    from morelike.stores.vectors.milvus import MilvusVectorStore

    return MilvusVectorStore(folder, Settings(library=folder, offline=True, vectors=address), "capacity")


def _milvus_filled(address: str, folder: Path, space: Space, rows: int) -> dict[str, float]:
    from pymilvus import MilvusClient

    store, vectors, ids = _store(address, folder), _rows(space, rows, 0), np.arange(rows)
    began = time.perf_counter()
    for start in range(0, len(ids), GROUP):
        store.upsert(space, ids[start : start + GROUP], vectors[start : start + GROUP])
    writing = time.perf_counter() - began
    small = []
    for start in range(0, 5 * 128, 128):
        began = time.perf_counter()
        store.upsert(space, ids[start : start + 128], vectors[start : start + 128])
        small.append(time.perf_counter() - began)
    client = MilvusClient(address, dedicated=True)
    name = f"morelike_capacity_{space.id}"
    client.flush(name)
    while client.describe_index(name, "vector")["pending_index_rows"]:
        time.sleep(0.2)
    client.close()
    store.close()
    return {"upsert_rows_per_s": len(ids) / writing, "group_of_128_s": float(np.median(small))}


def _milvus_asked(address: str, folder: Path, space: Space) -> dict[str, Any]:
    store, queries, took = _store(address, folder), _rows(space, 40, 9), []
    deadline = time.monotonic() + LOADED
    while True:  # a server that was restarted loads for a while
        try:
            store.search(space, queries[:1], K)
            break
        except StoreUnreachable:
            if time.monotonic() > deadline:
                raise
    for at in range(len(queries)):
        began = time.perf_counter()
        store.search(space, queries[at : at + 1], K)
        took.append(time.perf_counter() - began)
    store.close()
    return {"search_s": quantiles(took)}


def _rows(space: Space, count: int, seed: int) -> NDArray[Any]:
    if space.card.form == "bits":
        return np.packbits(np.random.default_rng(seed).random((count, space.card.dim)) < 0.02, axis=1)
    return rows_of(count, space.card.dim, seed)


def partitions() -> dict[str, Any]:
    """One query to every partition at once, each a process of one thread, and the merge: seconds, by partitions.

    ``own_s``: what each partition says that its search took; ``line_s``: a message there and back that asks nothing.
    """
    found: dict[str, Any] = {"rows": PARTITION_ROWS, "dim": 512, "by_partitions": {}}
    queries = rows_of(QUERIES, 512, seed=9)
    for count in PARTITIONS:
        lines = [_started(number) for number in range(count)]
        total, own, empty, merging = [], [], [], []
        for at in range(QUERIES):
            began = time.perf_counter()
            answers = _asked([line for line, _ in lines], queries[at : at + 1])
            between = time.perf_counter()
            merged([(ids, scores) for ids, scores, _ in answers], 1, K)
            total.append(time.perf_counter() - began)
            merging.append(time.perf_counter() - between)
            own += [seconds for _, _, seconds in answers]
            began = time.perf_counter()
            _asked([line for line, _ in lines][:1], None)
            empty.append(time.perf_counter() - began)
        for line, process in lines:
            line.send("end")
            process.join()
        figures = {"total_s": total, "own_s": own, "line_s": empty, "merge_s": merging}
        found["by_partitions"][str(count)] = {name: quantiles(values) for name, values in figures.items()}
    return found


def _asked(lines: list[Any], query: Any) -> list[Any]:
    for line in lines:
        line.send(query)
    return [line.recv() for line in lines]


def _started(number: int) -> tuple[Connection, Any]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_partition, args=(there, number))
    process.start()
    assert here.recv() == "ready"
    return here, process


def _partition(line: Connection, number: int) -> None:
    space = dense_space(dim=512)
    with tempfile.TemporaryDirectory() as scratch:
        store = FaissVectorStore(Path(scratch), Settings(encoder_threads=1))
        ids = np.arange(PARTITION_ROWS) * PARTITIONS[-1] + number
        store.upsert(space, ids, rows_of(PARTITION_ROWS, 512, seed=number))
        store.search(space, rows_of(1, 512), K)
        line.send("ready")
        while not isinstance(query := line.recv(), str):
            began = time.perf_counter()
            found = (None, None) if query is None else store.search(space, query, K)
            line.send((*found, time.perf_counter() - began))
        store.close()


def real_shards(data: Path) -> dict[str, Any]:
    """Windows of two genomes, in one store and in sixteen: exact answers must be the same, near ones as good."""
    vectors = _genome_rows(data / "sequences")
    asked, ids = vectors[:: REAL_ROWS // QUERIES][:QUERIES], np.arange(REAL_ROWS)
    space, settings = dense_space(dim=vectors.shape[1]), Settings(encoder_threads=1)
    answers = {}
    with tempfile.TemporaryDirectory() as scratch:
        for kind, made in {"exact": MemoryVectorStore, "embedded": FaissVectorStore}.items():
            place = partial(_made, made, Path(scratch) / kind, settings)
            whole = place(-1)
            whole.upsert(space, ids, vectors)
            while whole.due():
                whole.build()
            answers[kind, 1] = whole.search(space, asked, K)
            whole.close()
            shards = [partial(place, number) for number in range(SHARDS)]
            answers[kind, SHARDS] = partitioned(shards, space, (ids, vectors), asked, K)
    right = answers["exact", 1][0]
    found: dict[str, Any] = {"rows": REAL_ROWS, "dim": vectors.shape[1], "shards": SHARDS, "queries": QUERIES}
    for (kind, shards), (hits, _) in answers.items():
        same = sum(len(np.intersect1d(one, other)) for one, other in zip(hits, right, strict=True))
        found[f"recall_{kind}_{shards}"] = same / right.size
    found["exact_is_identical"] = bool((answers["exact", SHARDS][0] == right).all())
    return found


def _made(made: Callable[[Path, Settings], Any], folder: Path, settings: Settings, number: int) -> Any:
    return made(folder / str(number), settings)


def _genome_rows(folder: Path) -> NDArray[np.float32]:
    import gzip

    from morelike.wiring import load_encoder, resolve_card

    settings = Settings(offline=True)
    encoder = load_encoder(resolve_card("dna-kmers-768", settings), settings)
    bases = ""
    for path in sorted(folder.glob("*.fna.gz")):
        with gzip.open(path, "rt") as lines:
            bases += "".join(line.strip() for line in lines if not line.startswith(">"))
    step = (len(bases) - WINDOW) // REAL_ROWS
    found = np.empty((REAL_ROWS, 768), dtype=np.float32)
    for start in range(0, REAL_ROWS, 1000):
        some = (bases[at * step : at * step + WINDOW] for at in range(start, start + 1000))
        found[start : start + 1000] = encoder.encode("sequence", [encoder.prepare("sequence", each) for each in some])
    return found


if __name__ == "__main__":
    print(json.dumps({"fill": _fill, "ask": _ask}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))))
