"""The project's own network definitions, against the originals' outputs, and their way to ONNX."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recipe import by_recipe

from morelike.encoders.onnx import OnnxEncoder
from morelike.errors import ModelError, UnknownName
from morelike.models import cards
from morelike.settings import Settings

torch = pytest.importorskip("torch", reason="the extra `train` is not installed (torch)")
pytest.importorskip("onnx", reason="the extra `train` is not installed (onnx)")

from morelike.training.convert import convert  # noqa: E402 - after the skips
from morelike.training.resnet import ResNet50, ResNet50Gem512  # noqa: E402

NETWORKS = {"resnet50_pool": ResNet50, "resnet50_gem_512": ResNet50Gem512}


def state_of(network: Any) -> dict[str, Any]:
    """The recipe's state for every parameter but GeM's power."""
    names = [name for name in network.state_dict() if not name.endswith(("num_batches_tracked", "pool.p"))]
    return {name: by_recipe(name, list(network.state_dict()[name].shape)) for name in names}


@pytest.mark.parametrize("reference", sorted(NETWORKS))
def test_parameters_are_named_and_shaped_as_in_the_original(reference: str, test_data: Path) -> None:
    """A published checkpoint loads without renaming: names and shapes are the original's."""
    keys = json.loads(str(np.load(test_data / "reference" / f"{reference}.npz")["keys"]))
    own = NETWORKS[reference]().state_dict()
    assert {name: list(own[name].shape) for name in own if "num_batches" not in name} == dict(keys)


@pytest.mark.parametrize("reference", sorted(NETWORKS))
def test_outputs_are_the_originals(reference: str, test_data: Path) -> None:
    """Under the same weights the network gives what the original gave, to 1e-4 of the largest number."""
    expected = np.load(test_data / "reference" / f"{reference}.npz")["embedding"]
    network = NETWORKS[reference]().eval()
    network.load_state_dict(state_of(network), strict=False)
    pictures = np.random.default_rng(1).standard_normal((2, 3, 224, 224)).astype(np.float32)
    with torch.no_grad():
        got = network(torch.from_numpy(pictures)).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_convert_makes_a_file_that_the_encoder_runs(tmp_path: Path, settings: Settings) -> None:
    """An engine's checkpoint, wrapped and with parts the network lacks, becomes a card that encodes pictures."""
    network = ResNet50Gem512()
    state = state_of(network) | {"whiten.weight": torch.zeros(512, 512), "features.7.2.conv3.weight": torch.zeros(2)}
    torch.save({"meta": {"mean": np.zeros(3)}, "state_dict": state}, tmp_path / "engine.pth")
    out = settings.models_cache / "resnet50-gem-512"
    card = convert("resnet50-gem-512", tmp_path / "engine.pth", out, settings)
    assert cards.find("resnet50-gem-512", settings) == card
    encoder = OnnxEncoder(card, {"model.onnx": out / "model.onnx"}, settings)
    picture = np.zeros((64, 80, 3), dtype=np.uint8)
    vectors = encoder.encode("image", [encoder.prepare("image", picture)] * 2)
    assert vectors.shape == (2, 512)
    assert np.linalg.norm(vectors[0]) == pytest.approx(1, abs=1e-5)


def test_convert_refuses_another_networks_checkpoint(tmp_path: Path, settings: Settings) -> None:
    """A checkpoint that does not fit is refused by name, and nothing is written."""
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7), "odd": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match=r"it lacks .* it also has odd"):
        convert("resnet50", tmp_path / "other.pt", tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_convert_refuses_wrong_shapes(tmp_path: Path, settings: Settings) -> None:
    """A checkpoint with the right names and a wrong shape is refused."""
    network = ResNet50()
    state = dict(network.state_dict()) | {"conv1.weight": torch.zeros(1)}
    torch.save(state, tmp_path / "small.pt")
    with pytest.raises(ModelError, match="conv1"):
        convert("resnet50", tmp_path / "small.pt", tmp_path / "out", settings)


@pytest.mark.parametrize("content", [b"", b"garbage" * 10])
def test_convert_refuses_what_is_no_checkpoint(content: bytes, tmp_path: Path, settings: Settings) -> None:
    """Damaged bytes are a sentence, not a stack of torch's."""
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(ModelError, match=r"x\.pt"):
        convert("resnet50", tmp_path / "x.pt", tmp_path / "out", settings)


def test_convert_runs_no_code_of_a_pickle(tmp_path: Path, settings: Settings) -> None:
    """A checkpoint whose pickle calls a function is refused, and the function is not called."""

    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "called").touch, ())

    torch.save({"state_dict": Hostile()}, tmp_path / "hostile.pt")
    with pytest.raises(ModelError, match="safely"):
        convert("resnet50", tmp_path / "hostile.pt", tmp_path / "out", settings)
    assert not (tmp_path / "called").exists()


def test_convert_knows_its_networks(tmp_path: Path, settings: Settings) -> None:
    """Another network's name is answered with those there are."""
    with pytest.raises(UnknownName, match="vgg16"):
        convert("vgg16", tmp_path / "x", tmp_path / "out", settings)
