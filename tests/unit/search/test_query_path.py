"""The way of a query: what is remembered, what is shared, what is asked of the catalog, and that none of it shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore, Event
from time import monotonic
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import event

import morelike
from morelike.collection import OpenCollection
from morelike.errors import MorelikeError, NoSuchItem, QueryError, UnknownMedia
from morelike.hits import Hits
from morelike.library import Library
from morelike.registry import MODALITIES, Row
from morelike.search import clock
from morelike.search.filter import parse_filter
from morelike.settings import Settings
from morelike.stores.catalog.quick import Quick
from morelike.testing.images import write_images
from morelike.testing.toys import ToyJointEncoder, ToyWords
from morelike.types import Blob, Card, Example, Query, Span

WAIT = 120.0
TERMS = Card("bm25", "terms", "terms", 0, "bm25", {"text": {}}, fingerprint="1")


class Counting(ToyJointEncoder):
    """Notes how many payloads each batch had."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def encode(self, kind: str, batch: Sequence[Any]) -> Any:
        self.batches.append(len(batch))
        return super().encode(kind, batch)


@pytest.fixture
def library(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setitem(MODALITIES._all, "lines", Row("morelike.testing.toys:ToyLines"))
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def encoder() -> Counting:
    return Counting()


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return sorted(write_images(tmp_path / "pictures", 12, seed=1))


@pytest.fixture
def photos(library: Library, paths: list[Path], encoder: Counting) -> OpenCollection:
    collection = library.collection("photos", modality="image", encoder=encoder)
    assert collection.add(paths[0].parent, tags=["seen"]).added == 12
    encoder.batches.clear()
    return collection


@pytest.fixture
def poems(library: Library) -> OpenCollection:
    collection = library.collection("poems", modality="lines", encoder=ToyWords())
    collection._stores.catalog.add_space(collection._record, "terms", TERMS, active=True)
    for name, text in {
        "sea": "the sea the sea\nzzz zzz\nwaves and foam",
        "hill": "a hill of green\nsheep upon it\n\nzzz",
        "town": "streets and lamps\nthe sea is far beyond our town",
    }.items():
        collection.add(Blob.from_bytes(text.encode(), f"{name}.lines", uri=name))
    return collection


def said(hits: Hits) -> list[tuple[str, float, Span]]:
    return [(hit.item, hit.score, hit.span) for hit in hits]


def test_the_same_example_is_encoded_once(photos: OpenCollection, paths: list[Path], encoder: Counting) -> None:
    """Another page, another threshold, another filter: the vectors are there already, and the answer is the same."""
    first = photos.search(paths[3], k=4)
    second = photos.search(Blob.from_bytes(paths[3].read_bytes(), "upload.jpg"), k=4)
    photos.search(paths[3], k=2, offset=4, threshold=-1.0, filter="tag = 'seen'")

    assert encoder.batches == [1]
    assert said(first) == said(second)


def test_other_bytes_under_the_same_name_are_encoded_anew(
    photos: OpenCollection, paths: list[Path], encoder: Counting, tmp_path: Path
) -> None:
    """What is remembered hangs on the bytes, not on the path."""
    place = tmp_path / "query.png"
    for path in paths[:2]:
        shutil.copyfile(path, place)

        assert photos.search(place, k=1)[0].source == str(path)
    assert encoder.batches == [1, 1]


def test_what_changes_the_vector_is_part_of_the_question(
    photos: OpenCollection, paths: list[Path], encoder: Counting
) -> None:
    """A crop, words instead of a picture, an array: each has vectors of its own."""
    array = np.asarray(Image.open(paths[3]).convert("RGB"))
    asked: list[dict[str, Any]] = [
        {"example": paths[3]},
        {"example": paths[3], "crop": (0.0, 0.0, 0.5, 0.5)},
        {"example": paths[3], "crop": (0.0, 0.0, 0.5, 0.6)},
        {"example": array},
        {"example": np.ascontiguousarray(array[::-1])},
        {"text": "red"},
        {"text": "blue"},
    ]
    first = [said(photos.search(**each)) for each in asked]
    again = [said(photos.search(**each)) for each in asked]

    assert first == again
    assert encoder.batches == [1] * len(asked)
    assert len({str(answer) for answer in first}) >= len(asked) - 1  # the file and its pixels are alike


def test_remembered_vectors_stay_with_their_encoder(
    library: Library, photos: OpenCollection, paths: list[Path], encoder: Counting
) -> None:
    """Another collection with another card asks its own encoder."""
    other = Counting()
    other._card = Card(**{**other.card.to_dict(), "name": "other", "weights": ()})
    drawings = library.collection("drawings", modality="image", encoder=other)
    drawings.add(paths[0].parent)
    other.batches.clear()

    photos.search(paths[3])
    drawings.search(paths[3])

    assert (encoder.batches, other.batches) == ([1], [1])


def test_without_a_cache_all_goes_on(settings: Settings, paths: list[Path], encoder: Counting) -> None:
    """Nothing is remembered, and the answers are right."""
    with morelike.open(settings.model_copy(update={"cache_bytes": 0})) as library:
        photos = library.collection("photos", modality="image", encoder=encoder)
        photos.add(paths[0].parent)
        encoder.batches.clear()

        assert [photos.search(paths[3], k=1)[0].source for _ in range(2)] == [str(paths[3])] * 2
    assert encoder.batches == [1, 1]


def test_a_remembered_example_must_still_be_of_the_modality(photos: OpenCollection, tmp_path: Path) -> None:
    """Bytes that are no picture are refused the second time too."""
    (tmp_path / "notes.txt").write_text("nothing to see")
    for _ in range(2):
        with pytest.raises(UnknownMedia):
            photos.search(tmp_path / "notes.txt")


def test_many_queries_get_the_answers_of_each(photos: OpenCollection, paths: list[Path]) -> None:
    """Files, items, words, filters, pages, thresholds, sums: together as one by one, in the order asked."""
    blobs = [Example("blob", Blob.from_path(path)) for path in paths]
    item = photos.search(paths[5], k=1)[0].item
    wanted = parse_filter("tag = 'seen'")
    queries = [
        *(Query((blob,), k=3) for blob in blobs),
        *(Query((blob,), k=3, filter=wanted) for blob in blobs[:4]),
        Query((Example("item", item),), k=3),
        Query((Example("item", item[:12]),), k=5, offset=2),
        Query((Example("text", "red"),), k=3),
        Query((blobs[0], Example("text", "blue", weight=-1.0)), k=3),
        Query((blobs[1],), k=12, threshold=0.5),
    ]

    together = photos.search_many(queries)

    assert [said(hits) for hits in together] == [said(photos.search(query)) for query in queries]
    assert [hits.more for hits in together] == [photos.search(query).more for query in queries]


def test_many_queries_share_a_batch(photos: OpenCollection, paths: list[Path], encoder: Counting) -> None:
    """The first may go alone, for an encoder that is free does not wait; the others go together."""
    photos.search_many([Query((Example("blob", Blob.from_path(path)),), k=1) for path in paths])

    assert sum(encoder.batches) == len(paths)
    assert len(encoder.batches) < len(paths)


def test_many_queries_in_every_mode(poems: OpenCollection) -> None:
    """Several segments an item, several spaces, several vectors a query: together as one by one."""
    queries = [
        *(Query((Example("text", "sea"),), mode=mode) for mode in ("similar", "keyword", "hybrid")),
        Query((Example("blob", Blob.from_bytes(b"sheep upon it\nstreets", "query.lines")),)),
        Query((Example("text", "zzz"),), filter=parse_filter("path = 'hill'")),
    ]

    together = poems.search_many(queries)

    assert [said(hits) for hits in together] == [said(poems.search(query)) for query in queries]


def test_concurrent_searches_share_a_batch(
    photos: OpenCollection, paths: list[Path], encoder: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that wait while the encoder is at work go together, and each gets its own answer.

    Waiting takes no room: there may be more of them than may be at work at once.
    """
    monkeypatch.setattr(clock, "_ROOM", BoundedSemaphore(2))
    entered, go_on = Event(), Event()
    real = Counting.encode

    def gated(self: Counting, kind: str, batch: Sequence[Any]) -> Any:
        entered.set()
        assert go_on.wait(WAIT)
        return real(self, kind, batch)

    monkeypatch.setattr(Counting, "encode", gated)
    lane = photos._lanes.lane(photos.spaces[0])
    with ThreadPoolExecutor(8) as pool:
        searches = [pool.submit(photos.search, paths[0], k=1)]
        assert entered.wait(WAIT)
        searches += [pool.submit(photos.search, path, k=1) for path in paths[1:8]]
        until = monotonic() + WAIT
        while lane.stats().waiting < 7 and monotonic() < until:
            Event().wait(0.005)
        go_on.set()
        found = [search.result(WAIT)[0].source for search in searches]

    assert found == [str(path) for path in paths[:8]]
    assert encoder.batches == [1, 7]


def test_a_search_that_fails_gives_its_room_back(
    photos: OpenCollection, paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it failed: at its words, its item, its bytes, its picture."""
    monkeypatch.setattr(clock, "_ROOM", BoundedSemaphore(1))
    (tmp_path / "broken.png").write_bytes(paths[0].read_bytes()[:20])
    gone = Blob("gone", "gone.png", lambda: (tmp_path / "gone.png").open("rb"))
    for bad in ("0" * 64, tmp_path / "broken.png", gone, Query((), k=1)):
        with pytest.raises(MorelikeError):
            photos.search(bad)
    with pytest.raises(MorelikeError):
        photos.search_many([Query((Example("item", "0" * 64),))])

    assert photos.search(paths[0], k=1)[0].source == str(paths[0])


def test_no_queries_have_no_answers(photos: OpenCollection) -> None:
    """An empty list is none of them."""
    assert photos.search_many([]) == []


def test_a_bad_query_among_many_is_said(photos: OpenCollection, paths: list[Path]) -> None:
    """As when it is asked alone."""
    good = Query((Example("blob", Blob.from_path(paths[0])),))
    with pytest.raises(NoSuchItem):
        photos.search_many([good, Query((Example("item", "0" * 64),))])
    with pytest.raises(QueryError):
        photos.search_many([good, Query((), k=1)])


def test_the_stages_add_up(photos: OpenCollection, paths: list[Path]) -> None:
    """Each second is told once: decoding, the encoder, the filter, the index, the catalog."""
    explained = photos.search(paths[0], filter="tag = 'seen'", explain=True)
    together = photos.search_many(
        [Query((Example("blob", Blob.from_path(path)),), explain=True) for path in paths[1:3]]
    )

    assert set(explained.timings) == {"catalog", "decode", "embed", "filter", "vectors"}
    assert [set(hits.timings) for hits in together] == [{"catalog", "decode", "embed", "vectors"}] * 2
    assert min(seconds for hits in (explained, *together) for seconds in hits.timings.values()) >= 0.0


@pytest.fixture
def statements(photos: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the catalog asked its database."""
    seen: list[str] = []
    run = Quick.run
    monkeypatch.setattr(Quick, "run", lambda quick, *rest: seen.append(str(quick.statement)) or run(quick, *rest))
    engine = photos._stores.catalog._database.engine
    event.listen(engine, "before_cursor_execute", lambda _connection, _cursor, statement, *_: seen.append(statement))
    return seen


def test_a_page_of_hits_takes_three_statements(
    photos: OpenCollection, paths: list[Path], statements: list[str]
) -> None:
    """However many hits it has: their segments, what is shown of their items, their tags; and one for the revision."""
    photos.search(paths[0])
    counted = []
    for k in (1, 12):
        statements.clear()
        photos.search(paths[0], k=k)
        counted.append(len(statements))

    assert counted == [4, 4]


def test_a_hit_shows_every_source_and_tag(photos: OpenCollection, paths: list[Path], tmp_path: Path) -> None:
    """The first source's own metadata, the others' places, the tags in order."""
    copy = tmp_path / "copy.png"
    shutil.copyfile(paths[0], copy)
    photos.add(copy, tags=["again"], metadata={"shelf": 2})

    best = photos.search(paths[0], k=1)[0]

    assert best.source == str(paths[0])
    assert best.metadata["other_sources"] == [str(copy)]
    assert best.metadata["tags"] == ["again", "seen"]
    assert "shelf" not in best.metadata


def test_another_process_changes_what_the_next_search_says(
    settings: Settings, photos: OpenCollection, paths: list[Path], tmp_path: Path
) -> None:
    """Items that come and go, tags, and a filter's answer: nothing that is remembered outlives them."""
    extra = write_images(tmp_path / "more", 13, seed=1)[12]
    before = said(photos.search(paths[0], k=20, filter="tag = 'seen'"))
    with morelike.open(settings) as other:
        same = other.collection("photos", modality="image", encoder=Counting())
        same.add(extra)
        added = photos.search(paths[0], k=20)
        tagged_before = photos.search(paths[0], k=20, filter="tag = 'seen'")
        same.tag([hit.item for hit in added if hit.source == str(extra)], add=["seen"])
        tagged = photos.search(paths[0], k=20, filter="tag = 'seen'")
        same.remove([before[1][0]])
        removed = photos.search(paths[0], k=20, filter="tag = 'seen'")

    assert len(before) == 12
    assert str(extra) in {hit.source for hit in added}
    assert said(tagged_before) == before
    assert len(tagged) == 13
    assert {hit.item for hit in tagged} - {hit.item for hit in removed} == {before[1][0]}


def test_a_space_that_another_process_activates_is_searched_next(
    settings: Settings, photos: OpenCollection, paths: list[Path]
) -> None:
    """Which spaces a collection has is remembered until its revision grows."""
    old = photos.spaces
    with morelike.open(settings) as other:
        catalog = other._stores.catalog
        found = catalog.collection("photos")
        card = Card(**{**old[0].card.to_dict(), "name": "b", "weights": ()})
        fresh = catalog.add_space(found, "image", card, active=True)

    assert [(space.id, space.active) for space in photos.spaces] == [(old[0].id, False), (fresh.id, True)]
