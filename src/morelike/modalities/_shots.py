"""Where one shot of a film ends and the next begins, from small pictures alone.

Two differences are taken between thumbnails: of their histograms of luma and colour (Zhang, Kankanhalli & Smoliar 1993,
"Automatic partitioning of full-motion video") and of their pixels. A cut is a difference to the frame before that
stands out in a sliding window (Yeo & Liu 1995, "Rapid scene analysis on compressed video"): a flash makes two of them,
a moving camera many. A fade or a dissolve is looked for in the difference to the frame of a second before.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from morelike.modalities._film_pixels import THUMB_SIZE, Thumb

__all__ = ["THUMB_EVERY", "Shots", "key_spans"]

THUMB_EVERY = 1 / 16
"""Seconds between two thumbnails, at least."""

_WINDOW = 6  # thumbnails on either side that a cut must stand out from
_CUT = 0.12  # the least difference that is a cut
_STANDS_OUT = 0.18  # how much it exceeds the next largest of the window, as a share of that one, times itself
_PLAIN_CUT = 0.75  # a difference that is a cut whatever moves around it
_FADE = 0.45  # the least difference over a second that is a fade or a dissolve
_FADE_STANDS_OUT = 1.8
_FADE_SECONDS = 1.0
_SHORTEST = 0.4  # seconds
_LONGEST = 30.0  # a longer shot is cut into equal parts
_TWO_FRAMES, _THREE_FRAMES = 2.0, 6.0  # seconds beyond which a shot has two, three key frames
_BINS = 32

_SIZES = np.array([[2304.0], [576.0], [576.0]])
_BIN_OF_PLANE = np.repeat(np.arange(3) * _BINS, [2304, 576, 576])

Features = tuple[NDArray[np.float64], NDArray[np.int16]]


class Shots:
    """Differences of a film's thumbnails, gathered in one pass; ``cuts`` are made of them afterwards."""

    def __init__(self) -> None:
        self.times = array("d")
        self._step = array("f")
        self._second = array("f")

    def watch(self, thumbs: Iterable[tuple[float, Thumb]]) -> None:
        """Take in every (time, thumbnail), in order: three numbers of each are kept."""
        recent: deque[tuple[float, Features]] = deque()
        for time, thumb in thumbs:
            seen = _features(thumb)
            self.times.append(time)
            self._step.append(_difference(recent[-1][1], seen) if recent else 0.0)
            while len(recent) > 1 and recent[1][0] <= time - _FADE_SECONDS:
                recent.popleft()
            self._second.append(_difference(recent[0][1], seen) if recent else 0.0)
            recent.append((time, seen))

    def cuts(self) -> list[float]:
        """The times of the first thumbnails of new shots, at least 0.4 seconds apart, ascending."""
        times, step = np.asarray(self.times), np.asarray(self._step)
        hard = _standing_out(step)
        strength = {float(times[i]): float(step[i]) + 1 for i in hard}
        for moment, size in self._fades(times, np.asarray(self._second)):
            if not any(abs(moment - cut) <= _FADE_SECONDS for cut in strength):
                strength[moment] = size
        return _apart(strength, float(times[0]) if len(times) else 0.0)

    def longest_step(self) -> float:
        """Seconds of the longest gap between two thumbnails; 0 where there are less than two."""
        return max((after - before for before, after in pairwise(self.times)), default=0.0)

    def _fades(self, times: NDArray[np.float64], second: NDArray[np.float32]) -> Iterator[tuple[float, float]]:
        """(the middle, the size) of each change that takes up to a second and is calm before and after."""
        for i in np.flatnonzero(second >= _FADE):
            low, high = np.searchsorted(times, [times[i] - _FADE_SECONDS, times[i] + _FADE_SECONDS])
            if second[i] < second[low : high + 1].max():
                continue
            calm = max(float(second[low]), float(second[min(int(high), len(second) - 1)]), 1e-3)
            if second[i] >= _FADE_STANDS_OUT * calm:
                yield float(times[i] - _FADE_SECONDS / 2), float(second[i])


def key_spans(start: float, end: float, cuts: Iterable[float]) -> Iterator[tuple[float, float]]:
    """Consecutive (start, end) that cover the stretch: a shot of up to 2 seconds is one, up to 6 two, else three.

    A shot of more than 30 seconds is cut into equal parts of at most that, each with three.
    """
    inner = [cut for cut in cuts if start + _SHORTEST / 2 < cut < end - _SHORTEST / 2]
    for first, last in pairwise([start, *inner, end]):
        parts = max(int(np.ceil((last - first) / _LONGEST - 1e-9)), 1)
        length = (last - first) / parts
        frames = 1 if length <= _TWO_FRAMES else 2 if length <= _THREE_FRAMES else 3
        edges = np.linspace(first, last, parts * frames + 1).tolist()
        yield from pairwise(edges)


def _features(thumb: Thumb) -> Features:
    """Histograms (3, 32) of luma and both colour differences, each of sum 1, and the luma (2304,)."""
    counts = np.bincount((thumb >> 3) + _BIN_OF_PLANE, minlength=3 * _BINS).reshape(3, _BINS) / _SIZES
    # Neighbouring bins are mixed, so that a slight change of light does not move a whole bin.
    soft = counts / 2
    soft[:, 1:] += counts[:, :-1] / 4
    soft[:, :-1] += counts[:, 1:] / 4
    return soft, thumb[: THUMB_SIZE[0] * THUMB_SIZE[1]].astype(np.int16)


def _difference(first: Features, second: Features) -> float:
    """0 to about 2: half the histograms' distance, averaged, and twice the mean difference of the luma."""
    histograms = float(np.abs(first[0] - second[0]).sum()) / 6
    luma = int(np.abs(first[1] - second[1]).sum(dtype=np.int64))
    return histograms + 2 * luma / (255 * len(first[1]))


def _standing_out(step: NDArray[np.float32]) -> list[int]:
    """Indices of differences that are the largest of their window, the smaller the further above all others."""
    found = []
    for i in np.flatnonzero(step >= _CUT):
        window = np.delete(step[max(i - _WINDOW, 0) : i + _WINDOW + 1], min(int(i), _WINDOW))
        other = max(float(window.max(initial=0.0)), 1e-3)
        prominence = float(step[i]) * (float(step[i]) / other - 1)
        if prominence >= _STANDS_OUT or (step[i] >= _PLAIN_CUT and step[i] > other):
            found.append(int(i))
    return found


def _apart(strength: dict[float, float], start: float) -> list[float]:
    """The times, without the weaker of two that are too close to each other."""
    kept: list[float] = []
    for time in sorted(strength):
        if time - start < _SHORTEST:
            continue
        if not kept or time - kept[-1] >= _SHORTEST:
            kept.append(time)
        elif strength[time] > strength[kept[-1]]:
            kept[-1] = time
    return kept
