"""Clips laid over films in time: pure arithmetic, on similarities made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from morelike.search.timeline import Course, Match, align, background, steps

DIM = 24


def film(seed: int, seconds: float, step: float = 0.1) -> NDArray[np.float64]:
    """Scenes of 1 to 4 s, each its own direction: (n, DIM) unit rows, one every ``step`` seconds."""
    rng = np.random.default_rng(seed)
    rows: list[NDArray[np.float64]] = []
    while len(rows) * step < seconds:
        scene = rng.standard_normal(DIM)
        drift = rng.standard_normal(DIM) * 0.15
        rows += [scene + drift * at * step for at in range(int(rng.uniform(1.0, 4.0) / step))]
    found = np.stack(rows[: int(seconds / step)])
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def shown(frames: NDArray[np.float64], moments: NDArray[np.float64], step: float = 0.1) -> NDArray[np.float64]:
    return frames[np.clip((moments / step).astype(int), 0, len(frames) - 1)]


def matched(
    frames: NDArray[np.float64], clip: NDArray[np.float64], moments: NDArray[np.float64], length: float, width: float
) -> Match | None:
    """The clip in a film whose segments are ``width`` seconds wide."""
    course = Course(steps(0.0, len(frames) * 0.1, 10_000, finest=width))
    similarities = clip @ shown(frames, course.middles).T
    return align(similarities, moments, length, course, np.full(len(clip), 0.1))


def overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(shared, 0.0) / (max(one[1], other[1]) - min(one[0], other[0]))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    stretch=st.tuples(st.floats(0.0, 40.0), st.floats(5.0, 15.0)),
    speed=st.sampled_from([0.8, 0.9, 1.0, 1.1, 1.25]),
    noise=st.floats(0.0, 0.5),
    wrong=st.floats(0.0, 0.25),
)
def test_the_stretch_is_found(
    seed: int, stretch: tuple[float, float], speed: float, noise: float, wrong: float
) -> None:
    """Whatever its place and speed, with noise in every frame and up to a quarter of them something else.

    Five seconds of one scene or two say little of how fast they ran: of the extremes less is promised. Wrong
    frames at its ends tell of nothing: the stretch is that of the frames between them.
    """
    start, length = stretch
    rng = np.random.default_rng(seed)
    frames = film(seed, 60.0)
    moments = (np.arange(24) + 0.5) * length / 24
    clip = shown(frames, start + speed * moments)
    clip = clip + rng.standard_normal(clip.shape) * noise / np.sqrt(DIM)
    others = rng.random(len(clip)) < wrong
    clip[others] = rng.standard_normal((int(others.sum()), DIM))
    clip /= np.linalg.norm(clip, axis=1, keepdims=True)

    match = matched(frames, clip, moments, length, width=0.5)

    assert match is not None
    least = 0.8 if 0.9 <= speed <= 1.1 else 0.65
    right, half = moments[~others], length / 48
    known = start + speed * (right[0] - half), min(start + speed * (right[-1] + half), 60.0)
    assert overlap(match.item, known) >= least


def test_an_exact_clip_is_found_to_half_a_step() -> None:
    """Nothing altered, frames half a second apart: the interval, the speed and the coverage are the true ones."""
    frames = film(3, 60.0)
    moments = (np.arange(40) + 0.5) * 0.25

    match = matched(frames, shown(frames, 21.3 + moments), moments, 10.0, width=0.5)

    assert match is not None
    assert match.item == pytest.approx((21.3, 31.3), abs=0.25)
    assert (match.speed, match.coverage) == (pytest.approx(1.0, abs=0.02), 1.0)
    assert match.score == pytest.approx(match.similarity)


def test_a_clip_that_is_there_in_part_says_which_part() -> None:
    """Half of it is another film: the other half alone is matched, and counts for half."""
    frames, foreign = film(4, 60.0), film(5, 20.0)
    moments = (np.arange(40) + 0.5) * 0.25
    clip = np.concatenate([shown(foreign, moments[:20]), shown(frames, 30.0 + moments[20:])])

    match = matched(frames, clip, moments, 10.0, width=0.5)

    assert match is not None
    assert match.clip == pytest.approx((5.0, 10.0), abs=0.5)
    assert match.item == pytest.approx((35.0, 40.0), abs=0.6)
    assert match.coverage == pytest.approx(0.5, abs=0.05)


def test_order_matters() -> None:
    """A film with the same frames in another order scores less than the one that they come from."""
    frames = film(6, 40.0)
    moments = (np.arange(40) + 0.5) * 0.25
    clip = shown(frames, 12.0 + moments)
    backwards = frames[::-1]

    right, wrong = (matched(one, clip, moments, 10.0, width=0.5) for one in (frames, backwards))

    assert right is not None
    assert wrong is None or wrong.score < right.score / 2


def test_a_clip_that_reaches_over_the_end_is_cut_there() -> None:
    """The interval lies inside the item, and what hangs over is not covered."""
    frames = film(7, 30.0)
    moments = (np.arange(40) + 0.5) * 0.25
    clip = shown(film(7, 40.0)[: len(frames)], 26.0 + moments)

    match = matched(frames, clip, moments, 10.0, width=0.5)

    assert match is not None
    assert match.item == pytest.approx((26.0, 30.0), abs=0.5)
    assert match.coverage <= 0.5


def test_nothing_in_common_is_no_match() -> None:
    """Where no frame has more in common with the item than with anything, there is nothing to say."""
    course = Course(steps(0.0, 10.0, 20, finest=0.5))

    assert align(np.full((8, 20), 0.3), np.arange(8) + 0.5, 8.0, course, np.full(8, 0.4)) is None


def test_a_gap_between_frames_stands_for_nothing() -> None:
    """Places before the first frame, after the last and in gaps have no frame."""
    course = Course(np.array([[1.0, 2.0], [3.0, 4.0]]))

    assert course.at(np.array([0.5, 1.0, 1.9, 2.5, 3.0, 4.0])).tolist() == [-1, 0, 0, -1, 1, -1]


def test_the_background_does_not_hang_on_the_longest_item() -> None:
    """Each item says what is usual with one voice: a long film that the clip is from does not hide it."""
    own, other = np.full((3, 1000), 0.9), np.full((3, 5), 0.2)

    assert background([own, other, other]).tolist() == [0.2, 0.2, 0.2]


def test_steps_cover_the_stretch() -> None:
    """Equal parts, no more than asked for and none finer."""
    assert steps(2.0, 4.0, 100, finest=0.5).tolist() == [[2.0, 2.5], [2.5, 3.0], [3.0, 3.5], [3.5, 4.0]]
    assert len(steps(0.0, 100.0, 40)) == 40
    assert steps(1.0, 1.1, 9).tolist() == [[1.0, 1.1]]
