"""A picture and words on the command line, and the encoder that composes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from morelike.testing.tiny_onnx import composer_pack

Morelike = Callable[..., Any]


@pytest.fixture
def scenes(morelike: Morelike, tmp_path: Path) -> Morelike:
    """``scenes``: a red, a blue and a grey picture, with an imported composer."""
    imported = morelike("models", "import", composer_pack(tmp_path / "given"), "--json")
    assert imported.code == 0, imported.err
    assert (imported.json["name"], imported.json["kinds"], imported.json["here"]) == (
        "tiny-composer",
        ["image", "composed"],
        True,
    )
    (tmp_path / "pictures").mkdir()
    for name, colour in {"red": (250, 20, 20), "blue": (20, 20, 250), "grey": (128, 128, 128)}.items():
        Image.new("RGB", (30, 20), colour).save(tmp_path / "pictures" / f"{name}.png")
    assert morelike("add", "scenes", "pictures", "--encoder", "tiny-composer", "--quiet").code == 0
    return morelike


def test_a_picture_and_words(scenes: Morelike) -> None:
    """The picture that the words lead to comes first, in the table and in JSON; what is known is not spoken of."""
    answer = scenes("search", "scenes", "pictures/grey.png", "--text", "make it blue", "--json")
    assert set(answer.json) == {"hits", "more", "nothing_similar"}
    assert answer.json["hits"][0]["source"].endswith("blue.png")
    assert answer.err == ""


def test_unknown_words_are_a_note(scenes: Morelike) -> None:
    """What the encoder does not know is said on standard error, and in JSON under a name of its own."""
    asked = ("search", "scenes", "pictures/grey.png", "--text", "make it purplish red, please")
    assert "not known to tiny-composer: 'purplish', left out\n" in scenes(*asked).err
    answer = scenes(*asked, "--json")
    assert answer.json["unknown_words"] == ["purplish"]
    assert answer.json["hits"][0]["source"].endswith("red.png")
    grouped = scenes(*("search", "scenes,scenes", *asked[2:]))
    assert "not known to scenes: 'purplish', left out\n" in grouped.err


def test_words_alone_say_what_is_missing(scenes: Morelike) -> None:
    """Words without a picture, words that nobody knows and words that push away end with a sentence and exit code 2."""
    alone = scenes("search", "scenes", "--text", "make it blue")
    assert (alone.code, "give a picture too" in alone.err) == (2, True)
    strange = scenes("search", "scenes", "pictures/grey.png", "--text", "purplish")
    assert (strange.code, "knows none of the words" in strange.err, "red" in strange.err) == (2, True, True)
    weights = ("--weight", "1", "--weight", "-1")
    against = scenes("search", "scenes", "pictures/grey.png", "--text", "red", *weights)
    assert (against.code, "cannot push away" in against.err) == (2, True)


def test_the_encoder_is_listed(scenes: Morelike) -> None:
    """`encoders` says what it takes, also when asked for what composes; `models verify` finds it whole."""
    found = scenes("encoders", "--kind", "composed", "--json").json["encoders"]
    assert [(one["name"], one["here"]) for one in found if one["name"] == "tiny-composer"] == [("tiny-composer", True)]
    assert "image+composed" in scenes("encoders", "--kind", "composed").out
    assert scenes("models", "verify", "tiny-composer").code == 0


def test_the_collection_is_judged_by_its_pictures(scenes: Morelike) -> None:
    """`eval` needs only the pictures' vectors."""
    assert scenes("eval", "scenes", "--labels", "parent-folder", "--json").json["queries"] == 3


def test_a_file_without_a_card_is_refused(morelike: Morelike, tmp_path: Path) -> None:
    """`models import` of a file needs a card, of a folder one inside it."""
    pack = composer_pack(tmp_path / "given")
    alone = morelike("models", "import", pack / "image.onnx")
    assert (alone.code, "needs a card" in alone.err) == (2, True)
    empty = morelike("models", "import", tmp_path / "given")
    assert (empty.code, "no card.toml" in empty.err) == (1, True)
    gone = morelike("models", "import", tmp_path / "nowhere")
    assert (gone.code, "needs a card" in gone.err or "no file" in gone.err) == (2, True)
