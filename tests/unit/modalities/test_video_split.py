"""Where a film is cut: shots with their key frames, equal steps, a part of it, and the windows of its sound."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.modalities._shots import Shots, key_spans
from morelike.modalities.video import VideoModality
from morelike.settings import Settings
from morelike.testing.films import film, frame_number, scene_starts
from morelike.testing.images import synthetic_image
from morelike.types import WHOLE, Blob, SegmentSpec, Span

SCENES = (1.6, 4.0, 2.4, 7.0)


@cache
def spoken() -> bytes:
    return film(2, scenes=SCENES, fps=15, size=(128, 96), sound="aac")


@pytest.fixture
def video(settings: Settings) -> VideoModality:
    return VideoModality(settings)


@pytest.fixture
def blob() -> Blob:
    return Blob.from_bytes(spoken(), "film.mp4")


def of_kind(specs: list[SegmentSpec], kind: str) -> list[tuple[float, float]]:
    return [(spec.span.start, spec.span.end) for spec in specs if spec.kind == kind]


def test_shots_begin_where_scenes_do(video: VideoModality, blob: Blob) -> None:
    """Each scene's start is the start of a segment, to within two frames."""
    starts = np.array([start for start, _ in of_kind(list(video.split(blob, {})), "image")])

    for scene in scene_starts(SCENES):
        assert np.abs(starts - scene).min() <= 2.1 / 15, (scene, starts)


def test_a_shot_has_one_to_three_key_frames(video: VideoModality, blob: Blob) -> None:
    """A shot of up to two seconds is one segment, of up to six two, a longer one three."""
    spans = of_kind(list(video.split(blob, {})), "image")
    edges = [*scene_starts(SCENES), sum(SCENES)]
    middles = np.array([(start + end) / 2 for start, end in spans])

    assert [int(((first < middles) & (middles < last)).sum()) for first, last in pairwise(edges)] == [1, 2, 2, 3]


@pytest.mark.parametrize("options", [{}, {"every": 1.0}, {"every": 0.7}], ids=["shots", "every-1", "every-0.7"])
def test_pictures_cover_the_film(video: VideoModality, blob: Blob, options: dict[str, Any]) -> None:
    """The spans of the pictures follow one another from the film's first moment to its last."""
    spans = of_kind(list(video.split(blob, options)), "image")

    assert spans[0][0] == 0
    assert spans[-1][1] == pytest.approx(15.0, abs=0.05)
    assert all(first[1] == second[0] for first, second in pairwise(spans))


def test_every_is_the_step(video: VideoModality, blob: Blob) -> None:
    """With ``every`` the pictures lie that far apart, each the frame of its stretch's middle."""
    specs = [spec for spec in video.split(blob, {"every": 4.0}) if spec.kind == "image"]

    assert of_kind(specs, "image")[:3] == [(0, 4), (4, 8), (8, 12)]
    assert [frame_number(picture) for picture in video.load_run(blob, specs[:3], {})] == [30, 90, 150]


def test_a_part_has_the_times_of_the_whole(video: VideoModality, blob: Blob) -> None:
    """Of a part in seconds only that part is cut, with times of the whole film; short sound is one segment."""
    specs = list(video.split(blob, {"every": 2.0}, Span("seconds", 3, 8)))

    assert of_kind(specs, "image") == [(3, 5), (5, 7), (7, 8)]
    assert of_kind(specs, "audio") == [(3, 8)]


def test_a_part_in_shots(video: VideoModality, blob: Blob) -> None:
    """The shots of a part are those of the film, cut at the part's ends."""
    spans = of_kind(list(video.split(blob, {}, Span("seconds", 3, 7))), "image")

    assert spans[0][0] == 3
    assert spans[-1][1] == 7
    assert any(abs(start - 5.6) <= 0.15 for start, _ in spans)


def test_a_part_beyond_the_end(video: VideoModality, blob: Blob) -> None:
    """A part that the film does not have is a QueryError."""
    with pytest.raises(QueryError, match="no part"):
        list(video.split(blob, {}, Span("seconds", 60, 70)))


def test_other_units_are_refused(video: VideoModality, blob: Blob) -> None:
    """A film has no pages."""
    with pytest.raises(QueryError, match="page"):
        list(video.split(blob, {}, Span("page", 1, 2)))


def test_sound_is_cut_into_windows(video: VideoModality, blob: Blob) -> None:
    """The sound's windows come after the pictures, by the collection's window and hop."""
    specs = list(video.split(blob, {"window": 4.0, "hop": 2.0}))
    kinds = [spec.kind for spec in specs]

    assert kinds == sorted(kinds, reverse=True)
    assert of_kind(specs, "audio")[:3] == [(0, 4), (2, 6), (4, 8)]


def test_sound_loads_at_the_encoder_s_rate(video: VideoModality, blob: Blob) -> None:
    """A window of the sound is mono samples at the asked rate, with the level of the film's tones."""
    specs = [spec for spec in video.split(blob, {"window": 4.0, "hop": 2.0}) if spec.kind == "audio"]
    heard = list(video.load_run(blob, specs[:2], {"rate": 16_000}))

    assert [(one.rate, len(one.samples)) for one in heard] == [(16_000, 64_000)] * 2
    assert 0.1 < float(np.abs(heard[0].samples).max()) <= 1


def test_whole_sound_loads(video: VideoModality, blob: Blob) -> None:
    """A short film's sound is one segment, the whole of it."""
    specs = [spec for spec in video.split(blob, {"window": 10.0, "hop": 5.0}) if spec.kind == "audio"]

    assert [spec.span for spec in specs] == [WHOLE]
    assert len(video.load(blob, specs[0], {"rate": 8000}).samples) == pytest.approx(15 * 8000, rel=0.02)


def test_a_silent_film_has_no_sound_segments(video: VideoModality) -> None:
    """Without a sound track there are pictures only, and a sound segment cannot be loaded."""
    blob = Blob.from_bytes(film(1, scenes=(1.0,), fps=10, size=(64, 48)), "silent.mp4")

    assert {spec.kind for spec in video.split(blob, {})} == {"image"}
    with pytest.raises(DecodeError, match="no sound"):
        video.load(blob, SegmentSpec("audio", Span("seconds", 0, 1)), {})


def test_too_many_segments_are_refused(video: VideoModality, monkeypatch: pytest.MonkeyPatch, blob: Blob) -> None:
    """A film that would have more segments than the bound is rejected, with a step that works."""
    monkeypatch.setattr("morelike.modalities.video._MOST_SEGMENTS", 5)

    with pytest.raises(DecodeError, match="every=3"):
        list(video.split(blob, {"every": 0.5}))


@pytest.mark.parametrize(
    "given", [{"every": 0}, {"every": "1"}, {"every": True}, {"every": float("nan")}, {"fps": 3}, {"hop": -1}], ids=str
)
def test_bad_options_are_refused(video: VideoModality, given: dict[str, Any]) -> None:
    """An option that films do not have, or a value that it cannot take, is a UsageError."""
    with pytest.raises(UsageError):
        video.settle(given)


def test_options_are_completed(video: VideoModality) -> None:
    """What is not given has its default; ``every`` is there only where it is given."""
    assert video.settle({}) == {"window": 10.0, "hop": 5.0}
    assert video.settle({"every": 1, "window": 4}) == {"every": 1.0, "window": 4.0, "hop": 2.0}


# Shot detection on thumbnails alone: no film is encoded.

Thumb = NDArray[np.uint8]


def thumb(picture: NDArray[Any]) -> Thumb:
    """What ``Painter.thumb`` makes of a (36, 64, 3) picture, near enough."""
    pixels = picture.astype(np.float64)
    luma = pixels @ (0.299, 0.587, 0.114)
    colours = [(pixels[::2, ::2, i] - luma[::2, ::2]) / 2 + 128 for i in (2, 0)]
    return np.concatenate([luma.ravel(), *(colour.ravel() for colour in colours)]).clip(0, 255).astype(np.uint8)


def seen(*pictures: NDArray[Any]) -> list[float]:
    shots = Shots()
    shots.watch((number / 12, thumb(picture)) for number, picture in enumerate(pictures))
    return shots.cuts()


def scene(seed: int) -> NDArray[np.float64]:
    return synthetic_image(seed, (64, 36)).astype(np.float64)


def panning(seed: int, frames: int, step: int = 1) -> Iterator[NDArray[np.float64]]:
    wide = synthetic_image(seed, (64 + frames * step, 36)).astype(np.float64)
    return (wide[:, step * i : step * i + 64] for i in range(frames))


def test_a_dissolve_is_one_cut() -> None:
    """Two scenes mixed into each other over most of a second are parted once, within it."""
    mix = [scene(1) * (1 - share) + scene(2) * share for share in np.linspace(0, 1, 9)]
    cuts = seen(*[scene(1)] * 24, *mix, *[scene(2)] * 24)

    assert len(cuts) == 1
    assert 2.0 <= cuts[0] <= 2.75


def test_a_fade_through_black_is_a_cut() -> None:
    """A scene that fades to black and another that fades in are parted."""
    down = [scene(3) * share for share in np.linspace(1, 0, 6)]
    up = [scene(4) * share for share in np.linspace(0, 1, 6)]

    assert any(1.9 <= cut <= 3.1 for cut in seen(*[scene(3)] * 24, *down, *up, *[scene(4)] * 24))


def test_a_flash_is_no_cut() -> None:
    """One bright frame within a scene does not part it."""
    flash = np.minimum(scene(5) + 150, 255)

    assert seen(*[scene(5)] * 24, flash, *[scene(5)] * 24) == []


def test_a_pan_is_no_cut() -> None:
    """A camera that moves steadily makes no new shot."""
    assert seen(*panning(6, 60)) == []


def test_noise_is_no_cut() -> None:
    """Sensor noise in a dark, still scene makes no new shot."""
    rng = np.random.default_rng(0)

    assert seen(*(20 + rng.normal(0, 4, (36, 64, 3)) for _ in range(80))) == []


def test_cuts_within_movement() -> None:
    """Cuts between moving scenes are found, at the frame where the new one begins."""
    cuts = seen(*panning(7, 30), *panning(8, 30), *panning(9, 30))

    assert cuts == pytest.approx([30 / 12, 60 / 12])


def test_a_long_shot_is_cut_at_thirty_seconds() -> None:
    """A shot of 75 seconds is three parts of 25, each of three segments."""
    spans = list(key_spans(0, 75, []))

    assert len(spans) == 9
    assert spans[0] == pytest.approx((0, 25 / 3))
    assert spans[-1][1] == 75


def test_a_film_of_one_moment() -> None:
    """A film with one frame is one segment."""
    assert seen(scene(1)) == []
    assert list(key_spans(0, 0.04, [])) == [(0, 0.04)]


def test_split_reads_streams_that_cannot_seek(video: VideoModality) -> None:
    """A source that only reads forwards gives the same segments."""

    class OneWay(io.BytesIO):
        def seekable(self) -> bool:
            return False

    data = film(1, scenes=(1.0, 1.0), fps=10, size=(64, 48))
    blob = Blob(uri="pipe", name="film.mp4", open=lambda: OneWay(data))

    assert list(video.split(blob, {})) == list(video.split(Blob.from_bytes(data, "film.mp4"), {}))
