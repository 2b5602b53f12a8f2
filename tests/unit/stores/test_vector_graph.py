"""Codes, graphs and files of rows by themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from morelike.stores.vectors import graph, rowfile
from morelike.stores.vectors.codes import Best, Codes, ask, rotated
from morelike.stores.vectors.rowfile import Damaged, RowFile, checksums
from morelike.types import Vectors
from morelike.vecmath import normalise

DIM = 64


def rows(count: int, seed: int = 0) -> Vectors:
    """Unit rows around twenty centres."""
    centres = np.random.default_rng(9).standard_normal((20, DIM), dtype=np.float32)
    random = np.random.default_rng(seed)
    return normalise(
        centres[random.integers(0, 20, count)] + 0.5 * random.standard_normal((count, DIM)).astype(np.float32)
    )


def coded(vectors: Vectors) -> Codes:
    codes = Codes(DIM, 6.5 / DIM**0.5 / 127, 1.0)
    codes.make_room(len(vectors))[:] = codes.encode(rotated(vectors))
    return codes


def test_a_rotation_keeps_products() -> None:
    """Turned rows have the products that they had, and one large number is spread over all columns."""
    vectors = rows(50)
    spike = np.zeros((1, DIM), dtype=np.float32)
    spike[0, 3] = 1

    np.testing.assert_allclose(rotated(vectors) @ rotated(vectors).T, vectors @ vectors.T, atol=1e-5)
    assert np.abs(rotated(spike)).max() < 0.6


@pytest.mark.parametrize("kind", ["clusters", "spikes", "few values"])
def test_the_doubt_bounds_every_error(kind: str) -> None:
    """No approximate score of ten thousand is farther from the exact one than codes say, whatever the rows are like,
    and the doubt is small."""
    random = np.random.default_rng(1)
    made = {
        "clusters": rows(2_000),
        "spikes": normalise(random.standard_normal((2_000, DIM)).astype(np.float32) ** 5),
        "few values": normalise(random.integers(-1, 2, (2_000, DIM)).astype(np.float32) + np.float32(1e-3)),
    }
    vectors = made[kind]
    codes = coded(vectors)
    for query in vectors[:5]:
        asked = ask(rotated(query[None])[0])
        best = Best.empty(2_000)
        codes.scan(asked, slice(0, 2_000), best)
        order = np.argsort(best.rows)
        guessed = best.scores[order] * codes.unit(asked)

        assert best.rows[order].tolist() == list(range(2_000))
        assert np.abs(guessed - vectors @ query).max() <= codes.doubt(asked) < 0.05


def test_scanning_some_rows_is_scanning_all_and_choosing() -> None:
    """A range, rows in any number, and everything give the same scores for the same rows."""
    codes = coded(rows(3_000))
    asked = ask(rotated(rows(1, seed=2))[0])
    every = Best.empty(3_000)
    codes.scan(asked, slice(0, 3_000), every)
    score = dict(zip(every.rows.tolist(), every.scores.tolist(), strict=True))
    for chosen in (np.arange(0, 3_000, 2), np.array([7]), np.arange(2_999, 3_000), np.empty(0, dtype=np.int64)):
        best = Best.empty(len(chosen))
        codes.scan(asked, chosen, best)
        assert sorted(best.rows.tolist()) == chosen.tolist()
        assert [score[row] for row in best.rows.tolist()] == best.scores.tolist()
    part = Best.empty(10)
    codes.scan(asked, slice(100, 200), part)
    assert sorted(part.scores.tolist()) == sorted(sorted(score[row] for row in range(100, 200))[-10:])


def test_graphs_again_and_again() -> None:
    """Graphs that are made, written, read and let go leave the codes theirs, and each finds the same."""
    codes = coded(rows(1_500))
    asked = ask(rotated(rows(1, seed=3))[0])
    found = []
    for _ in range(8):
        made = graph.build(codes, 1_400, lambda: False)
        assert made is not None
        again = graph.Graph.load(made.dump(), codes, made.width, made.usual)
        assert codes.storage.thisown
        assert len(again) == 1_400
        np.testing.assert_array_equal(made.near(asked, 60)[1], again.near(asked, 60)[1])
        found.append(set(made.near(asked, 60)[1][:10].tolist()))
    best = Best.empty(10)
    codes.scan(asked, slice(0, 1_400), best)

    assert all(len(each & set(best.rows.tolist())) >= 9 for each in found)


def test_the_best_there_is_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no width finds as much as it should, the smallest is taken that finds as much as any; where that is too
    little, there is no graph."""
    codes = coded(rows(1_500))
    monkeypatch.setattr(graph, "_RECALL", 1.1)
    linked = graph.build(codes, 1_372, lambda: False)
    assert linked is not None
    assert linked.width == min(graph._WIDTHS)

    monkeypatch.setattr(graph, "_LEAST_RECALL", 1.1)
    assert graph.build(codes, 1_372, lambda: False) is None


def test_a_graph_is_stopped() -> None:
    """Making a graph ends where it is told to."""
    asked: list[int] = []
    with pytest.raises(graph.Stopped):
        graph.build(coded(rows(3_000)), 2_900, lambda: asked.append(1) or len(asked) > 2)
    assert len(asked) == 3


def test_rows_come_back_or_are_refused(tmp_path: Path) -> None:
    """Rows are read bit for bit; a changed, a shortened and a lengthened file are noticed."""
    vectors = rows(100)
    path = tmp_path / "rows"
    path.write_bytes(vectors.tobytes())
    file = RowFile(path, DIM, checksums(vectors))
    chosen = np.array([99, 0, 5, 5])

    assert file.read(chosen).tobytes() == vectors[chosen].tobytes()
    assert b"".join(chunk.tobytes() for _, chunk in file.chunks()) == vectors.tobytes()
    data = bytearray(vectors.tobytes())
    data[5 * DIM * 4 + 17] ^= 1
    with path.open("r+b") as changed:
        changed.write(data)
    assert file.read(np.array([4, 6])).tobytes() == vectors[[4, 6]].tobytes()
    with pytest.raises(Damaged, match="was changed"):
        file.read(chosen)
    with path.open("r+b") as shortened:
        shortened.truncate(50 * DIM * 4)
    with pytest.raises(Damaged, match="ends too early"):
        file.read(np.array([60]))
    file.close()
    with pytest.raises(Damaged, match="as long as"):
        RowFile(path, DIM, checksums(vectors))


def test_any_bit_changes_a_checksum() -> None:
    """Each single bit of a row changes its sum; a row of zeros has a sum that is not zero."""
    row = rows(1)
    sums = {int(checksums(row)[0])}
    for bit in range(DIM * 32):
        words = row.view(np.uint32).copy()
        words[0, bit // 32] ^= np.uint32(1 << bit % 32)
        sums.add(int(rowfile.checksums(words.view(np.float32))[0]))

    assert len(sums) == 1 + DIM * 32
    assert checksums(np.zeros((1, DIM), dtype=np.float32))[0] != 0
