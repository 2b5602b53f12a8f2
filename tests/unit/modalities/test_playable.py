"""What a browser plays of a recording or a film."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from morelike.errors import DecodeError, NoSuchItem
from morelike.library import Library
from morelike.modalities._sound import read_whole
from morelike.modalities.audio import AudioModality
from morelike.modalities.video import VideoModality
from morelike.settings import Settings
from morelike.testing.films import film
from morelike.testing.sounds import as_wav, tone
from morelike.types import WHOLE, Blob, Preview, Span

MOST = 400_000


@pytest.fixture(scope="module")
def recording() -> Blob:
    """Twenty seconds, each with a tone of its own."""
    return Blob.from_bytes(as_wav(np.concatenate([tone(400 + 100 * second, 1.0) for second in range(20)])), "r.wav")


def loudest(played: Preview, second: float) -> float:
    """The frequency in Hz that is heard around that moment."""
    heard = read_whole(Blob.from_bytes(played.data, "r.mp3"), None)
    around = heard.samples[round((second - 0.2) * heard.rate) : round((second + 0.2) * heard.rate)]
    return float(np.argmax(np.abs(np.fft.rfft(around)))) * heard.rate / len(around)


def length(played: Preview) -> float:
    heard = read_whole(Blob.from_bytes(played.data, "r.mp3"), None)
    return len(heard.samples) / heard.rate


def test_a_stretch_of_a_recording_is_an_mp3(settings: Settings, recording: Blob) -> None:
    """It has that stretch's sound, and nothing before or after it."""
    played = AudioModality(settings).playable(recording, Span("seconds", 7.0, 10.0), MOST)

    assert played.media_type == "audio/mpeg"
    assert [loudest(played, second + 0.5) for second in range(3)] == pytest.approx([1100, 1200, 1300], abs=10)
    assert length(played) == pytest.approx(3.0, abs=0.1)


def test_a_long_stretch_is_its_beginning(settings: Settings, recording: Blob) -> None:
    """Fifteen seconds at the most, fewer where fewer bytes are wanted, and never more bytes."""
    audio = AudioModality(settings)

    assert length(audio.playable(recording, WHOLE, MOST)) == pytest.approx(15.0, abs=0.1)
    for most in (10_000, 50_000):
        played = audio.playable(recording, WHOLE, most)
        assert 0.7 * most < len(played.data) <= most
        assert loudest(played, 0.5) == pytest.approx(400, abs=10)
    with pytest.raises(DecodeError, match="too few"):
        audio.playable(recording, WHOLE, 2_500)


def test_a_small_film_is_played_as_it_is(settings: Settings) -> None:
    """Its own bytes, where browsers know the format; of a larger one the sound of that part."""
    data = film(1, scenes=(1.0, 1.0), sound="aac")
    blob, video = Blob.from_bytes(data, "film.mp4"), VideoModality(settings)
    cut = video.playable(blob, Span("seconds", 0.5, 1.5), len(data) - 1)

    assert video.playable(blob, WHOLE, len(data)) == Preview(data, "video/mp4")
    assert (cut.media_type, length(cut)) == ("audio/mpeg", pytest.approx(1.0, abs=0.1))


def test_a_film_without_sound_and_too_large_is_not_played(settings: Settings) -> None:
    """It says so, and its frames are what is shown."""
    blob = Blob.from_bytes(film(1, scenes=(1.0,)), "film.mp4")

    with pytest.raises(DecodeError, match="has no sound"):
        VideoModality(settings).playable(blob, WHOLE, 4_096)


def test_a_picture_cannot_be_played(settings: Settings, tmp_path: Path) -> None:
    """An item of a modality without time says that it cannot be played."""
    stream = io.BytesIO()
    Image.new("RGB", (40, 40), (200, 10, 10)).save(stream, "PNG")
    with Library(settings) as library:
        pictures = library.collection("pictures", modality="image", encoder="classic")
        pictures.add(stream.getvalue())
        with pytest.raises(NoSuchItem, match="cannot be played"):
            pictures.playable(pictures.items()[0].id)
