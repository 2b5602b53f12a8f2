"""Times as people read and write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.errors import UsageError
from morelike.times import clock, duration, stretch


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2", 2.0),
        ("2s", 2.0),
        (" 2.5S ", 2.5),
        (".5", 0.5),
        ("500ms", 0.5),
        ("1m", 60.0),
        ("1m30s", 90.0),
        ("1m500ms", 60.5),
        ("1h2m3.5s", 3723.5),
        ("1:30", 90.0),
        ("1:02:03.5", 3723.5),
        ("90:00", 5400.0),
    ],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    """As people write them, in seconds."""
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "s", "-1", "1:75", "1:99:00", "1e3", "inf", "nan", "2 s", "1s2", "30s1m", "1m1m", "5days", "9" * 99]
)
def test_what_is_no_length_of_time(text: str) -> None:
    """It is wrong usage, with an example."""
    with pytest.raises(UsageError, match="no length of time"):
        duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (3.5, "0:03.5"), (59.96, "1:00.0"), (720, "12:00.0"), (3723.52, "1:02:03.5"), (-3.5, "-0:03.5")],
)
def test_places_in_time(seconds: float, text: str) -> None:
    """Minutes, seconds and a tenth; hours where there are any."""
    assert clock(seconds) == text


@given(st.integers(0, 10**6))
def test_places_in_time_are_read_back(tenths: int) -> None:
    """What is shown can be typed in again."""
    assert duration(clock(tenths / 10)) == pytest.approx(tenths / 10)


def test_a_stretch_is_read() -> None:
    """Two times on either side of a dash, in either way of writing them."""
    assert stretch("1:02-70.5") == (62.0, 70.5)


def test_a_stretch_runs_forwards() -> None:
    """The refusal says what is wrong with it."""
    with pytest.raises(UsageError, match="ends before it begins"):
        stretch("8-3")
