"""Cnn14 against the original's outputs, and its way from a checkpoint to a file that takes the waveform."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from recipe import by_recipe

from morelike.cli.run import run
from morelike.errors import ModelError, UnknownName
from morelike.models import cards
from morelike.settings import Settings

torch = pytest.importorskip("torch", reason="the extra `train` is not installed (torch)")
pytest.importorskip("onnx", reason="the extra `train` is not installed (onnx)")

from morelike.training import networks  # noqa: E402 - after the skips
from morelike.training.checkpoints import read_state  # noqa: E402
from morelike.training.convert import convert  # noqa: E402
from morelike.training.panns import SHORTEST, Cnn14, LogMel, front_end  # noqa: E402

REFERENCE = "reference/panns_cnn14.npz"
THIN = partial(Cnn14, width=4)


def weights_of(network: Any) -> dict[str, Any]:
    """A checkpoint's table in the published layout: the fixed front end and counters of training included."""
    own = network.state_dict()
    state = {name: torch.from_numpy(value) for name, value in front_end().items()}
    for name, value in own.items():
        counted = name.endswith("num_batches_tracked")
        state[name] = torch.tensor(7) if counted else by_recipe(name, list(value.shape))
    return state


def published(path: Path, state: dict[str, Any], **options: Any) -> Path:
    """A file as the authors' training wrote it: a numpy sampler beside the weights."""
    sampler = {"indexes_per_class": [np.arange(5)], "queue": [3, 1], "pointers_of_classes": [np.int64(2)]}
    torch.save({"iteration": 600_000, "model": state, "sampler": sampler}, path, **options)
    return path


def loaded(network: Any) -> Any:
    """The network under the recipe's weights."""
    network.load_state_dict(weights_of(network), strict=False)
    return network.eval()


def noise(shape: tuple[int, int]) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(5).standard_normal(shape)).astype(np.float32)


def session_of(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def assert_close(got: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """`models convert panns` makes a network of a sixteenth of the width: the same graph in a second."""
    monkeypatch.setattr(networks, "NETWORKS", {"panns": replace(networks.NETWORKS["panns"], build=THIN)})


@pytest.fixture(scope="module")
def thin_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thin network's file."""
    folder = tmp_path_factory.mktemp("thin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "NETWORKS", {"panns": replace(networks.NETWORKS["panns"], build=THIN)})
        checkpoint = published(folder / "thin.pth", weights_of(THIN()))
        convert("panns", checkpoint, folder, Settings(models_cache=folder / "cache", offline=True))
    return folder / "model.onnx"


def test_parameters_are_named_and_shaped_as_published(test_data: Path) -> None:
    """A published checkpoint loads without renaming: the network and the front end together are its table."""
    with torch.device("meta"):
        own = {name: list(value.shape) for name, value in Cnn14().state_dict().items()}
    fixed = {name: list(value.shape) for name, value in front_end().items()}
    assert own | fixed == dict(json.loads(str(np.load(test_data / REFERENCE)["published_keys"])))


def test_the_front_end_is_the_originals(test_data: Path) -> None:
    """The log-mel frames are those of the original, loud and silent."""
    reference = np.load(test_data / REFERENCE)
    with torch.no_grad():
        got = LogMel()(torch.from_numpy(reference["waveform"])).numpy().transpose(0, 2, 1)
    expected = reference["log_mel"]
    np.testing.assert_allclose(got[:, : expected.shape[1]], expected, rtol=1e-4, atol=1e-4)


def test_silence_is_a_hundred_decibels_down() -> None:
    """Where there is nothing the front end gives its floor, not infinity."""
    with torch.no_grad():
        assert LogMel()(torch.zeros(1, SHORTEST)).unique().tolist() == [-100]


def test_outputs_are_the_originals(test_data: Path) -> None:
    """Under the same weights the network's embedding and scores are the original's, to 1e-4."""
    reference = np.load(test_data / REFERENCE)
    with torch.no_grad():
        embedding, scores = loaded(Cnn14())(torch.from_numpy(reference["waveform"]))
    assert_close(embedding.numpy(), reference["embedding"])
    assert_close(scores.numpy(), reference["clipwise"])


@pytest.mark.parametrize("shape", [(1, SHORTEST), (4, SHORTEST + 1), (2, 10_239), (3, 32_000), (1, 100_003)])
def test_the_file_takes_any_length_and_batch(thin_file: Path, shape: tuple[int, int]) -> None:
    """The file gives what the network gives, to 1e-4, whatever was traced."""
    with torch.no_grad():
        expected = loaded(THIN())(torch.from_numpy(noise(shape)))
    got = session_of(thin_file).run(["embedding", "scores"], {"waveform": noise(shape)})
    for one, other in zip(got, expected, strict=True):
        assert one.shape[0] == shape[0]
        assert_close(one, other.numpy())


def test_a_sound_has_one_vector_whatever_stands_beside_it(thin_file: Path) -> None:
    """Each row of a batch is as it would be alone."""
    sounds = noise((3, 20_000))
    session = session_of(thin_file)
    together = session.run(["embedding"], {"waveform": sounds})[0]
    alone = np.concatenate([session.run(["embedding"], {"waveform": sounds[i : i + 1]})[0] for i in range(3)])
    assert_close(together, alone)


def test_silence_has_a_finite_vector(thin_file: Path) -> None:
    """A silent recording is encoded like any other."""
    outputs = session_of(thin_file).run(None, {"waveform": np.zeros((1, 32_000), dtype=np.float32)})
    assert all(np.isfinite(output).all() for output in outputs)


def test_inference_needs_neither_torch_nor_librosa(thin_file: Path, tmp_path: Path) -> None:
    """The card's encoder takes a sound of any length, one of a tick too, where neither can be imported."""
    card = next(card for card in cards.built_in() if card.name == "panns-cnn14")
    cards.write(cards.sealed(replace(card, dim=128)), tmp_path / "card.toml")
    script = f"""
import sys
sys.modules |= dict.fromkeys(("torch", "librosa", "onnx"))
import numpy as np
from pathlib import Path
from morelike.encoders.onnx import OnnxEncoder
from morelike.models import cards
from morelike.settings import Settings
from morelike.types import Audio
encoder = OnnxEncoder(cards.read(Path({str(tmp_path / "card.toml")!r})), {{"model.onnx": Path({str(thin_file)!r})}},
                      Settings(offline=True))
sounds = [Audio(np.ones(samples, dtype=np.float32), 32_000) for samples in (1, 40_000, 100_000)]
vectors = encoder.encode("audio", [encoder.prepare("audio", sound) for sound in sounds])
print(vectors.shape, np.linalg.norm(vectors, axis=1).round(3).tolist())
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.stdout == "(3, 128) [1.0, 1.0, 1.0]\n", ran.stderr


@pytest.mark.parametrize("given", ["panns", "panns-cnn14"])
def test_convert_fills_the_models_cache(thin: None, given: str, tmp_path: Path, settings: Settings) -> None:
    """By the network's name or the card's, the file is found under the card, and the checkpoint's digest is kept."""
    checkpoint = published(tmp_path / "Cnn14.pth", weights_of(THIN()))
    card = convert(given, checkpoint, None, settings)
    assert cards.find("panns-cnn14", settings) == card
    assert (settings.models_cache / "panns-cnn14" / "model.onnx").is_file()
    assert hashlib.sha256(checkpoint.read_bytes()).hexdigest() in card.source


def test_the_command_converts(
    thin: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`models convert panns FILE.pth -o DIR` writes the file and its card there, and says so."""
    monkeypatch.setenv("MORELIKE_LIBRARY", str(tmp_path / "library"))
    checkpoint = published(tmp_path / "Cnn14.pth", weights_of(THIN()))
    code = run(["models", "convert", "panns", str(checkpoint), "-o", str(tmp_path / "out")])
    assert (code, capsys.readouterr().out) == (0, f"wrote {tmp_path / 'out' / 'model.onnx'} and its card\n")
    assert cards.read(tmp_path / "out" / "card.toml").name == "panns-cnn14"


def test_files_of_older_torch_and_numpy_are_read(tmp_path: Path) -> None:
    """A file as torch and numpy wrote it when the weights were published is read without running its code."""
    path = published(tmp_path / "old.pth", {"w": torch.ones(2)}, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    assert b"numpy._core" in data
    path.write_bytes(data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert read_state(path)["w"].tolist() == [1, 1]


def test_numpy_functions_that_were_not_named_are_refused(tmp_path: Path) -> None:
    """Only what rebuilds plain arrays is let in: another function of numpy is not called."""

    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return (np.save, (str(tmp_path / "called"), [1]))

    torch.save({"model": {}, "sampler": Hostile()}, tmp_path / "x.pth", pickle_module=pickle)
    with pytest.raises(ModelError, match="safely"):
        read_state(tmp_path / "x.pth")
    assert not (tmp_path / "called.npy").exists()


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    """An array of Python objects is no plain array."""
    torch.save({"model": {}, "sampler": np.array([{1}, None])}, tmp_path / "x.pth")
    with pytest.raises(ModelError, match="safely"):
        read_state(tmp_path / "x.pth")


@pytest.mark.parametrize("part", sorted(front_end()))
def test_another_front_end_is_refused(thin: None, part: str, tmp_path: Path, settings: Settings) -> None:
    """A checkpoint for other windows or mels has the same layers, and is told by its front end."""
    for odd in (0.5, 1.001):
        state = weights_of(THIN()) | {part: torch.from_numpy(front_end()[part]) * odd}
        with pytest.raises(ModelError, match=rf"a\.pth is not a checkpoint of panns-cnn14: its {part}"):
            convert("panns", published(tmp_path / "a.pth", state), None, settings)
    state = weights_of(THIN()) | {part: torch.zeros(257, 64)}
    with pytest.raises(ModelError, match=r"Cnn14_mAP=0\.431\.pth"):
        convert("panns", published(tmp_path / "a.pth", state), None, settings)
    assert not (settings.models_cache / "panns-cnn14").exists()


def test_a_checkpoint_without_the_front_end_is_enough(thin: None, tmp_path: Path, settings: Settings) -> None:
    """The front end and the counters may be left out: they are fixed."""
    state = {name: by_recipe(name, list(value.shape)) for name, value in THIN().state_dict().items() if value.ndim}
    assert convert("panns", published(tmp_path / "a.pth", state), None, settings).weights[0].sha256


def test_missing_and_odd_names_are_said(thin: None, tmp_path: Path, settings: Settings) -> None:
    """What a checkpoint lacks and what it has too much stands in one sentence."""
    state = weights_of(THIN()) | {"att_block.att.weight": torch.zeros(1)}
    del state["fc1.bias"]
    with pytest.raises(ModelError, match=r"it lacks fc1\.bias; it also has att_block\.att\.weight"):
        convert("panns", published(tmp_path / "a.pth", state), None, settings)


def test_weights_that_are_no_numbers_are_refused(thin: None, tmp_path: Path, settings: Settings) -> None:
    """A checkpoint with NaN in it makes no file."""
    state = weights_of(THIN()) | {"fc1.bias": torch.full((128,), float("nan"))}
    with pytest.raises(ModelError, match="does not give"):
        convert("panns", published(tmp_path / "a.pth", state), None, settings)
    assert not (settings.models_cache / "panns-cnn14" / "model.onnx").exists()


def test_networks_are_named_to_who_mistypes(tmp_path: Path, settings: Settings) -> None:
    """An unknown network is answered with those there are."""
    with pytest.raises(UnknownName, match="panns, resnet50, resnet50-gem-512"):
        convert("cnn14", tmp_path / "x", None, settings)
