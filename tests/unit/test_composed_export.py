"""Packs that a run is exported to: what the product's encoder makes of them is what the network gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed (torch)")
pytest.importorskip("onnx", reason="the extra `train` is not installed (onnx)")
pytest.importorskip("tensorboardX", reason="the extra `train` is not installed (tensorboardX)")

from morelike.encoders.composer import ComposerEncoder  # noqa: E402 - after the skips
from morelike.errors import ModelError, UsageError  # noqa: E402 - likewise
from morelike.models import cards, files  # noqa: E402 - likewise
from morelike.settings import Settings as ProductSettings  # noqa: E402 - likewise
from morelike.testing.triplets import ToyTriplets  # noqa: E402 - likewise
from morelike.training.composed import data  # noqa: E402 - likewise
from morelike.training.composed import export as exporting  # noqa: E402 - likewise
from morelike.training.composed.export import export  # noqa: E402 - likewise
from morelike.training.composed.loop import train  # noqa: E402 - likewise
from morelike.training.composed.network import Network  # noqa: E402 - likewise
from morelike.training.composed.runs import CHOICES, Settings, load_checkpoint, new_run  # noqa: E402 - likewise


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a run of four iterations on the toy data set, its pictures not square."""
    (tmp_path / "data").mkdir()
    toy = ToyTriplets()
    monkeypatch.setattr(data, "read_triplets", lambda settings, split: (toy, toy))
    return Settings(
        "css", str(tmp_path / "data"), dim=8, batch=6, num_iters=4, threads=1, device="cpu", height=8, width=12
    )


@pytest.mark.parametrize("model", CHOICES["model"])
def test_the_encoder_gives_what_the_network_gives(
    model: str, tmp_path: Path, small: Settings, settings: ProductSettings
) -> None:
    """Of every model: pictures are the rows of img.npy, and a composed query is the network's, to 1e-4."""
    run = new_run(tmp_path / "runs", replace(small, model=model))
    train(run)
    exported = export(run)
    card = cards.read(exported.folder / "card.toml")
    encoder = ComposerEncoder(card, {entry.name: exported.folder / entry.name for entry in card.weights}, settings)
    toy = ToyTriplets()
    pictures = encoder.encode("image", [encoder.prepare("image", toy.picture(index)) for index in range(len(toy))])
    queries = toy.queries()
    asked = [encoder.prepare("composed", (toy.picture(query.source), query.text)) for query in queries]
    composed = encoder.encode("composed", asked)

    assert card == exported.card
    assert card.name == f"{model.replace('_', '-')}-css"
    kept = np.load(exported.folder / "img.npy")
    assert (kept.shape, kept.dtype) == ((8, 8), np.float32)
    np.testing.assert_allclose(pictures, kept, rtol=0, atol=1e-4)
    checkpoint = load_checkpoint(run)
    assert checkpoint is not None
    split = data.read_split(checkpoint.settings, "test", tmp_path / "cache")
    network = Network(checkpoint.settings, checkpoint.words, torch.device("cpu"), split)
    network.load(checkpoint)
    with network.evaluating(split) as encodes:
        expected = encodes.queries(np.array([one.source for one in queries]), [one.text for one in queries])
        expected = torch.nn.functional.normalize(expected).numpy()
    np.testing.assert_allclose(composed, expected, rtol=0, atol=1e-4)


def test_files_are_those_of_the_card(tmp_path: Path, small: Settings) -> None:
    """With their digests and sizes; the name and the folder may be chosen."""
    run = new_run(tmp_path / "runs", small)
    train(run)
    exported = export(run, tmp_path / "packs" / "mine", "mine")

    assert exported.folder == tmp_path / "packs" / "mine"
    assert exported.card.name == "mine"
    for entry in exported.card.weights:
        path = exported.folder / entry.name
        assert (files.hash_file(path), path.stat().st_size) == (entry.sha256, entry.size)
    assert (exported.folder / "vocabulary.txt").read_text().splitlines()[:4] == ["<UNK>", "make", "it", "blue"]
    assert exported.apart <= 1e-4


def test_files_that_differ_are_not_written(tmp_path: Path, small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the runtime does not give what the network gives, there is no pack."""
    run = new_run(tmp_path / "runs", small)
    train(run)
    monkeypatch.setattr(exporting, "_TOLERANCE", -1.0)
    with pytest.raises(ModelError, match="do not give what the network gives"):
        export(run, tmp_path / "pack")

    assert not (tmp_path / "pack").exists()


def test_a_run_without_a_checkpoint_cannot_be_exported(tmp_path: Path, small: Settings) -> None:
    """The error says what to do first."""
    run = new_run(tmp_path / "runs", small)
    with pytest.raises(UsageError, match="has no checkpoint yet") as error:
        export(run)

    assert "--resume" in error.value.hint


def test_a_name_leads_nowhere_else(tmp_path: Path, small: Settings) -> None:
    """A name that is no card's is refused before anything is written."""
    run = new_run(tmp_path / "runs", small)
    train(run)
    with pytest.raises(ModelError, match="a card cannot be named"):
        export(run, name="../../up")
