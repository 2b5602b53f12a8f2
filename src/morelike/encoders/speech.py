"""``speech``: what is said, whoever says it. A mel network, then an embedding network on overlapping windows of it.

The embedding is that of Lin, Kilgour, Roblek & Sharifi (2020), 96 numbers for each 80 ms; its front end is a second
ONNX file. A sound's vector is the mean over its windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._batches import check_kind, finished, nothing
from morelike.encoders._session import Session
from morelike.encoders._sound import Sound
from morelike.errors import EncodeError, ModelError
from morelike.settings import Settings
from morelike.types import Card, Kind, Payload, Vectors

__all__ = ["SpeechEncoder"]

_FULL_SCALE = 32767  # the front end was made for 16-bit samples
_WINDOWS = 64  # in one run of the network
_OPTIONS = {"mel", "network", "patch", "patch_hop"}


class SpeechEncoder:
    """The registry's ``speech`` family. Files are read at the first sound."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        """Reads the card only. Raises ModelError where it cannot be followed."""
        values = card.inputs.get("audio")
        if set(card.inputs) != {"audio"} or values is None or values.get("frontend") != "waveform":
            raise ModelError(f'the card {card.name!r} of the family speech takes audio, with frontend = "waveform"')
        unknown = sorted((set(values) - Sound.keys(values)) | (set(card.options) - _OPTIONS))
        if unknown:
            raise ModelError(f"the card {card.name!r} has unknown keys: {', '.join(unknown)}")
        self._card = card
        self._sound = Sound.from_card(card.name, values)
        self._patch = int(card.options.get("patch", 76))
        self._hop = int(card.options.get("patch_hop", 8))
        if not (1 <= self._patch <= 10_000 and 1 <= self._hop <= 10_000):
            raise ModelError(f"the card {card.name!r} says patch = {self._patch}, patch_hop = {self._hop}")
        self._mel = Session(self._file(files, "mel"), output="", threads=1)  # the decode pool has threads enough
        self._network = Session(self._file(files, "network"), output="", threads=settings.encoder_threads)

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> NDArray[np.float32]:
        """A sound to its windows (w, 76, 32), some of them views of each other. Raises EncodeError, ModelError."""
        check_kind(self._card, kind)
        windows = [self._windows(piece) for piece in self._sound.cut(payload)]
        return windows[0] if len(windows) == 1 else np.concatenate(windows)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """(n, 96) float32 of length one: the mean over each sound's windows. Raises EncodeError, ModelError."""
        check_kind(self._card, kind)
        if not batch:
            return nothing(self._card)
        windows = [window for own in batch for window in own]
        blocks = []
        for start in range(0, len(windows), _WINDOWS):
            block = np.stack(windows[start : start + _WINDOWS])[..., None]
            blocks.append(np.asarray(self._network.run({"": block}), dtype=np.float32).reshape(len(block), -1))
        vectors = np.concatenate(blocks)
        ends = np.cumsum([len(own) for own in batch])
        means = np.stack([vectors[end - len(own) : end].mean(axis=0) for own, end in zip(batch, ends, strict=True)])
        return finished(self._card, means, len(batch), unit=self._card.metric == "cosine")

    def _windows(self, piece: NDArray[np.float32]) -> NDArray[np.float32]:
        # One sound a run: the front end clips at 80 dB below the loudest place of all that it is given.
        mel = np.asarray(self._mel.run({"": piece[None] * np.float32(_FULL_SCALE)}), dtype=np.float32)
        mel = mel.reshape(-1, mel.shape[-1]) / np.float32(10) + np.float32(2)
        if len(mel) < self._patch:
            raise EncodeError(
                f"the sound gives {len(mel)} frames, the encoder {self._card.name} wants {self._patch}",
                hint="inputs.audio.shortest in the card pads it",
            )
        return np.lib.stride_tricks.sliding_window_view(mel, self._patch, axis=0)[:: self._hop].transpose(0, 2, 1)

    def _file(self, files: Mapping[str, Path], option: str) -> Path:
        name = str(self._card.options.get(option, ""))
        if name not in files:
            raise ModelError(
                f"the card {self._card.name!r} names no file as options.{option}",
                hint=f"its files are {', '.join(files) or 'none'}",
            )
        return files[name]
