"""Cards that are made of other cards. A composite names them; here they are put together into one encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from morelike.errors import SettingsError, UsageError
from morelike.protocols import Encoder
from morelike.types import Card, Kind, Payload, Vectors
from morelike.vecmath import normalise

__all__ = ["Concat"]


class Concat:
    """Several dense cards side by side: each part normalised, scaled by its weight, then joined.

    The cosine of two joined vectors is the weighted mean of the parts' cosines, with the squares of
    ``options.weights`` (default: all one) as the weights.
    """

    def __init__(self, card: Card, encoders: Sequence[Encoder], files: Mapping[str, Path]) -> None:
        del files
        if any(encoder.card.form != "dense" for encoder in encoders):
            raise SettingsError(f"the card {card.name} joins dense cards only")
        if sum(encoder.card.dim for encoder in encoders) != card.dim:
            widths = " + ".join(str(encoder.card.dim) for encoder in encoders)
            raise SettingsError(f"the card {card.name} says dim = {card.dim}, its parts give {widths}")
        self._card = card
        self._encoders = encoders
        self._weights = [float(weight) for weight in card.options.get("weights", [1.0] * len(encoders))]
        if len(self._weights) != len(encoders):
            raise SettingsError(f"the card {card.name} has {len(encoders)} parts and {len(self._weights)} weights")

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> tuple[Any, ...]:
        if kind not in self._card.kinds:
            raise UsageError(f"the card {self._card.name} takes {', '.join(self._card.kinds)}, not {kind}")
        return tuple(encoder.prepare(kind, payload) for encoder in self._encoders)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """(n, dim) float32: the parts' vectors (n, dim_i) joined."""
        if not batch:
            return np.empty((0, self._card.dim), dtype=np.float32)
        parts = [
            normalise(encoder.encode(kind, [prepared[i] for prepared in batch])) * np.float32(weight)
            for i, (encoder, weight) in enumerate(zip(self._encoders, self._weights, strict=True))
        ]
        return normalise(np.concatenate(parts, axis=1))
