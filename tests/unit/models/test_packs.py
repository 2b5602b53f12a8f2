"""Packs: a folder with a card and all its files, taken in at once, or brought by the package itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from morelike.errors import ModelError
from morelike.models import cards, files, weights
from morelike.registry import ENCODERS
from morelike.settings import Settings
from morelike.testing.tiny_onnx import composer_pack

FILES = {"image.onnx", "composer.onnx", "vocabulary.txt"}


def test_a_pack_is_taken_in_whole(tmp_path: Path, settings: Settings) -> None:
    """A folder with card.toml and its files becomes an encoder of the library, sealed by the files' digests."""
    pack = composer_pack(tmp_path)
    imported = weights.import_pack(pack, settings)
    found = cards.find("tiny-composer", settings)
    assert found == imported
    assert all(entry.sha256 and entry.size for entry in found.weights)
    assert set(weights.files(found, settings)) == FILES
    assert weights.verify(found, settings) == []
    assert weights.import_pack(pack, settings) == imported


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_pack_that_lacks_a_file_is_refused(name: str, tmp_path: Path, settings: Settings) -> None:
    """The file that is not there is named, and nothing is taken in."""
    pack = composer_pack(tmp_path)
    (pack / name).unlink()
    with pytest.raises(ModelError, match=name):
        weights.import_pack(pack, settings)
    assert not settings.models_cache.exists()


def test_a_folder_without_a_card_is_no_pack(tmp_path: Path, settings: Settings) -> None:
    """A folder of anything else is answered with what is missing; so is a card without files."""
    with pytest.raises(ModelError, match=r"no card\.toml"):
        weights.import_pack(tmp_path, settings)
    (tmp_path / "card.toml").write_text(cards.to_text(cards.find("classic", settings)), encoding="utf-8")
    with pytest.raises(ModelError, match="names no files"):
        weights.import_pack(tmp_path, settings)


def test_a_pack_that_does_not_run_is_refused(tmp_path: Path, settings: Settings) -> None:
    """A composition is tried out before anything is taken in."""
    pack = composer_pack(tmp_path)
    (pack / "composer.onnx").write_bytes((pack / "image.onnx").read_bytes())
    with pytest.raises(ModelError):
        weights.import_pack(pack, settings)
    assert not (settings.models_cache / "tiny-composer").exists()


def test_another_pack_of_the_name_is_refused(tmp_path: Path, settings: Settings) -> None:
    """Other files under a name that is taken would make other vectors: they need another name."""
    weights.import_pack(composer_pack(tmp_path / "one"), settings)
    other = composer_pack(tmp_path / "two")
    with (other / "vocabulary.txt").open("a", encoding="ascii") as stream:
        stream.write("purple\n")
    with pytest.raises(ModelError, match="another card named"):
        weights.import_pack(other, settings)


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in place of the package's own."""
    monkeypatch.setattr(files, "shipped", lambda: tmp_path / "packs")
    cards._built_in.cache_clear()
    yield tmp_path / "packs"
    cards._built_in.cache_clear()


def test_the_packages_own_packs_are_here(brought: Path, settings: Settings) -> None:
    """A pack in the package is an encoder that is here at once, found like any other card, and never copied."""
    pack = composer_pack(brought)
    card = cards.find("tiny-composer", settings)
    assert "tiny-composer" in [one.name for one in cards.built_in()]
    assert weights.status(card, settings).here
    assert weights.status(card, settings).folder == pack
    given = weights.files(card, settings)
    assert given == {name: pack / name for name in FILES}
    encoder = ENCODERS.load(card.family)(card, given, settings)
    picture = np.zeros((8, 8, 3), dtype=np.uint8)
    assert encoder.encode("composed", [encoder.prepare("composed", (picture, "make it red"))]).shape == (1, 3)
    assert not (settings.models_cache / "tiny-composer").exists()


def test_a_persons_folder_comes_before_the_package(brought: Path, tmp_path: Path, settings: Settings) -> None:
    """Of a pack that is in a folder of MORELIKE_MODELS too, that one's files are used."""
    composer_pack(brought)
    own = composer_pack(tmp_path / "own")
    settings = settings.model_copy(update={"models": (tmp_path / "own",)})
    assert weights.status(cards.find("tiny-composer", settings), settings).folder == own


def test_the_packages_folder_may_be_empty(brought: Path, settings: Settings) -> None:
    """Without a single pack nothing changes."""
    assert "tiny-composer" not in [card.name for card in cards.all_cards(settings)]
    assert not brought.exists()
