"""What films say of themselves, how their frames come out, and what is refused."""

from __future__ import annotations

import io
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from morelike.errors import DecodeError, ItemError
from morelike.modalities.video import VideoModality
from morelike.settings import Settings
from morelike.testing.films import animation, film, film_frame, frame_number, turned
from morelike.types import WHOLE, Blob, SegmentSpec, Span

SIZE = (128, 96)
FIRST = SegmentSpec("image", Span("seconds", 0, 0))


@cache
def plain() -> bytes:
    return film(5, scenes=(1.0, 1.0), fps=10, size=SIZE, sound="aac")


@pytest.fixture
def video(settings: Settings) -> VideoModality:
    return VideoModality(settings)


def blob(data: bytes, name: str = "film.mp4") -> Blob:
    return Blob.from_bytes(data, name)


def close(picture: NDArray[Any], drawn: NDArray[Any], most: float = 8.0) -> bool:
    """Whether two pictures are the same but for a codec's losses."""
    return picture.shape == drawn.shape and float(np.abs(picture.astype(int) - drawn.astype(int)).mean()) <= most


def test_what_a_film_says_of_itself(video: VideoModality) -> None:
    """Length, size as shown, rate, codecs and container."""
    info = dict(video.describe(blob(plain())))

    assert info.pop("bit_rate") > 10_000
    assert info == {
        "duration": 2.0,
        "width": 128,
        "height": 96,
        "fps": 10.0,
        "frames": 20,
        "codec": "h264",
        "has_sound": True,
        "sound_codec": "aac",
        "format": "MP4",
    }


@pytest.mark.parametrize("mirrored", [False, True], ids=["", "mirrored"])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_frames_are_upright(video: VideoModality, degrees: int, mirrored: bool) -> None:
    """A film that is to be shown turned or mirrored comes out so, and says its size as shown."""
    drawn = film_frame(5, 0, SIZE)
    upright = np.rot90(drawn[:, ::-1] if mirrored else drawn, -degrees // 90)
    one = blob(turned(plain(), degrees, mirrored=mirrored))
    info = video.describe(one)

    assert close(video.load(one, FIRST, {}), upright)
    assert (info["width"], info["height"]) == upright.shape[1::-1]
    assert (info.get("rotation", 0) == degrees and "mirrored" not in info) or info.get("mirrored") is mirrored is True


@pytest.mark.parametrize(
    ("codec", "container", "pixels", "options"),
    [
        ("libx264", "mp4", "yuv420p", {"color_range": "tv", "colorspace": "bt709"}),
        ("libx264", "mp4", "yuvj420p", {}),
        ("libx264rgb", "mp4", "rgb24", {}),
        ("libx264", "matroska", "yuv420p10le", {}),
        ("libx264", "mp4", "gray", {}),
        ("ffv1", "matroska", "yuv444p", {}),
        ("prores_ks", "mov", "yuva444p10le", {}),
        ("mjpeg", "avi", "yuvj422p", {}),
        ("wmv2", "asf", "yuv420p", {"q": "3"}),
        ("mpeg1video", "mpeg", "yuv420p", {"q": "3"}),
    ],
)
def test_pixel_formats(video: VideoModality, codec: str, container: str, pixels: str, options: dict[str, str]) -> None:
    """Whatever the codec keeps pixels in, a frame comes out as it was drawn."""
    drawn = film_frame(5, 0, SIZE)
    if pixels == "gray":
        drawn = np.repeat((drawn @ (0.299, 0.587, 0.114)).astype(np.uint8)[..., None], 3, axis=2)
    data = film(5, scenes=(0.4,), fps=25, size=SIZE, codec=codec, container=container, pixels=pixels, options=options)

    assert close(video.load(blob(data, f"film.{container}"), FIRST, {}), drawn, 12)


def test_odd_sizes(video: VideoModality) -> None:
    """A film of 129 × 97 pixels has all of them."""
    data = film(5, scenes=(0.3,), fps=10, size=(129, 97), codec="ffv1", container="matroska", pixels="yuv444p")

    assert video.load(blob(data), FIRST, {}).shape == (97, 129, 3)


def test_pixels_that_are_not_square(video: VideoModality) -> None:
    """A film whose pixels are twice as wide as high is twice as wide."""
    data = with_shape(Fraction(2))

    assert video.load(blob(data), FIRST, {}).shape == (96, 256, 3)
    assert video.describe(blob(data))["width"] == 256


def with_shape(shape: Fraction) -> bytes:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream: Any = output.add_stream("libx264", rate=10)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = shape
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(film_frame(5, number, SIZE), format="rgb24")
            output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["GIF", "WEBP"])
def test_animations_are_films(video: VideoModality, format: str) -> None:
    """Frames of a GIF and a WebP that move are found by their time, and half as sure as a film's bytes are."""
    data = animation(5, format, frames=10, milliseconds=200, size=SIZE)
    one = blob(data, f"moving.{format.lower()}")

    assert video.describe(one)["duration"] == pytest.approx(2.0)
    assert 0 < video.sniff(data[:4096], "") < 0.5
    moments = [SegmentSpec("image", Span("seconds", t, t)) for t in (0.1, 0.5, 1.99)]
    assert [frame_number(picture) for picture in video.load_run(one, moments, {})] == [0, 2, 9]
    assert list(video.split(one, {"every": 1.0})) == [
        SegmentSpec("image", Span("seconds", 0, 1)),
        SegmentSpec("image", Span("seconds", 1, 2)),
    ]


def test_a_gif_that_is_played_once_moves(video: VideoModality) -> None:
    """Without the mark of a loop a GIF is known by the time that its large first picture stays."""
    pictures = [Image.fromarray(film_frame(5, number, (640, 480))) for number in range(3)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=500)
    head = buffer.getvalue()[:4096]

    assert b"NETSCAPE" not in head
    assert video.sniff(head, "") > 0
    assert video.describe(blob(buffer.getvalue(), "once.gif"))["duration"] == pytest.approx(1.5)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "AVIF", "PNG", "JPEG"])
def test_still_pictures_are_no_films(video: VideoModality, format: str) -> None:
    """A picture that does not move is refused as one."""
    buffer = io.BytesIO()
    Image.fromarray(film_frame(5, 0, SIZE)).save(buffer, format)

    with pytest.raises(DecodeError, match=r"still is a picture|still has one frame|is a picture"):
        video.describe(blob(buffer.getvalue(), "still"))


def test_a_recording_is_no_film(video: VideoModality) -> None:
    """An MP4 with sound only is refused, and the reason says where it belongs."""
    with pytest.raises(DecodeError, match="no pictures") as caught:
        video.describe(blob(recording(cover=False), "song.mp4"))

    assert "sounds" in caught.value.hint


def test_a_cover_is_no_film(video: VideoModality) -> None:
    """A recording's cover is no picture track."""
    with pytest.raises(DecodeError, match="cover"):
        list(video.split(blob(recording(cover=True), "song.m4a"), {}))


def recording(*, cover: bool) -> bytes:
    """Half a second of sound in an MP4, with a JPEG attached as its cover or without."""
    import av
    from av.stream import Disposition

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream: Any = output.add_stream("aac", rate=16_000, layout="mono")
        art: Any = None
        if cover:
            art = output.add_stream("mjpeg", rate=1)
            art.width, art.height, art.pix_fmt = *SIZE, "yuvj420p"
            art.disposition = Disposition.attached_pic
            frame = av.VideoFrame.from_ndarray(film_frame(5, 0, SIZE), format="rgb24").reformat(format="yuvj420p")
            output.mux(art.encode(frame))
            output.mux(art.encode(None))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        sound.sample_rate, sound.pts = 16_000, 0
        output.mux(stream.encode(sound))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def test_encrypted_films_are_refused(video: VideoModality) -> None:
    """A film whose pictures are encrypted is refused with that reason."""
    with pytest.raises(DecodeError, match="encrypted"):
        video.describe(blob(plain().replace(b"avc1", b"encv")))


def test_too_many_pixels(settings: Settings) -> None:
    """A film with larger frames than allowed is refused."""
    video = VideoModality(settings.model_copy(update={"max_pixels": 5000}))

    with pytest.raises(DecodeError):
        video.describe(blob(plain()))


@pytest.mark.parametrize("container", ["matroska", "mp4"])
def test_a_film_cut_short(video: VideoModality, container: str) -> None:
    """Of a film whose last part is missing, what is there is used, and its length is that of what is there."""
    muxing = {"movflags": "frag_keyframe+empty_moov"} if container == "mp4" else {}
    data = film(5, scenes=(1.0,) * 6, fps=10, size=SIZE, container=container, options={"g": "10"}, muxing=muxing)
    cut = blob(data[: len(data) * 6 // 10])

    length = video.describe(cut)["duration"]
    assert 2 < length < 5
    assert list(video.split(cut, {}))[-1].span.end == pytest.approx(length, abs=0.3)


def test_a_webm_that_does_not_say_its_length(video: VideoModality) -> None:
    """Where the header has no duration, as in a film that was streamed, the packets tell it."""
    data = film(5, scenes=(1.0, 1.0), fps=10, size=SIZE, codec="libvpx", container="webm", options={"cpu-used": "8"})
    place = data.index(b"\x44\x89\x88")  # the Duration element, eight bytes
    silent = data[:place] + b"\xec\x89" + b"\x00" * 9 + data[place + 11 :]

    assert video.describe(blob(silent, "live.webm"))["duration"] == pytest.approx(2.0, abs=0.11)


def test_the_preview_of_a_film_is_not_black(video: VideoModality) -> None:
    """The picture that stands for a whole film is one with something on it."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream: Any = output.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(40):
            drawn = film_frame(5, number, SIZE) if number >= 15 else np.zeros((96, 128, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(drawn, format="rgb24").reformat(format="yuv420p")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))

    preview = video.preview(blob(buffer.getvalue()), WHOLE, 100)
    assert np.asarray(Image.open(io.BytesIO(preview.data))).std() > 30


def test_a_preview_shows_its_span(video: VideoModality) -> None:
    """A span's picture is the frame at its middle."""
    preview = video.preview(blob(plain()), Span("seconds", 1.0, 1.5), 128)

    assert frame_number(np.asarray(Image.open(io.BytesIO(preview.data)))) == 12


SNIFFED = {
    "mp4": (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2mp41", 0.9, "video/mp4"),
    "m4a": (b"\x00\x00\x00\x20ftypM4A \x00\x00\x02\x00isomiso2", 0.0, "application/octet-stream"),
    "mov": (b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00", 0.9, "video/quicktime"),
    "avif": (b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00avifmif1", 0.0, "application/octet-stream"),
    "webm": (b"\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1fB\x86\x81\x01B\x82\x84webm", 0.8, "video/webm"),
    "avi": (b"RIFF\x00\x00\x00\x00AVI LIST", 1.0, "video/vnd.avi"),
    "wav": (b"RIFF\x00\x00\x00\x00WAVEfmt ", 0.0, "application/octet-stream"),
    "theora": (b"OggS\x00\x02" + b"\x00" * 22 + b"\x80theora", 0.95, "video/ogg"),
    "vorbis": (b"OggS\x00\x02" + b"\x00" * 22 + b"\x01vorbis", 0.0, "application/octet-stream"),
    "flv": (b"FLV\x01\x05\x00\x00\x00\x09", 0.95, "video/x-flv"),
    "flv-sound": (b"FLV\x01\x04\x00\x00\x00\x09", 0.2, "video/x-flv"),
    "ts": ((b"\x47" + b"\x00" * 187) * 4, 0.9, "video/mp2t"),
    "ps": (b"\x00\x00\x01\xba\x44", 0.9, "video/mpeg"),
}


@pytest.mark.parametrize("name", SNIFFED)
def test_films_are_known_by_their_bytes(video: VideoModality, name: str) -> None:
    """The first bytes say what a file is, whatever it is called."""
    head, confidence, media_type = SNIFFED[name]

    assert video.sniff(head, "SOMETHING.TXT") == confidence
    assert video.media_type(head, "") == media_type


def test_a_name_counts_for_little(video: VideoModality) -> None:
    """Unknown bytes under a film's name are just enough to say what is wrong; a picture's bytes are not."""
    assert video.sniff(b"nothing", "FILM.MP4") == 0.05
    assert video.sniff(b"\x89PNG\r\n\x1a\n", "film.mp4") == 0


@pytest.mark.parametrize("container", ["mp4", "matroska", "avi", "mpegts"])
def test_damaged_films_are_item_errors(video: VideoModality, container: str) -> None:
    """Cut or flipped bytes give frames or an ItemError, never anything else, and soon."""
    codec = "mpeg4" if container == "avi" else "libx264"
    data = film(6, scenes=(0.6, 0.6), fps=10, size=(64, 48), codec=codec, container=container, sound="mp2")
    rng = np.random.default_rng(len(container))
    refused: list[str] = []
    for attempt in range(30):
        damaged = bytearray(data[: int(rng.integers(1, len(data)))] if attempt % 3 == 0 else data)
        for place in rng.integers(0, len(damaged), 1 + attempt):
            damaged[place] = int(rng.integers(256))
        one = blob(bytes(damaged), "damaged")
        try:
            specs = list(video.split(one, {"every": 0.5, "window": 1.0, "hop": 0.5}))[:8]
            pictures = [spec for spec in specs if spec.kind == "image"]
            assert all(picture.ndim == 3 for picture in video.load_run(one, pictures, {"side": 16}))
            video.describe(one)
            video.preview(one, WHOLE, 32)
        except ItemError as error:
            refused.append(error.message)
    assert all("damaged" in message for message in refused)


# Real films.

CLIPS: dict[str, dict[str, Any]] = {
    "av1_video.mkv": {"codec": "av1", "width": 640, "duration": 5.0, "fps": 25.0},
    "bikes.mp4": {"codec": "h264", "width": 640, "duration": 10.0, "frames": 250},
    "bt709_full_range.mp4": {"codec": "h264", "width": 1280, "duration": 1.0},
    "carphone_pristine.mp4": {"width": 193, "height": 144, "duration": 4.004, "fps": 29.97},
    "cockatoo.mp4": {"width": 1280, "duration": 14.0, "sound_codec": "mp3"},
    "corrupted.mp4": {"width": 1280, "duration": 5.0},
    "flipping_a_pancake.mkv": {"width": 426, "duration": 10.333, "sound_codec": "opus"},
    "h265_video.mp4": {"codec": "hevc", "width": 128, "duration": 1.0},
    "nasa_13013.mp4": {"width": 320, "duration": 13.0, "sound_codec": "aac"},
    "newtonscradle.gif": {"codec": "gif", "width": 200, "duration": 0.82, "frames": 36},
    "realshort.mp4": {"width": 320, "duration": 1.199, "has_sound": True},
    "scene_cuts.mp4": {"width": 1280, "height": 272, "duration": 10.0},
    "unordered.mov": {"width": 50, "duration": 0.125, "frames": 4},
    "video_90.mov": {"width": 320, "height": 568, "rotation": 90},
}


@pytest.mark.parametrize("name", CLIPS)
def test_real_clips(video: VideoModality, test_data: Path, name: str) -> None:
    """Each of the real clips says what it is, is cut from its start to its end, and its frames load."""
    one = Blob.from_path(test_data / "data" / "video" / name)
    info = video.describe(one)
    specs = [spec for spec in video.split(one, {}) if spec.kind == "image"]

    assert {key: info[key] for key in CLIPS[name]} == CLIPS[name]
    assert (specs[0].span.start, specs[-1].span.end) == (0, pytest.approx(info["duration"], abs=1e-3))
    pictures = list(video.load_run(one, specs, {"side": 64}))
    assert all(float(picture.std()) > 5 or name == "unordered.mov" for picture in pictures)
    assert {picture.shape for picture in pictures} == {pictures[0].shape}


def test_cuts_of_a_real_film(video: VideoModality, test_data: Path) -> None:
    """The five cuts of ``bikes.mp4``, one of them within a fast pan, are found to a tenth of a second."""
    specs = video.split(Blob.from_path(test_data / "data/video/bikes.mp4"), {})
    starts = np.array([spec.span.start for spec in specs if spec.kind == "image"])

    for cut in (1.2, 3.04, 5.48, 7.48, 9.68):
        assert np.abs(starts - cut).min() <= 0.1, cut


def test_full_range_colours(video: VideoModality, test_data: Path) -> None:
    """A film of BT.709 in full range is converted by that matrix and range: within a level of the formula."""
    import av

    path = test_data / "data/video/bt709_full_range.mp4"
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        y, u, v = (
            np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
            for plane in frame.planes
        )
    cb, cr = (plane.repeat(2, 0).repeat(2, 1) / 255 - 128 / 255 for plane in (u, v))
    luma = y / 255
    red, blue = luma + 1.5748 * cr, luma + 1.8556 * cb
    green = (luma - 0.2126 * red - 0.0722 * blue) / 0.7152
    expected = 255 * np.stack([red, green, blue], axis=-1).clip(0, 1)

    picture = video.load(Blob.from_path(path), FIRST, {})
    assert float(np.abs(picture - expected).mean()) < 1
