"""A picture and the words that change it: what becomes of a query, what it cannot be, and what is said of its words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import morelike
from morelike.collection import OpenCollection
from morelike.errors import OriginalGone, QueryError
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.tiny_onnx import composer_pack
from morelike.testing.toys import ToyEncoder, ToyJointEncoder
from morelike.types import Example, Query
from morelike.vecmath import normalise

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (250, 20, 20),
    "green": (20, 250, 20),
    "blue": (20, 20, 250),
    "grey": (128, 128, 128),
    "pale": (150, 128, 128),
}


@pytest.fixture
def library(settings: Settings, tmp_path: Path) -> Iterator[Library]:
    composer_pack(tmp_path / "packs")
    with morelike.open(settings.model_copy(update={"models": (tmp_path / "packs",)})) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture of each colour."""
    (tmp_path / "pictures").mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (90, 60), colour).save(tmp_path / "pictures" / f"{name}.png")
    return tmp_path / "pictures"


@pytest.fixture
def scenes(library: Library, folder: Path) -> OpenCollection:
    opened = library.collection("scenes", modality="image", encoder="tiny-composer")
    assert opened.add(folder).added == len(COLOURS)
    return opened


def found(scenes: OpenCollection, *examples: Any, **asked: Any) -> list[str]:
    """The names of the hits, best first."""
    return [Path(hit.source).stem for hit in scenes.search(*examples, **asked)]


def item(scenes: OpenCollection, name: str) -> str:
    return next(one.id for one in scenes.items() if one.sources[0].name == f"{name}.png")


@pytest.mark.parametrize("words", ["red", "green", "blue"])
def test_words_change_the_picture(scenes: OpenCollection, folder: Path, words: str) -> None:
    """A picture and words find what the changed picture would be, however the picture is given."""
    grey = folder / "grey.png"
    answers = [
        found(scenes, grey, text=f"make it {words}"),
        found(scenes, grey.read_bytes(), text=f"make it {words}"),
        found(scenes, np.asarray(Image.open(grey)), text=f"make it {words}"),
    ]
    assert answers[0][0] == words
    assert answers == [answers[0]] * 3


def test_an_item_is_composed_from_its_pixels_and_left_out(scenes: OpenCollection, folder: Path) -> None:
    """An item is as good as its file; it is not among its own hits."""
    own = scenes.search(item(scenes, "pale"), text="make it blue")
    foreign = scenes.search(folder / "pale.png", text="make it blue")
    assert "pale" not in [Path(hit.source).stem for hit in own]
    assert {hit.item: hit.score for hit in own}.items() <= {hit.item: hit.score for hit in foreign}.items()


def test_an_item_without_its_bytes_cannot_be_changed(library: Library, folder: Path) -> None:
    """Its vector is no picture: the answer says that the bytes are gone."""
    opened = library.collection("placed", modality="image", encoder="tiny-composer")
    opened.add(folder, in_place=True)
    (folder / "grey.png").unlink()
    assert len(opened.search(item(opened, "grey"))) == 4
    with pytest.raises(OriginalGone):
        opened.search(item(opened, "grey"), text="make it red")


def test_without_words_it_is_a_collection_of_pictures(scenes: OpenCollection, folder: Path) -> None:
    """A picture alone finds its like."""
    assert found(scenes, folder / "green.png")[0] == "green"


def test_several_texts_are_one(scenes: OpenCollection, folder: Path) -> None:
    """Texts are joined by a space, in their order."""
    texts = (Example("text", "make it"), Example("text", "blue"))
    blob = Example("blob", scenes.blob(item(scenes, "grey")))
    parts = scenes.search(Query((texts[0], blob, texts[1])))
    assert [(hit.item, hit.score) for hit in parts] == [
        (hit.item, hit.score) for hit in scenes.search(folder / "grey.png", text="make it blue")
    ]


def test_further_examples_are_added(scenes: OpenCollection, folder: Path) -> None:
    """The first example that pulls is changed; others, and what pushes away, are weighed beside it."""
    grey = folder / "grey.png"
    assert found(scenes, grey, text="red", plus=[(folder / "blue.png", 5.0)])[0] == "blue"
    assert found(scenes, grey, text="red", minus=[(folder / "red.png", 5.0)])[-1] == "red"
    assert found(scenes, text="red", plus=[grey]) == found(scenes, grey, text="red")


def test_the_weight_slides_from_the_picture_to_the_change(scenes: OpenCollection, folder: Path) -> None:
    """picture · (1 - w) + composed · w: nought is the picture, one the composition, a half lies between the two."""
    grey = Example("blob", scenes.blob(item(scenes, "green")))

    def scores(weight: float | None) -> np.ndarray:
        text = () if weight is None else (Example("text", "make it red", weight),)
        return np.array([hit.score for hit in sorted(scenes.search(Query((grey, *text))), key=lambda hit: hit.item)])

    plain, half, changed = scores(0.0), scores(0.5), scores(1.0)
    np.testing.assert_allclose(plain, scores(None), atol=1e-6)
    expected = plain + changed  # of the sum of two directions, but for its length
    np.testing.assert_allclose(normalise(half[None])[0], normalise(expected[None])[0], atol=1e-5)


@pytest.mark.parametrize(
    ("texts", "match"),
    [
        ((("red", 1.5),), "the weight 1.5"),
        ((("red", 1.0), ("blue", 0.5)), "the weights 0.5, 1"),
        ((("red", 1.0), ("blue", -1.0)), "cannot push away from words: 'blue'"),
        (((" ", 1.0),), "no words"),
        ((("purplish", 1.0),), "knows none of the words in 'purplish'"),
        ((("red " * 65, 1.0),), "more than 64"),
    ],
)
def test_what_words_cannot_do(scenes: OpenCollection, texts: Any, match: str) -> None:
    """Words that push away, weigh too much or say nothing are refused, and what is wrong is named."""
    picture = Example("blob", scenes.blob(item(scenes, "grey")))
    with pytest.raises(QueryError, match=match):
        scenes.search(Query((picture, *(Example("text", *text) for text in texts))))


def test_words_alone_are_refused(scenes: OpenCollection, folder: Path) -> None:
    """A composer has nothing to change without a picture that is looked for."""
    with pytest.raises(QueryError, match="tiny-composer composes a picture and words: give a picture too"):
        scenes.search(text="make it red")
    with pytest.raises(QueryError, match="give a picture too"):
        scenes.search(text="make it red", minus=[folder / "grey.png"])


def test_a_vector_cannot_be_changed(scenes: OpenCollection) -> None:
    """A vector has no pixels."""
    with pytest.raises(QueryError, match="no pixels"):
        scenes.search(np.ones(3, dtype=np.float32), text="make it red")


def test_a_film_cannot_be_changed(scenes: OpenCollection, tmp_path: Path) -> None:
    """Words change one picture; a film is many, and is refused rather than passed off as one."""
    pytest.importorskip("av", reason="films need the extra `video`")
    from morelike.testing.films import film

    path = tmp_path / "film.mp4"
    path.write_bytes(film(0))
    with pytest.raises(QueryError, match=r"words change one picture: film\.mp4 has"):
        scenes.search(path, text="make it red")


def test_unknown_words_are_named(scenes: OpenCollection, folder: Path) -> None:
    """They are left out of the query and stand in the answer, remembered vectors or not, and where hits are shown."""
    known = scenes.search(folder / "grey.png", text="make it red")
    for _ in range(2):
        hits = scenes.search(folder / "grey.png", text="make it <Purplish> red, please")
        assert [(hit.item, hit.score) for hit in hits] == [(hit.item, hit.score) for hit in known]
        assert hits.unknown_words == ("Purplish",)
    assert repr(hits).endswith("\nnot known, left out: Purplish")
    assert hits._repr_html_().startswith("<p>not known, left out: Purplish</p>")
    assert hits.page(slice(0, 1)).unknown_words == ("Purplish",)
    assert known.unknown_words == ()
    assert "left out" not in repr(known) + known._repr_html_()


def test_what_is_remembered_hangs_on_the_words(scenes: OpenCollection, folder: Path) -> None:
    """The same picture with other words, with a crop, or without any, has vectors of its own."""
    grey = folder / "grey.png"
    answers = [
        [hit.score for hit in scenes.search(grey, **asked)]
        for _ in range(2)
        for asked in ({}, {"text": "red"}, {"text": "blue"}, {"text": "red blue"}, {"text": "blue red"})
    ]
    assert answers[:5] == answers[5:]
    assert len({tuple(one) for one in answers[:5]}) == 5


def test_queries_of_a_list_are_what_each_is_alone(scenes: OpenCollection, folder: Path) -> None:
    """Composed together with others, with longer words, without words: the same scores, bit for bit."""
    pictures = [Example("blob", scenes.blob(item(scenes, name))) for name in ("grey", "pale", "blue")]
    words = ("red", "make it red make it green topleft", "make it dark")
    queries = [Query((one, Example("text", text))) for one, text in zip(pictures, words, strict=True)]
    alone = [[(hit.item, hit.score) for hit in scenes.search(query)] for query in reversed(queries)][::-1]
    scenes._stores.cache.forget("")
    together = [[(hit.item, hit.score) for hit in hits] for hits in scenes.search_many(queries)]
    assert together == alone


def test_words_beside_a_picture_are_never_passed_over(library: Library, folder: Path) -> None:
    """Where the encoder takes no words at all, a picture with words is refused, not answered as the picture alone."""
    opened = library.collection("plain", modality="image", encoder=ToyEncoder())
    opened.add(folder)
    with pytest.raises(QueryError, match="cannot be searched with words"):
        opened.search(folder / "grey.png", text="make it red")


def test_several_collections_each_in_its_own_way(library: Library, scenes: OpenCollection, folder: Path) -> None:
    """A collection composes, one adds words to the picture, one says that it takes none."""
    library.collection("joint", modality="image", encoder=ToyJointEncoder()).add(folder)
    library.collection("plain", modality="image", encoder=ToyEncoder()).add(folder)
    grouped = library.search(folder / "grey.png", text="make it purplish red")
    assert Path(grouped.answers["scenes"][0].source).stem == "red"
    assert grouped.answers["scenes"].unknown_words == ("purplish",)
    assert set(grouped.answers) == {"scenes", "joint"}
    assert [reply.collection for reply in grouped.silent] == ["plain"]
