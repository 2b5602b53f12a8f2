"""Packed bits in the order of how many are set: what is passed over is never on the page."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from morelike.stores.vectors import bits, bitsearch
from morelike.stores.vectors.bits import FOLD, BitSegment, distances, folded
from morelike.stores.vectors.bitsearch import BitQuery, Page, search_bits
from morelike.stores.vectors.shape import nothing
from morelike.types import Ids, Scores
from morelike.vecmath import popcount, similarity, top_k

Rows = NDArray[np.uint8]


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as threads:
        yield threads


def segment(ids: Ids, rows: Rows) -> BitSegment:
    counts = popcount(rows)
    order = np.lexsort((ids, counts))
    starts = np.searchsorted(counts[order], np.arange(8 * rows.shape[1] + 2))
    return BitSegment("toy", ids[order], rows[order], starts)


def sparse(count: int, seed: int, *, width: int = 256, density: float = 0.02) -> Rows:
    """Rows of unlike numbers of set bits."""
    random = np.random.default_rng(seed)
    shares = density * random.uniform(0.2, 2, (count, 1))
    return np.packbits(random.random((count, 8 * width)) < shares, axis=1)


def families(count: int, seed: int, *, width: int = 256) -> Rows:
    """Rows with some tens of set bits that are edits of a few hundred: every row has near ones, as molecules have."""
    random = np.random.default_rng(seed)
    parents = random.random((max(1, count // 30), 8 * width)) < random.uniform(0.01, 0.04, (max(1, count // 30), 1))
    children = parents[random.integers(0, len(parents), count)]
    return np.packbits(children ^ (random.random(children.shape) < 0.003), axis=1)


def exact(queries: Rows, rows: Rows, ids: Ids, k: int) -> tuple[Ids, Scores]:
    return top_k(similarity("tanimoto", queries, rows), ids, k)


@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_as_the_definition_says(pool: ThreadPoolExecutor, data: st.DataObject) -> None:
    """Any width, density, filter, number of segments, threads and k, rows deleted or twice there, rows found elsewhere:
    ids and scores are those of the definition, ties by ascending id."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    width, count = data.draw(st.sampled_from([8, 24, 64, 256])), data.draw(st.integers(1, 400))
    rows = sparse(
        count, int(random.integers(2**31)), width=width, density=data.draw(st.sampled_from([0.005, 0.03, 0.4]))
    )
    if data.draw(st.booleans()):
        rows = rows[random.integers(0, count, count)]
    ids = random.choice(2**62, count, replace=False)
    k, threads = data.draw(st.sampled_from([1, 3, 10, 60, 1_000])), data.draw(st.integers(1, 3))
    queries = np.concatenate(
        [rows[:1], np.zeros((1, width), np.uint8), sparse(2, int(random.integers(2**31)), width=width)]
    )
    edges = sorted(data.draw(st.lists(st.integers(0, count), min_size=2, max_size=2)))
    segments = [segment(ids[a:b], rows[a:b]) for a, b in ((0, edges[0]), (edges[0], edges[1])) if b > a]
    dead = (random.random(count) < data.draw(st.sampled_from([0, 0.1, 0.9]))) & (np.arange(count) < edges[1])
    for each in segments:
        each.kill(ids[dead])
    left, picks = ~dead, [None] * len(segments)
    if data.draw(st.booleans()):
        chosen = random.random(count) < data.draw(st.sampled_from([0, 0.02, 0.3, 1]))
        left &= chosen
        picks = [each.pick(np.sort(ids[chosen])) for each in segments]
    elsewhere = left & (np.arange(count) >= edges[1])
    others = exact(queries, rows[elsewhere], ids[elsewhere], k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bits, "_PIECE", data.draw(st.sampled_from([16, 65_536])))
        patch.setattr(bitsearch, "_READ", data.draw(st.sampled_from([7, 4_096])))
        patch.setattr(bitsearch, "_ALONE_BYTES", 0)
        for each in segments:
            each.pieces = each._pieces()
        found = search_bits(segments, picks, queries, k, others=others, pool=pool, threads=threads)

    expected = exact(queries, rows[left], ids[left], k)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@given(seed=st.integers(0, 2**32 - 1), width=st.sampled_from([64, 128, 256]), density=st.floats(0.001, 0.9))
@settings(max_examples=40, deadline=None)
def test_a_fold_is_no_further(seed: int, width: int, density: float) -> None:
    """Two folds never differ in more bits than their rows."""
    rows = np.packbits(np.random.default_rng(seed).random((60, 8 * width)) < density, axis=1)
    whole, less = distances(rows[:1], rows), distances(folded(rows[:1]), folded(rows))

    assert (less <= whole).all()
    assert folded(rows).shape == (60, FOLD)


@given(a=st.integers(0, 512), b=st.integers(0, 512), h=st.integers(0, 1024), edge=st.integers(0, 2**16))
@settings(max_examples=400, deadline=None)
def test_bounds_are_bounds(a: int, b: int, h: int, edge: int) -> None:
    """Numbers of set bits and distances that the bounds rule out cannot have the score."""
    query = np.packbits(np.arange(512) < a)[None]
    asked, least = BitQuery([], [], query), np.float32(edge / 2**16)
    h = min(a + b, max(abs(a - b), h))
    score = np.float32((a + b - h) / max(a + b + h, 1))
    low, high = asked._window(float(least))

    assert (low <= b < high) or score < least
    assert h <= asked._most(float(least), b) or score < least


def looked_at(rows: Rows, query: Rows, **named: Any) -> BitQuery:
    whole = segment(np.arange(len(rows)), rows)
    asked, page = BitQuery([whole], [None], query[None]), Page(10, *(each[0] for each in nothing(1, 10)))
    asked.run(page, None, 1)
    expected = exact(query[None], rows, np.arange(len(rows)), 10)
    assert page.ids.tolist() == expected[0][0].tolist()
    return asked


def test_few_are_read_whole() -> None:
    """Of rows as sparse as molecules', and as alike, fewer than one in twenty is read whole, and its fold spares most
    others."""
    rows = families(20_000, 3)
    compared = [looked_at(np.delete(rows, at, axis=0), rows[at]).compared for at in range(0, 20_000, 2_000)]

    assert np.mean(compared) < 0.05 * len(rows)


def test_numbers_of_set_bits_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of far more or fewer set bits than a near row has are not looked at, not even at their folds."""
    monkeypatch.setattr(bits, "_PIECE", 256)
    random = np.random.default_rng(0)
    rows = np.packbits(random.random((8_000, 2048)) < np.linspace(0.005, 0.06, 8_000)[:, None], axis=1)
    twins = rows[4_000] ^ np.packbits(random.random((20, 2048)) < 0.002, axis=1)
    asked = looked_at(np.concatenate([rows, twins]), rows[4_000])

    assert asked.folds < 4_000


def test_folds_that_say_nothing() -> None:
    """Where folds rule nothing out, as with random bits, rows are read in order, and the answer is the same."""
    rows = np.random.default_rng(0).integers(0, 256, (9_000, 256), dtype=np.uint8)
    asked = looked_at(rows, rows[5])
    half = segment(np.arange(9_000), rows)
    half.folds = half._fold(fullest=2048)
    tried, page = BitQuery([half], [None], rows[6:7]), Page(10, *(each[0] for each in nothing(1, 10)))
    tried.run(page, None, 1)

    assert asked.folds == 0  # rows so full have none
    assert asked.compared >= 9_000
    assert page.ids.tolist() == exact(rows[6:7], rows, np.arange(9_000), 10)[0][0].tolist()
    assert tried.folds == 9_000
    assert tried.compared >= 9_000


def test_memory_a_row() -> None:
    """A segment takes no more than 1.15 times its rows, ids and folds and all."""
    rows, ids = sparse(40_000, 1), np.random.default_rng(2).choice(2**62, 40_000, replace=False)
    counts = popcount(rows)
    order = np.lexsort((ids, counts))
    starts = np.searchsorted(counts[order], np.arange(2050))
    tracemalloc.start()
    whole = BitSegment("toy", ids[order], rows[order], starts)
    current, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert whole.folds is not None
    assert current < 1.15 * rows.nbytes


def test_as_fpsim2_finds(pool: ThreadPoolExecutor) -> None:
    """FPSim2, which others made, finds the same scores."""
    lib = pytest.importorskip("FPSim2.FPSim2lib", reason="FPSim2 is not installed")
    rows, ids = families(5_000, 7), np.arange(5_000)
    queries = families(20, 7) ^ sparse(20, 9, density=0.001)
    theirs = np.zeros((len(rows), 34), dtype=np.uint64)
    theirs[:, 0], theirs[:, 1:33], theirs[:, 33] = ids, rows.view(">u8"), popcount(rows)
    found = search_bits([segment(ids, rows)], [None], queries, 50, others=nothing(20, 50), pool=pool, threads=1)
    for query, scores in zip(queries, found[1], strict=True):
        asked = np.zeros(34, dtype=np.uint64)
        asked[1:33], asked[33] = query.view(">u8"), popcount(query[None])[0]
        hits = lib.GenericSearch(asked, theirs, 0.0, 50, 0, 0, len(theirs))  # the first 0 is Tanimoto
        np.testing.assert_allclose(np.sort(hits["coeff"])[::-1], scores, rtol=1e-6)
