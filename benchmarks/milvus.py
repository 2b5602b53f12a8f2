"""The embedded vector store and a Milvus server side by side, on the same rows, queries and filters.

``python -m benchmarks.milvus ADDRESS [ROWS…] [--pid PID] [--restart COMMAND] [--filter NAME] [--line LINE] [--group N]
[--write]``

``ADDRESS`` is a server that holds nothing else, ``PID`` its process on this machine, of which the memory is read.
``COMMAND`` restarts it and prints its new process; then its memory is that of a server which has just loaded the space.
``NAME`` is a filter, ``LINE`` one of ``faiss``, ``hnsw`` and ``ivf_sq8``; without any, all of them are measured.
``N`` rows are written at a time.
``--write`` puts the figures into ``benchmarks/results.json`` and ``docs/benchmarks.md``.

The space in Milvus is measured with its graph first, then it is moved to 8-bit codes, as if it had outgrown the
server's memory, and measured again; without the line ``hnsw`` it has codes from its first row. Filters go by ids here:
what a server evaluates itself is measured through the library. The rows are those of ``benchmarks.vectors``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.vectors import DIM, FILTERS, QUERIES, SPACE, K, chunks, prepare, queries_of
from morelike.expressions import All
from morelike.protocols import VectorStore
from morelike.registry import VECTOR_STORES
from morelike.settings import Settings
from morelike.types import Within

SIZES = (100_000, 1_000_000)
LINES = {"faiss": "faiss, embedded", "hnsw": "Milvus, HNSW", "ivf_sq8": "Milvus, IVF_SQ8"}
_LONGEST = 60.0
"""Seconds for the queries of one filter, after which no more are asked."""
_LEAST = 20
"""But so many in any case."""


@dataclass(frozen=True)
class Asked:
    """What is measured."""

    address: str
    memory_of: Callable[[], float]
    filters: Sequence[str]
    lines: Sequence[str]
    group: int


def measure(asked: Asked, rows: int) -> dict[str, Any]:
    """Rows a second, build time, latency, recall and memory of each, at one size."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, truth = Path(scratch), Path(scratch) / "truth.npz"
        prepare(rows, False, truth)  # noqa: FBT003  positional there as in its command line
        result: dict[str, Any] = {"rows": rows, "dim": DIM}
        if "faiss" in asked.lines:
            result["faiss"] = _embedded(asked, folder, rows, truth)
        library = uuid.uuid4().hex[:12]
        result["idle_mb"] = asked.memory_of()
        if "hnsw" in asked.lines:
            graph = _opened(asked.address, library, folder)
            figures = _filled(graph, rows, asked.group)
            figures["indexed_s"] += _indexed(asked.address, library)
            result["hnsw"] = {**figures, "resident_mb": asked.memory_of(), **_answers(asked, graph, rows, truth)}
            _say("hnsw", result)
            graph.close()
        if "ivf_sq8" in asked.lines:
            moves = "hnsw" in asked.lines
            codes = _opened(asked.address, library, folder, vectors_memory_bytes=int(moves))
            figures = {"moved_s": _moved(codes, rows)} if moves else _filled(codes, rows, asked.group)
            figures["moved_s" if moves else "indexed_s"] += _indexed(asked.address, library)
            result["ivf_sq8"] = {**figures, "resident_mb": asked.memory_of(), **_answers(asked, codes, rows, truth)}
            codes.close()
        last = _opened(asked.address, library, folder)
        last.drop(SPACE.id)
        last.close()
    return result


def _say(line: str, result: dict[str, Any]) -> None:
    print(f"{line}: {json.dumps(result[line])}", file=sys.stderr, flush=True)


def _opened(vectors: str, library: str, folder: Path, **more: Any) -> VectorStore:
    settings = Settings(library=folder, offline=True, vectors=vectors, **more)
    name = "faiss" if vectors == "faiss" else "milvus"
    store: VectorStore = VECTOR_STORES.load(name)(folder / name, settings, library)
    return store


def _embedded(asked: Asked, folder: Path, rows: int, truth: Path) -> dict[str, Any]:
    process = psutil.Process()
    before = process.memory_info().rss
    store = _opened("faiss", "", folder)
    found = {**_filled(store, rows, asked.group), **_answers(asked, store, rows, truth)}
    found["resident_mb"] = (process.memory_info().rss - before) / 1e6
    store.drop(SPACE.id)
    store.close()
    _say("faiss", {"faiss": found})
    return found


def _filled(store: VectorStore, rows: int, group: int) -> dict[str, Any]:
    writing = 0.0
    for ids, vectors, _ in chunks(rows):
        began = time.perf_counter()
        for start in range(0, len(ids), group):
            store.upsert(SPACE, ids[start : start + group], vectors[start : start + group])
        writing += time.perf_counter() - began
    began = time.perf_counter()
    while store.due(SPACE.id) and store.build(SPACE.id):
        pass
    store.checkpoint()
    return {"upsert_rows_per_s": rows / writing, "build_s": time.perf_counter() - began, "indexed_s": 0.0}


def _moved(store: VectorStore, rows: int) -> float:
    """Whoever writes looks whether the space has outgrown its index."""
    ids, vectors, _ = next(chunks(rows))
    store.upsert(SPACE, ids[:1], vectors[:1])
    began = time.perf_counter()
    if not store.build(SPACE.id):
        sys.exit("the space was not moved")
    return time.perf_counter() - began


def _indexed(address: str, library: str) -> float:
    """Seconds until the server has an index of all that is sealed."""
    from pymilvus import MilvusClient

    client, name, began = MilvusClient(address, dedicated=True), f"morelike_{library}_{SPACE.id}", time.perf_counter()
    while client.describe_index(name, "vector")["pending_index_rows"]:
        time.sleep(0.1)
    client.close()
    return time.perf_counter() - began


def _answers(asked: Asked, store: VectorStore, rows: int, truth: Path) -> dict[str, Any]:
    queries, right = queries_of(rows), np.load(truth)
    answers = {}
    for name in asked.filters:
        ids = right[f"left {name}"]
        ids.flags.writeable = False
        only = None if FILTERS[name] is None else Within(All(()), lambda ids=ids: ids)
        for at in range(5):
            store.search(SPACE, queries[at : at + 1], K, within=only)
        seconds: list[float] = []
        hits = 0
        while len(seconds) < QUERIES and (len(seconds) < _LEAST or sum(seconds) < _LONGEST):
            at = len(seconds)
            began = time.perf_counter()
            found, _ = store.search(SPACE, queries[at : at + 1], K, within=only)
            seconds.append(time.perf_counter() - began)
            hits += len(np.intersect1d(found[0], right[f"right {name}"][at]))
        answers[name] = {
            "queries": len(seconds),
            "p50_ms": 1000 * float(np.median(seconds)),
            "p99_ms": 1000 * float(np.quantile(seconds, 0.99)),
            "recall_at_10": hits / (len(seconds) * K),
        }
    return {"answers": answers}


def section(results: list[dict[str, Any]]) -> list[str]:
    """Markdown lines."""
    lines = [
        "## Vectors on a Milvus server",
        "",
        (
            f"Overlapping clusters, {DIM} float32, cosine, ten nearest, one query after another (200, or as many as a "
            "minute lets be asked), the server on the same machine, asked when it has indexed all rows. *Indexed "
            "after* counts from the last write; a space is *moved* from its graph to 8-bit codes while it can be used, "
            "and its scores stay those of the vectors as given. Filters go by their ids. p50 / p99 in ms, recall@10 in "
            "brackets."
        ),
        "",
        "| rows | | rows written a second | indexed after | moved in | memory |",
        "|---|---|---|---|---|---|",
    ]
    for row in results:
        for line, title in LINES.items():
            if line in row:
                lines.append(f"| {row['rows']:,} | {title} | {' | '.join(_making(row, line))} |")
    lines += [f"\n{row['rows']:,} rows: {row['note']}" for row in results if row.get("note")]
    for row in results:
        there = [line for line in LINES if line in row]
        lines += [
            "",
            f"| {row['rows']:,} rows | {' | '.join(LINES[line] for line in there)} |",
            "|---" * (len(there) + 1) + "|",
        ]
        for name in row[there[0]]["answers"]:
            lines.append(f"| {name} | {' | '.join(_answer(row[line]['answers'].get(name)) for line in there)} |")
    return [*lines, ""]


def _making(row: dict[str, Any], line: str) -> list[str]:
    figures = row[line]
    written = f"{figures['upsert_rows_per_s']:,.0f}" if "upsert_rows_per_s" in figures else ""
    indexed = f"{figures['build_s'] + figures['indexed_s']:.0f} s" if "build_s" in figures else ""
    moved = f"{figures['moved_s']:.0f} s" if "moved_s" in figures else ""
    idle = "" if line == "faiss" else f" (idle: {row['idle_mb']:.0f})"
    return [written, indexed, moved, f"{figures['resident_mb']:.0f} MB{idle}"]


def _answer(figures: dict[str, float] | None) -> str:
    if figures is None:
        return "not measured"
    return f"{figures['p50_ms']:.1f} / {figures['p99_ms']:.1f} ({figures['recall_at_10']:.3f})"


def _resident(pid: int | None, restart: str) -> float:
    """The server's memory in MB, after a restart where that is asked for."""
    if restart:
        pid = int(subprocess.run(restart, shell=True, check=True, capture_output=True, text=True).stdout)
    return psutil.Process(pid).memory_info().rss / 1e6 if pid else 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("rows", nargs="*", type=int, default=SIZES)
    parser.add_argument("--pid", type=int)
    parser.add_argument("--restart", default="")
    parser.add_argument("--filter", action="append", choices=list(FILTERS))
    parser.add_argument("--line", action="append", choices=list(LINES))
    parser.add_argument("--group", type=int, default=1_000)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    memory_of = partial(_resident, given.pid, given.restart)
    asked = Asked(given.address, memory_of, given.filter or list(FILTERS), given.line or list(LINES), given.group)
    for rows in given.rows:
        measured = measure(asked, rows)
        print(json.dumps(measured, indent=2), flush=True)
        if given.write:
            _write(measured)


def _write(measured: dict[str, Any]) -> None:
    from benchmarks.report import written

    root = Path(__file__).resolve().parents[1]
    path = root / "benchmarks" / "results.json"
    results = json.loads(path.read_text())
    by_rows = {row["rows"]: row for row in results.get("milvus", [])}
    by_rows[measured["rows"]] = {**by_rows.get(measured["rows"], {}), **measured}
    results["milvus"] = [row for _, row in sorted(by_rows.items())]
    path.write_text(json.dumps(results, indent=2) + "\n")
    (root / "docs" / "benchmarks.md").write_text(written(results))


if __name__ == "__main__":
    main()
