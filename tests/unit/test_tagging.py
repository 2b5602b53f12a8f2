"""Tags by labels: who gets which, who gets none, and what is written."""

from __future__ import annotations

import io
from collections.abc import Iterator
from threading import Event
from typing import Any

import numpy as np
import pytest
from PIL import Image

import morelike
from morelike import tagging
from morelike.collection import OpenCollection
from morelike.errors import FilterError, QueryError, UsageError
from morelike.library import Library
from morelike.progress import Progress
from morelike.registry import MODALITIES, Row
from morelike.settings import Settings
from morelike.testing.toys import COLOURS, ToyEncoder, ToyJointEncoder, toy_film
from morelike.types import Blob

NAMES = ("red", "green", "blue")


def picture(colour: tuple[int, int, int], name: str) -> Blob:
    stream = io.BytesIO()
    pixels = np.full((16, 16, 3), colour, dtype=np.uint8)
    pixels[0, 0] = np.frombuffer(name.encode().ljust(3)[:3], dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return Blob.from_bytes(stream.getvalue(), f"{name}.png", uri=name)


@pytest.fixture
def library(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setitem(MODALITIES._all, "film", Row("morelike.testing.toys:ToyFilm"))
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def photos(library: Library) -> OpenCollection:
    """A picture of each of three colours, and one that is black."""
    opened = library.collection("photos", modality="image", encoder=ToyJointEncoder())
    opened.add(*(picture(COLOURS[name], name) for name in NAMES), picture(COLOURS["black"], "black"))
    return opened


def tags(photos: OpenCollection) -> dict[str, tuple[str, ...]]:
    return {item.sources[0].uri: item.tags for item in photos.items()}


def test_each_gets_the_nearest_label(photos: OpenCollection) -> None:
    """A label that an item is near is its tag; what is near none of them gets none."""
    report = photos.tag_auto(["red", "green", "blue", "white"], threshold=50)

    assert tags(photos) == {"red": ("red",), "green": ("green",), "blue": ("blue",), "black": ()}
    assert (report.items, report.tagged, report.added, report.removed) == (4, 3, 3, 0)
    assert report.labels == {"red": 1, "green": 1, "blue": 1, "white": 0}
    assert {(one.source, one.label) for one in report.shown} == {(name, name) for name in NAMES}
    assert all(one.score >= 50 for one in report.shown)
    assert photos.count(filter="tag = 'red'") == 1


def test_a_dry_run_writes_nothing(photos: OpenCollection) -> None:
    """It says what would be done, and nothing is."""
    before = photos._stores.catalog.revision(photos._record)

    report = photos.tag_auto(NAMES, threshold=50, dry_run=True)

    assert (report.tagged, report.added, report.dry_run) == (3, 3, True)
    assert not any(tags(photos).values())
    assert photos._stores.catalog.revision(photos._record) == before


def test_again_changes_nothing(photos: OpenCollection) -> None:
    """What is tagged already is not written a second time."""
    photos.tag_auto(NAMES, threshold=50)
    before = photos._stores.catalog.revision(photos._record)

    report = photos.tag_auto(NAMES, threshold=50)

    assert (report.tagged, report.added, report.removed) == (3, 0, 0)
    assert photos._stores.catalog.revision(photos._record) == before


def test_a_prefix_is_the_runs_own(photos: OpenCollection) -> None:
    """Tags with the prefix that no longer hold are taken off; a person's tags, and other labels', stay."""
    ids = {item.sources[0].uri: item.id for item in photos.items()}
    photos.tag([ids["black"]], add=["red", "auto:red", "auto:other"])

    report = photos.tag_auto(NAMES, threshold=50, prefix="auto:")

    assert tags(photos)["black"] == ("auto:other", "red")
    assert tags(photos)["red"] == ("auto:red",)
    assert (report.added, report.removed) == (3, 1)
    without = photos.tag_auto(NAMES, threshold=1e6)
    assert (without.tagged, without.removed) == (0, 0)
    assert tags(photos)["black"] == ("auto:other", "red")


def test_several_tags(photos: OpenCollection) -> None:
    """``top`` of them at the most, the nearest first, none below the threshold."""
    report = photos.tag_auto(["red", "yellow", "green", "blue"], threshold=0.0, top=2)

    assert {one.label for one in report.shown if one.source == "red"} == {"red", "yellow"}
    scores = [one.score for one in report.shown if one.source == "red"]
    assert scores == sorted(scores, reverse=True)
    assert all(len(own) <= 2 for own in tags(photos).values())


def test_the_wording_is_what_is_asked(photos: OpenCollection) -> None:
    """A label is put into it; the tag stays the label."""
    photos.tag_auto(["red"], wording="a {} thing", threshold=50)

    assert tags(photos)["red"] == ("red",)


def test_a_filter_chooses_the_items(photos: OpenCollection) -> None:
    """Others are neither counted nor tagged, also where the filter is about what the run itself writes."""
    photos.tag_auto(["red"], threshold=50)

    report = photos.tag_auto(NAMES, threshold=50, filter="not tag = 'red'", prefix="x:")

    assert report.items == 3
    assert tags(photos) == {"red": ("red",), "green": ("x:green",), "blue": ("x:blue",), "black": ()}


def test_a_film_is_tagged_for_its_best_part(library: Library) -> None:
    """One stretch that shows it is enough."""
    films = library.collection("films", modality="film", encoder=ToyJointEncoder())
    films.add(
        Blob.from_bytes(toy_film(["black"] * 8 + ["red"]), "a.film", uri="a"),
        Blob.from_bytes(toy_film(["black"] * 9), "b.film", uri="b"),
    )

    films.tag_auto(["red"], threshold=50)

    assert tags(films) == {"a": ("red",), "b": ()}


def test_blocks_do_not_show(photos: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few vectors at a time and many small transactions give the same tags."""
    monkeypatch.setattr(tagging, "BLOCK", 1)
    monkeypatch.setattr(tagging, "PAGE", 2)
    monkeypatch.setattr(tagging, "KEPT", 1)

    assert photos.tag_auto(NAMES, threshold=50).added == 3
    assert tags(photos) == {"red": ("red",), "green": ("green",), "blue": ("blue",), "black": ()}


def test_it_ends_when_asked(photos: OpenCollection) -> None:
    """A stop before the end is said; a second run goes on."""
    stop = Event()
    stop.set()

    report = photos.tag_auto(NAMES, threshold=50, stop=stop)

    assert (report.interrupted, report.items) == (True, 0)
    assert photos.tag_auto(NAMES, threshold=50).tagged == 3


def test_progress_is_told(photos: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many of how many were looked at."""
    monkeypatch.setattr("morelike.progress.TICK", 0.0)
    told: list[Progress] = []

    photos.tag_auto(NAMES, progress=told.append)

    assert [(one.done, one.total) for one in told] == [(4, 4)]


def test_an_empty_collection_has_nothing_to_tag(library: Library) -> None:
    """No items, no tags, no fault."""
    empty = library.collection("empty", modality="image", encoder=ToyJointEncoder())

    assert (empty.tag_auto(["red"]).items, empty.tag_auto(["red"]).labels) == (0, {"red": 0})


def test_a_collection_without_words_says_so(library: Library) -> None:
    """The sentence names its encoder, and what to do."""
    plain = library.collection("plain", modality="image", encoder=ToyEncoder())

    with pytest.raises(QueryError, match="cannot be tagged by labels") as caught:
        plain.tag_auto(["red"])
    assert "morelike reembed plain" in caught.value.hint


@pytest.mark.parametrize(
    ("labels", "options", "sentence"),
    [
        ([], {}, "a label is missing"),
        (["red", " "], {}, "a label is missing"),
        (["x" * 201], {}, "too long"),
        ([str(n) for n in range(1001)], {}, "1001 labels are too many"),
        (["red"], {"wording": "no place"}, "no place for the label"),
        (["red"], {"wording": "{} and {}"}, "no place for the label"),
        (["red"], {"threshold": float("nan")}, "no finite number"),
        (["red"], {"threshold": float("inf")}, "no finite number"),
        (["red"], {"top": 0}, "top is 0"),
        (["x" * 150], {"prefix": "y" * 60}, "too long for a tag"),
    ],
)
def test_what_cannot_be_asked(
    photos: OpenCollection, labels: list[str], options: dict[str, Any], sentence: str
) -> None:
    """Each in a sentence, before anything is written."""
    with pytest.raises(UsageError, match=sentence):
        photos.tag_auto(labels, **options)
    assert not any(tags(photos).values())


def test_a_filter_that_is_none_is_refused(photos: OpenCollection) -> None:
    """As for every search."""
    with pytest.raises(FilterError):
        photos.tag_auto(["red"], filter="tag ==")


def test_labels_once(photos: OpenCollection) -> None:
    """A label that is given twice, or with blanks around it, is one; a text alone is one label."""
    assert list(photos.tag_auto([" red", "red", "red "], dry_run=True).labels) == ["red"]
    assert list(photos.tag_auto("red", dry_run=True).labels) == ["red"]


def test_items_that_go_meanwhile_are_passed_over(photos: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that writes the tag of an item that was removed meanwhile goes on."""
    settle = tagging._Run._settle

    def removing(run: Any, page: Any, best: Any) -> None:
        settle(run, page, best)
        photos.remove([item.id for item in page if item.sources[0].uri == "red"])

    monkeypatch.setattr(tagging._Run, "_settle", removing)
    photos.tag_auto(NAMES, threshold=50)

    assert tags(photos) == {"green": ("green",), "blue": ("blue",), "black": ()}


def test_everyday_words_are_words() -> None:
    """Each once, in order, so that nobody adds one twice."""
    assert list(tagging.EVERYDAY) == sorted(set(tagging.EVERYDAY))
    assert len(tagging.EVERYDAY) > 100
