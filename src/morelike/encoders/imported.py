"""Vectors that were made elsewhere: what is asked is a vector already, and nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from morelike.encoders._batches import check_kind, nothing
from morelike.errors import QueryError
from morelike.settings import Settings
from morelike.types import Card, Kind, Payload, Vectors

__all__ = ["ImportedEncoder"]


class ImportedEncoder:
    """The registry's ``imported`` family: a vector of the card's width to itself."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        del files, settings
        self._card = card

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> Vectors:
        """Raises QueryError on a vector of another width or type."""
        check_kind(self._card, kind)
        bits = self._card.form == "bits"
        width = -(-self._card.dim // 8) if bits else self._card.dim
        vector = np.asarray(payload)
        if vector.shape != (width,) or vector.dtype.kind not in ("u" if bits else "fiu"):
            raise QueryError(
                f"an example of {vector.shape} {vector.dtype} is no vector of {self._card.name}",
                hint=f"({width},) {'uint8, packed bits' if bits else 'numbers'}",
            )
        return vector.astype(np.uint8 if bits else np.float32)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        check_kind(self._card, kind)
        return np.stack(batch) if batch else nothing(self._card)
