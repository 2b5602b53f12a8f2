"""A bit a number: which rows cannot be near, seen at an eighth of the reading that 8-bit codes take.

In a random rotation two vectors at an angle differ in the sign of a number with probability angle / pi (Charikar 2002,
after Goemans & Williamson 1995), so the share of signs that differ says the angle, more or less. Rows that differ in
more signs than a near one would are passed over, and with them very few that are near.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors.blocks import kernels
from morelike.stores.vectors.codes import Asked, Codes

__all__ = ["Signs"]

_SIGMAS = 2.5
"""Standard deviations that a near row is given: of those right at the bound one in 160 differs in more signs."""
_MADE = 16_384
"""Rows made at a time."""


class Signs:
    """(n, dim / 8) bits of a segment's codes, padded to whole bytes."""

    def __init__(self, codes: Codes) -> None:
        self.dim = codes.dim
        self.data: NDArray[np.uint8] = np.empty((len(codes), -(-codes.dim // 8)), dtype=np.uint8)
        data = codes.data
        for start in range(0, len(data), _MADE):
            part = data[start : start + _MADE]
            self.data[start : start + len(part)] = np.packbits(part >= 128, axis=1)

    def differing(self, asked: Asked, rows: slice, mask: NDArray[np.bool_]) -> NDArray[np.int32]:
        """In how many signs each of the rows differs from the query; ``dim + 1`` of those outside of the mask."""
        part = self.data[rows]
        query = np.packbits(asked.numbers >= 0)
        result = np.empty(len(part), dtype=np.int32)
        pointer = kernels().swig_ptr
        kernels().hammings(pointer(query), pointer(part), 1, len(part), part.shape[1], pointer(result))
        np.copyto(result, self.dim + 1, where=~mask[rows])
        return result

    def most(self, cosine: float) -> int:
        """In how many signs a row of at least that cosine with the query may differ."""
        share = math.acos(min(1.0, max(-1.0, cosine))) / math.pi
        return math.floor(self.dim * share + _SIGMAS * math.sqrt(self.dim * share * (1 - share)))
