"""A recording to look at: the loudest sample of each part, and a picture of waveform and spectrogram.

Up to ten minutes are decoded; of longer stretches evenly placed moments are, so that the time is bounded.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from morelike.errors import DecodeError
from morelike.modalities._media import label
from morelike.modalities._sound import Samples, What, heard, opened_sound, read_sound
from morelike.types import Blob, Preview

__all__ = ["peaks_of", "picture_of"]

_DECODED_WHOLE = 600.0
_MOMENTS = 200  # of a longer stretch …
_MOMENT = 0.3  # … so many seconds each
_AT_ONCE = 60.0  # seconds that are held in memory, resampled
_MOST_HELD = 1 << 22  # samples of a column
_PATIENCE = 100_000  # packets that are read for all moments: ten times what is needed where seeking works
_RATE = 22_050
_FRAME = 1024  # samples of a spectrum
_FRAMES_A_COLUMN = 4
_MOST_PEAKS = 10_000
_LOWEST, _RANGE = 60.0, 70.0  # Hz; dB
_QUIETEST = 0.1  # a waveform is drawn at full height from this level on
_QUALITY = 88
_COLOURS = np.array(  # dark to light, evenly perceived, readable without colour vision (after matplotlib's magma, CC0)
    [
        *[(13, 10, 30), (28, 16, 68), (79, 18, 123), (129, 37, 129), (181, 54, 122)],
        *[(229, 80, 100), (251, 135, 97), (254, 194, 135), (252, 253, 191)],
    ],
    np.float32,
)
_WAVE = (254, 176, 120)


def peaks_of(blob: Blob, start: float, end: float, n: int, what: What = "audio") -> tuple[float, ...]:
    """``n`` values 0 to 1: the largest absolute sample of each part of ``start`` to ``end``. Raises DecodeError."""
    n = min(n, _MOST_PEAKS)
    peaks = np.zeros(n, np.float32)
    found = False
    for column, _, samples in _columns(blob, start, end, n, what):
        peaks[column] = np.maximum(peaks[column], _peak(samples))
        found = True
    if not found:
        raise DecodeError(f"{label(blob, what)} has no sound that can be decoded at {start:.1f} s")
    return tuple(round(float(peak), 4) for peak in peaks)


def picture_of(blob: Blob, start: float, end: float, side: int, what: What = "audio") -> Preview:
    """A JPEG ``side`` wide and half as high: the waveform above, 64 mel bands or so below. Raises DecodeError."""
    width = max(side, 1)
    height = max(width // 2, 1)
    upper = height * 2 // 5
    if end - start <= _AT_ONCE:
        samples = read_sound(blob, start, end, _RATE, what).samples
        peaks = np.array([_peak(part) for part in np.array_split(samples, width)])
        centres = (np.arange(width) + 0.5) * len(samples) / width
        bands = _bands(_frames_at(samples, centres), _RATE, height - upper)
    else:
        peaks, bands = _of_columns(blob, start, end, (width, height - upper), what)
    image = np.concatenate([_drawn_wave(peaks, upper), _drawn_bands(bands)])
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return Preview(buffer.getvalue(), "image/jpeg", width, height)


def _of_columns(
    blob: Blob, start: float, end: float, size: tuple[int, int], what: What
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Peaks (w,) and mel powers (rows, w)."""
    width, rows = size
    peaks, bands = np.zeros(width, np.float32), np.zeros((rows, width), np.float32)
    found = False
    for column, rate, samples in _columns(blob, start, end, width, what):
        centres = (np.arange(_FRAMES_A_COLUMN) + 0.5) * len(samples) / _FRAMES_A_COLUMN
        peaks[column] = np.maximum(peaks[column], _peak(samples))
        bands[:, column] = _bands(_frames_at(samples, centres), rate, rows).mean(axis=1)[:, None]
        found = True
    if not found:
        raise DecodeError(f"{label(blob, what)} has no sound that can be decoded at {start:.1f} s")
    return peaks, bands


def _columns(blob: Blob, start: float, end: float, n: int, what: What) -> Iterator[tuple[slice, int, Samples]]:
    """(which of ``n`` columns, rate, some of their samples), in order."""
    if end - start > _DECODED_WHOLE:
        yield from _moments(blob, start, end, n, what)
        return
    held: list[Samples] = []
    column = 0
    with closing(heard(blob, start, what)) as pieces:
        for place, rate, samples in pieces:
            first, length = place / rate - start, len(samples) / rate
            edges = np.arange(column + 1, n) * (end - start) / n
            cuts = np.round((edges[: np.searchsorted(edges, first + length)] - first) * rate).astype(int)
            for part in np.split(samples, np.clip(cuts, 0, len(samples)))[:-1]:
                held.append(part)
                yield slice(column, column + 1), rate, np.concatenate(held)
                held, column = [], column + 1
            held.append(samples[int(np.clip(cuts[-1], 0, len(samples))) if len(cuts) else 0 :])
            if sum(map(len, held)) > _MOST_HELD:
                yield slice(column, column + 1), rate, np.concatenate(held)
                held = []
            if first + length >= end - start:
                break
    if held:
        yield slice(column, column + 1), rate, np.concatenate(held)


def _moments(blob: Blob, start: float, end: float, n: int, what: What) -> Iterator[tuple[slice, int, Samples]]:
    """Evenly placed moments, each standing for the columns around it."""
    count = min(n, _MOMENTS)
    with opened_sound(blob, what) as sound:
        sound.patience = _PATIENCE
        for i in range(count):
            moment = start + (i + 0.5) * (end - start) / count
            held: list[Samples] = []
            for place, rate, samples in sound.decoded(moment):
                held.append(samples[max(round(moment * rate) - place, 0) :])
                if place + len(samples) >= (moment + _MOMENT) * rate:
                    break
            if held:
                yield slice(i * n // count, (i + 1) * n // count), rate, np.concatenate(held)


def _peak(samples: Samples) -> float:
    loudest = float(np.abs(samples).max(initial=0))
    return min(loudest, 1.0) if np.isfinite(loudest) else 0.0


def _frames_at(samples: Samples, centres: NDArray[np.float64]) -> Samples:
    """(k, 1024): the surroundings of each centre, windowed (Hann)."""
    padded = np.pad(np.nan_to_num(np.clip(samples, -1, 1)), _FRAME // 2)
    starts = np.clip(centres.astype(int), 0, len(samples))
    frames: Samples = padded[starts[:, None] + np.arange(_FRAME)] * np.hanning(_FRAME).astype(np.float32)
    return frames


def _bands(frames: Samples, rate: int, rows: int) -> NDArray[np.float32]:
    """(rows, k): power in ``rows`` bands, the highest first."""
    power = np.abs(np.fft.rfft(frames)).astype(np.float32) ** 2
    bands: NDArray[np.float32] = _filters(rate, rows) @ power.T
    return bands


@lru_cache(maxsize=16)
def _filters(rate: int, rows: int) -> NDArray[np.float32]:
    """(rows, bins): triangles evenly spaced in mel (HTK's formula), no narrower than a bin, the highest first."""
    top = max(rate / 2, _LOWEST * 2)
    mels = np.linspace(_mel(_LOWEST), _mel(min(top, 16_000)), rows + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    hertz = np.fft.rfftfreq(_FRAME, 1 / rate)
    wide = np.maximum(np.diff(edges), hertz[1])
    rise = 1 - (edges[1:-1, None] - hertz) / wide[:-1, None]
    fall = 1 - (hertz - edges[1:-1, None]) / wide[1:, None]
    filters: NDArray[np.float32] = np.maximum(np.minimum(rise, fall), 0)[::-1].astype(np.float32)
    return filters


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _drawn_wave(peaks: NDArray[np.float32], height: int) -> NDArray[np.uint8]:
    """uint8 (height, w, 3): a bar a column about the middle, its edge blended."""
    scaled = peaks / max(float(peaks.max(initial=0)), _QUIETEST)
    distance = np.abs(np.arange(height) - (height - 1) / 2)[:, None]
    cover = np.clip(np.maximum(scaled * height * 0.46, 0.5)[None] - distance + 0.5, 0, 1)[..., None]
    return _rounded(_COLOURS[0] * (1 - cover) + np.array(_WAVE, np.float32) * cover)


def _drawn_bands(bands: NDArray[np.float32]) -> NDArray[np.uint8]:
    """uint8 (rows, w, 3): decibels below the loudest, in colours."""
    loudest = max(float(bands.max(initial=0)), 1e-3)
    shade = np.clip(1 + 10 * np.log10(np.maximum(bands / loudest, 1e-9)) / _RANGE, 0, 1) * (len(_COLOURS) - 1)
    below = np.minimum(shade.astype(int), len(_COLOURS) - 2)
    part = (shade - below)[..., None]
    return _rounded(_COLOURS[below] * (1 - part) + _COLOURS[below + 1] * part)


def _rounded(colours: NDArray[np.float32]) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = colours.round().astype(np.uint8)
    return rounded
