"""Every container and codec that FFmpeg writes here is recognised by its bytes and decodes to what went in."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from morelike.modalities.audio import AudioModality
from morelike.settings import Settings
from morelike.testing.sounds import as_wav, encoded, synthetic_sound
from morelike.types import Blob, Span

pytest.importorskip("av")

RATE = 16_000
SECONDS = 2.5

# name, container, codec, (channels, rate) …
WRITTEN = (
    ("WAV", "wav", "pcm_s16le", (1, 8000), (2, 44_100), (6, 48_000), (1, 96_000)),
    ("WAV", "wav", "pcm_s24le", (2, 44_100), (1, 96_000)),
    ("WAV", "wav", "pcm_f32le", (1, 22_050), (6, 48_000)),
    ("WAV", "wav", "pcm_f64le", (1, 16_000)),
    ("WAV", "wav", "pcm_u8", (1, 11_025)),
    ("WAV", "wav", "pcm_mulaw", (1, 8000)),
    ("WAV", "wav", "adpcm_ms", (2, 44_100)),
    ("WAV", "wav", "adpcm_ima_wav", (1, 32_000)),
    ("Wave64", "w64", "pcm_s16le", (2, 48_000)),
    ("AIFF", "aiff", "pcm_s16be", (2, 44_100)),
    ("AIFF", "aiff", "pcm_s24be", (6, 48_000)),
    ("FLAC", "flac", "flac", (1, 8000), (2, 44_100), (6, 48_000), (1, 96_000)),
    ("Ogg Vorbis", "ogg", "vorbis", (2, 44_100), (2, 48_000)),
    ("Ogg Opus", "ogg", "libopus", (1, 16_000), (2, 48_000), (6, 48_000)),
    ("Ogg FLAC", "ogg", "flac", (2, 44_100)),
    ("MP3", "mp3", "libmp3lame", (1, 16_000), (2, 44_100), (2, 48_000)),
    ("MP3", "mp2", "mp2", (2, 48_000)),
    ("AAC", "adts", "aac", (2, 44_100), (6, 48_000)),
    ("M4A", "ipod", "aac", (1, 16_000), (2, 44_100), (6, 48_000)),
    ("M4A", "ipod", "alac", (2, 44_100), (1, 96_000)),
    ("MP4", "mp4", "aac", (2, 48_000)),
    ("WebM", "webm", "libopus", (1, 48_000)),
    ("Matroska", "matroska", "vorbis", (2, 44_100)),
    ("Matroska", "matroska", "pcm_s16le", (1, 16_000)),
    ("AU", "au", "pcm_s16be", (1, 8000)),
    ("CAF", "caf", "pcm_s16le", (2, 44_100)),
    ("AC3", "ac3", "ac3", (2, 44_100), (6, 48_000)),
    ("AC3", "eac3", "eac3", (2, 48_000)),
    ("WMA", "asf", "wmav2", (2, 44_100)),
    ("TTA", "tta", "tta", (2, 44_100)),
    ("WavPack", "wv", "wavpack", (2, 44_100)),
    ("VOC", "voc", "pcm_u8", (1, 8000)),
)
CASES = [(name, box, codec, *setting) for name, box, codec, *settings in WRITTEN for setting in settings]


def sweep(rate: int) -> NDArray[np.float32]:
    """A tone that rises from 100 to 900 Hz, which every rate can hold and no shift leaves as it is."""
    time = np.arange(round(SECONDS * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * (100 * time + 160 * time**2))).astype(np.float32)


def likeness(heard: NDArray[np.float32], meant: NDArray[np.float32]) -> tuple[float, float]:
    """(the highest correlation, at what delay in seconds)."""
    n = 1 << (len(heard) + len(meant)).bit_length()
    both = np.fft.irfft(np.fft.rfft(heard, n) * np.conj(np.fft.rfft(meant, n)), n)
    place = int(np.argmax(both))
    return float(both[place] / np.sqrt((heard**2).sum() * (meant**2).sum())), (
        place if place < n / 2 else place - n
    ) / RATE


@pytest.fixture
def audio(settings: Settings) -> AudioModality:
    """The modality."""
    return AudioModality(settings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_it_decodes_to_what_went_in(audio: AudioModality, case: tuple[str, str, str, int, int]) -> None:
    """The format is recognised under a wrong name, and sounds as before, not more than 50 ms late."""
    name, box, codec, channels, rate = case
    source = sweep(rate)
    wide = np.repeat(source[:, None], channels, axis=1)
    data = encoded(wide, rate, box, codec, bit_rate=128_000 if codec == "wmav2" else 0)
    blob = Blob.from_bytes(data, "holiday.JPG")

    info = audio.describe(blob)
    (spec,) = (spec for spec in audio.split(blob, {}) if spec.kind == "audio")
    payload = audio.load(blob, spec, {"rate": RATE})

    assert audio.sniff(data[:4096], "holiday.JPG") > 0
    assert (info["format"], info["channels"]) == (name, channels)
    assert info["duration"] == pytest.approx(SECONDS, abs=0.13)
    assert payload.rate == RATE
    assert len(payload.samples) == pytest.approx(SECONDS * RATE, abs=0.13 * RATE)
    correlation, delay = likeness(payload.samples, sweep(RATE))
    assert correlation > 0.98
    assert abs(delay) <= 0.05


def test_the_channels_are_averaged(audio: AudioModality) -> None:
    """Two channels that cancel out leave nothing; one of two is half as loud."""
    left = synthetic_sound(1, 1.0)
    blob = Blob.from_bytes(as_wav(np.stack([left, np.zeros_like(left)], axis=1)), "left.wav")

    (spec,) = (spec for spec in audio.split(blob, {}) if spec.kind == "audio")
    payload = audio.load(blob, spec, {})

    assert np.allclose(payload.samples, left / 2, atol=1e-4)
    both = Blob.from_bytes(as_wav(np.stack([left, -left], axis=1)), "against.wav")
    part = audio.load(both, next(audio.split(both, {}, Span("seconds", 0.2, 0.8))), {})
    assert np.abs(part.samples).max() < 1e-4


def test_the_own_rate_where_none_is_wanted(audio: AudioModality) -> None:
    """Without a card's rate the samples are the recording's own, as they were written."""
    samples = synthetic_sound(3, 1.0, 44_100)
    blob = Blob.from_bytes(as_wav(samples, 44_100), "own.wav")

    payload = audio.load(blob, next(audio.split(blob, {})), {})

    assert payload.rate == 44_100
    assert np.abs(payload.samples - samples).max() < 1e-4
