"""A collection's sources one by one, and two examples held against each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.errors import NoSuchItem, QueryError, UnknownMedia
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder, ToyJointEncoder
from morelike.types import Blob, Example


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    write_images(tmp_path / "pictures", 3, seed=4)
    return sorted((tmp_path / "pictures").iterdir())


@pytest.fixture
def photos(library: Library, paths: list[Path]) -> OpenCollection:
    """The first picture under two names, the second under one."""
    found = library.collection("photos", modality="image", encoder=ToyEncoder())
    for uri, path in (("a", paths[0]), ("b", paths[1]), ("c", paths[0])):
        found.add(Blob.from_bytes(path.read_bytes(), f"{uri}.jpg", uri=uri))
    return found


def test_a_source_is_removed_alone(library: Library, photos: OpenCollection, paths: list[Path]) -> None:
    """The item stays as long as it has another; with the last one it goes, and all it had."""
    first, second, again = photos.sources()
    assert [first.item_id, second.source.uri, again.item_id] == [first.item_id, "b", first.item_id]

    assert photos.remove_sources(["a", "nothing"]) == 0
    assert [row.source.uri for row in photos.sources()] == ["b", "c"]
    assert photos.content(first.item_id) == paths[0].read_bytes()

    assert photos.remove_sources(["c"]) == 1
    assert (photos.count(), photos.count_sources()) == (1, 1)
    with pytest.raises(NoSuchItem):
        photos.content(first.item_id)
    assert library.doctor().findings == []


def test_a_rejected_source_leaves_the_ledger(photos: OpenCollection) -> None:
    """Whoever removes a source does not want to hear of it again."""
    photos.add(Blob.from_bytes(b"no picture", "bad.jpg", uri="bad"))
    assert photos.rejected_count() == 1

    photos.remove_sources(["bad"])

    assert photos.rejected_count() == 0


def test_two_examples_are_compared(photos: OpenCollection, paths: list[Path]) -> None:
    """As a search would score them, files and items alike; nothing is kept of them."""
    third = photos.compare(paths[2], paths[0])
    (hit,) = photos.search(paths[2], k=2, filter="path = 'a'")

    assert dict(third) == {unit: pytest.approx(value, abs=1e-5) for unit, value in hit.unit.items()}
    assert dict(photos.compare(hit.item, paths[2])) == pytest.approx(dict(third), abs=1e-5)
    assert photos.compare(paths[2], paths[2])["cosine"] == pytest.approx(1, abs=1e-5)
    assert photos.count_sources() == 3


def test_what_cannot_be_compared_is_said(library: Library, photos: OpenCollection, paths: list[Path]) -> None:
    """An example that is no picture, and words where the encoder knows none."""
    with pytest.raises(UnknownMedia):
        photos.compare(paths[0], b"no picture")
    with pytest.raises(QueryError):
        photos.compare(paths[0], Example("text", "red"))
    joint = library.collection("joint", modality="image", encoder=ToyJointEncoder())
    assert set(joint.compare(paths[0], Example("text", "red"))) == {"cosine"}
