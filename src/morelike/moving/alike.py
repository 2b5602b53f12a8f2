"""Whether a card made an old server's vectors: a few files of the whole table, encoded here and held against them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from statistics import median
from typing import Final

import numpy as np

from morelike.errors import ItemError, ModelError, SpaceMismatch
from morelike.lanes import Lanes
from morelike.moving.moves import Taken
from morelike.prepare import EncoderLane, load_segments
from morelike.protocols import Modality
from morelike.types import SegmentSpec, Space

__all__ = ["Alike"]

_TRIED: Final = 8
"""Files of a group that is looked at closely: the first one, and each in which one file is unlike."""
_SPREAD: Final = 16
"""Of the nth group after it one file is looked at with the chance 16 / (16 + n): some fifty files of 3 000 groups."""
_ALIKE: Final = 0.9
"""The cosine of a file's old vector with the one made here, below which another card made it. Other decoders and
scalings of the same picture leave 0.98 and more.
"""
_OF_OBJECTS: Final = 0.1
"""A table in which more files than this have several vectors is one of objects: one vector may be of one, too."""


class Alike:
    """Is shown each group of files with their vectors before it is written; the same files are chosen at each run.

    One call raises SpaceMismatch where the card did not make them; ``tell`` hears what was found. One instance serves
    one move.
    """

    def __init__(self, lanes: Lanes, modality: Modality, tell: Callable[[str], None]) -> None:
        self._lanes = lanes
        self._modality = modality
        self._tell = tell
        self._chance = Random(0)  # noqa: S311  # which files are looked at is no secret
        self._groups = 0
        self._off = False
        self._told = False

    def __call__(self, space: Space, taken: Sequence[Taken]) -> None:
        """Raises SpaceMismatch."""
        if self._off:
            return
        after, self._groups = self._groups, self._groups + 1
        if after and self._chance.random() >= _SPREAD / (_SPREAD + after):
            return
        try:
            lane = self._lanes.lane(space)
        except ModelError as error:
            self._tell(f"whether {space.card.name} made these vectors cannot be looked at: {error.message}")
            self._off = True
            return
        found = self._chosen(space, lane, taken)
        if not after:
            self._first(space, taken, dict(found))
            return
        for uri, cosine in found:  # one that can be looked at says enough, unless it is unlike
            if cosine < _ALIKE:
                self._judge(space, taken, {uri: cosine, **dict(found)})
            return

    def _first(self, space: Space, taken: Sequence[Taken], cosines: dict[str, float]) -> None:
        name = space.card.name
        if not cosines:
            self._tell(f"whether {name} made these vectors was not looked at: no file here has just one")
            return
        self._judge(space, taken, cosines)
        if not self._off:
            self._tell(
                f"{len(cosines)} files encoded here have the old vectors (cosine {median(cosines.values()):.4f})"
            )

    def _judge(self, space: Space, taken: Sequence[Taken], cosines: dict[str, float]) -> None:
        """By the middle one: one file alone may have been changed since. Raises SpaceMismatch."""
        name, middle = space.card.name, median(cosines.values())
        worst = min(cosines, key=lambda uri: cosines[uri])
        if middle >= _ALIKE:
            if cosines[worst] < _ALIKE and not self._told:
                self._told = True  # a sentence for each would be a log
                self._tell(f"the old vector of {worst} is of other bytes: it is {cosines[worst]:.3f} alike (cosine)")
            return
        if sum(len(one.vectors) > 1 for one in taken) > _OF_OBJECTS * len(taken):
            self._off = True
            self._tell(
                f"whether {name} made these vectors cannot be looked at: many files have several, so that they are of "
                "objects, and where in a picture these were is not known"
            )
            return
        raise SpaceMismatch(
            f"{name} did not make these vectors: {len(cosines)} of {len(taken)} files were encoded here, and the "
            f"middle one is {middle:.3f} alike (cosine), where the same encoder gives more than {_ALIKE}; "
            f"the least alike is {worst} ({cosines[worst]:.3f})",
            hint="leave --encoder out: then the files are encoded anew",
        )

    def _chosen(self, space: Space, lane: EncoderLane, taken: Sequence[Taken]) -> Iterator[tuple[str, float]]:
        """The cosines of up to ``_TRIED`` files with just one vector, by chance, each encoded when it is asked for."""
        single = [one for one in taken if len(one.vectors) == 1]
        number = 0
        for one in self._chance.sample(single, len(single)):
            try:
                prepared = load_segments(self._modality, lane.encoder, one.reading.blob, [SegmentSpec(space.kind)])
                here = np.asarray(lane.submit(space.kind, prepared).result()[0], dtype=np.float64)
            except ItemError:
                continue  # whether it can be decoded is not the question
            yield one.place.uri, _cosine(here, one.vectors[0][1].astype(np.float64))
            number += 1
            if number == _TRIED:
                return


def _cosine(here: np.ndarray, old: np.ndarray) -> float:
    lengths = float(np.linalg.norm(here) * np.linalg.norm(old))
    return float(here @ old) / lengths if lengths else 0.0
