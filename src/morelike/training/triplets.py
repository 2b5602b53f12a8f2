"""Pictures, words that change them, and the pictures that come of it: what composed retrieval is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["ComposedQuery", "Triplet", "Triplets"]


@dataclass(frozen=True, slots=True)
class Triplet:
    """A training example: the picture ``source``, changed as ``text`` says, is the picture ``target``."""

    source: int
    text: str
    target: int


@dataclass(frozen=True, slots=True)
class ComposedQuery:
    """A question whose answer is known: any picture of this ``label``. The source is no part of its own gallery."""

    source: int
    text: str
    label: str


class Triplets(Protocol):
    """One split (``train`` or ``test``) of a data set of composed retrieval. Pictures go by their index."""

    @property
    def texts(self) -> Sequence[str]:
        """Every text that the split may ask with: of the training split, the vocabulary is made of them."""

    @property
    def labels(self) -> Sequence[str]:
        """Of each picture; pictures of one label are one answer."""

    def __len__(self) -> int:
        """How many pictures."""

    def picture(self, index: int) -> NDArray[np.uint8]:
        """(h, w, 3) RGB. Raises ItemError on a file that cannot be read."""

    def queries(self) -> Sequence[ComposedQuery]:
        """What it is evaluated with; empty where the published form has none, and drawn triplets are asked instead."""

    def draw(self, generator: np.random.Generator, count: int) -> list[Triplet]:
        """``count`` triplets as the published training draws them; the same generator state draws the same."""
