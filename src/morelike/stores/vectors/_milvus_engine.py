"""What each form of Milvus can do: asked for once, by the version that the server names, and kept in one table.

Tried out: Milvus Lite 3.2.2 and the server 2.3.5. The rows for 2.4 and for 2.5 and newer (a cluster, Zilliz Cloud) are
by its documentation: what is not known to be there is not used.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from morelike.errors import StoreError, UsageError
from morelike.stores.vectors.shape import Shape

__all__ = ["MOST_ASKED", "Engine", "IndexKind", "engine_of", "takes_less"]

MOST_ASKED: Final = 16_384
"""The most rows that one search or query of any Milvus may ask for."""
_MEGABYTE: Final = 1024**2
_NUMBER = re.compile(r"v?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class IndexKind:
    """An index, what it is made with, and the number that says how far a search looks."""

    name: str
    made_with: dict[str, Any]
    dial: str = ""
    lossy: bool = False
    """Whether the scores that it finds are those of shortened vectors."""


FLAT: Final = IndexKind("FLAT", {})
BIN_FLAT: Final = IndexKind("BIN_FLAT", {})
HNSW: Final = IndexKind("HNSW", {"M": 16, "efConstruction": 200}, dial="ef")
IVF_SQ8: Final = IndexKind("IVF_SQ8", {}, dial="nprobe", lossy=True)
DISKANN: Final = IndexKind("DISKANN", {}, dial="search_list")
KINDS: Final = {kind.name: kind for kind in (FLAT, BIN_FLAT, HNSW, IVF_SQ8, DISKANN)}
_SIZES: Final = (HNSW.name, IVF_SQ8.name, DISKANN.name)
"""Each takes less memory than the one before it. What is none of them, somebody chose by hand: it stays."""
_SEGMENT: Final = 512 * _MEGABYTE
"""A server seals a segment at about this size (newer ones at twice as much), and makes an index of each by itself."""
_ROW: Final = 64
"""Bytes of a row beside its vector, about."""
_LINKS: Final = 2 * 16 * 4 + 40
"""Bytes of a row's links in a graph of M = 16, its upper floors included."""
_LEAST_LISTS, _MOST_LISTS = 16, 4096


@dataclass(frozen=True, slots=True)
class Engine:
    """One form of Milvus."""

    name: str
    local: bool = False
    """Runs inside this process: one writer at a time, nobody to wait for."""
    bits: bool = True
    """Packed bits, scored by JACCARD."""
    batch_bytes: int = 8 * _MEGABYTE
    batch_rows: int = 4096
    queries: int = 64
    """Queries in one search."""
    named_ids: int = 10_000
    """Ids in one expression: each is parsed anew, about 7 µs."""
    masks_above: float = 0.01
    """A filter of many ids that leaves less than this share is named in blocks, not laid over a wider search."""
    settles_after: int = 50_000
    """Rows written since the last flush after which ``build`` has something to do."""
    moves: bool = True
    """A space may move on to another index, behind an alias; Milvus Lite is for trials and keeps its graph."""
    disk: bool = False
    """Builds DISKANN."""

    def check(self, shape: Shape) -> None:
        """Raises UsageError where it cannot keep such vectors."""
        if shape.form == "bits" and not self.bits:
            raise UsageError(
                f"{self.name} keeps no packed bits",
                hint="a Milvus server does (MORELIKE_VECTORS=http://HOST:19530), and MORELIKE_VECTORS=faiss",
            )

    def index_for(self, shape: Shape, rows: int, memory: int) -> IndexKind:
        """What a space of so many rows is searched with, if it may take so much of the server's memory.

        Packed bits always row by row. Vectors by an HNSW graph while they and its links fit, by 8-bit codes in lists
        (IVF_SQ8, 1 byte a number) beyond that, and from the server's disk (DISKANN) where these do not fit either and
        the server can. A server looks at every row of a segment of less than 1 024.

        The size of a segment is bounded, whatever that of the space. So a graph's numbers are the same for all sizes;
        lists are as many as four times the root of a segment's rows.
        """
        if shape.form == "bits":
            return BIN_FLAT
        if not self.moves or rows * (shape.bytes + _LINKS) < memory:
            return HNSW
        if self.disk and rows * (shape.dim + _ROW) >= memory:
            return DISKANN
        full = max(1, _SEGMENT // (shape.bytes + _ROW))
        lists = 4 * math.isqrt(min(rows, full) or full)
        return replace(IVF_SQ8, made_with={"nlist": min(_MOST_LISTS, max(_LEAST_LISTS, lists))})


def takes_less(index: IndexKind, than: IndexKind) -> bool:
    """Whether a space that has the one should move on to the other: only ever to less memory."""
    return index.name in _SIZES and than.name in _SIZES and _SIZES.index(index.name) > _SIZES.index(than.name)


LITE: Final = Engine(
    "Milvus Lite",
    local=True,
    bits=False,
    batch_bytes=2 * _MEGABYTE - 65_536,
    queries=16,
    settles_after=1000,
    moves=False,
)
SERVER: Final = Engine("Milvus")
_DISK_SINCE: Final = 2, 4
"""By documentation. The standalone server 2.3.5 takes DISKANN, and did not finish making one when it was tried."""


def engine_of(version: str) -> Engine:
    """Raises StoreError on a version that is too old."""
    if "milvus_lite" in version or "milvus-lite" in version:
        return LITE
    found = _NUMBER.search(version)
    if found is None:  # Zilliz Cloud names its own
        return SERVER
    number = int(found[1]), int(found[2])
    if number < (2, 3):
        raise StoreError(f"the Milvus server is {version}, and morelike needs 2.3 or newer", hint="upgrade the server")
    return replace(SERVER, name=f"Milvus {number[0]}.{number[1]}", disk=number >= _DISK_SINCE)
