"""Seeded music, each piece unlike the others, and what happens to recordings on their way: for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from morelike.testing.sounds import as_wav, encoded

__all__ = ["DISTORTIONS", "RATE", "distorted", "tune"]

Samples = NDArray[np.float32]

RATE = 16_000
"""Hz, of all that is made here."""
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 3, 5, 7, 10))
_TABLE = 4096


def tune(seed: int, seconds: float | None = None) -> Samples:
    """Chords, a melody, a bass and drums: float32 (n,) at ``RATE``, 30 to 60 seconds long unless ``seconds`` says."""
    random = np.random.default_rng((271, seed))
    length = int((random.uniform(30, 60) if seconds is None else seconds) * RATE)
    beat = 60 / random.uniform(70, 160)
    scale = _SCALES[random.integers(len(_SCALES))]
    key = random.uniform(45, 57)  # concert pitch is a convention that recordings keep more or less
    made = np.zeros(length + 4 * RATE, dtype=np.float32)
    voices = [_voice(random) for _ in range(3)]
    chords = random.integers(0, len(scale), random.integers(4, 9))
    degree = 7
    for number in range(int(length / RATE / beat) + 1):
        when = number * beat
        root = int(chords[number // 4 % len(chords)])
        if number % 4 == 0 or random.random() < 0.25:
            for step in (0, 2, 4):
                _play(made, random, voices[0], when, (_pitch(key + 12, scale, root + step), beat * 3, 0.12))
        if random.random() < 0.8:
            _play(made, random, voices[1], when, (_pitch(key - 12, scale, root), beat, 0.25))
        for part in range(int(random.integers(1, 4))):
            degree = int(np.clip(degree + random.integers(-3, 4), 0, 16))
            note = (_pitch(key + 12, scale, degree), beat / 2, 0.25)
            _play(made, random, voices[2], when + part * beat / 3, note)
    _drums(made, random, beat)
    made = made[:length]
    return made * np.float32(0.5 / max(float(np.abs(made).max()), 1e-6))


def _voice(random: np.random.Generator) -> tuple[Samples, float]:
    """One period of a waveform, and in how many seconds a note dies away."""
    harmonics = int(random.integers(3, 12))
    loud = random.uniform(0.2, 1, harmonics) / np.arange(1, harmonics + 1) ** random.uniform(0.6, 1.6)
    phase = np.arange(_TABLE) * (2 * np.pi / _TABLE)
    table = sum((loud[n] * np.sin((n + 1) * phase + random.uniform(0, 6)) for n in range(harmonics)), np.zeros(_TABLE))
    return (table / np.abs(table).max()).astype(np.float32), float(random.uniform(0.15, 1.2))


def _pitch(key: float, scale: tuple[int, ...], degree: int) -> float:
    octave, step = divmod(degree, len(scale))
    return float(440 * 2 ** ((key + 12 * octave + scale[step] - 69) / 12))


def _play(
    made: Samples, random: np.random.Generator, voice: tuple[Samples, float], when: float, note: tuple[float, ...]
) -> None:
    """A note is (Hz, seconds, loudness). Nobody plays quite on the beat, nor every note equally loud."""
    (table, decay), (pitch, seconds, loud) = voice, note
    start = max(0, int((when + random.normal(0, 0.008)) * RATE))
    count = min(int(seconds * RATE), len(made) - start)
    if count <= 0 or pitch > RATE / 3:
        return
    time = np.arange(count, dtype=np.float32)
    wave = table[(time * np.float32(pitch * _TABLE / RATE)).astype(np.int32) & (_TABLE - 1)]
    shape = np.exp(time * np.float32(-1 / (decay * RATE))) * np.minimum(1, (count - time) / 200)
    made[start : start + count] += wave * shape * np.float32(loud * random.uniform(0.6, 1.2))


def _drums(made: Samples, random: np.random.Generator, beat: float) -> None:
    time = np.arange(int(0.12 * RATE), dtype=np.float32) / RATE
    low = random.uniform(45, 90)
    kick = np.sin(2 * np.pi * (low * time + random.uniform(1, 4) * (1 - np.exp(-40 * time)))) * np.exp(-18 * time)
    noise = random.standard_normal(len(time)) * np.exp(-random.uniform(20, 60) * time)
    snare = np.convolve(noise, np.hanning(int(random.integers(2, 12))), "same") * 0.5
    beats = random.random(16) < 0.5
    for number in range(int(len(made) / RATE / beat * 2) - 4):
        drum = kick if number % 4 == 0 else snare if beats[number % 16] else None
        if drum is not None:
            start = max(0, int((number * beat / 2 + random.normal(0, 0.005)) * RATE))
            made[start : start + len(drum)] += (drum * random.uniform(0.2, 0.4)).astype(np.float32)


def distorted(name: str, samples: Samples, seed: int = 0) -> bytes:
    """A file with the samples after one of ``DISTORTIONS``. Codecs need the extra ``audio``."""
    return DISTORTIONS[name](samples, np.random.default_rng((828, seed)))


def _coded(samples: Samples, container: str, codec: str, bits: int, rate: int) -> bytes:
    import soxr

    return encoded(soxr.resample(samples, RATE, rate), rate, container, codec, bit_rate=bits)


def _noisy(samples: Samples, random: np.random.Generator, decibels: float, *, pink: bool) -> Samples:
    """With so much noise that the signal is ``decibels`` louder."""
    noise = random.standard_normal(len(samples))
    if pink:
        spectrum = np.fft.rfft(noise)
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        spectrum[0] = 0
        noise = np.fft.irfft(spectrum, len(samples))
    level = np.sqrt(np.mean(np.square(samples, dtype=np.float64)) / np.mean(noise**2)) * 10 ** (-decibels / 20)
    noisy: Samples = (samples + noise * level).astype(np.float32)
    return noisy


def _louder(samples: Samples, decibels: float) -> Samples:
    """Samples beyond full scale are cut off, as a converter does."""
    louder: Samples = np.clip(samples * np.float32(10 ** (decibels / 20)), -1, 1)
    return louder


def _telephone(samples: Samples) -> Samples:
    """300 to 3400 Hz, in the 8 bits of the µ-law."""
    spectrum = np.fft.rfft(samples)
    pitch = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(pitch < 300) | (pitch > 3400)] = 0
    narrow = np.clip(np.fft.irfft(spectrum, len(samples)), -1, 1)
    coded = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    heard: Samples = (np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255).astype(np.float32)
    return heard


DISTORTIONS: Mapping[str, Callable[[Samples, np.random.Generator], bytes]] = {
    "as it is": lambda samples, _: as_wav(samples, RATE),
    "mp3, 64 kb/s": lambda samples, _: _coded(samples, "mp3", "libmp3lame", 64_000, 44_100),
    "aac, 64 kb/s": lambda samples, _: _coded(samples, "ipod", "aac", 64_000, 44_100),
    "opus, 24 kb/s": lambda samples, _: _coded(samples, "ogg", "libopus", 24_000, 48_000),
    "12 dB louder, clipped": lambda samples, _: as_wav(_louder(samples, 12), RATE),
    "12 dB quieter": lambda samples, _: as_wav(_louder(samples, -12), RATE),
    "white noise at 10 dB": lambda samples, random: as_wav(_noisy(samples, random, 10, pink=False), RATE),
    "pink noise at 10 dB": lambda samples, random: as_wav(_noisy(samples, random, 10, pink=True), RATE),
    "telephone": lambda samples, _: as_wav(_telephone(samples), RATE),
}
