"""A run's network with its optimiser: one step on a batch, vectors for an evaluation, states for a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from morelike.errors import ModelError
from morelike.training.composed.data import Batch, Split, numbered
from morelike.training.composed.losses import LOSSES
from morelike.training.composed.models import Composer, build
from morelike.training.composed.pictures import Pictures
from morelike.training.composed.runs import Checkpoint, Settings
from morelike.vocabulary import Vocabulary

__all__ = ["Evaluating", "Network", "Unit", "build_network", "pixels_of"]

_MOMENTUM = 0.9


def build_network(settings: Settings, words: int) -> Composer:
    """The run's network as it is at iteration 0: of the seed alone. The global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return build(
            settings.model,
            words=words,
            dim=settings.dim,
            trunk=settings.trunk,
            size=(settings.height, settings.width),
            two_trunks=settings.query_pictures != settings.target_pictures,
        )


class Network:
    """What is trained. Not safe to be used from several threads."""

    def __init__(self, settings: Settings, words: Sequence[str], device: torch.device, split: Split) -> None:
        """``split``: the one that ``step`` gets batches of."""
        self.vocabulary = Vocabulary.from_words(words)
        self._settings, self._device, self._split = settings, device, split
        made = build_network(settings, len(words))
        self._model = made.to(device=device, memory_format=torch.channels_last)
        self._optimiser: torch.optim.Optimizer
        if settings.optimiser == "sgd":
            self._optimiser = torch.optim.SGD(
                made.parameters(), lr=settings.learning_rate, momentum=_MOMENTUM, weight_decay=settings.weight_decay
            )
        else:
            self._optimiser = torch.optim.AdamW(_decayed(made, settings.weight_decay), lr=settings.learning_rate)
        self._precision = _precision(settings, device)
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._precision is torch.float16)

    def step(self, batch: Batch, learning_rate: float, seeds: tuple[int, int]) -> float:
        """One step of the optimiser; the loss before it. ``seeds``: of the loss's picks, and of dropout."""
        self._model.train()
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate
        torch.manual_seed(seeds[1])
        picks = torch.Generator().manual_seed(seeds[0])
        self._optimiser.zero_grad(set_to_none=True)
        with torch.autocast(
            self._device.type, dtype=self._precision, enabled=self._precision is not torch.float32, cache_enabled=True
        ):
            composed, targets = self._forward(batch)
        composed = self._model.normalization_layer(composed)
        targets = self._model.normalization_layer(targets)
        loss = LOSSES[self._settings.loss](composed, targets, picks)
        self._scaler.scale(loss).backward()
        self._scaler.step(self._optimiser)
        self._scaler.update()
        return float(loss.item())

    def _forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Composed queries and targets, (b, dim) each. A picture of the batch passes the trunk once where it can."""
        model = self._model
        source_of = torch.from_numpy(batch.source_of).to(self._device)
        target_of = torch.from_numpy(batch.target_of).to(self._device)
        ids, lengths = (torch.from_numpy(array).to(self._device) for array in (batch.ids, batch.lengths))
        words = model.words(ids, lengths)
        pixels = pixels_of(batch.targets, self._split.targets, self._device)
        if batch.sources is None and model.shares_maps:
            maps = model.features(pixels)
            if model.shares_embeddings:
                embedded = model.image_of(maps)
                return model.composition(embedded[source_of], words), embedded[target_of]
            composed = model.composition(model.query_of(maps)[source_of], words)
            return composed, model.image_of(maps)[target_of]
        # Pictures that are no target pass the trunk only where they are sources too, and the other way round.
        sources = pixels if batch.sources is None else pixels_of(batch.sources, self._split.sources, self._device)
        features, rows = _only(sources, source_of)
        composed = model.composition(model.query_features(features)[rows], words)
        found, rows = _only(pixels, target_of)
        return composed, model.image(found)[rows]

    def learnt(self) -> dict[str, Any]:
        """The few parameters that are numbers by themselves: ``scale``, and ``a`` where the model has it."""
        found: dict[str, Any] = {"scale": float(self._model.normalization_layer.norm_s.item())}
        if hasattr(self._model, "a"):
            found["a"] = [float(value) for value in self._model.a.detach().cpu()]
        return found

    def states(self) -> dict[str, dict[str, Any]]:
        """``model``, ``optimiser`` and ``scaler``, as ``Checkpoint`` keeps them."""
        model = {name: value.detach().clone().cpu() for name, value in self._model.state_dict().items()}
        return {"model": model, "optimiser": self._optimiser.state_dict(), "scaler": self._scaler.state_dict()}

    def load(self, checkpoint: Checkpoint) -> None:
        """Raises ModelError where the checkpoint is of another network."""
        try:
            self._model.load_state_dict(checkpoint.model)
            self._optimiser.load_state_dict(checkpoint.optimiser)
            if self._scaler.is_enabled():
                self._scaler.load_state_dict(checkpoint.scaler)
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise ModelError(f"the checkpoint is of another network: {reason}", hint="start a new run") from error

    @contextmanager
    def evaluating(self, split: Split) -> Iterator[Evaluating]:
        """The network as it is, for pictures of ``split``: in full precision, and without dropout."""
        self._model.eval()
        with torch.inference_mode():
            yield Evaluating(self._model, self.vocabulary, split, self._device)


class Evaluating:
    """A network in evaluation: see ``retrieval.Encodes``."""

    def __init__(self, model: Composer, vocabulary: Vocabulary, split: Split, device: torch.device) -> None:
        self._model, self._vocabulary, self._split, self._device = model, vocabulary, split, device

    def targets(self, rows: NDArray[np.int64]) -> Tensor:
        return self._model.image(pixels_of(self._split.targets.rows[rows], self._split.targets, self._device))

    def queries(self, rows: NDArray[np.int64], texts: Sequence[str]) -> Tensor:
        distinct, source_of = np.unique(rows, return_inverse=True)
        sources = self._split.sources
        features = self._model.query_features(pixels_of(sources.rows[distinct], sources, self._device))
        different = list(dict.fromkeys(texts))
        number = {text: row for row, text in enumerate(different)}
        ids, lengths = (torch.from_numpy(array).to(self._device) for array in numbered(self._vocabulary, different))
        text_of = torch.tensor([number[text] for text in texts], device=self._device)
        words = self._model.words(ids, lengths)
        return self._model.composition(features[torch.from_numpy(source_of).to(self._device)], words[text_of])


class Unit(nn.Module):  # type: ignore[misc]  # torch is not followed by the type checker
    """One side of a network, ``image`` or ``compose``, its vectors of length one: what is exported."""

    def __init__(self, model: Composer, side: str) -> None:
        super().__init__()
        self.model, self.side = model, side

    def forward(self, *inputs: Tensor) -> Tensor:
        return nn.functional.normalize(getattr(self.model, self.side)(*inputs), dim=1)


def _decayed(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights decay; biases, scales and what normalises do not."""
    parameters = list(model.parameters())
    return [
        {"params": [one for one in parameters if one.ndim > 1], "weight_decay": decay},
        {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
    ]


def pixels_of(rows: NDArray[np.uint8], pictures: Pictures, device: torch.device) -> Tensor:
    """(n, h, w, 3) uint8 to (n, 3, h, w) float32, the channels last in memory; the numbers are ``Pixels.stack``'s."""
    sent = torch.from_numpy(np.require(rows, requirements=("C", "W"))).to(device)  # torch takes no read-only mapping
    scale = torch.tensor(pictures.scale, dtype=torch.float32, device=device)
    shift = torch.tensor(pictures.shift, dtype=torch.float32, device=device)
    return (sent.float() * scale + shift).permute(0, 3, 1, 2)


def _only(pixels: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The pictures that ``rows`` names, each once, and where each row's is."""
    used, where = torch.unique(rows, return_inverse=True)
    return pixels[used], where


def _precision(settings: Settings, device: torch.device) -> torch.dtype:
    if settings.precision == "bfloat16" or (
        settings.precision == "auto" and device.type == "cuda" and torch.cuda.is_bf16_supported()
    ):
        return torch.bfloat16
    return torch.float16 if settings.precision == "auto" and device.type == "cuda" else torch.float32
