"""The audio modality: what it says of a recording, what it refuses, and how it shows one."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.modalities.audio import AudioModality
from morelike.settings import Settings
from morelike.testing.sounds import as_wav, encoded, synthetic_sound, tone
from morelike.types import Audio, Blob, SegmentSpec, Span

pytest.importorskip("av")

RATE = 16_000


@pytest.fixture
def audio(settings: Settings) -> AudioModality:
    """The modality."""
    return AudioModality(settings)


def test_what_it_says_of_itself(audio: AudioModality) -> None:
    """Length, rate, channels, codec, format and bit rate of a stereo WAV."""
    sound = synthetic_sound(0, 2.0, 44_100)

    info = audio.describe(Blob.from_bytes(as_wav(np.stack([sound, sound], axis=1), 44_100), "a.wav"))

    assert info == {
        "duration": 2.0,
        "format": "WAV",
        "rate": 44_100,
        "channels": 2,
        "codec": "pcm_s16le",
        "bit_rate": 1_411_200,
    }


@pytest.mark.parametrize(
    ("box", "codec"), [("mp3", "libmp3lame"), ("ogg", "libopus"), ("flac", "flac"), ("ipod", "aac")]
)
def test_tags(audio: AudioModality, box: str, codec: str) -> None:
    """Title, artist, album, date and genre are given wherever a format keeps them, in bounded length."""
    tags = {"title": "Étude\n\x07 No. 1", "artist": "A. Player", "album": "x" * 5000, "date": "1999", "genre": "Test"}
    data = encoded(synthetic_sound(0, 1.0, 48_000), 48_000, box, codec, tags=tags)

    info = audio.describe(Blob.from_bytes(data, "tagged"))

    assert (info["artist"], info["date"], info["genre"]) == ("A. Player", "1999", "Test")
    assert info["title"].startswith("Étude")
    assert info["title"].isprintable()
    assert len(info["album"]) < 500


def test_a_third_of_a_second_is_enough(audio: AudioModality) -> None:
    """A clip of 0.3 s is a segment with all of its samples."""
    blob = Blob.from_bytes(as_wav(synthetic_sound(0, 0.3)), "clip.wav")

    payload = audio.load(blob, next(audio.split(blob, audio.settle({}))), {"rate": RATE})

    assert isinstance(payload, Audio)
    assert len(payload.samples) == round(0.3 * RATE)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (as_wav(np.zeros(0, np.float32)), r"has no sound"),
        (as_wav(tone(440, 0.02)), r"has no sound: it is 0\.020 s long"),
        (as_wav(tone(440, 2.0))[:30], r"is damaged|ends before|has no sound"),
        (as_wav(tone(440, 9.0))[:90_000], r"ends before its sound does: 90,000 of 288,044 bytes"),
        (b"fLaC" + bytes(2000), r"is damaged|has no sound"),
        (b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead" + bytes(500), r"ends before|is damaged"),
    ],
)
def test_refused_with_a_reason(audio: AudioModality, data: bytes, said: str) -> None:
    """Empty, tiny, cut and hollow files are DecodeErrors that say which file and why."""
    with pytest.raises(DecodeError, match=r"^song\.wav .*(" + said + ")"):
        list(audio.split(Blob.from_bytes(data, "song.wav"), {}))


def test_a_silent_clip_is_refused(audio: AudioModality) -> None:
    """A short recording of nothing but zeros says so; a long one, and one that is nearly silent, is taken."""
    silent = Blob.from_bytes(as_wav(np.zeros(2 * RATE, np.float32)), "silent.wav")
    quiet = Blob.from_bytes(as_wav(np.full(2 * RATE, 1e-4, np.float32)), "quiet.wav")
    long = Blob.from_bytes(as_wav(np.zeros(20 * RATE, np.float32)), "long.wav")

    with pytest.raises(DecodeError, match=r"silent\.wav is silent"):
        audio.load(silent, SegmentSpec("audio"), {})
    assert audio.load(quiet, SegmentSpec("audio"), {}).samples.any()
    assert not audio.load(long, next(audio.split(long, {})), {}).samples.any()


def test_a_sound_in_a_film_s_box_without_sound(audio: AudioModality) -> None:
    """A box that turns out to hold no sound, which its first bytes did not show, is refused with that reason."""
    av = pytest.importorskip("av")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"brand": "M4A "}) as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        output.mux(stream.encode(None))

    with pytest.raises(DecodeError, match=r"mute\.m4a has no sound"):
        audio.describe(Blob.from_bytes(buffer.getvalue(), "mute.m4a"))


def test_unknown_kinds_and_options(audio: AudioModality) -> None:
    """Another kind of segment is a DecodeError, another option a UsageError, another part a QueryError."""
    blob = Blob.from_bytes(as_wav(synthetic_sound(0, 1.0)), "a.wav")

    with pytest.raises(DecodeError, match="'image'"):
        audio.load(blob, SegmentSpec("image"), {})
    with pytest.raises(UsageError, match="every"):
        audio.settle({"every": 1.0})
    with pytest.raises(QueryError):
        list(audio.split(blob, {}, Span("seconds", 2.0, 3.0)))


def test_the_preview_shows_the_sound(audio: AudioModality) -> None:
    """A picture twice as wide as high, where loud moments are bright and quiet ones dark, high tones above low ones."""
    sound = np.concatenate([tone(300, 2.0), np.zeros(2 * RATE, np.float32), tone(5000, 2.0)])
    blob = Blob.from_bytes(as_wav(sound), "three.wav")

    preview = audio.preview(blob, Span("whole"), 240)
    picture = np.asarray(Image.open(io.BytesIO(preview.data)).convert("L"), np.float32)

    assert (preview.width, preview.height, picture.shape) == (240, 120, (120, 240))
    upper, lower = picture[:48], picture[48:]
    assert upper[20:28, 10:70].mean() > 100
    assert upper[10, 90:150].mean() < 40
    assert lower[:, 100:140].mean() < 30
    assert lower[:, 20:60].mean(axis=1).argmax() > lower[:, 180:220].mean(axis=1).argmax() + 20


@pytest.mark.parametrize("seconds", [90.0, 700.0])
def test_the_preview_of_a_long_one(audio: AudioModality, seconds: float) -> None:
    """Where not all is held, or only moments are decoded, the loud half is still on its side."""
    half = np.zeros(round(seconds / 2 * 4000), np.float32)
    blob = Blob.from_bytes(as_wav(np.concatenate([half, tone(500, seconds / 2, 4000)]), 4000), "long.wav")

    picture = Image.open(io.BytesIO(audio.preview(blob, Span("whole"), 200).data)).convert("L")
    peaks = audio.peaks(blob, 100)

    assert np.asarray(picture, np.float32)[:, 110:].mean() > 2 * np.asarray(picture, np.float32)[:, :90].mean()
    assert max(peaks[:48]) < 0.01
    assert min(peaks[52:]) > 0.25


def test_peaks(audio: AudioModality) -> None:
    """As many values as asked for: the loudest sample of each part, of the whole or of a span."""
    sound = np.concatenate([tone(440, 1.0, level=level) for level in (0.1, 0.8, 0.4)])
    blob = Blob.from_bytes(as_wav(sound), "steps.wav")

    assert audio.peaks(blob, 3) == pytest.approx((0.1, 0.8, 0.4), abs=0.01)
    assert audio.peaks(blob, 2, Span("seconds", 1.0, 3.0)) == pytest.approx((0.8, 0.4), abs=0.01)
    assert len(audio.peaks(blob)) == 800
    assert len(audio.peaks(blob, 100_000)) <= 10_000
