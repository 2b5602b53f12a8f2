"""``classic``: pictures without weights. Shapes, light and colour, each a well-known descriptor, side by side.

The vector (1 145 numbers) is three parts, each of length one, scaled by the root of its share, so that the cosine of
two vectors is the shares' weighted mean of the parts' cosines:

- shape: histograms of oriented gradients (Dalal & Triggs 2005) of the picture squashed to 40 × 40, cells of 8 pixels,
  blocks of 3 × 3 cells, the strongest colour channel a pixel;
- light: L* of 16 × 16 pixels less its mean;
- colour: the root of a histogram of L*a*b* (8 × 6 × 6 bins).

Shape and light are added to those of the mirrored picture, so that a mirrored copy is the same picture. Every constant
is fixed here and covered by ``options.revision``: nothing is fitted to a collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._batches import check_kind, check_revision, finished, nothing
from morelike.encoders._pixels import checked_picture, squashed
from morelike.errors import ModelError
from morelike.settings import Settings
from morelike.types import Card, Kind, Payload, Vectors

__all__ = ["ClassicEncoder"]

_REVISION = 1
_SHARES = (0.8, 0.1, 0.1)  # shape, light, colour
_SHAPE_SIDE, _CELL, _BLOCK, _ORIENTATIONS = 40, 8, 3, 9
_LIGHT_SIDE = 16
_BINS = (8, 6, 6)  # L* 0..100, a* and b* -60..60
_DIM = 729 + 128 + 288


class ClassicEncoder:
    """The registry's ``classic`` family. Deterministic; needs no files."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        del files, settings
        check_revision(card, _REVISION)
        if card.dim != _DIM:
            raise ModelError(f"the card {card.name!r} says dim = {card.dim}, `classic` gives {_DIM}")
        self._card = card

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> NDArray[np.float32]:
        """One picture uint8 (h, w, 3) to its vector (1145,): all the work, on the caller's thread."""
        check_kind(self._card, kind)
        picture = checked_picture(payload)
        small = squashed(picture, _SHAPE_SIDE, _SHAPE_SIDE)
        lab = _lab(squashed(picture, _LIGHT_SIDE, _LIGHT_SIDE))
        parts = (_shape(small), _light(lab), _colour(lab))
        return np.concatenate(
            [_unit(part) * np.sqrt(share) for part, share in zip(parts, _SHARES, strict=True)]
        ).astype(np.float32)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """(n, 1145) float32 of length one."""
        check_kind(self._card, kind)
        if not batch:
            return nothing(self._card)
        return finished(self._card, np.stack(batch), len(batch), unit=True)


def _shape(small: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(40, 40, 3) to (729,): 3 × 3 blocks of 3 × 3 cells of 9 orientations, the picture's and its mirror's added."""
    both = _gradients(small) + _gradients(small[:, ::-1])
    result: NDArray[np.float64] = both
    return result


def _gradients(small: NDArray[np.uint8]) -> NDArray[np.float64]:
    from skimage.feature import hog

    result: NDArray[np.float64] = hog(
        small,
        orientations=_ORIENTATIONS,
        pixels_per_cell=(_CELL, _CELL),
        cells_per_block=(_BLOCK, _BLOCK),
        block_norm="L2-Hys",
        channel_axis=-1,
    )
    return result


def _lab(small: NDArray[np.uint8]) -> NDArray[np.float64]:
    from skimage.color import rgb2lab

    result: NDArray[np.float64] = rgb2lab(small)
    return result


def _light(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """(16, 16, 3) to (128,): L* less its mean, added to its mirror; the left half says it all."""
    light = lab[:, :, 0] - lab[:, :, 0].mean()
    half: NDArray[np.float64] = (light + light[:, ::-1])[:, : _LIGHT_SIDE // 2]
    return half.ravel()


def _colour(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """(16, 16, 3) to (288,): the root of the share of each bin, so that the dot product is Bhattacharyya's."""
    scaled = (lab.reshape(-1, 3) + np.array([0.0, 60.0, 60.0])) / np.array([100.0, 120.0, 120.0])
    bins = np.array(_BINS)
    index = np.clip(np.floor(scaled * bins).astype(np.int64), 0, bins - 1)
    counts = np.bincount(np.ravel_multi_index(tuple(index.T), _BINS), minlength=int(np.prod(_BINS)))
    result: NDArray[np.float64] = np.sqrt(counts)
    return result


def _unit(part: NDArray[np.float64]) -> NDArray[np.float64]:
    # A flat picture has neither shape nor light: what rounding left there must not be blown up to length one.
    length = float(np.linalg.norm(part))
    return part / length if length > 1e-3 else np.zeros_like(part)
