"""Exact Tanimoto in the embedded vector store: a million Morgan fingerprints of molecules, and as many random bits.

``python -m benchmarks molecules``; with RDKit, and FPSim2 where it is installed; 2 GB of disk. Each part has a process
of its own.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.grown_molecules import BITS, QUERIES, grown
from morelike.dryrun import peak_memory
from morelike.expressions import All
from morelike.settings import Settings
from morelike.testing.kits.vector_store import bits_space
from morelike.types import Within
from morelike.vecmath import popcount, tanimoto, top_k

ROWS = 1_000_000
K = 10
SPACE = bits_space(dim=BITS)
WIDTH = BITS // 8
SHARES = {"none": 1.0, "1 %": 0.01, "10 %": 0.1, "50 %": 0.5}
_PROVED = 20
"""Queries whose answers are compared with the definition's."""
_PART = 20_000


def random_bits(folder: Path, rows: int) -> Path:
    """As ``grown`` gives, of bits that are set at random."""
    random = np.random.default_rng(0)
    folder.mkdir()
    np.save(folder / "rows.npy", random.integers(0, 256, (rows, WIDTH), dtype=np.uint8))
    np.save(folder / "asked.npy", random.integers(0, 256, (QUERIES, WIDTH), dtype=np.uint8))
    return folder


def ids_of(rows: int) -> NDArray[np.int64]:
    return np.random.default_rng(3).choice(2**62, rows, replace=False)


def left(name: str, rows: int) -> NDArray[np.bool_]:
    return np.random.default_rng([5, int(100 * SHARES[name])]).random(rows) < SHARES[name]


def describe(source: Path) -> dict[str, Any]:
    """How many fingerprints differ, and how full they are."""
    rows = np.load(source / "rows.npy")
    counts = popcount(rows)
    distinct = len(np.unique(rows.view([("", np.uint64)] * (WIDTH // 8))))
    low, middle, high = np.quantile(counts, [0.05, 0.5, 0.95])
    return {"rows": len(rows), "distinct": distinct, "set_bits": [float(low), float(middle), float(high)]}


def fill(source: Path, folder: Path) -> dict[str, Any]:
    """Written a thousand at a time, then put in order."""
    rows = np.load(source / "rows.npy", mmap_mode="r")
    ids, store = ids_of(len(rows)), _opened(folder, 2)
    started = time.perf_counter()
    for start in range(0, len(rows), 1_000):
        store.upsert(SPACE, ids[start : start + 1_000], np.array(rows[start : start + 1_000]))
    written = time.perf_counter()
    while store.due():
        store.build()
    built = time.perf_counter()
    store.checkpoint()
    used = store.bytes_used()
    store.close()
    return {
        "upsert_rows_per_s": len(rows) / (written - started),
        "build_s": built - written,
        "peak_mb": peak_memory() / 1e6,
        "disk_mb": used / 1e6,
    }


def prove(source: Path, truth: Path) -> dict[str, Any]:
    """The answers that the definition gives to the first queries, under each filter."""
    rows, asked = np.load(source / "rows.npy", mmap_mode="r"), np.load(source / "asked.npy")[:_PROVED]
    ids = ids_of(len(rows))
    scores = np.empty((len(asked), len(rows)), dtype=np.float32)
    for start in range(0, len(rows), _PART):
        scores[:, start : start + _PART] = tanimoto(asked, rows[start : start + _PART])
    answers = {}
    for name in SHARES:
        inside = left(name, len(rows))
        answers[f"ids {name}"], answers[f"scores {name}"] = top_k(scores[:, inside], ids[inside], K)
    np.savez(truth, **answers)
    best = answers["scores none"]
    return {"first": float(np.median(best[:, 0])), "tenth": float(np.median(best[:, -1]))}


def ask(source: Path, folder: Path, threads: int, truth: Path) -> dict[str, Any]:
    """A fresh process: open to first hit, memory, and the latency and rightness of each filter's answers."""
    import faiss  # its import is the process's, not the store's

    queries = np.load(source / "asked.npy")
    with tempfile.TemporaryDirectory() as empty:  # so are modules and SQLite
        other = _opened(Path(empty), threads)
        other.upsert(SPACE, np.arange(10), queries[:10])
        other.search(SPACE, queries[:1], K)
        other.close()
    before, started, cpu = _resident(), time.perf_counter(), time.process_time()
    store = _opened(folder, threads)
    store.search(SPACE, queries[:1], K)
    opened, opened_cpu = time.perf_counter() - started, time.process_time() - cpu
    resident = _resident()
    right, answers = np.load(truth), {}
    rows = store.count(SPACE)
    for name in SHARES:
        chosen = np.sort(ids_of(rows)[left(name, rows)])
        chosen.flags.writeable = False
        only = None if name == "none" else Within(All(()), lambda chosen=chosen: chosen)
        proved = store.search(SPACE, queries[:_PROVED], K, within=only)
        same = np.array_equal(proved[0], right[f"ids {name}"]) and np.array_equal(proved[1], right[f"scores {name}"])
        figures = _timed(lambda at, only=only: store.search(SPACE, queries[at : at + 1], K, within=only))
        answers[name] = {"exact": same, **figures}
    looked_at = _looked_at(store, queries)
    store.close()
    assert faiss is not None
    return {
        "threads": threads,
        "open_to_first_hit_s": opened,
        "open_to_first_hit_cpu_s": opened_cpu,
        "resident_mb": (resident - before) / 1e6,
        "resident_over_rows": (resident - before) / (rows * WIDTH),
        "answers": answers,
        **looked_at,
        **_bandwidth(threads),
    }


def flat(source: Path, threads: int) -> dict[str, Any]:
    """Every row read whole, as spaces without segments are searched, by the same kernel."""
    from morelike.stores.vectors.blocks import one_thread
    from morelike.stores.vectors.flat import FlatIndex
    from morelike.stores.vectors.shape import Shape

    rows, queries = np.load(source / "rows.npy"), np.load(source / "asked.npy")
    index = FlatIndex(Shape.of(SPACE.card))
    index.append(ids_of(len(rows)), rows)
    with ThreadPoolExecutor(threads) as pool, one_thread():
        return _timed(lambda at: index.search(queries[at : at + 1], K, None, pool, threads))


def theirs(source: Path, threads: int, truth: Path) -> dict[str, Any]:
    """FPSim2's search for the best ten over its own array, sorted and bounded as its engine does: with no threshold,
    and with the tenth score, as if it were known before. Its reading of SMILES is left out.
    """
    try:
        from FPSim2.FPSim2lib import GenericSearch
    except ImportError:
        return {}
    rows, queries = np.load(source / "rows.npy"), np.load(source / "asked.npy")
    counts = popcount(rows)
    order = np.argsort(counts, kind="stable")
    array = np.empty((len(rows), WIDTH // 8 + 2), dtype=np.uint64)
    array[:, 0], array[:, -1] = order, counts[order]
    array[:, 1:-1] = rows.view(np.uint64)[order]
    starts = np.searchsorted(counts[order], np.arange(BITS + 2))
    del rows
    right, tenth = np.load(truth)["scores none"], np.zeros(len(queries))

    def search(at: int, known: float) -> Any:
        bits = int(popcount(queries[at : at + 1])[0])
        asked = np.array([0, *queries[at].view(np.uint64).tolist(), bits], dtype=np.uint64)
        low, high = (math.ceil(bits * known), min(BITS, math.floor(bits / known))) if known else (0, BITS)
        edges = np.linspace(starts[low], starts[high + 1], threads + 1).astype(int).tolist()
        parts = pool.map(lambda span: GenericSearch(asked, array, known, K, 0, *span), itertools.pairwise(edges))
        return np.sort(np.concatenate([part["coeff"] for part in parts]))[::-1][:K]

    with ThreadPoolExecutor(threads) as pool:
        for at in range(len(queries)):
            tenth[at] = search(at, 0.0)[-1]
        same = all(np.allclose(search(at, 0.0), right[at], atol=1e-6) for at in range(len(right)))
        known = _timed(lambda at: search(at, float(tenth[at]) - 1e-6))
        return {"exact": same, "no_threshold": _timed(lambda at: search(at, 0.0)), "threshold_known": known}


def measure(data: Path) -> dict[str, Any]:
    """All of it; nothing where RDKit is not installed."""
    results: dict[str, Any] = {"rows": ROWS}
    with tempfile.TemporaryDirectory() as scratch:
        kinds = {"molecules": grown(data, ROWS), "random": random_bits(Path(scratch) / "random", ROWS)}
        results["load"] = os.getloadavg()[0]
        for kind, source in kinds.items():
            folder, truth = Path(scratch) / f"vectors-{kind}", Path(scratch) / f"truth-{kind}.npz"
            results[kind] = {
                "collection": _alone("describe", source),
                "likeness": _alone("prove", source, truth),
                "fill": _alone("fill", source, folder),
                "ordered": [_alone("ask", source, folder, threads, truth) for threads in (1, 2)],
                "flat": [_alone("flat", source, threads) for threads in (1, 2)],
                "fpsim2": [_alone("theirs", source, threads, truth) for threads in (1, 2)],
            }
    return results


def _alone(part: str, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.molecules", part, *map(str, arguments)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def _opened(folder: Path, threads: int) -> Any:
    from morelike.stores.vectors.faiss import FaissVectorStore

    return FaissVectorStore(folder, Settings(encoder_threads=threads))


def _timed(search: Callable[[int], Any]) -> dict[str, Any]:
    """Each query alone, one after another."""
    for at in range(5):
        search(at)
    seconds, cpu = [], time.process_time()
    for at in range(QUERIES):
        started = time.perf_counter()
        search(at)
        seconds.append(time.perf_counter() - started)
    return {
        "p50_ms": 1000 * float(np.median(seconds)),
        "p99_ms": 1000 * float(np.quantile(seconds, 0.99)),
        "mean_ms": 1000 * float(np.mean(seconds)),
        "cpu_ms": 1000 * (time.process_time() - cpu) / QUERIES,
    }


def _looked_at(store: Any, queries: NDArray[np.uint8]) -> dict[str, float]:
    """Means a query: rows whose folds were compared, rows that were compared whole, bytes read for both."""
    from morelike.stores.vectors.bits import FOLD
    from morelike.stores.vectors.bitsearch import BitQuery, Page
    from morelike.stores.vectors.shape import nothing

    segments = store._held[SPACE.id].state.index.segments
    folds, compared = [], []
    for query in queries:
        asked = BitQuery(segments, [None] * len(segments), query[None])
        asked.run(Page(K, *(each[0] for each in nothing(1, K))), None, 1)
        folds.append(asked.folds)
        compared.append(asked.compared)
    read = FOLD * np.mean(folds) + WIDTH * np.mean(compared)
    return {"folds": float(np.mean(folds)), "compared": float(np.mean(compared)), "bytes_read": float(read)}


def _bandwidth(threads: int) -> dict[str, float]:
    """Bytes a second of a numpy sum over 256 MB, by as many threads; the best of seven."""
    numbers = np.ones(32 << 20, dtype=np.uint64)
    parts = np.array_split(numbers, threads)
    best = np.inf
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(7):
            started = time.perf_counter()
            list(pool.map(np.sum, parts))
            best = min(best, time.perf_counter() - started)
    return {"memory_gb_per_s": numbers.nbytes / best / 1e9}


def _resident() -> int:
    """Bytes, now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def section(results: dict[str, Any]) -> list[str]:
    """Markdown lines."""
    made = results["molecules"]
    low, middle, high = (round(count) for count in made["collection"]["set_bits"])
    lines = [
        "## Molecules: exact Tanimoto",
        "",
        (
            f"{results['rows']:,} Morgan fingerprints (radius 2, {BITS} bits) of molecules grown from 8 006 real "
            "ones by seeded edits, the real ones among them (`benchmarks/grown_molecules.py`): "
            f"{made['collection']['distinct']:,} distinct, {middle} bits set ({low}-{high}, 5th to 95th percentile). "
            f"{QUERIES} queries one after another: real molecules that are not stored and that nothing was grown from; "
            f"their nearest scores {made['likeness']['first']:.2f}, their tenth {made['likeness']['tenth']:.2f} "
            "(medians). Random bits, which no bound prunes, apart. *Flat* reads every row, as the store did "
            "before; FPSim2's is its search in memory, without SMILES, with no threshold, and with the tenth score "
            "given to it beforehand. Medians of the time that passed, and in brackets the mean of the CPU's, which "
            f"other work here disturbs less: the load was {results['load']:.1f} before it began. Ratios are of "
            "the CPU's time."
        ),
        "",
        (
            "| bits | threads | here | p99 | flat | FPSim2 | FPSim2, tenth known | flat / here | FPSim2 / here "
            "| ns a row | folds read | rows read whole |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in ("molecules", "random"):
        for ordered, flat_one, other in zip(
            *(results[kind][key] for key in ("ordered", "flat", "fpsim2")), strict=True
        ):
            lines.append(_line(kind, results["rows"], ordered, flat_one, other))
    lines += ["", *_filters(results), "", *_resources(results)]
    return [*lines, ""]


def _line(kind: str, rows: int, ordered: dict[str, Any], flat_one: dict[str, Any], other: dict[str, Any]) -> str:
    here = ordered["answers"]["none"]
    cells = [kind, str(ordered["threads"]), _both(here), f"{here['p99_ms']:.1f} ms", _both(flat_one)]
    cells += [_both(other[key]) if other else "-" for key in ("no_threshold", "threshold_known")]
    cells.append(f"{flat_one['cpu_ms'] / here['cpu_ms']:.1f}")
    cells.append(f"{other['no_threshold']['cpu_ms'] / here['cpu_ms']:.1f}" if other else "-")
    cells += [f"{1e6 * here['cpu_ms'] / rows:.1f}", f"{ordered['folds'] / rows:.0%}"]
    cells.append(f"{ordered['compared'] / rows:.1%}")
    return f"| {' | '.join(cells)} |"


def _both(figures: dict[str, Any]) -> str:
    return f"{figures['p50_ms']:.1f} ms ({figures['cpu_ms']:.1f})"


def _filters(results: dict[str, Any]) -> list[str]:
    lines = ["| bits | threads | none | 1 % | 10 % | 50 % | exact |", "|---|---|---|---|---|---|---|"]
    for kind in ("molecules", "random"):
        for ordered in results[kind]["ordered"]:
            answers = ordered["answers"]
            cells = [f"{answers[name]['p50_ms']:.1f} / {answers[name]['cpu_ms']:.1f}" for name in SHARES]
            exact = "yes" if all(answer["exact"] for answer in answers.values()) else "**no**"
            lines.append(f"| {kind} | {ordered['threads']} | {' | '.join(cells)} | {exact} |")
    return [*lines, "", "Filters leave that share of the rows, at random; median, and the CPU's mean, in ms."]


def _resources(results: dict[str, Any]) -> list[str]:
    lines = [
        (
            "| bits, threads | read a query | GB a CPU second | a numpy sum's GB/s | written | put in order "
            "| open to first hit | resident | of the rows |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in ("molecules", "random"):
        filled = results[kind]["fill"]
        for ordered in results[kind]["ordered"]:
            rate = ordered["bytes_read"] / ordered["answers"]["none"]["cpu_ms"] / 1e6
            cells = [f"{ordered['bytes_read'] / 1e6:.1f} MB", f"{rate:.1f}", f"{ordered['memory_gb_per_s']:.1f}"]
            cells += [f"{filled['upsert_rows_per_s']:.0f} rows/s", f"{filled['build_s']:.0f} s"]
            cells.append(f"{ordered['open_to_first_hit_s']:.2f} s ({ordered['open_to_first_hit_cpu_s']:.2f})")
            cells.append(f"{ordered['resident_mb']:.0f} MB")
            cells.append(f"{ordered['resident_over_rows']:.2f} ×")
            lines.append(f"| {kind}, {ordered['threads']} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    part, arguments = sys.argv[1], [int(each) if each.isdigit() else Path(each) for each in sys.argv[2:]]
    parts: dict[str, Callable[..., dict[str, Any]]] = {
        "describe": describe,
        "prove": prove,
        "fill": fill,
        "ask": ask,
        "flat": flat,
        "theirs": theirs,
    }
    print(json.dumps(parts[part](*arguments)))
