"""A whole encoder package for morelike. Copy it, rename it, and put your own work into ``encode``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from morelike.errors import UsageError
from morelike.settings import Settings
from morelike.types import Card

__all__ = ["BrightnessEncoder", "cards"]


def cards() -> list[Card]:
    """One card for each way that the family is used. A file that it needs would be a WeightsFile in ``weights``."""
    return [
        Card(
            name=f"brightness-{grid}",
            family="brightness",
            form="dense",
            dim=grid * grid,
            metric="cosine",
            inputs={"image": {"side": 8 * grid}},  # lets JPEG files be decoded smaller
            options={"grid": grid},  # all that changes a vector belongs here
            licence="Apache-2.0",
            source="this package",
            description=f"Light and dark on a grid of {grid} × {grid}.",
        )
        for grid in (4, 8)
    ]


class BrightnessEncoder:
    """(n, grid²) float32: the brightness of each field of a grid, less the picture's own."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        self._card = card
        self._grid = int(card.options["grid"])

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: str, payload: Any) -> Any:
        """Called from many threads: one picture, uint8 (height, width, 3), to what ``encode`` wants of it."""
        if kind not in self._card.inputs:
            raise UsageError(f"the card {self._card.name} takes pictures, not {kind}")
        light = np.asarray(payload, dtype=np.float32).mean(axis=2)
        rows, columns = (np.linspace(0, size, self._grid, endpoint=False, dtype=int) for size in light.shape)
        height, width = (-(-size // self._grid) for size in light.shape)
        fields = np.array([[light[y : y + height, x : x + width].mean() for x in columns] for y in rows])
        return (fields - light.mean()).ravel()

    def encode(self, kind: str, batch: Sequence[Any]) -> Any:
        """Called from one thread: everything that was prepared for a batch, to (n, dim)."""
        if not batch:
            return np.empty((0, self._card.dim), dtype=np.float32)
        vectors = np.stack(batch).astype(np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-3)
