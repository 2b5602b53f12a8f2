"""A data set of composed retrieval whose answers can be worked out by hand: a coloured bar in one of two places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morelike.training.triplets import ComposedQuery, Triplet

__all__ = ["BARS", "ToyTriplets"]

BARS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0), "yellow": (255, 255, 0)}
_PLACES = ("left", "right")
_SIDE = 8


@dataclass(frozen=True, slots=True)
class ToyTriplets:
    """Eight pictures: each colour at the left, then each at the right. A text names another colour, or moves the bar.

    ``asks``: whether it has queries of its own; else triplets have to be drawn.
    """

    asks: bool = True

    @property
    def texts(self) -> Sequence[str]:
        return [*(f"make it {colour}" for colour in BARS), *(f"move the bar to the {place}" for place in _PLACES)]

    @property
    def labels(self) -> Sequence[str]:
        return [f"{colour} {place}" for place in _PLACES for colour in BARS]

    def __len__(self) -> int:
        return len(BARS) * len(_PLACES)

    def picture(self, index: int) -> NDArray[np.uint8]:
        """(8, 8, 3): white, with the bar over the outer half."""
        place, colour = divmod(index, len(BARS))
        picture = np.full((_SIDE, _SIDE, 3), 255, dtype=np.uint8)
        half = slice(0, _SIDE // 2) if place == 0 else slice(_SIDE // 2, None)
        picture[:, half] = list(BARS.values())[colour]
        return picture

    def queries(self) -> Sequence[ComposedQuery]:
        changes = [change for source in range(len(self)) for change in self._changes(source)]
        return [ComposedQuery(one.source, one.text, self.labels[one.target]) for one in changes] if self.asks else []

    def draw(self, generator: np.random.Generator, count: int) -> list[Triplet]:
        """Two changes of one source in a row, as the CSS task draws."""
        drawn: list[Triplet] = []
        while len(drawn) < count:
            changes = self._changes(int(generator.integers(len(self))))
            drawn += [changes[number] for number in generator.choice(len(changes), 2, replace=False)]
        return drawn[:count]

    def _changes(self, source: int) -> list[Triplet]:
        place, colour = divmod(source, len(BARS))
        recoloured = [
            Triplet(source, text, place * len(BARS) + number)
            for number, text in enumerate(self.texts[: len(BARS)])
            if number != colour
        ]
        other = 1 - place
        return [*recoloured, Triplet(source, self.texts[len(BARS) + other], other * len(BARS) + colour)]
