"""``landmarks``: the same recording, however it was encoded. Peaks of the spectrum in pairs (Wang 2003).

Each peak is paired with the next few that follow it within two seconds. A pair's hash says its two pitches and how far
apart they are; ``at`` is the tick (32 ms) of the first. What survives of a recording keeps its hashes and the distances
between them, so that another copy has many of them at one and the same shift. A recording that was played faster or
slower, or transposed, has other hashes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._batches import check_kind, check_revision
from morelike.encoders._peaks import HOP, peaks
from morelike.encoders._sound import sound_at
from morelike.errors import ModelError
from morelike.settings import Settings
from morelike.types import Card, Kind, Payload, Sketch

__all__ = ["LandmarkEncoder"]

_REVISION = 1
_RATE = 8000
_FARTHEST_TICKS, _FARTHEST_BINS = 63, 127
_NEAREST_TICKS = 1
_PAIRS = 6
"""With how many later peaks each is paired."""


class LandmarkEncoder:
    """The registry's ``landmarks`` family. Deterministic; needs no files."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        del files, settings
        check_revision(card, _REVISION)
        rates = {values.get("rate") for values in card.inputs.values()}
        if card.form != "sketch" or rates != {_RATE} or card.options.get("tick") != HOP / _RATE:
            raise ModelError(
                f"the card {card.name!r} does not fit `landmarks`",
                hint=f'it needs form = "sketch", rate = {_RATE} and options.tick = {HOP / _RATE}',
            )
        self._card = card

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> Sketch:
        """A sound to its sketch: all the work, on the caller's thread. Silence has an empty one."""
        check_kind(self._card, kind)
        tick, pitch = peaks(sound_at(payload, _RATE))
        hashes, at = _pairs(tick, pitch)
        order = np.lexsort((at, hashes))
        return Sketch(hashes[order], at[order].astype(np.int32))

    def encode(self, kind: Kind, batch: Sequence[Any]) -> NDArray[np.object_]:
        """An object array (n,) of ``Sketch``."""
        check_kind(self._card, kind)
        sketches = np.empty(len(batch), dtype=object)
        sketches[:] = batch
        return sketches


def _pairs(tick: NDArray[np.int64], pitch: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """(hashes, at) of peaks in the order of time: each with the first ``_PAIRS`` that follow near enough."""
    made = np.zeros(len(tick), dtype=np.int64)
    hashes, at = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    last = np.searchsorted(tick, tick + _FARTHEST_TICKS, "right") - 1
    for step in range(1, int((last - np.arange(len(tick))).max(initial=0)) + 1):
        first = np.flatnonzero((np.arange(len(tick)) + step <= last) & (made < _PAIRS))
        later, nearer = tick[first + step] - tick[first], np.abs(pitch[first + step] - pitch[first])
        first = first[(later >= _NEAREST_TICKS) & (nearer <= _FARTHEST_BINS)]
        made[first] += 1
        apart = tick[first + step] - tick[first]
        hashes.append((((pitch[first] << 9) | pitch[first + step]) << 6 | apart).astype(np.uint64))
        at.append(tick[first])
    return np.concatenate(hashes), np.concatenate(at)
