"""A large space: graphs and codes find what an exact search finds, with the same scores, whatever happened to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from morelike.expressions import All
from morelike.models import cards, weights
from morelike.registry import ENCODERS
from morelike.settings import Settings
from morelike.stores.vectors import building, graph, making
from morelike.stores.vectors.codes import Codes
from morelike.stores.vectors.faiss import FaissVectorStore
from morelike.stores.vectors.graph import Graph
from morelike.stores.vectors.layers import LayeredIndex
from morelike.stores.vectors.memory import MemoryVectorStore
from morelike.stores.vectors.rows import RowLog
from morelike.stores.vectors.scanning import _Search
from morelike.testing.kits.vector_store import dense_space
from morelike.types import Ids, Space, Vectors, Within

SPACE = dense_space(dim=48)
ROWS = 6_000
CLUSTERS = 40
IDS = np.random.default_rng(5).choice(2**62, 2 * ROWS, replace=False)


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments from 2 000 rows on, of at most 4 096, with a graph from 500."""
    for name, rows in {"SETTLED": 2_000, "AGAIN": 300, "GRAPH_ROWS": 500, "LARGEST_ROWS": 4_096}.items():
        monkeypatch.setattr(making, name, rows)
    monkeypatch.setattr(building, "_NICENESS", 0)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)


def clustered(count: int, seed: int, dim: int = 48) -> tuple[Vectors, Ids]:
    """Overlapping clusters, and which of them each row belongs to."""
    centres = np.random.default_rng(0).standard_normal((CLUSTERS, dim), dtype=np.float32)
    random = np.random.default_rng(seed)
    cluster = random.integers(0, CLUSTERS, count)
    return centres[cluster] + np.float32(0.6) * random.standard_normal((count, dim), dtype=np.float32), cluster


VECTORS, CLUSTER = clustered(2 * ROWS, 1)
QUERIES, _ = clustered(100, 2)


class Pair:
    """The store under test and the exact one, told the same."""

    def __init__(self, folder: Path, space: Space = SPACE) -> None:
        self.space = space
        self.folder = folder
        self.store = FaissVectorStore(folder, Settings())
        self.exact = MemoryVectorStore(folder, Settings())

    def upsert(self, ids: Ids, vectors: Vectors) -> None:
        self.store.upsert(self.space, ids, vectors)
        self.exact.upsert(self.space, ids, vectors)

    def delete(self, ids: Ids) -> None:
        self.store.delete(self.space, ids)
        self.exact.delete(self.space, ids)

    def index(self) -> LayeredIndex:
        state = self.store._held[self.space.id].state
        assert state is not None
        return state.index

    def recall(self, queries: Vectors, k: int, only: Within | None = None) -> float:
        """The share of the exact answer that is found; what is found has its exact score, in order."""
        found, scores = self.store.search(self.space, queries, k, within=only)
        right, exact = self.exact.search(self.space, queries, k, within=only)
        hits = 0
        for at in range(len(queries)):
            mine = found[at][found[at] >= 0]
            assert len(set(mine.tolist())) == len(mine) == np.isfinite(exact[at]).sum()
            assert (np.diff(scores[at][: len(mine)]) <= 0).all()
            known = dict(zip(right[at].tolist(), exact[at].tolist(), strict=True))
            for segment, score in zip(mine.tolist(), scores[at].tolist(), strict=False):
                assert score == pytest.approx(known.get(segment, score), rel=1e-5, abs=1e-5)
            hits += np.isin(mine, right[at]).sum()
        return float(hits) / max(1, int(np.isfinite(exact).sum()))

    def reopen(self) -> None:
        self.store.close()
        self.store = FaissVectorStore(self.folder, Settings())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 000 rows in segments with graphs, closed; to be copied."""
    folder = tmp_path_factory.mktemp("built") / "vectors"
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        pair = Pair(folder)
        pair.upsert(IDS[:ROWS], VECTORS[:ROWS])
        assert pair.store.build()
        pair.store.close()
    return folder


@pytest.fixture
def pair(built: Path, tmp_path: Path) -> Iterator[Pair]:
    """A copy of it, open and searched."""
    shutil.copytree(built, tmp_path / "vectors")
    pair = Pair(tmp_path / "vectors")
    pair.exact.upsert(SPACE, IDS[:ROWS], VECTORS[:ROWS])
    pair.store.search(SPACE, QUERIES[:1], 1)
    yield pair
    pair.store.close()


def only(ids: Ids) -> Within:
    left = np.sort(ids)
    left.flags.writeable = False
    return Within(All(()), lambda: left)


def filters(ids: Ids, cluster: Ids) -> dict[str, Within | None]:
    random = np.random.default_rng(3).random(len(ids))
    return {
        "none": None,
        "1 %": only(ids[random < 0.01]),
        "10 %": only(ids[random < 0.1]),
        "50 %": only(ids[random < 0.5]),
        "own clusters, mostly outside": only(ids[cluster < CLUSTERS // 10]),
        "own clusters, half outside": only(ids[cluster < CLUSTERS // 2]),
        "a cluster": only(ids[cluster == 7]),
    }


def test_it_settles(pair: Pair) -> None:
    """After ``build`` every row lies in a segment of bounded size with a graph, and nothing is due."""
    index = pair.index()

    assert not pair.store.due()
    assert not pair.store.build()
    assert len(index.recent) == 0
    assert sorted(len(segment) for segment in index.segments) == [ROWS - 4_096, 4_096]
    assert all(segment.graph is not None for segment in index.segments)


def test_recall(pair: Pair) -> None:
    """recall@10 >= 0.98 against the exact store, with any filter, before and after 30 % deletes and upserts, and
    after they were settled and opened anew."""
    chosen = filters(IDS[:ROWS], CLUSTER[:ROWS])

    def recalls() -> dict[str, float]:
        return {name: pair.recall(QUERIES, 10, only) for name, only in chosen.items()}

    fresh = recalls()
    pair.delete(IDS[:ROWS:7])
    pair.upsert(IDS[1:ROWS:7], VECTORS[ROWS + 1 : 2 * ROWS : 7])
    pair.upsert(IDS[ROWS : ROWS + 250], VECTORS[ROWS : ROWS + 250])
    changed = recalls()
    dead = sum(segment.dead for segment in pair.index().segments)
    assert pair.store.build()
    left = sum(segment.dead for segment in pair.index().segments)
    settled = recalls()
    pair.reopen()
    reopened = recalls()

    assert dead > 0.28 * ROWS
    assert left == 0
    for state in (fresh, changed, settled, reopened):
        assert min(state.values()) >= 0.98, state


def test_a_graph_stays_until_the_next_is_made(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a segment with many dead rows is made anew, searches go by the graphs that there are."""
    pair.delete(IDS[:ROWS:3])
    seen: list[bool] = []
    real = building.build

    def build(codes: Codes, linked: int, stopped: Callable[[], bool]) -> Graph | None:
        seen.append(all(segment.graph is not None for segment in pair.index().segments))
        return real(codes, linked, stopped)

    monkeypatch.setattr(building, "build", build)

    assert pair.store.build()
    assert seen == [True] * len(seen) != []
    assert sum(segment.dead for segment in pair.index().segments) == 0
    assert not pair.store.due()


def test_a_graph_is_walked(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ordinary queries are answered by the graphs, without a scan, with and without a wide filter."""
    scanned: list[int] = []
    real = _Search._scan
    monkeypatch.setattr(_Search, "_scan", lambda self, parts: scanned.append(len(parts)) or real(self, parts))
    half = only(IDS[:ROWS][np.random.default_rng(3).random(ROWS) < 0.5])
    for query in QUERIES:
        pair.store.search(SPACE, query[None], 10)
    unfiltered = len(scanned)
    for query in QUERIES:
        pair.store.search(SPACE, query[None], 10, within=half)

    assert unfiltered <= 10
    assert len(scanned) <= 50


def test_scores_do_not_depend_on_where_a_row_lies(pair: Pair, tmp_path: Path) -> None:
    """The same row has the same score, to the last bit, in a store that was never built."""
    plain = FaissVectorStore(tmp_path / "plain", Settings())
    plain.upsert(SPACE, IDS[:ROWS], VECTORS[:ROWS])
    found, scores = pair.store.search(SPACE, QUERIES, 10)
    right, exact = plain.search(SPACE, QUERIES, 10)
    plain.close()

    for at in range(len(QUERIES)):
        shared = np.isin(right[at], found[at])
        assert shared.sum() >= 9
        np.testing.assert_array_equal(exact[at][shared], scores[at][np.isin(found[at], right[at])])


@pytest.mark.parametrize("metric", ["cosine", "ip"])
@pytest.mark.parametrize("k", [1, 10, 700, ROWS, ROWS + 50])
def test_scanning_codes_is_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: str, k: int) -> None:
    """Without a graph the answer is the exact one, for any k, filtered and not; ties come by ascending id."""
    monkeypatch.setattr(making, "GRAPH_ROWS", 10**9)
    pair = Pair(tmp_path / "vectors", dense_space(dim=48, metric=metric))
    vectors = VECTORS[:ROWS] * np.random.default_rng(8).uniform(0.1, 3, (ROWS, 1)).astype(np.float32)
    vectors[4_000:4_020] = vectors[3]
    pair.upsert(IDS[:ROWS], vectors)
    plain = FaissVectorStore(tmp_path / "plain", Settings())
    plain.upsert(pair.space, IDS[:ROWS], vectors)
    assert pair.store.build()
    queries = np.concatenate([QUERIES[:6], vectors[3:4], np.zeros((1, 48), dtype=np.float32)])
    for chosen in (None, only(IDS[100:ROWS:3]), only(IDS[ROWS // 2 : ROWS])):
        found, scores = pair.store.search(pair.space, queries, k, within=chosen)
        right, exact = plain.search(pair.space, queries, k, within=chosen)

        np.testing.assert_array_equal(found, right)
        np.testing.assert_array_equal(scores, exact)
    pair.store.close()
    plain.close()


def test_other_metrics_stay_flat(tmp_path: Path) -> None:
    """Squared distances are not what codes bound: such a space is scanned exactly at any size, and never due."""
    pair = Pair(tmp_path / "vectors", dense_space(dim=48, metric="l2"))
    pair.upsert(IDS[:ROWS], VECTORS[:ROWS])

    assert not pair.store.due()
    assert not pair.store.build()
    assert pair.recall(QUERIES, 10) == 1
    pair.store.close()


def test_a_strange_query(pair: Pair) -> None:
    """A query that is near nothing, as another kind of picture is, gets the exact answer all the same."""
    strange = np.random.default_rng(11).standard_normal((60, 48), dtype=np.float32)

    assert pair.recall(strange, 10) >= 0.98
    assert pair.recall(-QUERIES, 10) >= 0.98


def test_copies_and_zeros(tmp_path: Path) -> None:
    """Thousands of equal rows and of zeros spoil neither the others' answers nor their own."""
    pair = Pair(tmp_path / "vectors")
    vectors = VECTORS[:ROWS].copy()
    vectors[1_000:3_500] = vectors[0]
    vectors[3_500:4_500] = 0
    pair.upsert(IDS[:ROWS], vectors)
    assert pair.store.build()
    copies = np.sort(np.concatenate([IDS[:1], IDS[1_000:3_500]]))

    assert pair.recall(QUERIES, 10) >= 0.98
    found, scores = pair.store.search(SPACE, vectors[:1], 30)
    assert found[0].tolist() == copies[:30].tolist()
    assert len(set(scores[0].tolist())) == 1
    zero, nothing_alike = pair.store.search(SPACE, np.zeros((1, 48), dtype=np.float32), 5)
    assert zero[0].tolist() == np.sort(IDS[:ROWS])[:5].tolist()
    assert not nothing_alike.any()
    pair.store.close()


def test_no_graph_where_none_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors that are all equally far from each other get no graph, nobody tries again, and answers are exact."""
    monkeypatch.setattr(graph, "_WIDTHS", (16, 32))  # as a few hundred are for a million of them
    space = dense_space(dim=256)
    pair = Pair(tmp_path / "vectors", space)
    vectors = np.random.default_rng(0).standard_normal((4_000, 256), dtype=np.float32)
    pair.upsert(IDS[:4_000], vectors)
    assert pair.store.build()

    assert [segment.graph for segment in pair.index().segments] == [None]
    assert not pair.store.due()
    pair.reopen()
    assert not pair.store.due()
    assert pair.recall(np.random.default_rng(1).standard_normal((20, 256), dtype=np.float32), 10) == 1
    pair.store.close()


def test_tombstones_bring_a_rebuild(pair: Pair) -> None:
    """Past 20 % dead rows a segment is due; deleting all of it leaves none."""
    smallest = min(pair.index().segments, key=len)
    pair.delete(smallest.ids[: len(smallest) // 10])
    pair.store.search(SPACE, QUERIES[:1], 1)
    assert not pair.store.due()
    pair.delete(smallest.ids[: len(smallest) // 4])
    pair.store.search(SPACE, QUERIES[:1], 1)
    assert pair.store.due()
    assert pair.store.build()
    assert all(segment.dead == 0 for segment in pair.index().segments)
    pair.delete(IDS[:ROWS])
    pair.store.search(SPACE, QUERIES[:1], 1)
    while pair.store.build():
        pass

    assert pair.index().segments == []
    assert pair.store.search(SPACE, QUERIES[:2], 2)[0].tolist() == [[-1, -1], [-1, -1]]
    assert not list(pair.folder.glob("*.rows"))


def test_growth_keeps_segments_few(pair: Pair) -> None:
    """A space that grows by small steps has few segments, and the files of those that are gone are removed."""
    for start in range(ROWS, 2 * ROWS, 400):
        pair.upsert(IDS[start : start + 400], VECTORS[start : start + 400])
        assert pair.store.build()

    segments = pair.index().segments
    assert len(pair.index()) == 2 * ROWS
    assert len(segments) <= 6
    assert {path.stem for path in pair.folder.glob("*.rows")} == {segment.name for segment in segments}
    assert pair.recall(QUERIES, 10) >= 0.98


def test_a_filter_used_again(pair: Pair) -> None:
    """A filter's remembered rows follow deletes, overwrites and builds."""
    chosen = only(IDS[:ROWS:2])
    for _ in range(2):
        assert pair.recall(QUERIES[:20], 10, chosen) >= 0.98
    pair.delete(IDS[:ROWS:10])
    assert pair.recall(QUERIES[:20], 10, chosen) >= 0.98
    pair.upsert(IDS[:ROWS:20], VECTORS[ROWS : 2 * ROWS : 20])
    assert pair.recall(QUERIES[:20], 10, chosen) >= 0.98
    pair.store.build()
    assert pair.recall(QUERIES[:20], 10, chosen) >= 0.98


def test_an_open_does_not_read_the_log(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A built space is opened from its files, and only what came after them is read from the log."""
    pair.upsert(IDS[ROWS : ROWS + 50], VECTORS[ROWS : ROWS + 50])
    pair.reopen()
    since: list[int] = []
    real = RowLog.changes
    monkeypatch.setattr(RowLog, "changes", lambda log, space, at: since.append(at) or real(log, space, at))

    assert pair.recall(QUERIES, 10) >= 0.98
    assert since == [ROWS]
    assert len(pair.index().recent) == 50


def test_a_large_space_that_was_not_built_gets_no_snapshot(tmp_path: Path) -> None:
    """``checkpoint`` leaves it to ``build`` to write what makes it fast, and both leave answers alone."""
    pair = Pair(tmp_path / "vectors")
    pair.upsert(IDS[:ROWS], VECTORS[:ROWS])
    pair.store.checkpoint()
    assert not list(pair.folder.glob("*.snapshot"))
    assert pair.recall(QUERIES, 10) == 1
    pair.store.build()

    assert list(pair.folder.glob("*.snapshot"))
    pair.store.close()


def test_real_pictures(tmp_path: Path, test_data: Path) -> None:
    """recall@10 >= 0.98 on embeddings of real photographs, grown to 8 000 by seeded noise, with filters."""
    embedded = _embedded(sorted((test_data / "data" / "clothing").glob("*/*.jpg"))[::4], test_data / "models")
    deviation = embedded.std(axis=0)
    space = dense_space(dim=embedded.shape[1])
    pair = Pair(tmp_path / "vectors", space)
    noise = np.random.default_rng(4).standard_normal((8_000, embedded.shape[1]), dtype=np.float32)
    kind = np.resize(np.arange(len(embedded)), 8_000)
    vectors = embedded[kind] + np.float32(0.2) * deviation * noise
    pair.upsert(IDS[:8_000], vectors)
    assert pair.store.build()
    queries = embedded[::5] + np.float32(0.1) * deviation * noise[: len(embedded[::5])]

    for chosen in filters(IDS[:8_000], kind * CLUSTERS // len(embedded)).values():
        assert pair.recall(queries, 10, chosen) >= 0.98
    assert any(segment.graph is not None for segment in pair.index().segments)
    pair.store.close()


def _embedded(paths: list[Path], models: Path) -> Vectors:
    """By the small MobileNet."""
    settings = Settings(models=(models,))
    card = cards.find("mobilenet-v1-025", settings)
    encoder = ENCODERS.load(card.family)(card, weights.files(card, settings), settings)
    prepared = []
    for path in paths:
        with Image.open(path) as picture:
            prepared.append(encoder.prepare("image", np.asarray(picture.convert("RGB"))))
    blocks = (prepared[start : start + 32] for start in range(0, len(prepared), 32))
    return np.concatenate([encoder.encode("image", block) for block in blocks])
