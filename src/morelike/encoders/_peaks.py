"""Where a sound's spectrum peaks: the moments and pitches that stay when a recording is encoded, filtered or noisy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["HOP", "peaks"]

Ints = NDArray[np.int64]

HOP = 256
"""Samples a tick."""
_WINDOW = 1024
_LOWEST, _HIGHEST = 38, 436
"""Bins: 300 to 3400 Hz of 8 kHz, what a telephone lets through."""
_NEAR_TICKS, _NEAR_BINS = 3, 8
"""A peak is the largest value among those so near."""
_RIVALS_TICKS = 31
_KEPT = 18
"""It is kept if it is one of so many strongest among those within ``_RIVALS_TICKS`` before and after."""
_SILENT = 1e-4
"""Of full scale; what is weaker is not heard, and no encoder keeps it."""
_BLOCK = 2048
"""Frames that are transformed at once."""


def peaks(samples: NDArray[np.float32]) -> tuple[Ints, Ints]:
    """(ticks, bins) of the peaks of samples (n,) at 8 kHz, in the order of time, then of pitch. Silence has none."""
    spectrum = _levels(samples)
    largest = _largest_near(spectrum)
    tick, pitch = np.nonzero((spectrum == largest) & (spectrum > np.log(_SILENT)))
    few = _strongest_of_tick(tick, spectrum[tick, pitch])  # changes nothing below but the time that it takes
    tick, pitch = tick[few], pitch[few]
    kept = _strongest(tick, spectrum[tick, pitch])
    return tick[kept], pitch[kept] + _LOWEST


def _levels(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames, bins) natural logarithm of the amplitude: a sine of full scale has 0."""
    padded = np.pad(samples, (0, max(0, _WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP]
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    window /= window.sum() / 2
    levels = np.empty((len(frames), _HIGHEST - _LOWEST), dtype=np.float32)
    for start in range(0, len(frames), _BLOCK):
        spectrum = np.fft.rfft(frames[start : start + _BLOCK] * window)[:, _LOWEST:_HIGHEST]
        levels[start : start + _BLOCK] = np.log(np.abs(spectrum) + 1e-9)
    return levels


def _largest_near(spectrum: NDArray[np.float32]) -> NDArray[np.float32]:
    return _running_max(_running_max(spectrum, _NEAR_BINS).T, _NEAR_TICKS).T


def _running_max(values: NDArray[np.float32], near: int) -> NDArray[np.float32]:
    """(n, m): the largest of those within ``near`` columns, by doubling."""
    width = 2 * near + 1
    padded = np.pad(values, ((0, 0), (near, near)), constant_values=-np.inf)
    reach = 1
    while reach * 2 <= width:
        padded = np.maximum(padded[:, : padded.shape[1] - reach], padded[:, reach:])
        reach *= 2
    rest = width - reach
    return np.maximum(padded[:, : padded.shape[1] - rest], padded[:, rest:]) if rest else padded


def _strongest_of_tick(tick: Ints, level: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which peaks are among the ``_KEPT`` strongest of their own tick: a click is flat and has hundreds."""
    order = np.lexsort((-level, tick))
    place = np.arange(len(tick)) - np.searchsorted(tick, tick)  # `order` has the ticks in the same places
    kept = np.zeros(len(tick), dtype=bool)
    kept[order] = place < _KEPT
    return kept


def _strongest(tick: Ints, level: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which peaks have fewer than ``_KEPT`` stronger ones near in time: the same ones wherever the sound is cut."""
    first = np.searchsorted(tick, tick - _RIVALS_TICKS)
    stronger = np.zeros(len(tick), dtype=np.int64)
    for apart in range(1, int((np.arange(len(tick)) - first).max(initial=0)) + 1):
        near = np.flatnonzero(np.arange(apart, len(tick)) - apart >= first[apart:]) + apart
        louder = level[near] > level[near - apart]
        stronger[near[~louder]] += 1
        stronger[near[louder] - apart] += 1
    kept: NDArray[np.bool_] = stronger < _KEPT
    return kept
