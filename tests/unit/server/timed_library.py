"""Sounds for the server's tests: made here, and an encoder for which pitch is all."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.types import Audio, Card, Kind, Payload
from morelike.vecmath import normalise

RATE = 8000


def tones(*notes: tuple[float, float]) -> bytes:
    """A WAV file: (Hz, seconds) after one another."""
    parts = [0.6 * np.sin(2 * np.pi * pitch * np.arange(int(RATE * long)) / RATE) for pitch, long in notes]
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.concatenate(parts) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


class PitchEncoder:
    """A sound to how strong each of 64 bands is."""

    card = Card(
        name="pitch",
        family="toy",
        form="dense",
        dim=64,
        metric="cosine",
        inputs={"audio": {"rate": RATE}},
        fingerprint="0" * 12,
    )

    def prepare(self, kind: Kind, payload: Payload) -> NDArray[np.float32]:
        assert isinstance(payload, Audio)
        samples = payload.samples if len(payload.samples) >= 128 else np.pad(payload.samples, (0, 128))
        strength = np.abs(np.fft.rfft(samples))
        edges = np.linspace(0, len(strength), 65).astype(int)
        bands = np.array([strength[a:b].sum() for a, b in pairwise(edges)])
        return (bands / (bands.sum() + 1e-9)).astype(np.float32)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> NDArray[np.float32]:
        return normalise(np.stack(batch)) if batch else np.empty((0, 64), dtype=np.float32)
