"""An HNSW graph over 8-bit codes (Malkov & Yashunin 2018), by faiss: near rows of one query in a fraction of a
millisecond. It may miss a row; how seldom was measured when it was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors.blocks import kernels
from morelike.stores.vectors.codes import Asked, Best, Codes
from morelike.types import Ids

__all__ = ["NEAREST", "PROBES", "Graph", "Stopped", "build"]

_LINKS = 24
"""M. With 16, a million clustered rows need twice the width for the same recall; building takes 8 % longer."""
_EFFORT = 100
"""How many near rows are considered for a new row's links (efConstruction)."""
_BATCH = 1024
"""Rows added between two looks at whether to stop: some tenths of a second."""
_WIDTHS = (48, 64, 96, 128, 192, 256, 384, 512)
_RECALL = 0.995
"""A width should find this share of the ten nearest of rows that are not in the graph."""
_LEAST_RECALL = 0.985
"""Where none does, the smallest is taken that finds as much as any, if that is this share: a few rows of a large graph
have no way to them, however wide one looks."""
_AS_MUCH = 0.001
NEAREST = 10
PROBES = 128
"""The last so many rows of a segment are kept out of its graph, to measure it by them."""


class Stopped(Exception):
    """Whoever asked for the work wants it no more."""


class Graph:
    """Links between the first ``len`` rows of ``codes``."""

    def __init__(self, index: Any, codes: Codes, width: int, usual: float) -> None:
        self._index = index
        self._codes = codes  # the index reads them
        self.width = width
        """How many rows a search must keep in view (efSearch) to find the ``NEAREST``."""
        self.usual = usual
        """The least that the tenth nearest row of a row scores, in levels; a query without so near rows is strange
        here, and what its search finds is not to be trusted."""

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def near(self, asked: Asked, count: int) -> tuple[NDArray[np.float32], Ids]:
        """At most ``count`` rows that are near, with approximate scores in units, best first."""
        faiss = kernels()
        wanted = faiss.SearchParametersHNSW(efSearch=count)
        scores, rows = self._index.search(asked.numbers[None], count, params=wanted)
        there = rows[0] >= 0
        return scores[0][there], rows[0][there]

    def dump(self) -> NDArray[np.uint8]:
        """faiss' own form, without the codes."""
        faiss = kernels()
        writer = faiss.VectorIOWriter()
        faiss.write_index(self._index, writer, faiss.IO_FLAG_SKIP_STORAGE)
        data: NDArray[np.uint8] = faiss.vector_to_array(writer.data)
        return data

    @classmethod
    def load(cls, data: NDArray[np.uint8], codes: Codes, width: int, usual: float) -> Graph:
        """From bytes that ``dump`` made and that are known to be whole: faiss trusts them."""
        faiss = kernels()
        reader = faiss.VectorIOReader()
        faiss.copy_array_to_vector(data, reader.data)
        index = faiss.read_index(reader, 0)
        _read(index, codes)
        return cls(index, codes, width, usual)


def build(codes: Codes, rows: int, stopped: Callable[[], bool]) -> Graph | None:
    """A graph of the first ``rows`` codes, with the width that finds what it should of the rows after them.

    None where no width does: such vectors have no near and far to walk along, and scanning them all is as good as it
    gets. Raises Stopped soon after ``stopped()``.
    """
    faiss = kernels()
    index = faiss.IndexHNSWSQ(
        codes.dim, faiss.ScalarQuantizer.QT_8bit_direct_signed, _LINKS, faiss.METRIC_INNER_PRODUCT
    )
    building = Codes(codes.dim, codes.step, codes.longest)
    _read(index, building)
    index.is_trained = True
    index.hnsw.efConstruction = _EFFORT
    for start in range(0, rows, _BATCH):
        if stopped():
            raise Stopped
        index.add(codes.levels(slice(start, min(start + _BATCH, rows))))
    _read(index, codes)
    del building  # from here on there is one copy
    graph = Graph(index, codes, 0, np.inf)
    return graph if _tuned(graph, codes, rows, stopped) else None


def _read(index: Any, codes: Codes) -> None:
    """Let a graph read ``codes`` without owning them."""
    index.own_fields = False
    index.storage = codes.storage
    codes.storage.thisown = True  # faiss' wrapper gave it away just now, and nobody would ever free it


def _tuned(graph: Graph, codes: Codes, rows: int, stopped: Callable[[], bool]) -> bool:
    """Set the smallest width that is good enough for the rows that were held out."""
    held_out = (_itself(codes, row) for row in range(max(rows, len(codes) - PROBES), len(codes)))
    probes = [probe for probe in held_out if probe.length > 0]
    edges, usual = [], []
    for probe in probes:
        if stopped():
            raise Stopped
        best = Best.empty(min(NEAREST, rows))
        codes.scan(probe, slice(0, rows), best)
        edges.append(best.scores.min())
        usual.append(float(edges[-1]) * probe.step / probe.length)
    graph.usual = min(usual, default=-np.inf)
    wanted = min(NEAREST, rows) * len(probes)
    recalls: dict[int, float] = {}
    for width in _WIDTHS:
        found = sum(
            min(int((graph.near(probe, width)[0] >= edge).sum()), NEAREST)
            for probe, edge in zip(probes, edges, strict=True)
        )
        recalls[width] = found / wanted if wanted else 1.0
        if recalls[width] >= _RECALL:
            break
        if stopped():
            raise Stopped
    most = max(recalls.values())
    graph.width = next(width for width, recall in recalls.items() if recall >= most - _AS_MUCH)
    return most >= _LEAST_RECALL


def _itself(codes: Codes, row: int) -> Asked:
    levels = codes.levels(slice(row, row + 1))[0]
    return Asked(levels, codes.step, float(np.linalg.norm(levels)) * codes.step)
