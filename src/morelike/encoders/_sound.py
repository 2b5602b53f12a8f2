"""What encoders of sound do to the samples: check, resample, pad, cut, and turn into a network's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._mel import LogMel, choice, number, whole
from morelike.errors import EncodeError, MissingExtra, ModelError
from morelike.types import Audio

__all__ = ["Sound", "sound_at"]

_HOUR = 3600.0
_LONGEST_PIECE = 60.0  # seconds that a network which takes any length gets at once: it bounds its memory
_MOST_PATCH = 100_000  # frames
_KEYS = {"rate", "frontend", "shortest", "length", "pad", "patch", "patch_hop", "quiet", "layout"}
_MEL_ONLY = {"patch", "patch_hop", "quiet", "layout"}


def sound_at(payload: Any, rate: int) -> NDArray[np.float32]:
    """The payload's samples (n,) float32 at ``rate`` Hz, n > 0, all finite. Raises EncodeError, MissingExtra."""
    if not isinstance(payload, Audio):
        raise EncodeError(
            f"a sound is morelike.types.Audio(samples, rate), this one is {type(payload).__name__}",
            hint="samples: float32 (n,), mono",
        )
    samples = np.asarray(payload.samples)
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise EncodeError(f"a sound is an array of float32 (n,), this one is {samples.dtype} {samples.shape}")
    if not len(samples) or payload.rate < 1:
        raise EncodeError(f"the sound has {len(samples)} samples at {payload.rate} Hz: there is nothing to encode")
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    if not np.isfinite(samples).all():
        raise EncodeError("the sound has samples that are not finite numbers")
    if payload.rate == rate:
        return samples
    try:
        import soxr
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"a sound of {payload.rate} Hz needs the package 'soxr' to become {rate} Hz",
            hint="pip install 'morelike[audio]'",
        ) from error
    resampled: NDArray[np.float32] = soxr.resample(samples, payload.rate, rate)
    return resampled if len(resampled) else samples[:1]


@dataclass(frozen=True, slots=True)
class Sound:
    """A card's numbers for sounds. What a network gets is one or several pieces, whose vectors are averaged.

    A sound shorter than ``shortest`` (samples) is padded to it: with silence, or (``repeat``) with as many whole
    repetitions of itself as fit, then silence. One longer than ``length`` is cut in as few pieces of ``length`` as
    cover it, equally far apart. With ``mel``, a piece's spectrogram is cut in patches of ``patch`` frames every
    ``patch_hop``; frames that fill no patch are left out, and patches ``quiet`` dB below the loudest one (0: none).
    """

    rate: int
    shortest: int
    length: int
    pad: Literal["zero", "repeat"]
    mel: LogMel | None
    patch: int
    patch_hop: int
    quiet: float
    layout: str

    @classmethod
    def from_card(cls, card: str, values: Mapping[str, Any]) -> Sound:
        """Raises ModelError naming the bad number. ``values`` is the card's ``inputs.audio``."""
        rate = whole(card, "rate", values, least=1000, most=768_000)
        frontend = choice(card, "frontend", values, ("mel", "waveform"))
        fixed = number(card, "length", values, 0.0, least=0, most=_HOUR)
        shortest = number(card, "shortest", values, fixed, least=0, most=_HOUR)
        mel = LogMel.from_card(card, values) if frontend == "mel" else None
        patch = whole(card, "patch", values, 0, least=0, most=_MOST_PATCH)
        # A spectrogram that is cut in patches anyway may be of any length; other networks' memory must be bounded.
        longest = fixed or (_HOUR * 24 if patch else _LONGEST_PIECE)
        if shortest > longest:
            raise ModelError(f"the card {card!r} says shortest = {shortest:g}, length = {longest:g} seconds")
        made = cls(
            rate=rate,
            shortest=max(1, round(shortest * rate)),
            length=round(longest * rate),
            pad=choice(card, "pad", values, ("zero", "repeat")),
            mel=mel,
            patch=patch,
            patch_hop=whole(card, "patch_hop", values, patch or 1, least=1, most=_MOST_PATCH),
            quiet=number(card, "quiet", values, 0.0, least=0, most=1000),
            layout=choice(card, "layout", values, ("1tm", "1mt", "tm", "mt")),
        )
        if mel is not None and mel.frames(made.shortest) < max(1, patch):
            raise ModelError(
                f"the card {card!r} says shortest = {shortest:g}: such a sound has {mel.frames(made.shortest)} frames",
                hint=f"inputs.audio.shortest is long enough for {max(1, patch)} frames",
            )
        return made

    @staticmethod
    def keys(values: Mapping[str, Any]) -> set[str]:
        """What ``from_card`` reads, for that front end."""
        return _KEYS - _MEL_ONLY if values.get("frontend") == "waveform" else _KEYS | LogMel.keys()

    def cut(self, payload: Any) -> NDArray[np.float32]:
        """A sound to its pieces: (p, samples), or (p, frames, mels), which may be a view. Safe from any thread."""
        pieces = self.pieces(sound_at(payload, self.rate))
        if self.mel is None:
            return np.stack(pieces)
        grams = [self.mel.of(piece) for piece in pieces]
        if not self.patch:
            return np.stack(grams)
        patches = [
            np.lib.stride_tricks.sliding_window_view(gram, self.patch, axis=0)[:: self.patch_hop].transpose(0, 2, 1)
            for gram in grams
        ]
        return self._loud(patches[0] if len(patches) == 1 else np.concatenate(patches))

    def _loud(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Those of the patches (p, frames, mels) whose loudest place is within ``quiet`` dB of the sound's."""
        if not self.quiet or self.mel is None:
            return patches
        levels = patches.max(axis=(1, 2)) * np.float32(self.mel.decibels)
        result: NDArray[np.float32] = patches[levels >= levels.max() - self.quiet]
        return result

    def pieces(self, samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """(n,) to pieces of one length, between ``shortest`` and ``length``."""
        if len(samples) < self.shortest:
            times = self.shortest // len(samples) if self.pad == "repeat" else 1
            padded = np.zeros(self.shortest, dtype=np.float32)
            padded[: times * len(samples)] = np.tile(samples, times)
            return [padded]
        if len(samples) <= self.length:
            return [samples]
        count = -(-len(samples) // self.length)
        starts = np.linspace(0, len(samples) - self.length, count).round().astype(int)
        return [samples[start : start + self.length] for start in starts]

    def laid_out(self, pieces: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, frames, mels) as the network wants them, e.g. (n, 1, frames, mels); (n, samples) as they are."""
        if self.mel is None:
            return pieces
        turned = pieces.transpose(0, 2, 1) if self.layout.endswith("mt") else pieces
        return np.ascontiguousarray(turned[:, None] if self.layout.startswith("1") else turned)
