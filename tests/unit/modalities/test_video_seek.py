"""Which frame is loaded for a moment: exactly the one that a player shows, in every container, after a seek or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest

from morelike.modalities.video import VideoModality
from morelike.settings import Settings
from morelike.testing.films import film, frame_number
from morelike.types import Blob, SegmentSpec, Span

FPS = 10
SCENES = (5.0, 4.0, 5.0)
MOMENTS = (0.0, 0.034, 0.5, 3.99, 4.0, 7.31, 12.9, 13.97)
FAST = {"deadline": "realtime", "cpu-used": "8"}


@dataclass(frozen=True)
class Kind:
    """How a film is made, and by how many frames its container may be off: AVI has no presentation times."""

    container: str
    codec: str
    options: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    off: int = 0


VARIABLE = [round(float(t), 3) for t in np.cumsum(np.tile([0.02, 0.18, 0.05, 0.09], 42))]
"""Presentation times of a film whose frames are shown for anything from 20 to 180 ms: 14 seconds."""
KINDS = {
    "mp4-h264-b-frames": Kind("mp4", "libx264", {"g": "40", "bf": "3"}, {"sound": "aac"}),
    "mp4-h264-one-key-frame": Kind("mp4", "libx264", {"g": "1000"}),
    "mp4-h264-open-gop": Kind("mp4", "libx264", {"g": "40", "bf": "3", "x264-params": "open-gop=1"}),
    "mp4-in-fragments": Kind("mp4", "libx264", {"g": "20"}, {"muxing": {"movflags": "frag_keyframe+empty_moov"}}),
    "mov-negative-dts": Kind(
        "mov", "libx264", {"g": "30", "bf": "3"}, {"muxing": {"movflags": "negative_cts_offsets"}}
    ),
    "mkv-vp9": Kind("matroska", "libvpx-vp9", {"g": "30", **FAST}, {"sound": "libopus"}),
    "webm-starts-late": Kind("webm", "libvpx", {"g": "30", **FAST}, {"start": 5.0}),
    "avi-mpeg4-b-frames": Kind("avi", "mpeg4", {"g": "12", "bf": "2", "q": "4"}, {"sound": "mp2"}, off=1),
    "avi-mjpeg": Kind("avi", "mjpeg", {}, {"pixels": "yuvj420p"}),
    "mpegts": Kind("mpegts", "libx264", {"g": "30", "bf": "2"}, {"sound": "mp2"}),
    "mpeg-ps": Kind("vob", "mpeg2video", {"g": "15", "bf": "2", "q": "4"}, {"fps": 25}),
    "flv": Kind("flv", "libx264", {"g": "30"}, {"sound": "aac"}),
    "mkv-variable-rate": Kind("matroska", "libx264", {"g": "40", "bf": "3"}, {"times": VARIABLE}),
    "gif": Kind("gif", "gif", {}, {"pixels": "rgb8"}),
}


@cache
def made(name: str) -> bytes:
    kind = KINDS[name]
    given = {"scenes": SCENES, "fps": FPS, "size": (128, 96), **kind.more}
    return film(4, container=kind.container, codec=kind.codec, options=kind.options, **given)


def shown(name: str, moment: float) -> int:
    """The number of the frame that is on the screen at ``moment``."""
    times = KINDS[name].more.get("times")
    if times is not None:
        return max(int(np.searchsorted(np.array(times) - times[0], moment + 1e-6, side="right")) - 1, 0)
    rate = KINDS[name].more.get("fps", FPS)
    return min(int(moment * rate + 1e-3), int(sum(SCENES) * rate) - 1)


@pytest.fixture
def video(settings: Settings) -> VideoModality:
    return VideoModality(settings)


def specs(moments: tuple[float, ...]) -> list[SegmentSpec]:
    return [SegmentSpec("image", Span("seconds", moment, moment)) for moment in moments]


@pytest.mark.parametrize("name", KINDS)
def test_the_frame_of_a_moment(name: str, video: VideoModality) -> None:
    """A segment loads as the frame shown at its middle, whether it is near the start or a seek away."""
    blob = Blob.from_bytes(made(name), name)
    found = [frame_number(video.load(blob, spec, {})) for spec in specs(MOMENTS)]

    # A sound that begins earlier, by the frames that a codec puts before it, moves the start by a few milliseconds.
    expected = [{shown(name, moment), shown(name, max(moment - 0.03, 0))} for moment in MOMENTS]
    off = [min(abs(one - other) for other in others) for one, others in zip(found, expected, strict=True)]
    assert max(off) <= KINDS[name].off, (found, expected)


@pytest.mark.parametrize("name", KINDS)
def test_a_run_is_its_segments(name: str, video: VideoModality) -> None:
    """One pass over many segments gives what each gives alone, bit for bit."""
    blob = Blob.from_bytes(made(name), name)
    run = list(video.load_run(blob, specs(MOMENTS), {"side": 40}))

    assert len(run) == len(MOMENTS)
    for picture, spec in zip(run, specs(MOMENTS), strict=True):
        assert np.array_equal(picture, video.load(blob, spec, {"side": 40}))


def test_moments_that_go_back(video: VideoModality) -> None:
    """A run whose segments are not in order is loaded all the same."""
    blob = Blob.from_bytes(made("mp4-h264-b-frames"), "film.mp4")

    assert [frame_number(p) for p in video.load_run(blob, specs((12.0, 1.0, 6.0)), {})] == [120, 10, 60]


def test_beyond_the_end_is_the_last_frame(video: VideoModality) -> None:
    """A moment after the film shows its last frame."""
    blob = Blob.from_bytes(made("mp4-h264-b-frames"), "film.mp4")

    assert frame_number(video.load(blob, *specs((99.0,)), {})) == 139


def test_side_keeps_twice_the_shorter_side(video: VideoModality) -> None:
    """An encoder's side gives a picture whose shorter side is twice that, and never a larger one than the film's."""
    blob = Blob.from_bytes(made("mp4-h264-b-frames"), "film.mp4")

    assert video.load(blob, *specs((1.0,)), {"side": 32}).shape == (64, 85, 3)
    assert video.load(blob, *specs((1.0,)), {"side": 600}).shape == (96, 128, 3)
