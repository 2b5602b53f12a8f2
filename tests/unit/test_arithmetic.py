"""Sums of a query's parts: what counts how much, words as parts of their own, and what no sum can be made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import morelike
from morelike.cli.run import run
from morelike.collection import OpenCollection
from morelike.errors import QueryError
from morelike.examples import words_too
from morelike.hits import Hits
from morelike.library import Library
from morelike.search.arithmetic import EVERYDAY, WORDS_COUNT, Addend, together
from morelike.search.embed import texts_of
from morelike.settings import Settings
from morelike.testing.toys import COLOURS, ToyJointEncoder
from morelike.types import Card, Example, Query
from morelike.vecmath import normalise

CARD = Card("toy", "toy", "dense", 3, "cosine", {"image": {}, "text": {}}, fingerprint="0" * 12)
PICTURE, WORDS, MIDDLE = (np.array(row, dtype=np.float32) for row in ([1, 0, 0], [0, 0.6, 0.8], [0, 0, 0.8]))
NAMES = ("red", "green", "blue", "yellow")


class Counting(ToyJointEncoder):
    """Notes the texts that are prepared."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def prepare(self, kind: str, payload: Any) -> Any:
        if kind == "text":
            self.texts.append(payload)
        return super().prepare(kind, payload)


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def encoder() -> Counting:
    return Counting()


@pytest.fixture
def colours(library: Library, encoder: Counting, tmp_path: Path) -> OpenCollection:
    """Pictures of one colour each; a colour's name is where its picture is."""
    (tmp_path / "colours").mkdir()
    for name in NAMES:
        Image.new("RGB", (40, 40), COLOURS[name]).save(tmp_path / "colours" / f"{name}.png")
    collection = library.collection("colours", modality="image", encoder=encoder)
    assert collection.add(tmp_path / "colours").added == len(NAMES)
    return collection


def never() -> NDArray[np.float32]:
    raise AssertionError("nobody needs the middle here")


def added(*addends: Addend) -> NDArray[np.float32]:
    """The sum of parts that need no middle."""
    return np.asarray(together(CARD, addends, never))


def mixed(*addends: Addend) -> NDArray[np.float32]:
    """The sum of pictures and words."""
    return np.asarray(together(CARD, addends, lambda: MIDDLE))


def rows(*given: Sequence[float]) -> NDArray[np.float32]:
    return np.array(given, dtype=np.float32)


def said(hits: Hits) -> list[tuple[str, float]]:
    return [(hit.item, hit.score) for hit in hits]


def test_one_part_stays_what_it_is() -> None:
    """A part alone is not touched, however many rows it has and whatever its weight."""
    alone = rows([3, 4, 0], [0, 0, 2])

    assert added(Addend(0.25, alone)) is alone


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_the_length_of_a_vector_is_no_weight(one: float, other: float) -> None:
    """A part counts by its weight alone: its rows' directions, then the mean of these, are made of length one."""
    first, second = rows([3, 4, 0], [0, 4, 3]), rows([0, 0, 1])

    found = added(Addend(1.0, first * np.float32(one)), Addend(-0.5, second * np.float32(other)))

    np.testing.assert_allclose(found, added(Addend(1.0, first), Addend(-0.5, second)), atol=1e-5)


def test_words_count_from_the_middle_and_double() -> None:
    """Beside a picture a text is its direction from the middle of everyday words, of length one, times two."""
    found = mixed(Addend(1.0, PICTURE[None]), Addend(0.5, 7 * WORDS[None], words=True))

    direction = normalise((WORDS - MIDDLE)[None])[0]
    np.testing.assert_allclose(found, normalise((PICTURE + 0.5 * WORDS_COUNT * direction)[None]), atol=1e-6)


def test_words_among_themselves_need_no_middle() -> None:
    """Texts alone, and pictures alone, are added as they are."""
    both = added(Addend(1.0, WORDS[None], words=True), Addend(-1.0, MIDDLE[None], words=True))

    np.testing.assert_allclose(both, normalise((WORDS - MIDDLE / np.float32(0.8))[None]), atol=1e-6)


@pytest.mark.parametrize(
    ("addends", "message"),
    [
        ([Addend(1.0, PICTURE[None]), Addend(-1.0, PICTURE[None])], "cancel each other out"),
        ([Addend(0.0, PICTURE[None])], "at least one part to look for"),
        ([Addend(-1.0, PICTURE[None]), Addend(-1.0, WORDS[None], words=True)], "at least one part to look for"),
    ],
)
def test_no_sum_without_a_direction(addends: list[Addend], message: str) -> None:
    """Parts that only push away, or leave nothing over, are refused with a sentence."""
    with pytest.raises(QueryError, match=message) as refused:
        mixed(*addends)

    assert refused.value.hint


def test_bits_have_no_sums() -> None:
    """A card of packed bits takes one example at a time."""
    bits = np.zeros((1, 1), dtype=np.uint8)

    with pytest.raises(QueryError, match="has no sums"):
        together(replace(CARD, form="bits", dim=8), [Addend(1.0, bits), Addend(1.0, bits)], never)


@pytest.mark.parametrize(
    ("part", "meant"),
    [
        ("text:in the snow", Example("text", "in the snow")),
        ("text: C:1 ", Example("text", "C:1")),
        (("text:red", 0.5), (Example("text", "red"), 0.5)),
        ("./text:red", "./text:red"),
        ("Text:red", "Text:red"),
        (("cat.jpg", 2), ("cat.jpg", 2)),
        (b"text:red", b"text:red"),
    ],
)
def test_words_are_told_from_files(part: Any, meant: Any) -> None:
    """``text:`` at the beginning makes a part words; everything else stays what it was."""
    assert words_too(part) == meant


@pytest.mark.parametrize("part", ["text:", "text:  ", ("text:", 0.5)])
def test_no_words_are_refused(part: Any) -> None:
    """Nothing behind ``text:`` is a mistake, and is said to be one."""
    with pytest.raises(QueryError, match="no words"):
        words_too(part)


def test_words_pull_and_push(colours: OpenCollection, tmp_path: Path) -> None:
    """Red plus green is yellow; yellow without green is red."""
    folder = tmp_path / "colours"

    pulled = colours.search(folder / "red.png", plus=[("text:green", 0.5)])
    pushed = colours.search(folder / "yellow.png", minus=[("text:green", 0.3)], k=2)

    assert Path(pulled[0].source).stem == "yellow"
    assert [Path(hit.source).stem for hit in pushed] == ["yellow", "red"]


def test_every_way_of_saying_it_is_the_same(library: Library, colours: OpenCollection, tmp_path: Path) -> None:
    """``text``, ``"text:…"``, an Example and a part of a Query are one query, of one collection or of several."""
    red = tmp_path / "colours" / "red.png"
    by_argument = said(colours.search(red, text="green", minus=["text:blue"]))
    by_prefix = said(colours.search(red, plus=["text:green"], minus=[("text: blue", 1)]))
    by_example = said(colours.search(red, plus=[Example("text", "green")], minus=[Example("text", "blue")]))
    first = Example("blob", morelike.types.Blob.from_path(red))
    query = Query((first, Example("text", "green"), Example("text", "blue", -1.0)))
    several = library.search(red, plus=["text:green"], minus=["text:blue"], collections="colours")

    assert by_argument == by_prefix == by_example == said(colours.search(query))
    assert [one.hit.item for one in several] == [item for item, _ in by_argument]


def test_the_middle_is_encoded_once(colours: OpenCollection, encoder: Counting, tmp_path: Path) -> None:
    """Everyday words are encoded with the first sum of a picture and words, never for words or pictures alone."""
    red, green = (tmp_path / "colours" / f"{name}.png" for name in ("red", "green"))

    colours.search(red, plus=[green])
    colours.search(text="red", minus=["text:blue"])
    assert not set(EVERYDAY) & set(encoder.texts)
    colours.search(red, text="green")
    colours.search(green, text="blue")

    assert [encoder.texts.count(word) for word in EVERYDAY] == [1] * len(EVERYDAY)


def test_keywords_are_those_that_are_looked_for() -> None:
    """What a query keeps away from, or does not count, is no keyword."""
    parts = (Example("text", "river"), Example("text", "sea", -1.0), Example("text", "lake", 0.0), Example("item", "x"))

    assert texts_of(parts) == "river"


def test_words_on_the_command_line(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--plus text:…`` and ``--minus text:…`` steer a search; by keywords nothing can be pushed away."""
    pytest.importorskip("markdown_it", reason="texts need the extra `text`")
    for name, text in {"both": "river mountain", "river": "river bank water", "other": "bread and butter"}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    base = ["--library", str(settings.library)]
    files = [str(tmp_path / f"{name}.txt") for name in ("both", "river", "other")]
    assert run([*base, "add", "notes", *files, "--modality", "text", "--encoder", "hashed-text"]) == 0

    def best(*parts: str) -> str:
        capsys.readouterr()
        assert run([*base, "search", "notes", *parts, "-k", "1", "--json"]) == 0
        (hit,) = json.loads(capsys.readouterr().out)["hits"]
        return Path(hit["source"]).stem

    assert best("river mountain", "--minus", "text:mountain") == "river"
    assert best("--plus", "text:bread") == "other"
    assert run([*base, "search", "notes", "river", "--minus", "text:sea", "--mode", "keyword"]) == 2
    assert "cannot push away" in capsys.readouterr().err
