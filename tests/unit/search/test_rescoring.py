"""Candidates put in order by their exact score: pages, filters, thresholds, what cannot be had, and what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.errors import DecodeError, QueryError
from morelike.library import Library
from morelike.registry import RESCORERS, Row
from morelike.search import rescoring
from morelike.search.filter import parse_filter
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder, ToyRescorer
from morelike.types import Card, Example, Query

COUNT = 24


class Rescored(ToyEncoder):
    """The toy encoder, whose card names the toy rescorer."""

    def __init__(self) -> None:
        super().__init__("toy-rescored")
        self._card = Card.from_dict({**self._card.to_dict(), "options": {"rescorer": "toy-colour"}})


@pytest.fixture
def library(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setitem(RESCORERS._all, "toy-colour", Row("morelike.testing.toys:ToyRescorer"))
    with morelike.open(settings.model_copy(update={"rescored": 10})) as opened:
        yield opened


@pytest.fixture
def photos(library: Library, tmp_path: Path) -> OpenCollection:
    """Of the candidates the best ten are scored again."""
    write_images(tmp_path / "pictures", COUNT, seed=5)
    opened = library.collection("photos", modality="image", encoder=Rescored())
    assert opened.add(tmp_path / "pictures").added == COUNT
    return opened


@pytest.fixture
def example(photos: OpenCollection, tmp_path: Path) -> Path:
    return sorted((tmp_path / "pictures").iterdir())[0]


def by_cosine(photos: OpenCollection, example: Path, **more: Any) -> list[str]:
    return [hit.item for hit in photos.search(example, k=COUNT, options={"rescore": False}, **more)]


def test_the_best_are_put_in_order_and_the_others_follow(photos: OpenCollection, example: Path) -> None:
    """The first ten by the rescorer's score, each with its unit; behind them all others as they were."""
    before = by_cosine(photos, example)

    hits = photos.search(example, k=COUNT)

    first, rest = hits.hits[:10], hits.hits[10:]
    assert {hit.item for hit in first} == set(before[:10])
    assert [hit.score for hit in first] == sorted((hit.score for hit in first), reverse=True)
    assert all(hit.unit["colour"] == hit.score and "cosine" in hit.unit for hit in first)
    assert [hit.item for hit in rest] == before[10:]
    assert all(set(hit.unit) == {"cosine"} for hit in rest)
    assert all("difference" in hit.why for hit in first)


def test_pages_join(photos: OpenCollection, example: Path) -> None:
    """Which candidates are scored again does not hang on the page that is asked for."""
    whole = [(hit.item, hit.score) for hit in photos.search(example, k=COUNT)]

    pages = [(hit.item, hit.score) for start in range(0, COUNT, 5) for hit in photos.search(example, k=5, offset=start)]

    assert pages == whole
    assert photos.search(example, k=5).more
    assert not photos.search(example, k=5, offset=COUNT - 5).more


def test_a_filter_comes_first(photos: OpenCollection, example: Path) -> None:
    """The ten are the best ten of what the filter leaves."""
    some = [item.id for item in photos.items(limit=COUNT)][::2]
    photos.tag(some, ["even"])
    left = by_cosine(photos, example, filter="tag = 'even'")

    hits = photos.search(Query((Example("blob", _blob(example)),), k=COUNT, filter=parse_filter("tag = 'even'")))

    assert set(left) == set(some)
    assert {hit.item for hit in hits.hits[:10]} == set(left[:10])


def test_a_threshold_is_of_the_score_that_is_shown(photos: OpenCollection, example: Path) -> None:
    """The rescorer's score where it ran."""
    hits = photos.search(example, k=10)
    least = hits[4].score

    assert [hit.item for hit in photos.search(example, k=10, threshold=least)][:5] == [hit.item for hit in hits][:5]
    assert all(hit.score >= least for hit in photos.search(example, k=COUNT, threshold=least))


def test_it_can_be_turned_off(photos: OpenCollection, example: Path) -> None:
    """Then scores are the space's own, and there is no other unit."""
    hits = photos.search(example, k=3, options={"rescore": "no"})

    assert all(set(hit.unit) == {"cosine"} and not hit.why for hit in hits)
    with pytest.raises(QueryError, match="rescore cannot be 'perhaps'"):
        photos.search(example, options={"rescore": "perhaps"})


def test_several_examples_are_not_compared(photos: OpenCollection, example: Path, tmp_path: Path) -> None:
    """A sum of examples, and a crop, have no payload to compare; the answer is that of the vectors."""
    other = sorted((tmp_path / "pictures").iterdir())[1]

    assert "colour" not in photos.search(example, plus=[other])[0].unit
    assert "colour" not in photos.search(example, crop=(0.0, 0.0, 0.5, 0.5))[0].unit


def test_what_cannot_be_had_keeps_its_place_behind(library: Library, tmp_path: Path) -> None:
    """An item whose bytes are gone is not scored, and is still found."""
    write_images(tmp_path / "pictures", COUNT, seed=5)
    opened = library.collection("placed", modality="image", encoder=Rescored())
    opened.add(tmp_path / "pictures", in_place=True)
    paths = sorted((tmp_path / "pictures").iterdir())
    query = _blob(paths[0])
    before = [hit.source for hit in opened.search(query, k=10, options={"rescore": False})]
    gone = before[3]
    Path(gone).unlink()

    hits = opened.search(query, k=10)

    assert {hit.source for hit in hits} == set(before)
    assert hits[9].source == gone
    assert set(hits[9].unit) == {"cosine"}


def test_what_a_rescorer_cannot_compare_keeps_its_place_behind(
    photos: OpenCollection, example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A candidate that raises is not the end of the search."""
    order = by_cosine(photos, example)[:10]
    score = ToyRescorer.score
    seen: list[int] = []

    def failing(self: ToyRescorer, query: Any, candidate: Any) -> float:
        seen.append(1)
        if float(np.abs(candidate.astype(float) - query.astype(float)).mean()) == 0:
            raise DecodeError("it cannot be compared")
        return score(self, query, candidate)

    monkeypatch.setattr(ToyRescorer, "score", failing)

    hits = photos.search(example, k=10)

    assert seen
    assert hits[9].item == order[0]  # the example itself


def test_what_takes_too_long_keeps_its_place_behind(
    photos: OpenCollection, example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the time is over, whatever has no score stays in the order of the vectors."""
    monkeypatch.setattr(rescoring, "SECONDS", 0.0)
    order = by_cosine(photos, example)

    found = [hit.item for hit in photos.search(example, k=COUNT)]

    assert sorted(found) == sorted(order)
    assert found[10:] == order[10:]


def _blob(path: Path) -> Any:
    from morelike.types import Blob

    return Blob.from_bytes(path.read_bytes(), path.name)
