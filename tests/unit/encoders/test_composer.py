"""The composer family: pairs of a picture and words, what it knows of them, and cards that cannot be followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morelike.encoders.composer import ComposerEncoder
from morelike.errors import EncodeError, ModelError, MorelikeError, QueryError
from morelike.models import cards
from morelike.settings import Settings
from morelike.testing.tiny_onnx import COMPOSER_WORDS, composer_pack

GREY = np.full((60, 90, 3), 128, dtype=np.uint8)
OLIVE = np.full((20, 20, 3), (200, 180, 40), dtype=np.uint8)
Change = tuple[str, str]


def encoder(folder: Path, *changes: Change) -> ComposerEncoder:
    """Of a tiny pack, its card's text changed."""
    pack = composer_pack(folder)
    text = (pack / "card.toml").read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    card = cards.from_text(text, "card.toml")
    return ComposerEncoder(card, {weights.name: pack / weights.name for weights in card.weights}, Settings())


def composed(made: ComposerEncoder, *pairs: tuple[Any, str]) -> Any:
    return made.encode("composed", [made.prepare("composed", pair) for pair in pairs])


def test_words_move_a_picture(tmp_path: Path) -> None:
    """The vector is the network's, of length one: the picture's colour and the words' together."""
    got = composed(encoder(tmp_path), (OLIVE, "make it red"))[0]
    colour = (np.array([200, 180, 40]) / 127.5 - 1) + np.array([2, -1, -1]) * 1.2
    np.testing.assert_allclose(got, colour / np.linalg.norm(colour), atol=1e-5)


def test_alone_or_beside_longer_texts(tmp_path: Path) -> None:
    """A composition is the same, bit for bit, whatever is composed beside it."""
    made = encoder(tmp_path)
    pairs = [(OLIVE, "red"), (GREY, "make it red make it green make it blue"), (OLIVE, "make it blue")]
    together = composed(made, *pairs)
    np.testing.assert_array_equal(together, np.concatenate([composed(made, pair) for pair in pairs]))


def test_words_are_read_as_in_training(tmp_path: Path) -> None:
    """Case and punctuation do not matter, the order does."""
    made = encoder(tmp_path)
    plain, loud, turned, joined = composed(
        made,
        (GREY, "make it red topleft"),
        (GREY, "Make it RED: top-left!"),
        (GREY, "red make it topleft"),
        (GREY, "red"),
    )
    np.testing.assert_array_equal(plain, loud)
    assert np.abs(plain - turned).max() > 1e-3
    assert np.abs(plain - joined).max() > 1e-3


def test_unknown_words_are_left_out_and_named(tmp_path: Path) -> None:
    """What is not known is as if it were not there; it is named as written, once, and "the" and "please" are not."""
    made = encoder(tmp_path)
    text = "Please make the Purplish it, red not PURPLISH 赤!"
    np.testing.assert_array_equal(composed(made, (GREY, text)), composed(made, (GREY, "make it red")))
    assert made.unknown_words(text) == ("Purplish", "not", "赤")
    assert made.unknown_words("make it red, please") == ()
    assert made.known_words(2) == COMPOSER_WORDS[1:3]


@pytest.mark.parametrize("text", ["purplish", "", "…", "please", "赤い"])
def test_a_text_without_a_known_word_is_refused(text: str, tmp_path: Path) -> None:
    """Nothing would be left to compose with: the answer names words that are known."""
    with pytest.raises(QueryError, match="knows none") as raised:
        encoder(tmp_path).prepare("composed", (GREY, text))
    assert "red, green" in raised.value.hint


@pytest.mark.parametrize("text", ["red " * 65, "x" * 10_000])
def test_too_many_words_are_refused(text: str, tmp_path: Path) -> None:
    """A text's length is bounded, before any of it is looked up."""
    made = encoder(tmp_path)
    for ask in (made.unknown_words, lambda words: made.prepare("composed", (GREY, words))):
        with pytest.raises(QueryError, match="more than 64"):
            ask(text)


def test_a_network_without_words_says_so_in_its_card(tmp_path: Path) -> None:
    """A baseline that looks at the picture alone names no inputs for words: any known words give the picture."""
    changes = (('file = "composer.onnx"', 'file = "image.onnx"'), ('output = "embedding"', 'output = "colour"'))
    made = encoder(tmp_path, *changes, ('ids = "ids"', 'ids = ""'), ('lengths = "lengths"', 'lengths = ""'))
    picture = made.encode("image", [made.prepare("image", OLIVE)])
    np.testing.assert_array_equal(composed(made, (OLIVE, "red")), picture)


@pytest.mark.parametrize("payload", [GREY, (GREY, 3), (GREY,), ("red", GREY), "red"])
def test_what_is_no_pair_is_refused(payload: Any, tmp_path: Path) -> None:
    """A composition is a picture and a text, in this order."""
    with pytest.raises(EncodeError):
        encoder(tmp_path).prepare("composed", payload)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (('metric = "cosine"', 'metric = "ip"'), "cosine"),
        (('ids = "ids"', 'idds = "ids"'), "idds"),
        (('file = "composer.onnx"', 'file = "other.onnx"'), r"other\.onnx"),
        (('vocabulary = "vocabulary.txt"', 'vocabulary = "words.txt"'), r"words\.txt"),
        (("[inputs.composed]", "[inputs.text]"), "image and composed"),
        (("width = 12", "width = 100"), "width"),
        (("width = 12", "wide = 12"), "wide"),
        (("[inputs.image]", "[options]\nrevision = 1\n[inputs.image]"), "revision"),
    ],
)
def test_a_wrong_card_is_refused_before_any_work(change: Change, word: str, tmp_path: Path) -> None:
    """What the card cannot mean is named at once."""
    with pytest.raises(ModelError, match=word):
        encoder(tmp_path, change)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (('name = "pixels"\nids', 'name = "picture"\nids'), "pixels"),
        (('ids = "ids"', 'ids = "words"'), "ids"),
        (('output = "embedding"', 'output = "nowhere"'), "nowhere"),
        (('file = "composer.onnx"', 'file = "image.onnx"'), "no input 'ids'"),
        (('lengths = "lengths"', 'lengths = ""'), "also wants lengths"),
        (("dim = 3", "dim = 4"), "dim = 4"),
    ],
)
def test_a_card_that_does_not_fit_its_files(change: Change, word: str, tmp_path: Path) -> None:
    """A name or a number that is not the network's is answered with the network's own."""
    with pytest.raises(ModelError, match=word):
        composed(encoder(tmp_path, change), (GREY, "red"))


@pytest.mark.parametrize(
    "data",
    [b"", b"red\ngreen\n", b"<UNK>\nred\nred\n", b"<UNK>\nr\xc3\xb6t\n", b"<UNK>\n\nred\n", b"a" * (1 << 20 | 1)],
)
def test_a_vocabulary_that_is_none(data: bytes, tmp_path: Path) -> None:
    """A damaged, foreign or endless vocabulary is the model's fault, and named by its file."""
    made = encoder(tmp_path)
    (tmp_path / "tiny-composer" / "vocabulary.txt").write_bytes(data)
    with pytest.raises(ModelError, match=r"vocabulary\.txt"):
        made.prepare("composed", (GREY, "red"))


def test_a_vocabulary_that_is_gone(tmp_path: Path) -> None:
    """A file that cannot be read is a sentence."""
    made = encoder(tmp_path)
    (tmp_path / "tiny-composer" / "vocabulary.txt").unlink()
    with pytest.raises(MorelikeError, match="cannot be read"):
        made.unknown_words("red")
