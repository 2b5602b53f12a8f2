"""Which index a space of vectors in Milvus has, by its size and the server's version."""

from __future__ import annotations

import math

import pytest

from morelike.settings import Settings
from morelike.stores.vectors._milvus_engine import LITE, SERVER, Engine, engine_of, takes_less
from morelike.stores.vectors.shape import Shape

GIGABYTE = 1024**3
DENSE = Shape("dense", "cosine", 512)
OLD, NEW = engine_of("v2.3.5"), engine_of("2.4.1")


def kind(engine: Engine, rows: int, memory: int = 8 * GIGABYTE, shape: Shape = DENSE) -> str:
    return engine.index_for(shape, rows, memory).name


def least_rows(engine: Engine, name: str, memory: int) -> int:
    """The smallest space that has this index; sizes are tried as a search in a sorted list is."""
    low, high = 0, 10**12
    order = ["HNSW", "IVF_SQ8", "DISKANN"]
    while low < high:
        middle = (low + high) // 2
        if order.index(kind(engine, middle, memory)) >= order.index(name):
            high = middle
        else:
            low = middle + 1
    return low


def test_a_small_space_has_a_graph() -> None:
    """An empty space, and one whose vectors and links fit the memory, is searched by a graph on every server."""
    for engine in (OLD, NEW, SERVER):
        assert kind(engine, 0) == kind(engine, 1_000_000) == "HNSW"


def test_a_large_space_has_codes() -> None:
    """Beyond the memory that vectors of 4 bytes a number take there are codes of 1 byte a number."""
    rows = least_rows(OLD, "IVF_SQ8", 8 * GIGABYTE)
    assert 0.8 < rows * 512 * 4 / (8 * GIGABYTE) < 1
    assert kind(OLD, rows - 1) == "HNSW"
    assert kind(OLD, 100 * rows) == "IVF_SQ8"


def test_the_disk_comes_last() -> None:
    """Where codes do not fit either, a server that can searches from its disk, and one that cannot has its codes."""
    codes, disk = (least_rows(NEW, name, 8 * GIGABYTE) for name in ("IVF_SQ8", "DISKANN"))
    assert 3 < disk / codes < 4.5
    assert kind(NEW, disk) == "DISKANN"
    assert kind(OLD, disk) == kind(SERVER, disk) == "IVF_SQ8"


@pytest.mark.parametrize("version", ["2.4.0", "v2.5.4", "v3.0-dev"])
def test_who_can_search_from_disk(version: str) -> None:
    """Servers of 2.4 and newer; not 2.3, Milvus Lite, or one that names no version."""
    assert engine_of(version).disk
    assert not any(engine_of(other).disk for other in ("v2.3.5-lite", "milvus_lite-3.2.2", "Zilliz"))


def test_milvus_lite_keeps_its_graph() -> None:
    """Milvus Lite is for trials: its spaces never move."""
    assert kind(LITE, 10**9, memory=0) == "HNSW"


def test_packed_bits_are_looked_at_one_by_one() -> None:
    """Packed bits are searched exactly, whatever their number."""
    assert kind(NEW, 10**9, memory=0, shape=Shape("bits", "tanimoto", 2048)) == "BIN_FLAT"


def test_lists_follow_the_rows_of_a_segment() -> None:
    """Four times the root of the rows, up to those of one segment, which is sealed at half a gigabyte."""
    segment = 512 * 1024**2 / (512 * 4)
    lists = {rows: OLD.index_for(DENSE, rows, 0).made_with["nlist"] for rows in (1, 10_000, 100_000, 10**7, 10**9)}
    assert lists[10_000] == 400
    assert lists[100_000] == 4 * math.isqrt(100_000)
    assert lists[10**7] == lists[10**9] == pytest.approx(4 * math.sqrt(segment), rel=0.05)
    assert lists[1] == 16


def test_an_empty_space_has_lists_for_a_full_segment() -> None:
    """Where there is no memory for a graph at all, a new space has the lists that it will need."""
    assert OLD.index_for(DENSE, 0, 0) == OLD.index_for(DENSE, 10**8, 0)


def test_lists_are_bounded() -> None:
    """Short vectors make segments of many rows: there are never more than 4 096 lists."""
    assert OLD.index_for(Shape("dense", "l2", 2), 10**9, 0).made_with == {"nlist": 4096}


def test_a_space_moves_to_less_memory_only() -> None:
    """From a graph to codes to the disk and never back; what somebody chose by hand stays."""
    graph, codes, disk = (NEW.index_for(DENSE, rows, GIGABYTE) for rows in (1, 10**6, 10**8))
    assert [index.name for index in (graph, codes, disk)] == ["HNSW", "IVF_SQ8", "DISKANN"]
    assert takes_less(codes, graph)
    assert takes_less(disk, graph)
    assert takes_less(disk, codes)
    assert not takes_less(graph, codes)
    assert not takes_less(codes, codes)
    bits = NEW.index_for(Shape("bits", "tanimoto", 64), 1, 0)
    assert not takes_less(codes, bits)


def test_the_setting() -> None:
    """A server may take eight gigabytes for a space unless it is said otherwise."""
    assert Settings().vectors_memory_bytes == 8 * GIGABYTE
