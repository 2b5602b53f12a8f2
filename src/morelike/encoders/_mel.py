"""Log-mel spectrograms in numpy, every number from the card. Float32, the same whatever else is in the batch.

The filters are those of librosa: triangles over the frequencies in Hz, their corners equally far apart on the scale of
HTK (2595 log10(1 + f / 700)) or of Slaney's Auditory Toolbox (linear below 1 kHz, logarithmic above).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from morelike.errors import ModelError

__all__ = ["LogMel", "choice", "mel_filters", "number", "whole"]

_BLOCK = 1024  # frames at once: 8 MB of spectrum at an FFT of 1024
_LARGEST_FFT = 1 << 16
_MOST_MELS = 1024
_KEYS = {
    "rate", "window", "hop", "fft", "power", "mels", "fmin", "fmax", "scale", "norm", "log", "floor", "offset",
    "centre", "mean", "std",
}  # fmt: skip
_SLANEY_LINEAR = 200 / 3  # Hz a mel below 1 kHz
_SLANEY_LOG = np.log(6.4) / 27  # a mel above it


@dataclass(frozen=True, slots=True, eq=False)
class LogMel:
    """A card's numbers, in samples and Hz: frames → |FFT|^power → filters → logarithm → (x - mean) / std.

    ``log``: "log" is ln(max(x, floor) + offset), "db" is 10 log10 of the same. ``centre``: frames are centred on
    multiples of the hop, the sound mirrored at its ends; else the first frame begins with the first sample and a frame
    that is not full is left out. The window is Hann's, periodic.
    """

    rate: int
    window: int
    hop: int
    fft: int
    power: Literal[1, 2]
    mels: int
    log: Literal["log", "db"]
    floor: float
    offset: float
    centre: bool
    mean: float
    std: float
    _taper: NDArray[np.float32]
    _filters: NDArray[np.float32]
    _bands: tuple[tuple[int, int], ...]

    @classmethod
    def from_card(cls, card: str, values: Mapping[str, Any]) -> LogMel:
        """Raises ModelError naming the bad number. ``values`` is the card's ``inputs.audio``."""
        rate = whole(card, "rate", values, least=1000, most=768_000)
        window = whole(card, "window", values, least=4, most=_LARGEST_FFT)
        fft = whole(card, "fft", values, window, least=window, most=_LARGEST_FFT)
        mels = whole(card, "mels", values, least=1, most=_MOST_MELS)
        fmax = number(card, "fmax", values, rate / 2, least=1, most=rate / 2)
        fmin = number(card, "fmin", values, 0.0, least=0, most=fmax)
        std = number(card, "std", values, 1.0, least=-1e9, most=1e9)
        floor = number(card, "floor", values, 0.0, least=0, most=1e9)
        offset = number(card, "offset", values, 0.0 if floor else 1e-10, least=0, most=1e9)
        if std == 0 or fmin == fmax or not floor + offset:  # silence has a logarithm too
            told = f"std = {std:g}, fmin = {fmin:g}, fmax = {fmax:g}, floor = {floor:g}, offset = {offset:g}"
            raise ModelError(
                f"the card {card!r} says {told}", hint="std, fmax - fmin and floor + offset are not nought"
            )
        centre = bool(values.get("centre", False))
        taper = np.zeros(fft if centre else window, dtype=np.float32)
        start = (len(taper) - window) // 2
        taper[start : start + window] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
        scale = choice(card, "scale", values, ("htk", "slaney"))
        norm = choice(card, "norm", values, ("none", "slaney"))
        filters = mel_filters(rate, fft, mels, fmin, fmax, scale=scale, norm=norm)
        return cls(
            rate=rate,
            window=window,
            hop=whole(card, "hop", values, least=1, most=_LARGEST_FFT),
            fft=fft,
            power=choice(card, "power", values, (2, 1)),
            mels=mels,
            log=choice(card, "log", values, ("log", "db")),
            floor=floor,
            offset=offset,
            centre=centre,
            mean=number(card, "mean", values, 0.0, least=-1e9, most=1e9),
            std=std,
            _taper=taper,
            _filters=filters,
            _bands=_bands_of(filters),
        )

    @staticmethod
    def keys() -> set[str]:
        """What ``from_card`` reads."""
        return set(_KEYS)

    @property
    def decibels(self) -> float:
        """How many decibels a difference of one in the result is."""
        return (1 if self.log == "db" else 10 / np.log(10)) * (2 / self.power) * abs(self.std)

    def frames(self, samples: int) -> int:
        """How many frames so many samples give."""
        if self.centre:
            return 1 + samples // self.hop if samples else 0
        return max(0, 1 + (samples - self.window) // self.hop)

    def of(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) to (frames, mels). Works through long sounds in blocks; safe from any thread."""
        result = np.empty((self.frames(len(samples)), self.mels), dtype=np.float32)
        if self.centre:
            samples = np.pad(samples, self.fft // 2, mode="reflect")
        if not len(result):
            return result
        framed = np.lib.stride_tricks.sliding_window_view(samples, len(self._taper))[:: self.hop]
        for start in range(0, len(result), _BLOCK):
            part = result[start : start + _BLOCK]
            spectrum = np.fft.rfft(framed[start : start + len(part)] * self._taper, self.fft)
            strength = spectrum.real**2 + spectrum.imag**2
            if self.power == 1:
                np.sqrt(strength, out=strength)
            self._banded(strength.astype(np.float32, copy=False), part)
        if self.floor:
            np.maximum(result, np.float32(self.floor), out=result)
        result += np.float32(self.offset)
        if self.log == "db":
            np.log10(result, out=result)
            result *= np.float32(10)
        else:
            np.log(result, out=result)
        if self.mean or self.std != 1:
            result -= np.float32(self.mean)
            result /= np.float32(self.std)
        return result

    def _banded(self, strength: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """``strength @ filters``, of which few numbers are not 0. Not by BLAS: its threads, as many as cores for each
        of the decode pool's, made this seven times slower, measured on two cores.
        """
        for mel, (first, last) in enumerate(self._bands):
            np.einsum("fb,b->f", strength[:, first:last], self._filters[first:last, mel], out=out[:, mel])


def _bands_of(filters: NDArray[np.float32]) -> tuple[tuple[int, int], ...]:
    """(first, last + 1) of each mel's frequencies; (0, 0) of one that has none."""
    found = []
    for column in filters.T:
        (there,) = np.nonzero(column)
        found.append((int(there[0]), int(there[-1]) + 1) if len(there) else (0, 0))
    return tuple(found)


def mel_filters(
    rate: int, fft: int, mels: int, fmin: float, fmax: float, *, scale: str, norm: str
) -> NDArray[np.float32]:
    """(fft / 2 + 1, mels): triangles; with the norm ``slaney`` each has the area of a Hz's width."""
    low, high = (_to_mel(np.array(corner), scale) for corner in (fmin, fmax))
    corners = _to_hertz(np.linspace(low, high, mels + 2), scale)
    left, top, right = corners[:-2], corners[1:-1], corners[2:]
    bins = np.linspace(0, rate / 2, fft // 2 + 1)[:, None]
    filters = np.maximum(0, np.minimum((bins - left) / (top - left), (right - bins) / (right - top)))
    if norm == "slaney":
        filters *= 2 / (right - left)
    return filters.astype(np.float32)


def _to_mel(hertz: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "htk":
        mel: NDArray[np.float64] = 2595 * np.log10(1 + hertz / 700)
        return mel
    slaney: NDArray[np.float64] = np.where(
        hertz < 1000, hertz / _SLANEY_LINEAR, 15 + np.log(np.maximum(hertz, 1000) / 1000) / _SLANEY_LOG
    )
    return slaney


def _to_hertz(mel: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "htk":
        hertz: NDArray[np.float64] = 700 * (10 ** (mel / 2595) - 1)
        return hertz
    slaney: NDArray[np.float64] = np.where(mel < 15, mel * _SLANEY_LINEAR, 1000 * np.exp(_SLANEY_LOG * (mel - 15)))
    return slaney


def number(
    card: str, key: str, values: Mapping[str, Any], default: float | None = None, *, least: float, most: float
) -> float:
    """``values[key]``, or the default. Raises ModelError where it is no such number."""
    value = values.get(key, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise ModelError(
            f"the card {card!r} says {key} = {value!r}", hint=f"inputs.audio.{key} is a number, {least:g} to {most:g}"
        )
    return float(value)


def whole(card: str, key: str, values: Mapping[str, Any], default: int | None = None, *, least: int, most: int) -> int:
    """``values[key]``, or the default. Raises ModelError where it is no such whole number."""
    value = number(card, key, values, default, least=least, most=most)
    if not value.is_integer():
        raise ModelError(f"the card {card!r} says {key} = {value!r}", hint=f"inputs.audio.{key} is a whole number")
    return int(value)


def choice(card: str, key: str, values: Mapping[str, Any], choices: tuple[Any, ...]) -> Any:
    """``values[key]``, or the first of the choices. Raises ModelError where it is none of them."""
    value = values.get(key, choices[0])
    if value not in choices:
        raise ModelError(
            f"the card {card!r} says {key} = {value!r}", hint=f"one of {', '.join(str(one) for one in choices)}"
        )
    return value
