"""MIT-States as triplets: read from its published layout, asked and drawn as TIRG did."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from morelike.errors import SourceError
from morelike.training import mit_states
from morelike.training.mit_states import TEST_NOUNS, read_mit_states
from morelike.training.triplets import ComposedQuery

KINDS = {
    "adj tomato": 1,
    "diced tomato": 1,
    "sliced tomato": 2,
    "ripe tomato": 1,
    "ancient clock": 1,
    "broken clock": 1,
    "adj cat": 1,
    "wet cat": 2,
    "young cat": 1,
    "old cat": 1,
    "tall tower": 1,
    "ancient tower": 1,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small data set in the published layout, its files made in no order."""
    for name, count in KINDS.items():
        kind = tmp_path / "images" / name
        kind.mkdir(parents=True)
        for number in reversed(range(count)):
            Image.new("RGB", (5, 3), (10 * number, 200, 30)).save(kind / f"{number}.jpg", "PNG")
    (tmp_path / "images" / "wet cat" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "images" / "wet cat" / "._0.jpg").write_bytes(b"x")
    (tmp_path / "images" / "readme.txt").write_bytes(b"x")
    (tmp_path / "images" / "read me").write_bytes(b"x")
    return tmp_path


def test_pictures_come_by_name(folder: Path) -> None:
    """The training split has the nouns that are not the test's, in the order of the names, without "adj"."""
    train = read_mit_states(folder, "train")

    assert train.files == [
        "ancient tower/0.jpg",
        "old cat/0.jpg",
        "tall tower/0.jpg",
        "wet cat/0.jpg",
        "wet cat/1.jpg",
        "young cat/0.jpg",
    ]
    assert len(train) == 6
    assert train.labels == ["ancient tower", "old cat", "tall tower", "wet cat", "wet cat", "young cat"]


def test_the_splits_share_no_noun(folder: Path) -> None:
    """A noun is either learnt or asked for; 49 are asked for."""
    train, test = read_mit_states(folder, "train"), read_mit_states(folder, "test")

    assert (set(train.nouns), set(test.nouns)) == ({"cat", "tower"}, {"tomato", "clock"})
    assert len(TEST_NOUNS) == 49


def test_each_picture_is_asked_with_each_other_adjective(folder: Path) -> None:
    """The test's queries: all adjectives of the picture's noun but its own."""
    test = read_mit_states(folder, "test")

    queries = test.queries()

    assert test.labels == [
        "ancient clock",
        "broken clock",
        "diced tomato",
        "ripe tomato",
        "sliced tomato",
        "sliced tomato",
    ]
    assert queries[:4] == [
        ComposedQuery(0, "broken", "broken clock"),
        ComposedQuery(1, "ancient", "ancient clock"),
        ComposedQuery(2, "ripe", "ripe tomato"),
        ComposedQuery(2, "sliced", "sliced tomato"),
    ]
    assert len(queries) == 2 * 1 + 4 * 2


def test_the_training_split_asks_nothing(folder: Path) -> None:
    """It is trained on drawn triplets."""
    assert read_mit_states(folder, "train").queries() == []


def test_the_texts_are_the_labels(folder: Path) -> None:
    """The vocabulary is made of adjectives with their nouns, as published; each once here."""
    assert read_mit_states(folder, "train").texts == ["ancient tower", "old cat", "tall tower", "wet cat", "young cat"]


def test_two_in_a_row_share_their_source(folder: Path) -> None:
    """Pairs have one source, one noun and two adjectives, each that of its target."""
    train = read_mit_states(folder, "train")

    drawn = train.draw(np.random.default_rng(0), 600)

    assert len(drawn) == 600
    for one, other in zip(drawn[::2], drawn[1::2], strict=True):
        assert one.source == other.source
        assert one.text != other.text
    for triplet in drawn:
        assert train.labels[triplet.target] == f"{triplet.text} {train.nouns[triplet.source]}"
    assert set(Counter(triplet.source for triplet in drawn)) == set(range(6))
    assert {triplet.target for triplet in drawn if train.nouns[triplet.source] == "cat"} == {1, 3, 4, 5}


def test_an_odd_count_ends_with_one(folder: Path) -> None:
    """As many as were asked for are drawn; the last then has no other half."""
    train = read_mit_states(folder, "train")

    assert train.draw(np.random.default_rng(5), 7) == train.draw(np.random.default_rng(5), 8)[:7]


def test_a_picture_is_read(folder: Path) -> None:
    """Pixels come as RGB."""
    picture = read_mit_states(folder, "train").picture(4)

    assert (picture.shape, picture.dtype, picture[0, 0].tolist()) == ((3, 5, 3), np.uint8, [10, 200, 30])


def test_a_noun_of_one_adjective_is_refused(folder: Path) -> None:
    """Nothing can be asked of such a noun, and the published data has none."""
    (folder / "images" / "tall tower" / "0.jpg").unlink()

    with pytest.raises(SourceError, match="the noun 'tower' with one adjective only, 'ancient'"):
        read_mit_states(folder, "train")


def test_a_folder_of_three_words_is_named(folder: Path) -> None:
    """A name that does not tell its adjective from its noun is no folder of this data."""
    (folder / "images" / "very wet cat").mkdir()

    with pytest.raises(SourceError, match="very wet cat is not named by an adjective and a noun"):
        read_mit_states(folder, "train")


def test_what_is_missing_is_named(folder: Path) -> None:
    """Neither a folder without pictures nor one of another data set is read in silence."""
    with pytest.raises(SourceError, match="images cannot be read"):
        read_mit_states(folder / "elsewhere", "train")
    for kind in ("tomato", "clock"):
        for path in (folder / "images").glob(f"* {kind}/*.jpg"):
            path.unlink()
    with pytest.raises(SourceError, match="no picture of the split test"):
        read_mit_states(folder, "test")


def test_the_number_of_pictures_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of far too many pictures is refused."""
    monkeypatch.setattr(mit_states, "MOST_PICTURES", 3)

    with pytest.raises(SourceError, match="more than 3 pictures"):
        read_mit_states(folder, "train")
