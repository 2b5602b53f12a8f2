"""What is taken for a recording, by its first bytes, and what is not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from morelike.errors import DecodeError
from morelike.modalities.audio import AudioModality
from morelike.settings import Settings
from morelike.testing.sounds import as_wav, encoded, synthetic_sound
from morelike.types import Blob

av = pytest.importorskip("av")

SOUND = synthetic_sound(0, 1.0, 48_000)


@pytest.fixture
def audio(settings: Settings) -> AudioModality:
    """The modality."""
    return AudioModality(settings)


def _film(container: str, codec: str) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(10):
            picture = np.full((48, 64, 3), 20 * i, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("container", "codec"), [("matroska", "mpeg4"), ("webm", "libvpx"), ("asf", "msmpeg4"), ("avi", "mpeg4")]
)
def test_films_are_not_recordings(audio: AudioModality, container: str, codec: str) -> None:
    """A box that shows its film in its first bytes is no recording, whatever its name."""
    film = _film(container, codec)

    assert audio.sniff(film[:4096], "film") == 0
    with pytest.raises(DecodeError, match=r"holiday\.mp3 is a film, not a recording"):
        audio.describe(Blob.from_bytes(film, "holiday.mp3"))


def test_a_box_that_may_hold_either_is_weak(audio: AudioModality) -> None:
    """An MP4 that does not say so in its first bytes is less sure than one with a sound's brand."""
    either = audio.sniff(encoded(SOUND, 48_000, "mp4", "aac")[:4096], "x")
    sound = audio.sniff(encoded(SOUND, 48_000, "ipod", "aac")[:4096], "x")

    assert 0.05 < either < 0.5 < sound


def test_an_ogg_film_is_no_recording(audio: AudioModality) -> None:
    """A first page of Theora makes it a film, though a page of Vorbis follows."""

    def page(payload: bytes) -> bytes:
        return b"OggS\x00\x02" + bytes(20) + bytes([1, len(payload)]) + payload

    assert audio.sniff(page(b"\x80theora" + bytes(30)) + page(b"\x01vorbis" + bytes(23)), "x.ogg") <= 0.05
    assert audio.sniff(page(b"\x01vorbis" + bytes(23)), "x") == 1


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"])
def test_pictures_are_not_recordings(audio: AudioModality, format: str) -> None:
    """No picture is taken for a recording, those in MP4's and WAV's boxes among them."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(buffer, format)

    assert audio.sniff(buffer.getvalue()[:4096], "picture") == 0


def test_the_name_alone_counts_for_little(audio: AudioModality) -> None:
    """A recording's name over other bytes is just enough to say what is wrong with it, in letters of any case."""
    assert audio.sniff(b"hello, world", "SONG.MP3") == audio.sniff(b"", "a.opus") == 0.05
    assert audio.sniff(b"hello, world", "song.txt") == 0


def test_two_bytes_make_no_mp3(audio: AudioModality) -> None:
    """A frame's first bytes count only where another frame follows in its place."""
    frames = encoded(SOUND, 48_000, "mp3", "libmp3lame", options={"id3v2_version": "0", "write_xing": "0"})

    assert frames[:2] == b"\xff\xfb"
    assert audio.sniff(frames[:4096], "x") == 1
    assert audio.sniff(frames[:100] + bytes(3996), "x") == 0
    assert audio.sniff("ÿûtext".encode("utf-16"), "x") == 0


def test_a_tag_of_any_length_hides_no_format(audio: AudioModality) -> None:
    """Where a long ID3 tag precedes FLAC, it is described as FLAC."""
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 80, 0]) + bytes(80 << 7)
    blob = Blob.from_bytes(tag + encoded(SOUND, 48_000, "flac", "flac"), "tagged.flac")

    assert audio.describe(blob)["format"] == "FLAC"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"#EXTM3U\nhttp://192.0.2.1/a.mp3\n", "a playlist, which is not followed"),
        (b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x00\x60", "notes and no sound"),
        (b"<!DOCTYPE html><html>", "an HTML page, not a recording"),
        (b"v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\nm=audio 5004 RTP/AVP 0\r\n", "of no sound format that is read"),
        (b"ffconcat version 1.0\nfile '/etc/hostname'\n", "of no sound format that is read"),
    ],
)
def test_what_it_is_instead(audio: AudioModality, data: bytes, said: str) -> None:
    """Other bytes under a recording's name are refused with what they are; nothing that refers elsewhere is opened."""
    with pytest.raises(DecodeError, match=said):
        audio.describe(Blob.from_bytes(data, "song.mp3"))


def test_media_types_go_by_the_bytes(audio: AudioModality) -> None:
    """The media type is the content's, not the name's."""
    assert audio.media_type(as_wav(SOUND)[:4096], "x.mp3") == "audio/x-wav"
    assert audio.media_type(encoded(SOUND, 48_000, "ogg", "libopus")[:4096], "x.wav") == "audio/opus"
    assert audio.media_type(b"text", "x.wav") == "application/octet-stream"
