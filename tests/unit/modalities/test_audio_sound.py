"""Any stretch of a recording: how long it is, where it lies in time, and what becomes of damage."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray

from morelike.errors import DecodeError, SourceError
from morelike.modalities._sound import read_sound, read_sounds, read_whole, sound_length
from morelike.testing.sounds import as_wav, encoded, synthetic_sound
from morelike.types import Blob

pytest.importorskip("av")

RATE = 16_000
LONG = 41.4
STRETCHES = [(1.0, 6.0), (3.5, 8.5), (27.0, 32.0), (28.5, 33.5), (36.4, 41.4)]


def _long(rate: int) -> NDArray[np.float32]:
    return synthetic_sound(1, LONG, rate)


FORMS = (
    *[
        ("wav", "pcm_s16le", 44_100),
        ("flac", "flac", 44_100),
        ("mp3", "libmp3lame", 44_100),
        ("ogg", "libopus", 48_000),
    ],
    *[("ipod", "aac", 44_100), ("adts", "aac", 48_000), ("webm", "libopus", 48_000), ("wav", "adpcm_ms", 22_050)],
    *[("ac3", "ac3", 48_000), ("matroska", "aac", 44_100)],
)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form[0]}-{form[1]}")
def test_a_stretch_is_the_same_alone(form: tuple[str, str, int]) -> None:
    """One pass over many stretches gives for each, bit for bit, what reading it alone gives."""
    box, codec, rate = form
    blob = Blob.from_bytes(encoded(_long(rate), rate, box, codec), "long")

    together = list(read_sounds(blob, STRETCHES, RATE))

    for stretch, one in zip(STRETCHES, together, strict=True):
        assert np.array_equal(one.samples, read_sound(blob, *stretch, RATE).samples), stretch
        assert len(one.samples) == round((stretch[1] - stretch[0]) * RATE)


@pytest.mark.parametrize("rate", [8000, 22_050, 32_000, 44_100])
def test_neighbours_do_not_matter(rate: int) -> None:
    """A stretch, resampled, is what the whole recording, resampled, has there."""
    samples = synthetic_sound(3, 12.0, 48_000)
    blob = Blob.from_bytes(as_wav(samples, 48_000), "noise.wav")

    whole = read_whole(blob, rate).samples
    part = read_sound(blob, 3.3, 8.7, rate).samples

    assert np.abs(part - whole[round(3.3 * rate) : round(8.7 * rate)]).max() < 1e-4


def test_zeros_stand_beyond_the_end() -> None:
    """A stretch that goes past the end has the asked length, and nothing is heard there."""
    blob = Blob.from_bytes(as_wav(synthetic_sound(0, 2.0)), "short.wav")

    samples = read_sound(blob, 1.5, 3.0, RATE).samples

    assert len(samples) == round(1.5 * RATE)
    assert np.abs(samples[: RATE // 2]).max() > 0.1
    assert not samples[RATE // 2 + 10 :].any()
    with pytest.raises(DecodeError, match=r"at 2\.5 s"):
        read_sound(blob, 2.5, 3.0, RATE)


def test_far_apart_and_backwards() -> None:
    """Stretches need no order and may lie far from each other."""
    blob = Blob.from_bytes(encoded(_long(44_100), 44_100, "flac", "flac"), "long.flac")
    stretches = [(40.0, 41.0), (2.0, 3.0), (38.0, 39.0), (2.5, 3.5)]

    for stretch, one in zip(stretches, read_sounds(blob, stretches, RATE), strict=True):
        assert np.array_equal(one.samples, read_sound(blob, *stretch, RATE).samples), stretch


@pytest.mark.parametrize(
    ("box", "codec", "more"),
    [
        *[("wav", "pcm_s16le", 0.001), ("mp3", "libmp3lame", 0.001), ("flac", "flac", 0.001), ("ogg", "libopus", 0.01)],
        *[("ipod", "aac", 0.001), ("adts", "aac", 0.05), ("matroska", "aac", 0.05), ("webm", "libopus", 0.01)],
    ],
)
def test_the_length(box: str, codec: str, more: float) -> None:
    """The length is what was put in, give or take an encoder's last frame, also where the header has none."""
    blob = Blob.from_bytes(encoded(synthetic_sound(1, 12.3, 48_000), 48_000, box, codec), "some")

    assert sound_length(blob) == pytest.approx(12.3, abs=more)


def test_a_header_that_lies_is_not_believed() -> None:
    """A FLAC that promises twice what it has is as long as its samples are; one that promises more was cut off."""
    data = bytearray(encoded(synthetic_sound(0, 8.0), RATE, "flac", "flac"))
    blob = Blob.from_bytes(bytes(data), "cut.flac")
    assert sound_length(blob) == pytest.approx(8.0, abs=0.01)

    data[22:26] = (RATE * 15).to_bytes(4, "big")  # the number of samples in STREAMINFO
    assert sound_length(Blob.from_bytes(bytes(data), "cut.flac")) == pytest.approx(8.0, abs=0.01)
    data[22:26] = (RATE * 60).to_bytes(4, "big")
    with pytest.raises(DecodeError, match=r"cut\.flac ends before its sound does: 8\.0 s of 60\.0 s"):
        sound_length(Blob.from_bytes(bytes(data), "cut.flac"))


@pytest.mark.parametrize(("box", "codec"), [("flac", "flac"), ("ogg", "libopus"), ("mp3", "libmp3lame")])
def test_a_file_cut_short_is_used_as_far_as_it_goes(box: str, codec: str) -> None:
    """Of a file of which two thirds arrived, two thirds are there."""
    data = encoded(synthetic_sound(3, 12.0, 48_000), 48_000, box, codec)
    blob = Blob.from_bytes(data[: len(data) * 2 // 3], "cut")

    length = sound_length(blob)

    assert length == pytest.approx(8.0, abs=0.5)
    assert np.abs(read_sound(blob, length - 2.0, length - 1.0, RATE).samples).max() > 0.1


def test_damage_in_the_middle_is_a_gap() -> None:
    """Where packets cannot be decoded the rest stays in its place."""
    samples = synthetic_sound(1, 12.0, 48_000)
    data = bytearray(encoded(samples, 48_000, "flac", "flac"))
    middle = len(data) // 2
    data[middle - 8000 : middle + 8000] = np.random.default_rng(0).bytes(16_000)
    blob = Blob.from_bytes(bytes(data), "hurt.flac")

    hurt, late = read_sounds(blob, [(4.0, 8.0), (9.0, 11.0)], 48_000)

    assert len(hurt.samples) == 4 * 48_000
    assert np.abs(late.samples - samples[9 * 48_000 : 11 * 48_000]).max() < 1e-3


def test_a_few_values_that_are_no_numbers_are_zero() -> None:
    """A NaN here and there becomes zero, an infinite value too; where nothing else is, it is an error."""
    samples = synthetic_sound(0, 1.0)
    samples[100:110] = np.nan
    samples[200] = np.inf
    blob = Blob.from_bytes(encoded(samples, RATE, "wav", "pcm_f32le"), "float.wav")

    found = read_whole(blob, RATE).samples

    assert not found[100:110].any()
    assert np.isfinite(found).all()
    nothing = Blob.from_bytes(encoded(np.full(RATE, np.nan, np.float32), RATE, "wav", "pcm_f32le"), "nan.wav")
    with pytest.raises(DecodeError, match=r"nan\.wav is damaged: 100% of its samples are no numbers"):
        read_whole(nothing, RATE)


def test_too_loud_is_clipped() -> None:
    """Samples beyond the full scale are clipped to it, before and after resampling."""
    blob = Blob.from_bytes(encoded(20 * synthetic_sound(0, 1.0), RATE, "wav", "pcm_f32le"), "loud.wav")

    for rate in (RATE, 22_050):
        assert np.abs(read_sound(blob, 0.0, 1.0, rate).samples).max() == pytest.approx(1.0)


class _Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation


def test_a_stream_that_cannot_seek_is_copied() -> None:
    """What comes through a pipe is read as any other."""
    data = as_wav(synthetic_sound(0, 2.0))
    blob = Blob("pipe:1", "pipe.wav", lambda: _Pipe(data), len(data))

    assert sound_length(blob) == pytest.approx(2.0)
    assert np.array_equal(
        read_sound(blob, 0.5, 1.5, RATE).samples, read_sound(Blob.from_bytes(data), 0.5, 1.5, RATE).samples
    )


def test_a_disk_that_fails_is_no_damage() -> None:
    """Where the bytes cannot be read, the error is the source's, not the recording's."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(SourceError, match=r"song\.wav cannot be read: Input/output error"):
        sound_length(Blob("x", "song.wav", lambda: Failing(b"RIFF"), 4))


def test_a_length_that_the_bytes_cannot_hold() -> None:
    """A file of a few bytes whose last packet claims to lie days later is refused before anything is made of it."""
    av = pytest.importorskip("av")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as output:
        stream = output.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for second in (0, 1, 30 * 86_400):
            frame = av.AudioFrame.from_ndarray(np.ones((1, RATE), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, second * RATE
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))

    with pytest.raises(DecodeError, match=r"days\.mka states a length of 25920\d\d s, which its .* bytes cannot hold"):
        sound_length(Blob.from_bytes(buffer.getvalue(), "days.mka"))
