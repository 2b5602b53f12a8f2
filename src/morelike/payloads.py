"""What decoders give besides arrays and texts, and what encoders give besides vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Audio", "Mesh", "Sketch"]


@dataclass(frozen=True, slots=True)
class Audio:
    """The payload of kind ``audio``: ``samples`` float32 (n,) mono in [-1, 1], ``rate`` in Hz."""

    samples: NDArray[np.float32]
    rate: int


@dataclass(frozen=True, slots=True)
class Mesh:
    """The payload of kind ``mesh``: ``vertices`` float32 (v, 3), ``faces`` int32 (f, 3)."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a card of form ``sketch`` makes of a segment: ``hashes`` uint64 (n,), ascending, ``at`` int32 (n,).

    ``at`` says where in the segment each hash was found, in ticks of ``card.options["tick"]`` seconds (or 0 everywhere
    where the order does not matter); equal hashes stand in the order of ``at``.
    """

    hashes: NDArray[np.uint64]
    at: NDArray[np.int32]
