"""What each thing costs, from ``benchmarks/capacity.json``: measured, extrapolated from that, or published.

Sizes are in bytes, times in seconds. A figure that nobody has is asked for with KeyError, never made up.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.capacity_query import Latency
from benchmarks.capacity_sim import AT_ONCE, CLAIMED, FINISHED, Costs, Writes

__all__ = ["Figures", "likely", "read_figures"]

PATH: Final = Path(__file__).resolve().parent / "capacity.json"
PUBLISHED_MEMORY: Final = 0.125 + 0.1
PUBLISHED_LINKS: Final = 56 * 4
"""DISKANN, not measured here, by the defaults of https://milvus.io/docs/v2.5.x/configure_knowhere.md: codes and cached
nodes as shares of the vectors' own bytes in memory; on disk the vectors in the log and in the index, with its links."""
_NUMBER: Final = {"FLAT": 4.0, "IVF_FLAT": 4.0, "HNSW": 4.0, "IVF_SQ8": 1.0, "BIN_FLAT": 0.125, "BIN_IVF_FLAT": 0.125}
"""Bytes that an index keeps of each number in memory; the rest of a row's bytes does not grow with the width."""
_QUIET: Final = 1
"""Of twenty-one quantiles that which others disturb little: a twentieth was quicker."""
_HEAD = 0.9995
"""The share of a lognormal distribution that its greatest kept quantile stands for."""


def likely(p50: float, p99: float) -> Latency:
    """The lognormal distribution with this median and this 99th percentile."""
    from statistics import NormalDist

    width = max(0.0, math.log(p99 / p50)) / NormalDist().inv_cdf(0.99)
    shares = np.clip(np.linspace(0, 1, 401), 1 - _HEAD, _HEAD)
    return Latency(tuple(p50 * math.exp(width * NormalDist().inv_cdf(float(share))) for share in shares))


@dataclass(frozen=True, slots=True)
class Figures:
    """The file's content, and what follows from it."""

    raw: Mapping[str, Any]

    def encoder(self, name: str) -> Mapping[str, Any]:
        known = self.raw["encoders"]
        if name not in known:
            raise KeyError(f"no figures of the encoder {name!r}; there are {', '.join(known)}")
        found: Mapping[str, Any] = known[name]
        return found

    def seconds(self, name: str, *, alone: bool = True) -> tuple[float, float, float]:
        """CPU seconds of reading and decoding an item, and of encoding a segment.

        On a machine without others, where `benchmarks.ingest` measured that; else, and always where ``alone`` is False,
        as here beside others.
        """
        row = self.encoder(name)
        known = self.raw["recorded"]["adding"].get(name)
        if alone and known:
            decode, encode = (float(known[key]) / known["pictures"] for key in ("decode_cpu_s", "encode_cpu_s"))
            return float(row["read_cpu_s"]), decode, encode
        return float(row["read_cpu_s"]), float(row["decode_cpu_s"]), float(row["encode_cpu_s"])

    def item_cpu(self, name: str, segments: float = 1.0) -> float:
        """CPU seconds of one item with so many segments."""
        read, decode, encode = self.seconds(name)
        return read + decode + segments * encode

    def costs(self, name: str, *, catalog: str = "", alone: bool = True) -> Costs:
        """For the simulation; with a catalog's name the groups' seconds too, as one machine's own run has them."""
        row, (read, decode, encode) = self.encoder(name), self.seconds(name, alone=alone)
        claim, finish = self.groups(catalog) if catalog else (0.0, 0.0)
        return Costs(
            decode=Latency(tuple(row["decode_cpu_quantiles_s"])).with_mean(decode),
            encode=Latency(tuple(row["encode_cpu_quantiles_s"])).with_mean(encode),
            read=read,
            claim=claim,
            finish=finish,
        )

    def groups(self, catalog: str) -> tuple[float, float]:
        """Seconds of claiming ``CLAIMED`` items and of finishing ``FINISHED``: together what `benchmarks.catalogs` has
        measured alone on the machine, and shared out as they were here, where others disturbed both.
        """
        here = self.raw["catalogs"][catalog]
        claim, finish = here["claim_s"][_QUIET], here["finish_s"][_QUIET]
        each = FINISHED / CLAIMED
        times = FINISHED / self.raw["recorded"]["catalog_items_per_s"][catalog] / (each * claim + finish)
        return float(times * claim), float(times * finish)

    def writes(
        self,
        catalog: str,
        *,
        copied: bool,
        milvus: bool,
        put: float = 0.0,
        claimed: int = CLAIMED,
        finished: int = FINISHED,
    ) -> Writes:
        """What is done under the lock. ``put``: seconds of one object among twelve at a time; 0: as was measured."""
        claim, finish = self.groups(catalog)
        put = put or AT_ONCE / float(self.raw["recorded"]["s3_put_per_s"])
        groups = [row["group_of_128_s"] for row in self.raw["milvus"].values()]  # the same work whatever the index
        return Writes(
            lock=self.raw["catalogs"][catalog]["lock_s"][0],
            claim=claim,
            finish=finish,
            put=Latency((put, put)) if copied else None,
            insert_rate=float(self._milvus_rows()["upsert_rows_per_s"]) if milvus else self.embedded_rate(),
            insert_least=float(min(groups)) if milvus else 0.0,
            claimed=claimed,
            finished=finished,
        )

    def _milvus_rows(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.raw["recorded"]["milvus"][-1]
        return found

    def embedded_rate(self) -> float:
        """Rows a second that the embedded store takes."""
        return float(self.raw["recorded"]["embedded"][-1]["upsert_rows_per_s"])

    def catalog_bytes(self, catalog: str, items: float, rows: float, sources: float = 1.0) -> float:
        one = self.raw["catalogs"][catalog]
        return float(items * (one["item_bytes"] + sources * one["source_bytes"]) + rows * one["segment_bytes"])

    def embedded_bytes(self, dim: int, what: str) -> float:
        """A row's bytes, ``memory`` or ``disk``: on a line through the two widths that were measured."""
        first, second = self.raw["embedded"]
        values = [one[f"{what}_bytes_per_row"] for one in (first, second)]
        slope = (values[1] - values[0]) / (second["dim"] - first["dim"])
        return float(max(0.0, values[0] + slope * (dim - first["dim"])))

    def milvus_bytes(self, kind: str, dim: int, what: str) -> float:
        """The same in Milvus by the kind of index: numbers by the width, the rest as at the measured one."""
        if kind == "DISKANN":
            return 4 * dim * PUBLISHED_MEMORY if what == "memory" else 2 * 4 * dim + PUBLISHED_LINKS
        one = self.raw["milvus"][kind]
        if what == "memory":
            return float(max(0.0, one["memory_bytes_per_row"] + _NUMBER[kind] * (dim - one["dim"])))
        # the log is the same whatever the index; with codes, a server on its own disk was seen to lose it
        log = one if one["form"] == "bits" else self.raw["milvus"]["HNSW"]
        kept = float(log["insert_log_disk_bytes_per_row"]) + float(one.get("index_files_disk_bytes_per_row", 0.0))
        raw = 0.125 if one["form"] == "bits" else 4.0
        return float(kept + (raw + _NUMBER[kind]) * (dim - one["dim"]))

    def embedded_latency(self, rows: float) -> Latency:
        """One search: between the sizes that were measured by their logarithms, beyond a million by segments."""
        known = self.raw["recorded"]["embedded"]
        if rows > known[-1]["rows"]:
            times = rows / known[-1]["rows"]
            return likely(times * known[-1]["p50_ms"] / 1000, times * known[-1]["p99_ms"] / 1000)
        sizes = np.log([row["rows"] for row in known])
        p50, p99 = (
            float(np.exp(np.interp(math.log(max(1, rows)), sizes, np.log([row[key] for row in known]))))
            for key in ("p50_ms", "p99_ms")
        )
        return likely(p50 / 1000, max(p50, p99) / 1000)

    def milvus_latency(self, kind: str, rows: float, cores: float) -> Latency | None:
        """One search on one machine with all its cores. None: nobody has measured how it grows with this kind.

        A graph: as a million rows on two cores, and beyond that at the worst, in proportion to the rows. Codes: as far
        as they took longer than a graph, in proportion from a hundred thousand on.
        """
        small, large = self.raw["recorded"]["milvus"]
        if kind == "HNSW":
            p50 = large["p50_ms"] * max(1.0, rows / large["rows"] * 2 / cores)
            return likely(p50 / 1000, p50 * large["p99_ms"] / large["p50_ms"] / 1000)
        if kind == "IVF_SQ8":
            codes = self.raw["recorded"]["milvus_codes"]
            each = max(0.0, codes["p50_ms"] - small["p50_ms"]) / codes["rows"]
            p50 = small["p50_ms"] + each * rows * 2 / cores
            return likely(p50 / 1000, p50 * codes["p99_ms"] / codes["p50_ms"] / 1000)
        return None

    def index_cpu(self, dim: int, kind: str) -> float:
        """Core seconds a row of making the index, in proportion to the width. All of Milvus' kinds count as its graph,
        the only one whose rate was measured at size, but for those that are no more than the rows.
        """
        if kind in {"FLAT", "BIN_FLAT"}:
            return 0.0
        if kind == "embedded":
            first, second = self.raw["embedded"]
            slope = (second["build_cpu_s_per_row"] - first["build_cpu_s_per_row"]) / (second["dim"] - first["dim"])
            return float(max(0.0, first["build_cpu_s_per_row"] + slope * (dim - first["dim"])))
        large = self._milvus_rows()
        return 2 * float(large["indexed_s"]) / float(large["rows"]) * dim / 512

    def filter_seconds(self, items: float) -> float:
        """A filter that leaves half, asked for the first time: in proportion from a million on."""
        known = self.raw["recorded"]["first_filter"]
        if items >= known[-1]["items"]:
            return float(known[-1]["ms"] / 1000 * items / known[-1]["items"])
        sizes = [row["items"] for row in known]
        return float(np.interp(items, [0, *sizes], [0, *(row["ms"] for row in known)])) / 1000


def read_figures(path: Path = PATH) -> Figures:
    """Raises FileNotFoundError: `python -m benchmarks.capacity measure` writes it."""
    return Figures(json.loads(path.read_text(encoding="utf-8")))
