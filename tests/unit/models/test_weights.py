"""Weights: found, fetched, checked, taken in."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub_server import COMMIT, HubServer

from morelike.errors import DigestMismatch, DownloadFailed, ModelError, ModelNotHere
from morelike.models import cards, files, weights
from morelike.settings import Settings
from morelike.testing.tiny_onnx import image_tower
from morelike.types import Card, WeightsFile

MODEL = image_tower(8)
SHA = hashlib.sha256(MODEL).hexdigest()
URL = "hub:owner/repo@main/m.onnx"
PATH = "/owner/repo/resolve/main/m.onnx"


def tiny(**weights_fields: Any) -> Card:
    entry = WeightsFile("m.onnx", **weights_fields)
    return cards.sealed(Card("tiny", "onnx", "dense", 8, "cosine", {"image": {"side": 16}}, weights=(entry,)))


def put(folder: Path, data: bytes = MODEL) -> Path:
    path = folder / "tiny" / "m.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_card_without_weights_is_always_here(settings: Settings) -> None:
    """`classic` needs nothing."""
    card = cards.find("classic", settings)
    assert weights.status(card, settings) == weights.WeightsStatus(here=True, folder=None, size=0)
    assert weights.files(card, settings) == {}
    assert weights.pull(card, settings) == card


def test_folders_come_before_the_cache(tmp_path: Path, settings: Settings) -> None:
    """The folders of MORELIKE_MODELS are searched first, in their order."""
    put(settings.models_cache)
    settings = settings.model_copy(update={"models": (tmp_path / "none", tmp_path / "first")})
    first = put(tmp_path / "first")
    assert weights.files(tiny(sha256=SHA), settings) == {"m.onnx": first}
    assert weights.status(tiny(), settings).folder == first.parent


def test_absent_weights_say_how_to_get_them(settings: Settings) -> None:
    """What is not here is answered with the command that fetches it, or with where to put the file."""
    with pytest.raises(ModelNotHere, match="morelike models pull tiny"):
        weights.files(tiny(url=URL), settings)
    with pytest.raises(ModelNotHere, match=r"mobilenet-v2/model\.onnx into a folder of MORELIKE_MODELS"):
        weights.files(cards.find("mobilenet-v2", settings), settings)
    with pytest.raises(ModelNotHere, match="models convert resnet50"):
        weights.files(cards.find("resnet50", settings), settings)


def test_other_bytes_are_refused(settings: Settings) -> None:
    """A file that is not the one that the card names is never used."""
    put(settings.models_cache, MODEL + b"x")
    with pytest.raises(DigestMismatch, match=r"models verify tiny"):
        weights.files(tiny(sha256=SHA), settings)


def test_a_digest_is_computed_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is hashed once, not at each start; when it changes it is hashed again."""
    path = put(settings.models_cache)
    weights.files(tiny(sha256=SHA), settings)
    monkeypatch.setattr(files, "_known", {})
    hashed: list[Path] = []
    monkeypatch.setattr(files, "hash_file", lambda path: hashed.append(path) or "0" * 64)
    weights.files(tiny(sha256=SHA), settings)
    assert hashed == []
    os.utime(path, ns=(1, 1))
    with pytest.raises(DigestMismatch):
        weights.files(tiny(sha256=SHA), settings)
    assert hashed == [path]


def test_a_cache_that_cannot_be_written_is_no_fault(tmp_path: Path, settings: Settings) -> None:
    """A read-only machine uses a folder of models all the same."""
    (tmp_path / "file").write_text("")
    settings = settings.model_copy(update={"models": (tmp_path,), "models_cache": tmp_path / "file" / "x"})
    path = put(tmp_path)
    assert weights.files(tiny(sha256=SHA), settings) == {"m.onnx": path}


def test_a_card_without_digests_is_sealed_by_the_file(settings: Settings) -> None:
    """Where a card names no digest, its fingerprint is still that of the file that lies there."""
    cards.write(tiny(), settings.models_cache / "tiny" / "card.toml")
    assert cards.find("tiny", settings).weights[0].sha256 == ""
    put(settings.models_cache)
    assert cards.find("tiny", settings).fingerprint == tiny(sha256=SHA).fingerprint
    put(settings.models_cache, image_tower(8, seed=1))
    assert cards.find("tiny", settings).fingerprint != tiny(sha256=SHA).fingerprint


def online(settings: Settings, hub: HubServer) -> Settings:
    return settings.model_copy(update={"hub": hub.address, "offline": False})


def test_a_first_pull_records_what_came(settings: Settings) -> None:
    """A card without digests gets those of the first pull, its branch becomes the hub's commit; both are kept."""
    with HubServer({PATH: MODEL}, linked_sha="right") as hub:
        pulled = weights.pull(tiny(url=URL), online(settings, hub))
    assert pulled.weights == (WeightsFile("m.onnx", f"hub:owner/repo@{COMMIT}/m.onnx", SHA, len(MODEL)),)
    assert pulled.fingerprint == tiny(sha256=SHA).fingerprint
    assert cards.find("tiny", settings) == pulled
    assert weights.verify(pulled, settings) == []


def test_what_was_recorded_is_checked_ever_after(settings: Settings) -> None:
    """After the first pull other bytes are refused, here and at the hub."""
    with HubServer({PATH: MODEL}) as hub:
        pulled = weights.pull(tiny(url=URL), online(settings, hub))
        put(settings.models_cache, b"other bytes")
        with pytest.raises(DigestMismatch):
            weights.files(cards.find("tiny", settings), settings)
        (settings.models_cache / "tiny" / "m.onnx").unlink()
        hub.files[f"/owner/repo/resolve/{COMMIT}/m.onnx"] = MODEL + b"x"
        with pytest.raises(DigestMismatch):
            weights.pull(pulled, online(settings, hub))


def test_a_second_pull_fetches_nothing(settings: Settings) -> None:
    """What is here and right is not fetched again."""
    with HubServer({PATH: MODEL}) as hub:
        pulled = weights.pull(tiny(url=URL), online(settings, hub))
        hub.requests.clear()
        assert weights.pull(pulled, online(settings, hub)) == pulled
        assert hub.requests == []


def test_only_missing_files_are_pulled(settings: Settings) -> None:
    """Of several files only those that are not here are fetched."""
    other = WeightsFile("t.json", "hub:owner/repo@main/t.json", hashlib.sha256(b"{}").hexdigest())
    card = tiny(url=URL, sha256=SHA)
    card = cards.sealed(replace(card, weights=(*card.weights, other)))
    put(settings.models_cache)
    with HubServer({"/owner/repo/resolve/main/t.json": b"{}"}, redirect=False) as hub:
        weights.pull(card, online(settings, hub))
        assert [path for path, _ in hub.requests] == ["/owner/repo/resolve/main/t.json"]


def test_pull_without_an_address_says_what_else_to_do(settings: Settings) -> None:
    """A card whose weights are nowhere to be fetched says where to put them."""
    with pytest.raises(ModelNotHere, match="no address"):
        weights.pull(cards.find("mobilenet-v2", settings), settings)


def test_pull_offline_is_refused(settings: Settings) -> None:
    """With MORELIKE_OFFLINE a pull says so."""
    with pytest.raises(DownloadFailed, match="MORELIKE_OFFLINE"):
        weights.pull(tiny(url=URL), settings)


def test_verify_says_each_fault(settings: Settings) -> None:
    """Missing files, other bytes and other sizes are a sentence each."""
    assert "is not here" in weights.verify(tiny(sha256=SHA), settings)[0]
    put(settings.models_cache, b"x")
    assert "its sha256 is" in weights.verify(tiny(sha256=SHA), settings)[0]
    assert "has 1 bytes" in weights.verify(tiny(size=9), settings)[0]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "from" / "m.onnx"
    path.parent.mkdir()
    path.write_bytes(MODEL)
    return path


def card_file(tmp_path: Path, card: Card) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(cards.to_text(replace(card, fingerprint="")))
    return path


def test_an_imported_model_is_a_card_like_any_other(model: Path, tmp_path: Path, settings: Settings) -> None:
    """A file and a card are taken in; the card is found by its name, with the file's digest."""
    card = weights.import_file(model, card_file(tmp_path, tiny()), settings)
    assert card.weights == (WeightsFile("m.onnx", sha256=SHA, size=len(MODEL)),)
    assert cards.find("tiny", settings) == card
    assert weights.files(card, settings)["m.onnx"].read_bytes() == MODEL


def test_importing_twice_does_nothing(model: Path, tmp_path: Path, settings: Settings) -> None:
    """The same file under the same card again is no fault."""
    first = weights.import_file(model, card_file(tmp_path, tiny()), settings)
    assert weights.import_file(model, card_file(tmp_path, tiny()), settings) == first


def test_an_import_never_replaces_another(model: Path, tmp_path: Path, settings: Settings) -> None:
    """Other weights, or another card, under a name that is taken are refused."""
    weights.import_file(model, card_file(tmp_path, tiny()), settings)
    with pytest.raises(ModelError, match="another card named 'tiny'"):
        weights.import_file(model, card_file(tmp_path, replace(tiny(), metric="l2")), settings)
    model.write_bytes(image_tower(8, seed=1))
    with pytest.raises(ModelError, match="another card named 'tiny'"):
        weights.import_file(model, card_file(tmp_path, tiny()), settings)
    with pytest.raises(ModelError, match="another card named 'classic'"):
        weights.import_file(model, card_file(tmp_path, replace(tiny(), name="classic")), settings)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"dim": 9}, "dim = 9"),
        ({"inputs": {"image": {"side": 16, "output": "nowhere"}}}, "nowhere"),
        ({"inputs": {"image": {"side": 16, "pool": "mean"}}}, "three or four axes"),
        ({"inputs": {"image": {"side": 16, "layout": "nhwc"}}}, "does not run"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    fields: dict[str, Any], word: str, model: Path, tmp_path: Path, settings: Settings
) -> None:
    """The model runs once before it is taken in; a card that does not fit it is refused and nothing is kept."""
    with pytest.raises(ModelError, match=word):
        weights.import_file(model, card_file(tmp_path, replace(tiny(), **fields)), settings)
    assert not (settings.models_cache / "tiny").exists()


def test_a_built_in_card_can_be_named_for_an_import(settings: Settings, tmp_path: Path) -> None:
    """``--card resnet50`` takes the built-in card; a file that is no such network is refused."""
    (tmp_path / "model.onnx").write_bytes(MODEL)
    with pytest.raises(ModelError, match=r"pixels|dim = 2048|embedding"):
        weights.import_file(tmp_path / "model.onnx", "resnet50", settings)


def test_real_weights_lie_where_a_folder_is_named(test_data: Path, settings: Settings) -> None:
    """MORELIKE_MODELS naming a folder with mobilenet-v2/model.onnx is all that is needed."""
    settings = settings.model_copy(update={"models": (test_data / "models",)})
    card = cards.find("mobilenet-v2", settings)
    assert weights.status(card, settings).here
    assert weights.files(card, settings) == {"model.onnx": test_data / "models" / "mobilenet-v2" / "model.onnx"}


def test_a_full_disk_keeps_no_half_of_an_import(
    model: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that fails leaves no file under the model's name."""

    def full(source: Path, target: Path) -> None:
        target.write_bytes(MODEL[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights.shutil, "copyfile", full)
    with pytest.raises(ModelError, match="No space left"):
        weights.import_file(model, card_file(tmp_path, tiny()), settings)
    assert sorted(path.name for path in (settings.models_cache / "tiny").iterdir()) == []
    np.testing.assert_array_equal(np.frombuffer(model.read_bytes(), np.uint8), np.frombuffer(MODEL, np.uint8))
