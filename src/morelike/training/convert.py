"""A checkpoint of a network that this project defines, to an ONNX file and its card."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from morelike.errors import MissingExtra, ModelError
from morelike.models import cards, files
from morelike.settings import Settings
from morelike.training.checkpoints import fill, read_state
from morelike.training.networks import Network, named
from morelike.types import Card, WeightsFile

if TYPE_CHECKING:
    from torch import nn

__all__ = ["convert"]

_TOLERANCE = 1e-4


def convert(name: str, checkpoint: Path, out: Path | None, settings: Settings) -> Card:
    """Write ``out``/model.onnx and ``out``/card.toml; the card, with the file's digest.

    Without ``out``, into the models cache. ``checkpoint`` is a torch file (read with ``weights_only``) or
    ``.safetensors``; its own digest is written into the card's source. The file's outputs are compared with the
    network's (1e-4). Raises UnknownName, MissingExtra, ModelError.
    """
    network = named(name)
    try:
        import onnx  # noqa: F401 - the exporter needs it, and would say so late
        import torch  # noqa: F401 - likewise
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"converting needs the package {error.name!r}", hint="pip install 'morelike[train]'"
        ) from error
    module = network.build()
    fill(module, read_state(checkpoint), network, checkpoint)
    module.eval()
    out = out or settings.models_cache / network.card
    target = out / "model.onnx"
    part = out / "model.onnx.part"
    try:
        origin = files.hash_file(checkpoint)
        out.mkdir(parents=True, exist_ok=True)
        _export(module, network, part)
        _compare(part, module, network)
        part.replace(target)
    except OSError as error:
        raise ModelError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    weights = WeightsFile("model.onnx", sha256=files.digest(target, settings), size=target.stat().st_size)
    card = next(card for card in cards.built_in() if card.name == network.card)
    source = f"{card.source}; here from {checkpoint.name}, sha256 {origin}"
    card = cards.sealed(replace(card, weights=(weights,), source=source))
    cards.write(card, out / "card.toml")
    return card


def _export(module: nn.Module, network: Network, target: Path) -> None:
    import torch

    free = {name: {0: "n"} for name in network.outputs}
    with warnings.catch_warnings():
        # The exporter that needs no further package is called legacy by torch; its file is checked right after.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.from_numpy(network.trials()[0]),),
            str(target),
            input_names=[network.input],
            output_names=list(network.outputs),
            dynamic_axes={network.input: dict(network.axes), **free},
            opset_version=17,
            dynamo=False,
        )


def _compare(path: Path, module: nn.Module, network: Network) -> None:
    """Raises ModelError unless every trial gives the same through the file and through the network."""
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    for trial in network.trials():
        with torch.no_grad():
            expected = module(torch.from_numpy(trial))
        answers = expected if isinstance(expected, tuple) else (expected,)
        got = session.run(list(network.outputs), {network.input: trial})
        if not all(_equal(one, other.numpy()) for one, other in zip(got, answers, strict=True)):
            raise ModelError("the converted file does not give what the network gives; it was removed")


def _equal(got: NDArray[np.float32], expected: NDArray[np.float32]) -> bool:
    scale = float(np.abs(expected).max()) or 1.0
    return got.shape == expected.shape and bool(np.abs(got - expected).max() <= _TOLERANCE * scale)
