"""A checkpoint of a network that this project defines, to an ONNX file and its card."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import MissingExtra, ModelError, UnknownName
from morelike.models import cards, files
from morelike.settings import Settings
from morelike.types import Card, WeightsFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

__all__ = ["ARCHITECTURES", "convert"]

ARCHITECTURES: Mapping[str, tuple[str, ...]] = {
    "resnet50": (),
    "resnet50-gem-512": ("whiten.", "features.7.2.conv3.", "features.7.2.bn3.", "features.7.2.downsample."),
}
"""The cards that can be converted to, and what their published checkpoints hold beyond the network."""

_LARGEST = 4 * 1024**3  # bytes
_TOLERANCE = 1e-4
_UNUSED = ("num_batches_tracked",)  # counters of training, in every checkpoint


def convert(architecture: str, checkpoint: Path, out: Path, settings: Settings) -> Card:
    """Write ``out``/model.onnx and ``out``/card.toml; the card, with the file's digest.

    ``checkpoint`` is a torch file (read with ``weights_only``) or ``.safetensors``. The file's output is compared with
    the network's (1e-4). Raises UnknownName, MissingExtra, ModelError.
    """
    if architecture not in ARCHITECTURES:
        raise UnknownName(f"there is no network {architecture!r}", hint=f"there are {', '.join(ARCHITECTURES)}")
    try:
        import onnx  # noqa: F401 - the exporter needs it, and would say so late
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"converting needs the package {error.name!r}", hint="pip install 'morelike[train]'"
        ) from error
    network = _network(architecture)
    _load(network, _state(checkpoint), architecture, checkpoint)
    network.eval()
    pictures = np.random.default_rng(0).standard_normal((2, 3, 224, 224)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(pictures)).numpy()
    target = out / "model.onnx"
    part = out / "model.onnx.part"
    try:
        out.mkdir(parents=True, exist_ok=True)
        _export(network, part)
        _compare(part, pictures, expected)
        part.replace(target)
    except OSError as error:
        raise ModelError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    weights = WeightsFile("model.onnx", sha256=files.digest(target, settings), size=target.stat().st_size)
    card = replace(next(card for card in cards.built_in() if card.name == architecture), weights=(weights,))
    card = cards.sealed(card)
    cards.write(card, out / "card.toml")
    return card


def _network(architecture: str) -> nn.Module:
    from morelike.training.resnet import ResNet50, ResNet50Gem512

    return {"resnet50": ResNet50, "resnet50-gem-512": ResNet50Gem512}[architecture]()


def _state(checkpoint: Path) -> dict[str, Any]:
    """The tensors of a checkpoint, by name; wrappers (``state_dict``, ``module.``) taken off."""
    import torch

    try:
        if not 0 < checkpoint.stat().st_size <= _LARGEST:
            raise ModelError(f"{checkpoint} has {checkpoint.stat().st_size} bytes: no such checkpoint has")
        if checkpoint.suffix == ".safetensors":
            loaded = _safetensors(checkpoint)
        else:
            with _numpy_allowed():
                loaded = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (ModelError, MissingExtra):
        raise
    except OSError as error:
        raise ModelError(f"{checkpoint} cannot be read: {error.strerror}") from error
    except Exception as error:  # torch raises many kinds on a damaged or forbidden file
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else repr(error)
        raise ModelError(f"{checkpoint} is not a checkpoint that can be read safely: {reason}") from error
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping):
        raise ModelError(f"{checkpoint} holds no table of tensors", hint="save network.state_dict()")
    tensors = {str(name): value for name, value in loaded.items() if isinstance(value, torch.Tensor)}
    if tensors and all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    return tensors


@contextmanager
def _numpy_allowed() -> Iterator[None]:
    """The engine's checkpoints carry plain numpy arrays beside the weights; nothing else is let in."""
    import torch
    from numpy._core.multiarray import _reconstruct, scalar

    dtypes = [type(np.dtype(kind)) for kind in ("float32", "float64", "int32", "int64")]
    with torch.serialization.safe_globals([_reconstruct, scalar, np.ndarray, np.dtype, *dtypes]):
        yield


def _safetensors(checkpoint: Path) -> dict[str, Any]:
    try:
        from safetensors.torch import load_file
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "a .safetensors file needs the package 'safetensors'", hint="pip install safetensors"
        ) from error
    result: dict[str, Any] = load_file(str(checkpoint))
    return result


def _load(network: nn.Module, state: Mapping[str, Any], architecture: str, checkpoint: Path) -> None:
    extra = (*ARCHITECTURES[architecture],)
    wanted = {name for name in network.state_dict() if not name.endswith(_UNUSED)}
    known = {name: value for name, value in state.items() if name in network.state_dict()}
    missing = sorted(wanted - set(known) - ({"fc.weight", "fc.bias"} if architecture == "resnet50" else {"pool.p"}))
    unknown = sorted(name for name in set(state) - set(known) if not name.startswith(extra or ("\0",)))
    if missing or unknown:
        words = [f"it lacks {_few(missing)}"] if missing else []
        words += [f"it also has {_few(unknown)}"] if unknown else []
        raise ModelError(f"{checkpoint} is not a checkpoint of {architecture}: {'; '.join(words)}")
    try:
        network.load_state_dict(known, strict=False)
    except RuntimeError as error:  # shapes
        lines = str(error).strip().splitlines()
        raise ModelError(f"{checkpoint} is not a checkpoint of {architecture}: {lines[-1].strip()}") from error


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _export(network: nn.Module, target: Path) -> None:
    import torch

    with warnings.catch_warnings():
        # The exporter that needs no further package is called legacy by torch; its file is checked right after.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, 224, 224),),
            str(target),
            input_names=["pixels"],
            output_names=["embedding"],
            dynamic_axes={"pixels": {0: "n"}, "embedding": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )


def _compare(path: Path, pictures: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    got = session.run(["embedding"], {"pixels": pictures})[0]
    scale = float(np.abs(expected).max()) or 1.0
    if got.shape != expected.shape or not np.abs(got - expected).max() <= _TOLERANCE * scale:
        raise ModelError("the converted file does not give what the network gives; it was removed")
