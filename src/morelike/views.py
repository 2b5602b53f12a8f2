"""``views``: a 3D model by pictures of it (Su, Maji, Kalogerakis & Learned-Miller 2015), through any card of pictures.

A card of this family names one card in ``parts``. Its options:

- ``views``: where the eyes stand: ``corners`` (of a cube, 8), ``sides`` (of a cube, 6) or ``ring`` (8 around what
  points upwards, each 30 degrees above the ground);
- ``side``: pixels of a picture;
- ``pool``: how the pictures' vectors become the model's: ``mean``, or ``max``, the greatest of each number.

Where the card has ``inputs.text`` too, words go through the part's own: a joint card finds models by words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import EncodeError, SettingsError, UsageError
from morelike.protocols import Encoder
from morelike.rasterise import drawn, facing, ring
from morelike.types import Card, Kind, Mesh, Payload, Vectors
from morelike.vecmath import normalise

__all__ = ["Views"]

_SIDES = range(32, 1025)
_AT_ONCE = 64
"""Pictures that the part's encoder gets together."""
_POOLS = ("mean", "max")
_OPTIONS = {"views", "side", "pool"}


def _eyes(views: str) -> list[NDArray[np.float64]]:
    if views == "corners":
        return [facing((x, y, z)) for x, y, z in product((1, -1), repeat=3)]
    if views == "sides":
        return [facing(side) for side in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))]
    return list(ring(8, 30.0)) if views == "ring" else []


class Views:
    """The registry's ``views`` family. ``prepare`` draws; safe from any thread, as that of the part is."""

    def __init__(self, card: Card, encoders: Sequence[Encoder], files: Mapping[str, Path]) -> None:
        """Raises SettingsError on a card that is none of views."""
        del files
        if len(encoders) != 1 or "image" not in encoders[0].card.inputs or encoders[0].card.form != "dense":
            raise SettingsError(f"the card {card.name} needs one part, a dense card of pictures")
        self._part = encoders[0]
        self._eyes = _eyes(str(card.options.get("views", "corners")))
        self._side = card.options.get("side", 256)
        self._pool = card.options.get("pool", "mean")
        faults = [f"options.{name} is unknown" for name in sorted(set(card.options) - _OPTIONS)]
        if not self._eyes:
            faults.append("options.views is none of corners, sides, ring")
        if type(self._side) is not int or self._side not in _SIDES:
            faults.append(f"options.side is {self._side!r}: {_SIDES.start} to {_SIDES.stop - 1} pixels")
        if self._pool not in _POOLS:
            faults.append(f"options.pool is none of {', '.join(_POOLS)}")
        if unknown := sorted(set(card.inputs) - {"mesh", "text"}) or "mesh" not in card.inputs:
            faults.append(f"it takes mesh, and text perhaps, not {unknown}")
        if "text" in card.inputs and "text" not in self._part.card.inputs:
            faults.append(f"its part {self._part.card.name} takes no text")
        if self._part.card.dim != card.dim or self._part.card.metric != card.metric:
            faults.append(f"its part has dim = {self._part.card.dim} and metric = {self._part.card.metric}")
        if faults:
            raise SettingsError(f"the card {card.name} does not fit `views`: {'; '.join(faults)}")
        self._card = card

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> Any:
        """A ``Mesh``: each picture as the part prepares it; a text: as the part does. Raises EncodeError."""
        self._check(kind)
        if kind == "text":
            return self._part.prepare(kind, payload)
        if not isinstance(payload, Mesh) or not len(payload.faces):
            raise EncodeError("the mesh has no faces", hint="give a mesh with a surface")
        return [self._part.prepare("image", drawn(payload, eye, self._side, finer=1)) for eye in self._eyes]

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """(n, dim) float32 of length one."""
        self._check(kind)
        if not batch:
            return np.empty((0, self._card.dim), dtype=np.float32)
        if kind == "text":
            return self._part.encode(kind, batch)
        pictures = [picture for model in batch for picture in model]
        vectors = np.concatenate([*self._encoded(pictures)]).reshape(len(batch), len(self._eyes), -1)
        return normalise(vectors.mean(axis=1) if self._pool == "mean" else vectors.max(axis=1))

    def _encoded(self, pictures: list[Any]) -> Iterator[Vectors]:
        for start in range(0, len(pictures), _AT_ONCE):
            yield normalise(self._part.encode("image", pictures[start : start + _AT_ONCE]))

    def _check(self, kind: Kind) -> None:
        if kind not in self._card.inputs:
            raise UsageError(f"the card {self._card.name} takes {', '.join(self._card.kinds)}, not {kind}")
