"""``classic-audio``: sounds without weights. Rhythm, timbre and roughness of a log-mel spectrogram, side by side.

The spectrogram has 40 bands (Slaney's scale, 50 Hz to 10.8 kHz) of a sound of 22 050 Hz every 11.6 ms, in decibels,
nothing more than 50 dB below its loudest place. The vector (108 numbers) is three parts, each of length one, scaled by
the root of its share, so that the cosine of two vectors is the shares' weighted mean of the parts' cosines:

- rhythm: the modulation spectrum (McKinney & Breebaart 2003): how strongly four groups of bands beat, octave by octave
  from 0.5 to 43 times a second, in logarithms;
- timbre: the level of each band that a tenth of the time exceeds, below the loudest;
- roughness: how much each band changes from one frame to the next.

None of them depends on how loud the sound is. What is subtracted from each part so that sounds lie about nought, and
the shares, are fixed here and covered by ``options.revision``: nothing is fitted to a collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._batches import check_kind, check_revision, finished, nothing
from morelike.encoders._mel import LogMel
from morelike.encoders._sound import Sound
from morelike.errors import ModelError
from morelike.settings import Settings
from morelike.types import Card, Kind, Payload, Vectors

__all__ = ["ClassicAudioEncoder"]

_REVISION = 1
_RATE = 22_050
_HOP, _BANDS, _GROUPS = 256, 40, 4
_SPECTROGRAM = {
    "rate": _RATE,
    "window": 512,
    "hop": _HOP,
    "mels": _BANDS,
    "fmin": 50,
    "fmax": 10_800,
    "scale": "slaney",
    "norm": "slaney",
    "log": "db",
    "floor": 1e-10,
    "centre": True,
}
_SECONDS = {"rate": _RATE, "frontend": "waveform", "shortest": 0.1, "length": 60}  # longer ones: the mean of pieces
_DEPTH = 50.0  # dB below the loudest place
_BEATS = (0.5, 1, 2, 4, 8, 16, 32, 43)  # Hz
_FINEST = 0.25  # Hz between two lines of the modulation spectrum, at most
_SHARES = (0.5, 0.25, 0.25)  # rhythm, timbre, roughness
_MIDDLES = (2.0, -30.0, 3.0)  # log10 of dB², dB, dB: round numbers near the means over everyday sounds
_DIM = (len(_BEATS) - 1) * _GROUPS + 2 * _BANDS


class ClassicAudioEncoder:
    """The registry's ``classic-audio`` family. Deterministic; needs no files."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        del files, settings
        check_revision(card, _REVISION)
        if card.dim != _DIM or dict(card.inputs) != {"audio": {"rate": _RATE}}:
            raise ModelError(
                f"the card {card.name!r} says dim = {card.dim}, {dict(card.inputs)}",
                hint=f"`classic-audio` gives {_DIM} numbers of audio at a rate of {_RATE}",
            )
        self._card = card
        self._sound = Sound.from_card(card.name, _SECONDS)
        self._mel = LogMel.from_card(card.name, _SPECTROGRAM)

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> NDArray[np.float32]:
        """One sound to its vector (108,): all the work, on the caller's thread. Raises EncodeError."""
        check_kind(self._card, kind)
        vectors = [_described(self._mel.of(piece)) for piece in self._sound.cut(payload)]
        result: NDArray[np.float32] = np.mean(vectors, axis=0, dtype=np.float32)
        return result

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """(n, 108) float32 of length one."""
        check_kind(self._card, kind)
        if not batch:
            return nothing(self._card)
        return finished(self._card, np.stack(batch), len(batch), unit=True)


def _described(decibels: NDArray[np.float32]) -> NDArray[np.float64]:
    """(frames, 40), at least nine frames, to (108,)."""
    loudest = float(decibels.max())
    levels = np.maximum(decibels, loudest - _DEPTH).astype(np.float64)
    parts = (
        _modulation(levels),
        np.percentile(levels, 90, axis=0) - loudest,
        np.abs(np.diff(levels, axis=0)).mean(axis=0),
    )
    return np.concatenate(
        [_unit(part - middle) * np.sqrt(share) for part, middle, share in zip(parts, _MIDDLES, _SHARES, strict=True)]
    )


def _modulation(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(frames, 40) to (28,): log10 of 1 + the mean power of each octave of beats in each group of bands."""
    frames = len(levels)
    length = 1 << int(np.ceil(np.log2(max(frames, _RATE / _HOP / _FINEST))))
    spectrum = np.fft.rfft(levels - levels.mean(axis=0), length, axis=0)
    power = (spectrum.real**2 + spectrum.imag**2) / frames
    grouped = power.reshape(len(power), _GROUPS, -1).mean(axis=2)
    beats = np.fft.rfftfreq(length, _HOP / _RATE)
    edges = np.searchsorted(beats, _BEATS)
    octaves = [grouped[start:end].mean(axis=0) for start, end in pairwise(edges)]
    result: NDArray[np.float64] = np.log10(1 + np.stack(octaves)).ravel()
    return result


def _unit(part: NDArray[np.float64]) -> NDArray[np.float64]:
    return part / max(float(np.linalg.norm(part)), 1e-9)
