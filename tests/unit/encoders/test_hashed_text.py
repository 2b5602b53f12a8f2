"""``hashed-text``: texts without weights."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from morelike.encoders.hashed_text import HashedTextEncoder
from morelike.errors import EncodeError, ModelError
from morelike.models import cards
from morelike.settings import Settings
from morelike.types import Card

CARD = cards.find("hashed-text", Settings(offline=True))


def encoder(card: Card = CARD) -> HashedTextEncoder:
    return HashedTextEncoder(card, {}, Settings(offline=True))


def vectors(*texts: str) -> NDArray[np.float32]:
    made = encoder()
    return made.encode("text", [made.prepare("text", text) for text in texts])


def likeness(one: str, other: str) -> float:
    first, second = vectors(one, other)
    return float(first @ second)


@given(st.text(max_size=60))
def test_any_text_has_a_vector(text: str) -> None:
    """Any text at all: finite, of length one, the same each time."""
    first, second = vectors(text, text)
    assert np.isfinite(first).all()
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("text", "like", "unlike"),
    [
        ("the price of oil", "oil prices rise", "a red dress"),
        ("information retrieval", "retrieving informations", "the football match"),
        ("Die Häuser am See", "ein Haus am großen See", "der Hund schläft"),
        ("les maisons rouges", "une maison rouge", "le chien dort"),
        ("東京都庁へ行く", "東京の庁舎", "犬が寝る"),
        ("학교에서 공부합니다", "학교 공부", "고양이가 잔다"),
        ("красные дома", "красный дом", "собака спит"),
        ("CAFÉ Crème", "cafe creme", "the crow"),
    ],
)
def test_like_words_are_near(text: str, like: str, unlike: str) -> None:
    """Texts with the same words, or other forms of them, are nearer than those without, in any language."""
    assert likeness(text, like) > likeness(text, unlike) + 0.1


def test_function_words_do_not_count() -> None:
    """What only builds a sentence makes no two texts alike, but is all that such a text alone has."""
    assert likeness("what is the fox of it", "fox") == pytest.approx(1, abs=1e-5)
    assert likeness("to be or not to be", "to be or not to be") == pytest.approx(1, abs=1e-5)
    assert likeness("to be or not to be", "who are you") < 0.5


def test_texts_without_words_are_alike() -> None:
    """Punctuation and nothing at all have one vector of their own, which is none of a word's."""
    assert likeness("", " …?! ") == pytest.approx(1)
    assert abs(likeness("", "fox")) < 0.2


def test_huge_texts_are_bounded() -> None:
    """A word of a million letters, and a text of many millions, take a moment."""
    assert np.isfinite(vectors("x" * 2_000_000, "fox " * 2_000_000)).all()


def test_other_processes_agree() -> None:
    """A vector does not depend on the process: no hash is seeded."""
    code = (
        "from morelike.encoders.hashed_text import *; from morelike.models import cards\n"
        "from morelike.settings import Settings\n"
        "s = Settings(offline=True); e = HashedTextEncoder(cards.find('hashed-text', s), {}, s)\n"
        "import hashlib; print(hashlib.sha256(e.prepare('text', 'größer 東京 fox').tobytes()).hexdigest())"
    )
    said = {subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout for _ in range(2)}
    assert len(said) == 1


@pytest.mark.parametrize(
    "change", [{"options": {"revision": 2}}, {"options": {"revision": 1, "x": 1}}, {"inputs": {"image": {}}}]
)
def test_a_card_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    """Another revision, an option that there is not, and another kind are said."""
    with pytest.raises(ModelError, match="hashed-text"):
        encoder(replace(CARD, **change))


def test_what_is_no_text_is_refused() -> None:
    """Something else than a str is an error of that item."""
    with pytest.raises(EncodeError, match="is bytes"):
        encoder().prepare("text", b"fox")
