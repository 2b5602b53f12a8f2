"""Words to real photographs and sounds, with the networks and the sentence encoder that people have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

import numpy as np
import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.errors import QueryError
from morelike.library import Library
from morelike.settings import Settings


@pytest.fixture(scope="module")
def library(test_data: Path, minilm_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """An eighth of the photographs, the recordings of a fold, and two films."""
    folder = tmp_path_factory.mktemp("words")
    models = (test_data / "models", minilm_models)
    settings = Settings(library=folder / "library", models_cache=folder / "models", models=models, offline=True)
    with morelike.open(settings) as opened:
        photos = opened.collection("photos", modality="image", encoder="conse-mobilenet-v2")
        photos.add(*sorted((test_data / "data" / "clothing").rglob("*.jpg"))[::8], in_place=True)
        sounds = opened.collection("sounds", modality="audio", encoder="conse-yamnet")
        sounds.add(*sorted((test_data / "data" / "esc10").rglob("2-*.ogg")), in_place=True)
        films = opened.collection("films", modality="video", encoder="conse-mobilenet-v2,conse-yamnet")
        films.add(*(test_data / "data" / "video" / name for name in ("cockatoo.mp4", "bikes.mp4")), in_place=True)
        yield opened


def label_of(source: str) -> str:
    return PurePath(source).parent.name


def average_precision(collection: OpenCollection, label: str) -> float:
    hits = collection.search(text=label, k=collection.count())
    places = np.flatnonzero([label_of(hit.source) == label for hit in hits])
    return float((np.arange(1, len(places) + 1) / (places + 1)).mean())


def labels_of(collection: OpenCollection) -> list[str]:
    return sorted({label_of(item.sources[0].uri) for item in collection.items(limit=1000)})


def test_words_find_photographs(library: Library) -> None:
    """By the folders' names, twice as well as by chance; of the whole, docs/benchmarks.md has the figures."""
    photos = library.collection("photos")
    labels = labels_of(photos)

    found = np.mean([average_precision(photos, label) for label in labels])

    assert len(labels) == 10
    assert found > 0.2


def test_words_find_sounds(library: Library) -> None:
    """The first answer is right for nearly every name, and most of the others."""
    sounds = library.collection("sounds")

    assert np.mean([average_precision(sounds, label) for label in labels_of(sounds)]) > 0.85


def test_words_find_films_by_frames_and_sound(library: Library) -> None:
    """One encoder for the frames and one for the sound: words go to both, and their answers are fused."""
    films = library.collection("films")

    hits = films.search(text="a white parrot")

    assert [PurePath(hit.source).name for hit in hits] == ["cockatoo.mp4", "bikes.mp4"]
    assert set(hits[0].unit) == {"cosine", "rrf"}
    assert {space.kind for space in films.spaces if "text" in space.card.kinds} == {"image", "audio"}


def test_words_to_everything(library: Library) -> None:
    """One query finds photographs, sounds and films."""
    found = library.search(text="dog bark", k=6)

    assert {group.modality for group in found.groups} == {"audio", "image", "video"}
    assert label_of(found.answers["sounds"][0].source) == "dog-bark"
    assert found.silent == ()


def test_tags_know_what_is_not_there(library: Library) -> None:
    """Sounds get the right names far more often than not; names of what is not there are given to few."""
    sounds = library.collection("sounds")

    done = sounds.tag_auto(labels_of(sounds))
    items = sounds.items(limit=1000)
    right = sum(label_of(item.sources[0].uri) in item.tags for item in items)
    absent = sounds.tag_auto(["violin", "piano", "trumpet", "applause"], dry_run=True)

    assert done.tagged > 0.5 * done.items
    assert right > 0.85 * done.tagged
    assert absent.tagged < 0.15 * absent.items


def test_a_card_that_takes_no_words_says_which_does(library: Library) -> None:
    """The hint names the card that gives a collection of sounds words."""
    plain = library.collection("plain", modality="audio", encoder="yamnet")

    with pytest.raises(QueryError) as caught:
        plain.search(text="rain")
    assert "reembed plain --encoder conse-yamnet" in caught.value.hint
