"""Where a recording is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morelike.errors import QueryError, UsageError
from morelike.modalities._windows import settled_windows, windows
from morelike.types import WHOLE, Span


def _cuts(length: float, at: Span = WHOLE, kind: str = "audio", **options: float) -> list[tuple[float, float]]:
    return [(spec.span.start, spec.span.end) for spec in windows(length, options, at, (kind,))]


def test_a_short_one_is_whole() -> None:
    """Up to window and hop together a recording is one segment of each kind."""
    assert [(spec.kind, spec.span) for spec in windows(15.0, {})] == [("audio", WHOLE), ("recording", WHOLE)]


def test_a_long_one_has_windows() -> None:
    """Windows follow each other by the hop; the last one ends where the recording does."""
    assert _cuts(21.5) == [(0, 10), (5, 15), (10, 20), (11.5, 21.5)]
    assert _cuts(7.0, window=2.0, hop=2.0) == [(0, 2), (2, 4), (4, 6), (5, 7)]


def test_a_little_more_moves_the_last_window() -> None:
    """Where hardly anything is left, the last window slides, for two nearly equal ones help nobody."""
    assert _cuts(20.4) == [(0, 10), (5, 15), (10.4, 20.4)]


def test_pieces_of_a_minute() -> None:
    """The kind ``recording`` is cut into consecutive minutes, the last one shorter."""
    assert _cuts(150.0, kind="recording") == [(0, 60), (60, 120), (120, 150)]
    assert _cuts(120.0, kind="recording") == [(0, 60), (60, 120)]
    assert _cuts(60.0, kind="recording") == [(0, 0)]


def test_a_part_is_cut_as_a_recording_of_its_length() -> None:
    """The times of a part's segments are those of the whole."""
    assert _cuts(100.0, Span("seconds", 3, 8)) == [(3, 8)]
    assert _cuts(100.0, Span("seconds", 40, 60)) == [(40, 50), (45, 55), (50, 60)]
    assert _cuts(100.0, Span("seconds", 95, 300)) == [(95, 100)]


@pytest.mark.parametrize("at", [Span("seconds", 100, 110), Span("seconds", 5, 5), Span("page", 1, 2)])
def test_no_such_part(at: Span) -> None:
    """A part outside the recording, or in another unit, is a QueryError."""
    with pytest.raises(QueryError):
        _cuts(100.0, at)


@settings(deadline=None)
@given(length=st.floats(0.05, 400), hops=st.integers(1, 100), hop=st.floats(0.1, 6))
def test_every_moment_is_covered(length: float, hops: int, hop: float) -> None:
    """Whatever the options, no moment is left out, windows run forwards, and none is longer than window and hop."""
    window = hops * hop
    cuts = _cuts(length, window=window, hop=hop)
    if cuts == [(0, 0)]:
        assert length <= window + hop + 0.01
        return
    assert cuts[0][0] == 0
    assert cuts[-1][1] == pytest.approx(length, abs=0.002)
    for (first, last), (following, _) in pairwise(cuts):
        assert first < following <= last + 0.002
        assert last - first == pytest.approx(window, abs=0.001)


def test_defaults_and_half_the_window() -> None:
    """Ten seconds each five; of another window half is the hop."""
    assert settled_windows({}) == {"window": 10.0, "hop": 5.0}
    assert settled_windows({"window": 2}) == {"window": 2.0, "hop": 1.0}


@pytest.mark.parametrize(
    "given",
    [
        *[{"window": 0}, {"window": 1e4}, {"window": "2"}, {"window": True}, {"window": float("nan")}],
        *[{"hop": 0}, {"hop": 11}, {"window": 2.0, "hop": 0.001}],
    ],
)
def test_options_that_cannot_be(given: dict[str, object]) -> None:
    """Windows of no length, hops that leave parts out and words are UsageErrors."""
    with pytest.raises(UsageError):
        settled_windows(given)
