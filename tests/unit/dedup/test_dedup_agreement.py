"""How far two recordings are one, from their landmarks alone."""

from __future__ import annotations

import numpy as np
import pytest

from morelike.dedup.agreement import Sound, agreement, together
from morelike.dedup.sounds import contained, near
from morelike.types import Sketch

TICK = 0.032


def sketch(seconds: float, seed: int = 0) -> Sketch:
    """Twenty landmarks a second."""
    rng = np.random.default_rng(seed)
    count = int(seconds * 20)
    at = np.sort(rng.integers(0, int(seconds / TICK), count)).astype(np.int32)
    hashes = rng.integers(0, 1 << 24, count).astype(np.uint64)
    order = np.argsort(hashes, kind="stable")
    return Sketch(hashes[order], at[order])


def part(whole: Sketch, begins: float, ends: float) -> Sketch:
    keep = (whole.at >= begins / TICK) & (whole.at < ends / TICK)
    return Sketch(whole.hashes[keep], (whole.at[keep] - int(begins / TICK)).astype(np.int32))


def less(whole: Sketch, share: float) -> Sketch:
    """So many of the landmarks are others."""
    rng = np.random.default_rng(1)
    lost = rng.random(len(whole.hashes)) < share
    hashes = np.where(lost, rng.integers(1 << 30, 1 << 31, len(lost)).astype(np.uint64), whole.hashes)
    order = np.argsort(hashes, kind="stable")
    return Sketch(hashes[order], whole.at[order])


def sound(*pieces: tuple[float, Sketch], seconds: float) -> Sound:
    return together(pieces, TICK, seconds)


def test_a_copy_agrees_all_along() -> None:
    """Half of the landmarks lost, and every place still agrees, at the shift 0."""
    whole = sketch(40)
    found = agreement(sound((0, less(whole, 0.5)), seconds=40), sound((0, whole), seconds=40))

    assert found is not None
    assert (found.coverage, found.places, found.gap) == (1.0, 1.0, 0)
    assert abs(found.offset) < TICK
    assert 0.4 < found.share < 0.6


def test_pieces_are_one_recording() -> None:
    """An excerpt across the border of two stored pieces is found where it is."""
    whole = sketch(40)
    long = sound((0.0, part(whole, 0, 19.2)), (19.2, part(whole, 19.2, 40)), seconds=40)

    found = agreement(sound((0, part(whole, 16, 24)), seconds=8), long)

    assert found is not None
    assert found.offset == pytest.approx(16.0, abs=TICK)
    assert found.coverage == 1.0


@pytest.mark.parametrize("begins", [0.0, 30.0])
def test_another_ending_is_no_copy(begins: float) -> None:
    """Ten of forty seconds that are others, at either end: neither a copy nor a part, whatever the threshold."""
    one, other = sketch(40), sketch(40, seed=8)
    at = (one.at >= begins / TICK) & (one.at < (begins + 10) / TICK)
    hashes = np.where(at, other.hashes + np.uint64(1 << 32), one.hashes)
    order = np.argsort(hashes, kind="stable")
    short, long = sound((0, Sketch(hashes[order], one.at[order])), seconds=40), sound((0, one), seconds=40)
    found = agreement(short, long)

    assert found is not None
    assert found.places == pytest.approx(0.75)
    assert near(short, long, found, 0.01) is None
    assert contained(short, long, found) is None


def test_two_songs_at_once_are_no_copy() -> None:
    """A third of the landmarks, spread over the whole, is another mix."""
    whole = sketch(40)
    short, long = sound((0, less(whole, 0.67)), seconds=40), sound((0, whole), seconds=40)
    found = agreement(short, long)

    assert found is not None
    assert found.coverage == 1.0
    assert near(short, long, found, 0.5) is None


def test_silence_is_no_place() -> None:
    """Where neither has a sound there is nothing to agree upon; where one of them has, they differ."""
    whole = sketch(20)
    quiet = sound((0, whole), seconds=40)
    loud = sound((0, whole), (20.0, sketch(20, seed=9)), seconds=40)

    same, differs = agreement(quiet, quiet), agreement(quiet, loud)

    assert same is not None
    assert differs is not None
    assert (same.places, differs.places) == (1.0, 0.5)
    assert differs.coverage == 1.0


def test_a_steady_tone_agrees_with_nothing() -> None:
    """A hash that is everywhere says nothing of when."""
    at = np.arange(200, dtype=np.int32)
    tone = sound((0, Sketch(np.full(200, 7, dtype=np.uint64), at)), seconds=6.4)

    assert agreement(tone, tone) is None


def test_no_sound_agrees_with_nothing() -> None:
    """An empty sketch, beside one or on either side."""
    nothing = sound(seconds=3.0)
    some = sound((0, sketch(5)), seconds=5)

    assert agreement(nothing, some) is None
    assert agreement(nothing, nothing) is None


def test_what_lies_in_another_says_where() -> None:
    """An excerpt with an announcement of its own before it: from and to are those of the part that agrees."""
    whole, own = sketch(60), sketch(6, seed=3)
    clip = sound((0.0, own), (6.016, part(whole, 20, 50)), seconds=36)
    long = sound((0, whole), seconds=60)
    found = agreement(clip, long)

    assert found is not None
    likeness = contained(clip, long, found)
    assert likeness is not None
    assert likeness.why["from"] == pytest.approx(20.0, abs=0.3)
    assert likeness.why["to"] == pytest.approx(50.0, abs=0.3)
    assert 0.8 < likeness.why["coverage"] < 0.9
