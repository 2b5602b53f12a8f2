"""What the reckoning foretells of things that were measured, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.capacity_costs import Figures
from benchmarks.capacity_query import Latency, Paths, fan_out
from benchmarks.capacity_sim import Costs, Machine, pipeline

__all__ = ["Check", "adding_checks", "every_check", "fan_out_checks", "size_checks"]


@dataclass(frozen=True, slots=True)
class Check:
    """``foretold`` and ``measured`` in ``unit``. ``band``: between which shares of what was measured it must lie."""

    what: str
    foretold: float
    measured: float
    unit: str
    band: tuple[float, float]

    @property
    def ratio(self) -> float:
        return self.foretold / self.measured

    @property
    def holds(self) -> bool:
        return self.band[0] <= self.ratio <= self.band[1]


def every_check(figures: Figures) -> list[Check]:
    return [*adding_checks(figures), *fan_out_checks(figures), *size_checks(figures)]


def adding_checks(figures: Figures) -> Iterator[Check]:
    """`add` on the machine alone (both cores, by default), then with one and two workers beside others' work.

    Beside others a thread that wants a core has one for a share of the time, which was measured by what it does: its
    work takes so much longer, and that the cores are few is in that share already.
    """
    random = np.random.default_rng(0)
    group = figures.costs("mobilenet-v2", catalog="sqlite")
    for name, row in figures.raw["recorded"]["adding"].items():
        items = row["pictures"]
        decode = group.decode.with_mean(row["decode_cpu_s"] / items)
        each = row["encode_cpu_s"] / items
        costs = Costs(decode, Latency((each, each)), claim=group.claim, finish=group.finish)
        seconds = pipeline(costs, Machine(2, 2, 2), items, random)
        # an encoder that is mostly Python, as `classic`, is held up by the interpreter's lock, which is not simulated
        band = (0.85, 1.15) if name == "mobilenet-v2" else (0.65, 1.15)
        yield Check(f"add, `{name}`, alone", seconds, row["add_in_place_s"], "s", band)
    for row in figures.raw["ingest"]:
        costs = figures.costs(row["encoder"], catalog="sqlite", alone=False)
        decoding, encoding, writing = (row[f"{sort}_had_a_core"] for sort in ("decode", "encoder", "write"))
        costs = replace(
            costs,
            decode=Latency(costs.decode.quantiles, costs.decode.times / decoding),
            encode=Latency(costs.encode.quantiles, costs.encode.times / encoding),
            read=costs.read / decoding,
            claim=costs.claim / writing,
            finish=costs.finish / writing,
        )
        seconds = pipeline(costs, Machine(1e9, row["workers"], 1), int(row["items"]), random)
        words = f"add, `{row['encoder']}`, decode threads: {row['workers']}, beside others"
        yield Check(words, seconds, row["wall_s"], "s", (0.7, 1.15))


def fan_out_checks(figures: Figures) -> Iterator[Check]:
    """Queries to 1, 2 and 4 processes: the slowest of independent draws, the line and the merge."""
    for count, row in figures.raw["partitions"]["by_partitions"].items():
        middle = len(row["line_s"]) // 2
        paths = Paths(
            Latency(tuple(row["own_s"])), int(count), network=row["line_s"][middle], merge=row["merge_s"][middle]
        )
        said = fan_out(paths)
        for name, at, foretold in (("median", middle, said.p50), ("95 %", 19, said.p95)):
            words = f"a query to {count} partition{'s' if int(count) > 1 else ''}, {name}"
            # processes on the same two cores are slow together; independent draws make the tail of the slowest longer
            band = (0.7, 1.3) if name == "median" else (0.5, 2.5)
            yield Check(words, 1000 * foretold, 1000 * row["total_s"][at], "ms", band)


def size_checks(figures: Figures) -> Iterator[Check]:
    """Bytes a row at 512 numbers and a million rows, from other widths and fewer rows."""
    known: Any = figures.raw["recorded"]["embedded"][-1]
    words = f"embedded, {known['rows']:,} rows of 512"
    for what in ("disk", "memory"):
        foretold, measured = figures.embedded_bytes(512, what), known[f"{what}_bytes_per_row"]
        yield Check(f"{words}, {what}", foretold, measured, "bytes", (0.7, 1.4))
    milvus = figures.raw["recorded"]["milvus"][-1]
    foretold = figures.milvus_bytes("HNSW", milvus["dim"], "memory")
    words = f"Milvus, HNSW, {milvus['rows']:,} rows of 512, memory"
    yield Check(words, foretold, milvus["memory_bytes_per_row"], "bytes", (0.7, 1.3))
