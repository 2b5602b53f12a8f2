"""Files of another card: one model file serves several cards."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hub_server import HubServer

from morelike.errors import DigestMismatch, ModelError, ModelNotHere
from morelike.models import cards, files, weights
from morelike.settings import Settings
from morelike.testing.tiny_onnx import image_tower
from morelike.types import Card, WeightsFile

MODEL = image_tower(8)
SHA = hashlib.sha256(MODEL).hexdigest()
URL = "hub:owner/repo@main/m.onnx"
PATH = "/owner/repo/resolve/main/m.onnx"


def borrowing(*more: WeightsFile, **fields: Any) -> Card:
    """A card whose model is that of the card ``tiny``."""
    shared = WeightsFile("m.onnx", of="tiny", **{"sha256": SHA, **fields})
    inputs = {"image": {"side": 16}}
    return cards.sealed(Card("tiny-scores", "onnx", "dense", 8, "ip", inputs, weights=(shared, *more)))


def put(folder: Path, card: str, name: str, data: bytes = MODEL) -> Path:
    path = folder / card / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_it_lies_in_the_other_cards_folder(settings: Settings) -> None:
    """The file is found where the card lies that it is of, and nowhere else."""
    put(settings.models_cache, "tiny-scores", "m.onnx")
    assert not weights.status(borrowing(), settings).here

    shared = put(settings.models_cache, "tiny", "m.onnx")

    assert weights.files(borrowing(), settings) == {"m.onnx": shared}
    assert weights.status(borrowing(), settings).here


def test_own_and_shared_files_are_found_apart(tmp_path: Path, settings: Settings) -> None:
    """A card's own file may lie in one folder of models, and the shared one in another."""
    settings = settings.model_copy(update={"models": (tmp_path / "one", tmp_path / "two")})
    shared = put(tmp_path / "two", "tiny", "m.onnx")
    own = put(tmp_path / "one", "tiny-scores", "labels.txt", b"a")

    assert weights.files(borrowing(WeightsFile("labels.txt")), settings) == {"m.onnx": shared, "labels.txt": own}
    assert files.locate(borrowing(WeightsFile("labels.txt")), settings)[0] == own.parent


def test_whose_it_is_changes_no_vector(settings: Settings) -> None:
    """The fingerprint is that of the digests, wherever the file lies."""
    own = cards.sealed(
        Card("other", "onnx", "dense", 8, "ip", {"image": {"side": 16}}, weights=(WeightsFile("m.onnx", sha256=SHA),))
    )

    assert borrowing().fingerprint == own.fingerprint
    assert cards.from_text(cards.to_text(borrowing()), "here") == borrowing()
    assert Card.from_dict(borrowing().to_dict()) == borrowing()


def test_other_bytes_are_refused(settings: Settings) -> None:
    """What is not the file that the card names is never used, though it is another card's own."""
    put(settings.models_cache, "tiny", "m.onnx", MODEL + b"x")
    with pytest.raises(DigestMismatch):
        weights.files(borrowing(), settings)


def test_it_says_where_to_put_it(settings: Settings) -> None:
    """A missing one is named with the other card's folder."""
    with pytest.raises(ModelNotHere, match=r"put tiny/m\.onnx into a folder of MORELIKE_MODELS"):
        weights.files(borrowing(), settings)


def test_a_pull_puts_it_there(settings: Settings) -> None:
    """Fetched once, it serves both cards."""
    with HubServer({PATH: MODEL}) as hub:
        online = settings.model_copy(update={"offline": False, "hub": hub.address})
        weights.pull(borrowing(url=URL), online)
        asked = len(hub.requests)
        weights.pull(borrowing(url=URL), online)

    assert len(hub.requests) == asked
    assert (settings.models_cache / "tiny" / "m.onnx").read_bytes() == MODEL
    assert not (settings.models_cache / "tiny-scores" / "m.onnx").exists()


def test_an_import_puts_it_there(tmp_path: Path, settings: Settings) -> None:
    """One's own model, imported under the card that shares it, lies where the other card looks."""
    (tmp_path / "m.onnx").write_bytes(MODEL)
    cards.write(borrowing(), tmp_path / "tiny-scores.toml")

    weights.import_file(tmp_path / "m.onnx", tmp_path / "tiny-scores.toml", settings)

    assert (settings.models_cache / "tiny" / "m.onnx").is_file()
    assert weights.status(cards.find("tiny-scores", settings), settings).here


@pytest.mark.parametrize("of", ["../elsewhere", "/etc", "a/b", 7])
def test_nobody_elses_folder(of: Any) -> None:
    """The other card's name is a plain name: it leads nowhere else."""
    text = cards.to_text(borrowing()).replace('of = "tiny"', f"of = {of!r}")
    with pytest.raises(ModelError, match="cannot be named"):
        cards.from_text(text, "here")


def test_two_files_of_one_name_are_refused() -> None:
    """One of them would hide the other."""
    with pytest.raises(ModelError, match="one name"):
        cards.from_text(cards.to_text(borrowing(WeightsFile("m.onnx"))), "here")


def test_a_composite_has_nothing_to_import(tmp_path: Path, settings: Settings) -> None:
    """A card that is made of others is put into a folder; the sentence says so."""
    with pytest.raises(ModelError, match="it has no model of its own") as caught:
        weights.import_file(tmp_path / "m.onnx", "conse-mobilenet-v2", settings)

    assert "conse-mobilenet-v2.toml" in caught.value.hint


def test_the_built_in_cards_share_what_there_is(settings: Settings) -> None:
    """The scores' cards name the same file, by digest, as the cards of the same network."""
    for name in ("mobilenet-v2", "yamnet"):
        plain, scores = cards.find(name, settings), cards.find(f"{name}-scores", settings)
        words = cards.find(f"conse-{name}", settings)

        assert [file.of for file in (*scores.weights, *words.weights)] == [name, name]
        assert [file.sha256 for file in scores.weights] == [file.sha256 for file in plain.weights]
        kind = next(iter(plain.inputs))
        assert scores.inputs[kind] == {**plain.inputs[kind], "output": "scores"}
