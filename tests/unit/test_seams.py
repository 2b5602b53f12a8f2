"""Seams whose first users come later: many segments an item, keywords, fusion, rescorers, composite cards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.composites import Concat
from morelike.errors import QueryError
from morelike.library import Library
from morelike.registry import MODALITIES, RESCORERS, Row
from morelike.search.rescoring import named_rescorer
from morelike.search.search import Search
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import COLOURS, ToyEncoder, ToyJointEncoder, ToyWords
from morelike.types import Blob, Card, Example, Query

TERMS = Card("bm25", "terms", "terms", 0, "bm25", {"text": {}}, fingerprint="1")


@pytest.fixture
def library(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setitem(MODALITIES._all, "lines", Row("morelike.testing.toys:ToyLines"))
    monkeypatch.setitem(RESCORERS._all, "toy-colour", Row("morelike.testing.toys:ToyRescorer"))
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def poems(library: Library) -> OpenCollection:
    """Three files of several lines, searchable by letters and by words."""
    collection = library.collection("poems", modality="lines", encoder=ToyWords())
    collection._stores.catalog.add_space(collection._record, "terms", TERMS, active=True)
    for name, text in {
        "sea": "the sea the sea\nzzz zzz\nwaves and foam",
        "hill": "a hill of green\nsheep upon it\n\nzzz",
        "town": "streets and lamps\nthe sea is far beyond our town",
    }.items():
        collection.add(Blob.from_bytes(text.encode(), f"{name}.lines", uri=name))
    return collection


def test_a_hit_is_an_item_with_its_best_span(poems: OpenCollection) -> None:
    """An item with many matching segments is one hit, and the span says where."""
    hits = poems.search(text="zzz", k=2)

    assert {hit.source for hit in hits} == {"sea", "hill"}
    spans = {hit.source: (hit.span.unit, hit.span.start, hit.span.end) for hit in hits}
    assert spans == {"sea": ("characters", 16, 23), "hill": ("characters", 31, 34)}


def test_keywords_find_words(poems: OpenCollection) -> None:
    """BM25 over the segments; the score's unit is its own."""
    hits = poems.search(text="lamps", mode="keyword")

    assert [hit.source for hit in hits] == ["town"]
    assert set(hits[0].unit) == {"bm25"}


def test_hybrid_fuses_by_rank(poems: OpenCollection) -> None:
    """Both answers count; the fused score is the sum of reciprocal ranks, and each list's own score is kept."""
    hits = poems.search(text="sea", mode="hybrid", k=3)

    assert hits[0].source == "sea"
    assert hits[0].unit["rrf"] == pytest.approx(2 / 61)
    assert {"rrf", "cosine", "bm25"} == set(hits[0].unit)


def test_removed_texts_are_no_keyword_hits(library: Library, poems: OpenCollection) -> None:
    """Deletion reaches the keyword index."""
    town = poems.search(text="lamps", mode="keyword")[0].item

    poems.remove([town])

    assert len(poems.search(text="lamps", mode="keyword")) == 0
    assert library.doctor().findings == []


def test_a_filter_holds_in_every_mode(poems: OpenCollection) -> None:
    """Keyword, similar and hybrid answers obey the same filter."""
    for mode in ("similar", "keyword", "hybrid"):
        hits = poems.search(text="sea", mode=mode, filter="path = 'town'")

        assert {hit.source for hit in hits} == {"town"}


def test_an_example_with_many_segments_counts_each(poems: OpenCollection) -> None:
    """A file as the query: the closest pair of segments decides."""
    example = Blob.from_bytes(b"sheep upon it\nstreets", "query.lines")

    assert poems.search(example, k=1)[0].source == "hill"


def test_a_rescorer_reorders_and_explains(library: Library, tmp_path: Path) -> None:
    """Candidates get their exact score in the field's unit, and say why."""
    write_images(tmp_path / "pictures", 20, seed=3)
    collection = library.collection("x", modality="image", encoder=ToyEncoder())
    collection.add(tmp_path / "pictures")
    paths = sorted((tmp_path / "pictures").iterdir())
    lanes = library._lanes
    search = Search(collection._stores, collection._record, collection._modality, collection.spaces, lane_of=lanes.lane)

    answer = search.answer(
        Query((Example("blob", Blob.from_path(paths[0])),), k=20), rescorer=named_rescorer("toy-colour")
    )

    scores = [hit.score for hit in answer.hits]
    assert answer.hits[0].source == str(paths[0])
    assert (answer.hits[0].score, answer.hits[0].why) == (0.0, {"difference": [0.0, 0.0, 0.0]})
    assert sorted(scores, reverse=True) == scores
    assert all(hit.unit["colour"] == hit.score and "cosine" in hit.unit for hit in answer.hits)


def test_a_rescorer_cannot_compare_with_words(library: Library, tmp_path: Path) -> None:
    """It says so."""
    write_images(tmp_path / "pictures", 2, seed=3)
    collection = library.collection("x", modality="image", encoder=ToyJointEncoder())
    collection.add(tmp_path / "pictures")
    lanes = library._lanes
    search = Search(collection._stores, collection._record, collection._modality, collection.spaces, lane_of=lanes.lane)

    with pytest.raises(QueryError, match="not with words"):
        search.answer(Query((Example("text", "red"),)), rescorer=named_rescorer("toy-colour"))


def test_a_composite_card_serves_a_collection(library: Library, tmp_path: Path) -> None:
    """Two cards side by side index and search like one."""
    card = Card(
        "pair", "concat", "dense", 96, "cosine", {"image": {"side": 64}}, parts=("toy", "toy-joint"), fingerprint="2"
    )
    paths = write_images(tmp_path / "pictures", 8, seed=3)
    collection = library.collection("x", modality="image", encoder=Concat(card, [ToyEncoder(), ToyJointEncoder()], {}))

    assert collection.add(tmp_path / "pictures").added == 8
    assert [collection.search(path, k=1)[0].source for path in paths] == [str(path) for path in paths]


class _Fussy(ToyEncoder):
    """Fails on dark pictures, and with them on every batch that holds one."""

    def encode(self, kind: str, batch: Any) -> Any:
        from morelike.errors import EncodeError

        if any(float(np.mean(row)) < -0.45 for row in batch):
            raise EncodeError("too dark for this encoder")
        return super().encode(kind, batch)


def test_one_item_that_the_encoder_refuses_does_not_take_its_batch_along(library: Library, tmp_path: Path) -> None:
    """The batch is tried again one by one; the bad item is a row in the ledger."""
    from PIL import Image

    write_images(tmp_path / "pictures", 5, seed=3)
    Image.new("RGB", (20, 20), COLOURS["black"]).save(tmp_path / "pictures" / "dark.png")
    collection = library.collection("x", modality="image", encoder=_Fussy())

    report = collection.add(tmp_path / "pictures")

    assert (report.added, report.rejected) == (5, 1)
    assert [(Path(row.uri).name, row.stage) for row in collection.rejected()] == [("dark.png", "encode")]


def test_several_query_vectors_keep_each_segment_once() -> None:
    """A segment that several query vectors find counts once, with its best score."""
    from morelike.search.modes import _best_of
    from morelike.types import Space

    space = Space(1, 1, "text", replace(TERMS, form="dense", dim=2, metric="cosine"), active=True)
    ids = np.array([[5, 3, -1], [3, 9, 5]], dtype=np.int64)
    scores = np.array([[0.9, 0.5, -np.inf], [0.8, 0.7, 0.1]], dtype=np.float32)

    ranked = _best_of(space, ids, scores, 3)

    assert ranked.ids.tolist() == [5, 3, 9]
    assert [round(float(score), 1) for score in ranked.scores] == [0.9, 0.8, 0.7]
    assert ranked.all is False
