"""Fashion200k as triplets: read from its published layout, asked and drawn as TIRG did."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from morelike.errors import DecodeError, SourceError, UsageError
from morelike.training import fashion200k
from morelike.training.fashion200k import Fashion200k, read_fashion200k
from morelike.training.triplets import ComposedQuery, Triplet
from morelike.vocabulary import Vocabulary

TRAIN = [
    ("women/dresses/1/1_0.jpeg", "black mini dress"),
    ("women/dresses/2/2_0.jpeg", "white mini dress"),
    ("women/dresses/2/2_1.jpeg", "white mini dress"),
    ("women/dresses/3/3_0.jpeg", "black maxi dress"),
    ("women/dresses/4/4_0.jpeg", "grey wool coat"),
]
TEST = [
    ("women/dresses/5/5_0.jpeg", "blue v. neck dress"),
    ("women/dresses/6/6_0.jpeg", "  red v. neck dress "),
    ("women/dresses/7/7_0.jpeg", "red & *blue* dress?"),
]


def table(rows: list[tuple[str, str]]) -> str:
    return "".join(f"{name}\t0.9{index}\t{caption}\n" for index, (name, caption) in enumerate(rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small data set in the published layout, with one picture."""
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "dress_train_detect_all.txt").write_text(table(TRAIN[:3]) + "\n")
    (labels / "skirt_train_detect_all.txt").write_text(table(TRAIN[3:]))
    (labels / "dress_test_detect_all.txt").write_text(table(TEST))
    (labels / ".dress_train_detect_all.txt.part").write_bytes(b"half a line")
    (tmp_path / "test_queries.txt").write_text(f"{TEST[0][0]} {TEST[1][0]}\n{TEST[1][0]} {TEST[2][0]}\n")
    for name, _ in TRAIN:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), (200, 30, 30)).save(tmp_path / TRAIN[0][0], "PNG")
    return tmp_path


def test_tables_of_the_split_are_read(folder: Path) -> None:
    """All tables with the split in their name give pictures, by the tables' names and then line by line."""
    train = read_fashion200k(folder, "train")

    assert (len(train), train.files) == (5, [name for name, _ in TRAIN])
    assert train.labels == [caption for _, caption in TRAIN]


def test_punctuation_is_spelled_out(folder: Path) -> None:
    """Marks that tell captions apart survive as words, as published."""
    assert read_fashion200k(folder, "test").labels == [
        "blue vdotmark neck dress",
        "red vdotmark neck dress",
        "red andmark starmarkbluestarmark dressquestionmark",
    ]


def test_queries_replace_the_first_word_that_differs(folder: Path) -> None:
    """A published query names two pictures; its text is made of their captions, its answer is the second's."""
    assert read_fashion200k(folder, "test").queries() == [
        ComposedQuery(0, "replace blue with red", "red vdotmark neck dress"),
        ComposedQuery(1, "replace vdotmark with andmark", "red andmark starmarkbluestarmark dressquestionmark"),
    ]


def test_the_training_split_asks_nothing(folder: Path) -> None:
    """It is asked with drawn triplets, so it needs no file of queries."""
    (folder / "test_queries.txt").unlink()

    assert read_fashion200k(folder, "train").queries() == []


def test_the_texts_hold_every_word_that_is_asked(folder: Path) -> None:
    """A vocabulary of the training texts knows the drawn texts, "replace" and "with" among them."""
    train = read_fashion200k(folder, "train")
    vocabulary = Vocabulary(train.texts)

    drawn = train.draw(np.random.default_rng(0), 50)

    assert {word for triplet in drawn for word in vocabulary.unknown(triplet.text)} == set()
    assert {"replace", "with"} <= set(vocabulary.words)


def test_drawn_targets_are_siblings(folder: Path) -> None:
    """Every drawn text leads from its source's caption to its target's; each such change is drawn."""
    train = read_fashion200k(folder, "train")

    drawn = Counter(train.draw(np.random.default_rng(1), 400))

    assert set(drawn) == {
        Triplet(0, "replace black with white", 1),
        Triplet(0, "replace black with white", 2),
        Triplet(0, "replace mini with maxi", 3),
        Triplet(1, "replace white with black", 0),
        Triplet(2, "replace white with black", 0),
        Triplet(3, "replace maxi with mini", 0),
    }
    sources = Counter(triplet.source for triplet in drawn.elements())
    assert min(sources.values()) > 60  # of four equally likely ones in 400


def test_the_same_generator_draws_the_same(folder: Path) -> None:
    """What is drawn depends on the data and the generator's state alone."""
    one, other = read_fashion200k(folder, "train"), read_fashion200k(folder, "train")

    assert one.draw(np.random.default_rng(3), 9) == other.draw(np.random.default_rng(3), 9)


def test_words_are_taken_out_as_published() -> None:
    """A word goes wherever its letters stand: "a" makes captions siblings that differ in letters of other words."""
    data = Fashion200k(Path("none"), "train", ["1.jpg", "2.jpg"], ["a black", "a blck"], [])

    assert set(data.draw(np.random.default_rng(0), 20)) == {
        Triplet(0, "replace black with blck", 1),
        Triplet(1, "replace blck with black", 0),
    }


def test_captions_of_the_same_words_are_told_by_their_last(tmp_path: Path) -> None:
    """Where no word differs the last ones are named, as published."""
    data = Fashion200k(tmp_path, "train", ["1.jpg", "2.jpg"], ["red red dress", "red dress red"], [])

    assert Triplet(0, "replace dress with red", 1) in data.draw(np.random.default_rng(0), 20)


def test_nothing_to_change_is_said(tmp_path: Path) -> None:
    """Captions without siblings cannot be trained on."""
    data = Fashion200k(tmp_path, "train", ["1.jpg", "2.jpg"], ["red dress", "grey wool coat"], [])

    with pytest.raises(UsageError, match="differ in one word"):
        data.draw(np.random.default_rng(0), 1)


def test_a_picture_is_read_by_its_bytes(folder: Path) -> None:
    """Pixels come as RGB, whatever the file's name says of its format."""
    picture = read_fashion200k(folder, "train").picture(0)

    assert (picture.shape, picture.dtype, picture[0, 0].tolist()) == ((4, 6, 3), np.uint8, [200, 30, 30])


def test_a_missing_picture_is_named(folder: Path) -> None:
    """A picture that is listed and not there is named when it is asked for."""
    with pytest.raises(SourceError, match=r"2_0\.jpeg cannot be read: No such file"):
        read_fashion200k(folder, "train").picture(1)


def test_a_damaged_picture_is_named(folder: Path) -> None:
    """So is one that is no picture."""
    (folder / TRAIN[1][0]).write_bytes(b"nothing")

    with pytest.raises(DecodeError, match=r"2_0\.jpeg"):
        read_fashion200k(folder, "train").picture(1)


@pytest.mark.parametrize(
    "name", ["../secret.jpeg", "women/../../secret.jpeg", "/etc/secret.jpeg", "a\\b.jpeg", "", "."]
)
def test_a_path_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    """A table cannot name a picture elsewhere."""
    (folder / "labels" / "dress_train_detect_all.txt").write_text(table([TRAIN[0], (name, "black dress")]))

    with pytest.raises(SourceError, match=r"line 2 of .*dress_train_detect_all\.txt names a picture outside"):
        read_fashion200k(folder, "train")


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("a.jpeg\tblack dress\n", "has 2 columns"),
        ("a.jpeg 0.9 black dress\n", "has 1 columns"),
        ("a.jpeg\t0.9\tblack\tdress\n", "has 4 columns"),
        ("a.jpeg\t0.9\t \n", "a caption of 0 words"),
        (f"a.jpeg\t0.9\t{'x ' * 51}\n", "a caption of 51 words"),
        (f"a.jpeg\t0.9\t{'x' * 1001}\n", "1001 letters"),
    ],
)
def test_an_odd_line_is_named(folder: Path, line: str, named: str) -> None:
    """A line that cannot be read is said with its file and number, blank ones counted."""
    (folder / "labels" / "dress_train_detect_all.txt").write_text("\n" + line)

    with pytest.raises(SourceError, match=rf"line 2 of .*dress_train_detect_all\.txt .*{named}"):
        read_fashion200k(folder, "train")


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (f"{TEST[0][0]}\n", "line 3 of .* has 1 names"),
        (f"{TEST[0][0]} none.jpeg\n", "line 3 of .* names 'none.jpeg', which no label lists"),
    ],
)
def test_an_odd_query_is_named(folder: Path, line: str, named: str) -> None:
    """So is a query that names no pictures of the split."""
    with (folder / "test_queries.txt").open("a") as stream:
        stream.write(line)

    with pytest.raises(SourceError, match=named):
        read_fashion200k(folder, "test")


def test_what_is_missing_is_named(folder: Path) -> None:
    """Each file or folder that is not there, or is empty, is said with what should be there."""
    (folder / "test_queries.txt").write_text("")
    with pytest.raises(SourceError, match="asks nothing"):
        read_fashion200k(folder, "test")
    (folder / "test_queries.txt").unlink()
    with pytest.raises(SourceError, match=r"test_queries\.txt cannot be read"):
        read_fashion200k(folder, "test")
    (folder / "labels" / "dress_test_detect_all.txt").write_text("\n")
    with pytest.raises(SourceError, match="no picture of the split test"):
        read_fashion200k(folder, "test")
    (folder / "labels" / "dress_test_detect_all.txt").unlink()
    with pytest.raises(SourceError, match="has 'test' in its name"):
        read_fashion200k(folder, "test")
    with pytest.raises(SourceError, match="labels cannot be read"):
        read_fashion200k(folder / "women", "train")


def test_sizes_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a table nor the number of pictures grows beyond its bound."""
    monkeypatch.setattr(fashion200k, "MOST_PICTURES", 4)
    with pytest.raises(SourceError, match="more than 4 pictures"):
        read_fashion200k(folder, "train")
    monkeypatch.setattr(fashion200k, "LARGEST_FILE", 10)
    with pytest.raises(SourceError, match=r"dress_train_detect_all\.txt has more than"):
        read_fashion200k(folder, "train")


def test_letters_of_another_coding_do_not_stop_the_reading(folder: Path) -> None:
    """A caption that is no UTF-8 is read with a mark in the letter's place."""
    path = folder / "labels" / "dress_train_detect_all.txt"
    path.write_bytes(b"a.jpeg\t0.9\tappliqu\xe9 dress\n")

    assert read_fashion200k(folder, "train").labels[0] == "appliqu\ufffd dress"
