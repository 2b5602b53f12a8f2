"""Words for a classifier: where pictures stand among words, which labels count, and what no card may say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from morelike.conse import LARGEST_FILE, Conse
from morelike.errors import EncodeError, ModelError, UsageError
from morelike.registry import COMPOSITES
from morelike.testing.toys import ToyWords
from morelike.types import Card
from morelike.vecmath import normalise

LABELS = ["background", "cat, pussy", "dog", "", "red car"]


class Classifier:
    """What it is given as a picture are its scores."""

    def __init__(self, classes: int = len(LABELS), kind: str = "image") -> None:
        self._card = Card("toy-scores", "toy", "dense", classes, "ip", {kind: {"side": 64}}, fingerprint="0" * 12)

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: str, payload: Any) -> Any:
        return payload

    def encode(self, kind: str, batch: Sequence[Any]) -> NDArray[np.float32]:
        return np.array(batch, dtype=np.float32)


class CountingWords(ToyWords):
    """Counts the words that it encodes."""

    def __init__(self) -> None:
        super().__init__()
        self.encoded: list[str] = []

    def prepare(self, kind: str, payload: Any) -> Any:
        self.encoded.append(payload)
        return super().prepare(kind, payload)


def card(**changes: Any) -> Card:
    values: dict[str, Any] = {
        "inputs": {"image": {"side": 64}, "text": {}},
        "options": {"labels": "labels.txt", "leave_out": 1, "top": 2},
    }
    return Card("words", "conse", "dense", 26, "cosine", **{**values, **changes}, parts=("toy-scores", "toy-words"))


def options(**more: Any) -> dict[str, Any]:
    return {"labels": "labels.txt", **more}


def made(folder: Path, labels: str = "\n".join(LABELS), *, of: Card | None = None, **parts: Any) -> Conse:
    of = of or card()
    name = str(of.options.get("labels", "labels.txt"))
    (folder / name).write_text(labels, "utf-8")
    encoders = [parts.get("classifier") or Classifier(), parts.get("sentences") or ToyWords()]
    return Conse(of, encoders, {name: folder / name})


def word(*texts: str) -> NDArray[np.float32]:
    encoder = ToyWords()
    return normalise(encoder.encode("text", [encoder.prepare("text", text) for text in texts]))


def encoded(encoder: Conse, kind: str, *payloads: Any) -> NDArray[np.float32]:
    return np.asarray(encoder.encode(kind, [encoder.prepare(kind, payload) for payload in payloads]))


def test_a_picture_stands_among_its_likeliest_classes(tmp_path: Path) -> None:
    """The two likeliest labels, each weighed by its probability; "a, b" is the mean of both words."""
    rows = encoded(made(tmp_path), "image", [0.3, 0.1, 0.2, 0.3, 0.1])  # without the background and the nameless

    cat = normalise(word("cat", "pussy").mean(axis=0, keepdims=True))[0]
    np.testing.assert_allclose(rows[0], normalise((0.2 * word("dog")[0] + 0.1 * cat)[None])[0], atol=1e-6)


def test_a_text_is_the_sentence(tmp_path: Path) -> None:
    """Words stand where the sentence encoder puts them, so that pictures and words can be compared."""
    encoder = made(tmp_path)

    np.testing.assert_array_equal(encoded(encoder, "text", "a dog"), word("a dog"))
    assert (encoded(encoder, "image", [0, 0, 1, 0, 0]) @ word("dog", "red car").T).argmax() == 0


@given(
    scores=st.lists(st.lists(st.floats(0, 1, width=32), min_size=5, max_size=5), min_size=1, max_size=5),
    top=st.integers(1, 5),
)
def test_it_is_what_the_paper_says(tmp_path_factory: pytest.TempPathFactory, scores: Any, top: int) -> None:
    """Whatever the scores: the sum over the first ``top`` of the usable classes by score, then by number."""
    encoder = made(tmp_path_factory.mktemp("conse"), of=card(options=options(leave_out=1, top=top)))

    rows = encoded(encoder, "image", *scores)

    names = [[name.strip() for name in label.split(",")] for label in LABELS]
    for row, own in zip(rows, np.array(scores, dtype=np.float32), strict=True):
        usable = sorted((at for at in (1, 2, 4)), key=lambda at: (-own[at], at))[:top]
        means = [normalise(word(*names[at]).mean(axis=0, keepdims=True))[0] for at in usable]
        wanted = np.sum([own[at] * mean for at, mean in zip(usable, means, strict=True)], axis=0, dtype=np.float32)
        np.testing.assert_allclose(row, normalise(wanted[None])[0], atol=1e-4)


def test_nothing_recognised_is_nowhere(tmp_path: Path) -> None:
    """Scores of nought give a zero vector, which is like nothing."""
    assert not encoded(made(tmp_path), "image", [0, 0, 0, 0, 0]).any()


def test_logits_become_probabilities(tmp_path: Path) -> None:
    """With ``softmax = true`` it is as if the classifier had given probabilities."""
    logits = np.log(np.array([0.1, 0.2, 0.4, 0.1, 0.2], dtype=np.float32))
    soft = made(tmp_path, of=card(options=options(softmax=True)))

    np.testing.assert_allclose(
        encoded(soft, "image", logits),
        encoded(made(tmp_path, of=card(options=options())), "image", np.exp(logits)),
        atol=1e-6,
    )


def test_logits_unsaid_are_refused(tmp_path: Path) -> None:
    """Scores below zero are no probabilities: the sentence says what to write into the card."""
    with pytest.raises(ModelError, match="below zero") as caught:
        encoded(made(tmp_path), "image", [0.1, -2.0, 3.0, 0.0, 0.0])

    assert "softmax = true" in caught.value.hint


def test_scores_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """A network that gives nan fails on that picture; nothing of it reaches the index."""
    with pytest.raises(EncodeError, match="not finite"):
        encoded(made(tmp_path), "image", [np.nan, 0, 0, 0, 0])


def test_labels_are_encoded_once(tmp_path: Path) -> None:
    """The first batch encodes each name once, later ones nothing."""
    words = CountingWords()
    encoder = made(tmp_path, sentences=words)
    assert words.encoded == []

    for _ in range(3):
        encoded(encoder, "image", [0, 1, 0, 0, 0])

    assert sorted(words.encoded) == ["background", "cat", "dog", "pussy", "red car"]


def test_labels_of_a_table(tmp_path: Path) -> None:
    """A CSV is read by its column, quotes and line ends within them too."""
    table = 'index,display_name\n0,background\n1,"cat, pussy"\n2,dog\n3,\n4,"red\ncar"\n'
    of = card(options={"labels": "labels.csv", "leave_out": 1, "top": 2})
    scores = [0.3, 0.1, 0.2, 0.3, 0.1]

    rows = encoded(made(tmp_path, table, of=of), "image", scores)

    np.testing.assert_allclose(rows, encoded(made(tmp_path), "image", scores), atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "name", "sentence"),
    [
        ("a\nb", "labels.txt", r"5 classes.*are 2"),
        ("a\n\n\n\n\n", "labels.txt", "no label but empty"),
        ("a\nb\nc\nd\n" + "e" * 1001, "labels.txt", "more than 1000 characters"),
        ("x" * (LARGEST_FILE + 1), "labels.txt", "larger than 4 MB"),
        ("a,b\n1,2\n", "labels.csv", "column = 'display_name'"),
        ('display_name\n"a\n', "labels.csv", "no CSV"),
        ("", "labels.csv", "column"),
    ],
)
def test_labels_that_do_not_fit(tmp_path: Path, labels: str, name: str, sentence: str) -> None:
    """Too few, none, too long, no table: a sentence about the card, at the first batch."""
    encoder = made(tmp_path, labels, of=card(options={"labels": name, "leave_out": 1}))
    with pytest.raises(ModelError, match=sentence):
        encoded(encoder, "image", [0, 0, 0, 0, 1])


def test_labels_that_are_no_text(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are said so."""
    encoder = made(tmp_path)
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="not UTF-8"):
        encoded(encoder, "image", [0, 0, 0, 0, 1])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"options": options(tops=3)}, "unknown options: tops"),
        ({"options": options(top=0)}, "top = 0"),
        ({"options": options(top=6)}, "top = 6"),
        ({"options": options(top=True)}, "top = True"),
        ({"options": options(leave_out=5)}, "leave_out = 5"),
        ({"options": options(softmax="yes")}, "softmax = 'yes'"),
        ({"options": {}}, "labels = None"),
        ({"options": {"labels": "other.txt", "top": 2}}, None),
        ({"inputs": {"image": {"side": 32}, "text": {}}}, "side = 32"),
        ({"inputs": {"audio": {}, "text": {}}}, "its parts take image and text"),
    ],
)
def test_cards_that_cannot_be_followed(tmp_path: Path, changes: dict[str, Any], sentence: str | None) -> None:
    """What a card says that is not so is refused when it is loaded, in a sentence that names the card."""
    (tmp_path / "labels.txt").write_text("\n".join(LABELS), "utf-8")
    with pytest.raises(ModelError, match=f"the card words .*{sentence or 'other.txt'}"):
        Conse(card(**changes), [Classifier(), ToyWords()], {"labels.txt": tmp_path / "labels.txt"})


def test_parts_that_do_not_fit(tmp_path: Path) -> None:
    """Two parts, a classifier of one kind and a sentence encoder of the card's width."""
    files = {"labels.txt": tmp_path / "labels.txt"}
    for parts, sentence in (
        ([Classifier()], "not of 1 cards"),
        ([ToyWords(), Classifier()], "needs a classifier"),
        ([Classifier(), Classifier()], "needs a sentence encoder"),
    ):
        with pytest.raises(ModelError, match=sentence):
            Conse(card(), parts, files)  # type: ignore[arg-type] # toys of two sorts in one list
    with pytest.raises(ModelError, match=r"dim = 30.*gives 26"):
        Conse(replace(card(), dim=30), [Classifier(), ToyWords()], files)


def test_another_kind_is_refused(tmp_path: Path) -> None:
    """A picture's card takes no sound."""
    with pytest.raises(UsageError, match="takes image, text, not audio"):
        made(tmp_path).prepare("audio", None)


def test_an_empty_batch_is_empty(tmp_path: Path) -> None:
    """(0, dim), like any encoder."""
    assert made(tmp_path).encode("image", []).shape == (0, 26)


def test_it_is_a_composition_of_the_registry() -> None:
    """Cards name it as ``conse``."""
    assert COMPOSITES.load("conse") is Conse
