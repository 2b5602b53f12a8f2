"""The embedded vector store alone: build, open, latency, recall and memory, each size in processes of its own.

``python -m benchmarks vectors [ROWS…]``; a million rows take some minutes and 6 GB of disk.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.dryrun import peak_memory
from morelike.expressions import All
from morelike.settings import Settings
from morelike.testing.kits.vector_store import dense_space
from morelike.types import Within

SIZES = (10_000, 100_000, 1_000_000)
DIM = 512
QUERIES = 200
K = 10
SPACE = dense_space(dim=DIM)
_CHUNK = 50_000
_OTHERS, _ASKED = 1_000, 9_999
"""Numbers of parts that are not stored at first: what rows are overwritten with, and the queries."""
FILTERS = {
    "none": None,
    "1 % at random": ("random", 0.01),
    "10 % at random": ("random", 0.1),
    "50 % at random": ("random", 0.5),
    "10 % by cluster": ("cluster", 0.1),
    "50 % by cluster": ("cluster", 0.5),
}
_DELETED, _OVERWRITTEN = 0.15, 0.15


def chunk(rows: int, number: int) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """Ids, vectors and clusters of one part of the collection: as many clusters as the root of ``rows``, overlapping,
    in a subspace of 32 dimensions with noise in all the others.
    """
    clusters = max(20, int(rows**0.5))
    shared = np.random.default_rng(1)
    centres = shared.standard_normal((clusters, DIM), dtype=np.float32)
    directions = shared.standard_normal((32, DIM), dtype=np.float32) / np.float32(32**0.5)
    random = np.random.default_rng([2, number])
    count = QUERIES if number == _ASKED else min(_CHUNK, rows - number * _CHUNK) if number < _OTHERS else _CHUNK
    cluster = random.integers(0, clusters, count)
    within = np.float32(0.7) * random.standard_normal((count, 32), dtype=np.float32) @ directions
    noise = np.float32(0.3) * random.standard_normal((count, DIM), dtype=np.float32)
    ids = np.random.default_rng([3, number]).choice(2**62, count, replace=False)
    return ids, centres[cluster] + within + noise, cluster


def chunks(rows: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]]:
    return (chunk(rows, number) for number in range(-(-rows // _CHUNK)))


def queries_of(rows: int) -> NDArray[np.float32]:
    return chunk(rows, _ASKED)[1]


def _changed(number: int, count: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows of a part are deleted, and which get a new vector, in the second half of the run."""
    fate = np.random.default_rng([4, number]).random(count)
    return fate < _DELETED, (fate >= _DELETED) & (fate < _DELETED + _OVERWRITTEN)


def _after(rows: int, number: int) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """A part as it is after the deletions and upserts."""
    ids, vectors, cluster = chunk(rows, number)
    gone, new = _changed(number, len(ids))
    _, others, other_cluster = chunk(rows, number + _OTHERS)
    vectors[new], cluster[new] = others[: len(ids)][new], other_cluster[: len(ids)][new]
    return ids[~gone], vectors[~gone], cluster[~gone]


def _left(name: str, number: int, cluster: NDArray[np.int64], rows: int) -> NDArray[np.bool_]:
    chosen = FILTERS[name]
    if chosen is None:
        return np.ones(len(cluster), dtype=np.bool_)
    kind, share = chosen
    if kind == "cluster":
        return cluster < share * max(20, int(rows**0.5))
    return np.random.default_rng([5, number, int(100 * share)]).random(len(cluster)) < share


def prepare(rows: int, changed: bool, path: Path) -> None:
    """What is right: the ids that each filter leaves, and the ten nearest of them for each query."""
    queries = queries_of(rows)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    best = {name: (np.empty((QUERIES, 0), np.float32), np.empty((QUERIES, 0), np.int64)) for name in FILTERS}
    left: dict[str, list[NDArray[np.int64]]] = {name: [] for name in FILTERS}
    for number in range(-(-rows // _CHUNK)):
        ids, vectors, cluster = (_after if changed else chunk)(rows, number)
        scores = queries @ (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).T
        for name in FILTERS:
            inside = np.flatnonzero(_left(name, number, cluster, rows))
            left[name].append(ids[inside])
            mine = scores[:, inside]
            top = np.argpartition(-mine, min(K, mine.shape[1] - 1), axis=1)[:, :K]
            all_scores = np.concatenate([best[name][0], np.take_along_axis(mine, top, 1)], axis=1)
            all_ids = np.concatenate([best[name][1], ids[inside][top]], axis=1)
            order = np.argsort(-all_scores, axis=1)[:, :K]
            best[name] = np.take_along_axis(all_scores, order, 1), np.take_along_axis(all_ids, order, 1)
    arrays = {f"left {name}": np.sort(np.concatenate(left[name])) for name in FILTERS}
    np.savez(path, **arrays, **{f"right {name}": best[name][1] for name in FILTERS})


def fill(folder: Path, rows: int) -> dict[str, Any]:
    store = _opened(folder)
    writing = 0.0
    for ids, vectors, _ in chunks(rows):
        started = time.perf_counter()
        for start in range(0, len(ids), 1_000):
            store.upsert(SPACE, ids[start : start + 1_000], vectors[start : start + 1_000])
        writing += time.perf_counter() - started
    return {"upsert_rows_per_s": rows / writing, **_built(store)}


def change(folder: Path, rows: int) -> dict[str, Any]:
    """30 % of the rows deleted or written anew, in one process that searches all the while; no build."""
    store = _opened(folder)
    store.search(SPACE, queries_of(rows)[:1], K)
    for number, (ids, _, _) in enumerate(chunks(rows)):
        gone, new = _changed(number, len(ids))
        _, others, _ = chunk(rows, number + _OTHERS)
        for start in range(0, len(ids), 1_000):
            part = slice(start, start + 1_000)
            store.delete(SPACE, ids[part][gone[part]])
            store.upsert(SPACE, ids[part][new[part]], others[: len(ids)][part][new[part]])
    store.checkpoint()
    store.close()
    return {}


def build(folder: Path, rows: int) -> dict[str, Any]:
    return {"rows": rows, **_built(_opened(folder))}


def ask(folder: Path, rows: int, truth: Path) -> dict[str, Any]:
    """A fresh process: open to first hit, then each filter's latency and recall."""
    import faiss  # its import is the process's, not the store's

    import_peak = _resident()
    queries = queries_of(rows)
    started = time.perf_counter()
    store = _opened(folder)
    store.search(SPACE, queries[:1], K)
    opened = time.perf_counter() - started
    right = np.load(truth)
    answers = {}
    for name, chosen in FILTERS.items():
        ids = right[f"left {name}"]
        ids.flags.writeable = False
        only = None if chosen is None else Within(All(()), lambda ids=ids: ids)
        store.search(SPACE, queries[:1], K, within=only)  # a filter's rows are looked up once
        seconds, hits, cpu = [], 0, time.process_time()
        for at in range(QUERIES):
            started = time.perf_counter()
            found, _ = store.search(SPACE, queries[at : at + 1], K, within=only)
            seconds.append(time.perf_counter() - started)
            hits += len(np.intersect1d(found[0], right[f"right {name}"][at]))
        answers[name] = {
            "p50_ms": 1000 * float(np.median(seconds)),
            "p99_ms": 1000 * float(np.quantile(seconds, 0.99)),
            "cpu_ms": 1000 * (time.process_time() - cpu) / QUERIES,
            "recall_at_10": hits / (QUERIES * K),
        }
    assert faiss is not None
    return {
        "open_to_first_hit_s": opened,
        "resident_mb": _resident() / 1e6,
        "before_opening_mb": import_peak / 1e6,
        "peak_mb": peak_memory() / 1e6,
        "answers": answers,
    }


def measure(rows: int) -> dict[str, Any]:
    """All of it at one size."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, truth = Path(scratch) / "vectors", Path(scratch) / "truth.npz"
        result: dict[str, Any] = {"rows": rows, "dim": DIM, "fill": _alone("fill", folder, rows)}
        prepare(rows, False, truth)  # noqa: FBT003  positional here as in the command line
        result["fresh"] = _alone("ask", folder, rows, truth)
        _alone("change", folder, rows)
        prepare(rows, True, truth)  # noqa: FBT003  likewise
        result["changed"] = _alone("ask", folder, rows, truth)
        result["rebuild"] = _alone("build", folder, rows)
        result["rebuilt"] = _alone("ask", folder, rows, truth)
    return result


def _alone(part: str, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.vectors", part, *map(str, arguments)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def _opened(folder: Path) -> Any:
    from morelike.stores.vectors.faiss import FaissVectorStore

    return FaissVectorStore(folder, Settings())


def _built(store: Any) -> dict[str, Any]:
    started = time.perf_counter()
    while store.due():
        store.build()
    seconds = time.perf_counter() - started
    store.checkpoint()
    used = store.bytes_used()
    store.close()
    return {"build_s": seconds, "peak_mb": peak_memory() / 1e6, "disk_mb": used / 1e6}


def _resident() -> int:
    """Bytes, now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def section(results: list[dict[str, Any]]) -> list[str]:
    """Markdown lines."""
    lines = [
        "## The vector store alone",
        "",
        (
            f"Overlapping clusters, {DIM} float32, cosine, ten nearest, {QUERIES} queries that are not stored, one "
            "after another, in a fresh process; the disk's cache is warm. `by cluster` leaves whole clusters, so that "
            "most queries' own is outside. `changed`: 15 % of the rows deleted and 15 % written anew, nothing rebuilt."
        ),
        "",
        "| rows | state | filter | p50 | p99 | CPU | recall@10 |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in results:
        for state in ("fresh", "changed", "rebuilt"):
            for name, answer in row[state]["answers"].items():
                cells = [f"{answer[key]:.2f} ms" for key in ("p50_ms", "p99_ms", "cpu_ms")]
                lines.append(
                    f"| {row['rows']} | {state} | {name} | {' | '.join(cells)} | {answer['recall_at_10']:.4f} |"
                )
    lines += ["", "| rows | build | build's peak | open to first hit | resident | disk |", "|---|---|---|---|---|---|"]
    for row in results:
        fill, fresh = row["fill"], row["fresh"]
        cells = [f"{fill['build_s']:.1f} s", f"{fill['peak_mb']:.0f} MB", f"{fresh['open_to_first_hit_s']:.2f} s"]
        cells += [f"{fresh['resident_mb']:.0f} MB", f"{fill['disk_mb']:.0f} MB"]
        lines.append(f"| {row['rows']} | {' | '.join(cells)} |")
    lines += [f"\n{row['rows']} rows: {row['note']}" for row in results if row.get("note")]
    return [*lines, ""]


if __name__ == "__main__":
    part, folder, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if part == "ask":
        print(json.dumps(ask(folder, rows, Path(sys.argv[4]))))
    else:
        print(json.dumps({"fill": fill, "change": change, "build": build}[part](folder, rows)))
