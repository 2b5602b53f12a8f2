"""Seeded sounds for tests and the demo: clearly different from one another, the same ones for the same seeds."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_wav", "encoded", "synthetic_sound", "tone", "write_sounds"]

Samples = NDArray[np.float32]


def tone(hertz: float, seconds: float, rate: int = 16_000, level: float = 0.3) -> Samples:
    """float32 (n,): a sine."""
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def synthetic_sound(seed: int, seconds: float = 3.0, rate: int = 16_000) -> Samples:
    """float32 (n,): one of five kinds of sound (a chord, chirps, clicks, bands of noise, a warble), never silent."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    top = 0.45 * rate
    kind = seed % 5
    if kind == 0:
        pitches = rng.uniform(0.02, 0.4, 4) * top
        sound = sum(np.sin(2 * np.pi * pitch * time + rng.uniform(0, 6)) for pitch in pitches)
    elif kind == 1:
        period = rng.uniform(0.2, 0.8)
        along = (time % period) / period
        first, last = rng.uniform(0.02, 0.8, 2) * top
        sound = np.sin(2 * np.pi * period * (first * along + (last - first) / 2 * along**2))
    elif kind == 2:
        period, decay = rng.uniform(0.1, 0.5), rng.uniform(20, 90)
        sound = np.sin(2 * np.pi * rng.uniform(0.05, 0.5) * top * time) * np.exp(-decay * (time % period))
    elif kind == 3:
        sound = _band(rng, len(time), *np.sort(rng.uniform(0.02, 1, 2)))
        sound = sound * (0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.5, 4) * time))
    else:
        depth, speed = rng.uniform(20, 200), rng.uniform(3, 9)
        sound = np.sin(
            2 * np.pi * rng.uniform(0.05, 0.4) * top * time + depth / speed * np.sin(2 * np.pi * speed * time)
        )
    sound = np.asarray(sound) + 0.005 * rng.standard_normal(len(time))
    made: Samples = (0.5 * sound / np.abs(sound).max(initial=1e-9)).astype(np.float32)
    return made


def _band(rng: np.random.Generator, n: int, low: float, high: float) -> NDArray[np.float64]:
    """Noise between two fractions of half the rate."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    place = np.linspace(0, 1, len(spectrum))
    spectrum[(place < low) | (place > max(high, low + 0.05))] = 0
    return np.fft.irfft(spectrum, n)


def as_wav(samples: Samples, rate: int = 16_000) -> bytes:
    """A WAV file, 16 bits; ``samples`` float32 (n,), or (n, channels)."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def encoded(
    samples: Samples,
    rate: int,
    container: str,
    codec: str,
    *,
    bit_rate: int = 0,
    tags: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> bytes:
    """A file as FFmpeg writes it: ``container`` is its muxer's name. ``samples`` float32 (n,), or (n, channels)."""
    import av

    wide = samples[:, None] if samples.ndim == 1 else samples
    layout = _LAYOUTS[wide.shape[1]]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container, options=options or {}) as output:
        output.metadata.update(tags or {})
        stream: Any = output.add_stream(codec, rate=rate, layout=layout)
        stream.options = {"strict": "experimental"}  # FFmpeg's own Vorbis
        if bit_rate:
            stream.bit_rate = bit_rate
        for start in range(0, len(wide), 1 << 15):
            frame: Any = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(wide[start : start + (1 << 15)].T), format="fltp", layout=layout
            )
            frame.sample_rate, frame.pts = rate, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def write_sounds(folder: Path, n: int, seed: int = 0, *, seconds: float = 3.0, rate: int = 16_000) -> list[Path]:
    """Write ``n`` recordings as ``00000.wav`` … and return their paths; number ``i`` has the seed ``seed + i``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i in range(n):
        path = folder / f"{i:05d}.wav"
        path.write_bytes(as_wav(synthetic_sound(seed + i, seconds, rate), rate))
        paths.append(path)
    return paths
