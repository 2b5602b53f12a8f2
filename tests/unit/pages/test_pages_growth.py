"""How a library's growth is drawn."""

from __future__ import annotations

import pytest

from morelike.records import StorageReading
from morelike.server.pages.growth import chart_of, daily_of, total_of
from morelike.storage import Forecast


def reading(at: str, size: int) -> StorageReading:
    return StorageReading(at, 1, {"blobs": size})


def day(number: int, size: int) -> StorageReading:
    return reading(f"2026-11-{number:02d}T12:00:00Z", size)


def growing(per_day: float, days_left: float | None = None) -> Forecast:
    return Forecast(per_day, 11, days_left, "the disk of /data" if days_left is not None else "")


@pytest.mark.parametrize(
    "readings",
    [
        [],
        [day(1, 5)],
        [day(1, 5), day(1, 7)],
        [reading("yesterday", 5), day(1, 5)],
        [day(1, 5), reading("yesterday", 5)],
        [day(20, 9), day(1, 5)],
    ],
    ids=["none", "one", "one moment", "unreadable before", "unreadable now", "the future"],
)
def test_no_line_without_two_moments(readings: list[StorageReading]) -> None:
    """One reading, times that cannot be read and times after now draw nothing."""
    assert chart_of(readings, None) is None


def test_the_line_goes_through_what_was_measured() -> None:
    """Time to the right, bytes upwards from zero; the highest mark is round, and above all."""
    chart = chart_of([day(1, 0), day(6, 200), day(11, 400)], None)

    assert chart is not None
    assert chart.line == "0.0,300.0 500.0,150.0 1000.0,0.0"
    assert [(mark.top, mark.bytes) for mark in chart.marks] == [(100, 0), (75, 100), (50, 200), (25, 300), (0, 400)]
    assert (chart.first, chart.now, chart.until, chart.ahead) == ("01 Nov 2026", "11 Nov 2026", "", "")


def test_a_library_of_one_day_shows_hours() -> None:
    """Two equal dates would say nothing."""
    chart = chart_of([reading("2026-11-01T09:05:00Z", 0), reading("2026-11-01T17:30:00Z", 8)], None)

    assert chart is not None
    assert (chart.first, chart.now) == ("01 Nov 2026, 09:05", "01 Nov 2026, 17:30")


def test_the_dashed_line_is_half_as_long() -> None:
    """Ten days were measured, so five are drawn ahead, at the growth that was foretold."""
    chart = chart_of([day(1, 0), day(11, 400)], growing(40))

    assert chart is not None
    assert chart.ahead == "666.7,100.0 1000.0,0.0"
    assert chart.until == "16 Nov 2026"


def test_the_dashed_line_ends_where_the_room_does() -> None:
    """A disk that is full in two days takes no more than that."""
    chart = chart_of([day(1, 0), day(11, 400)], growing(40, days_left=2))

    assert chart is not None
    assert chart.ahead.startswith("833.3,")
    assert chart.ahead.endswith(f",{(1 - 480 / 600) * 300:.1f}")


@pytest.mark.parametrize("forecast", [None, growing(0.2), growing(40, days_left=0)])
def test_nothing_is_foretold_without_growth_or_room(forecast: Forecast | None) -> None:
    """Too few readings, no growth, or a room that is full already: no dashed line."""
    chart = chart_of([day(1, 0), day(11, 400)], forecast)

    assert chart is not None
    assert (chart.ahead, chart.now_left) == ("", 100)


def test_nothing_shrinks_below_zero() -> None:
    """A library that is emptied quickly is drawn as empty at the least."""
    chart = chart_of([day(1, 4000), day(11, 100)], growing(-390))

    assert chart is not None
    assert chart.ahead.endswith(" 1000.0,300.0")


def test_an_empty_library_is_drawn() -> None:
    """Nothing at all is a line along the bottom."""
    chart = chart_of([day(1, 0), day(2, 0)], None)

    assert chart is not None
    assert chart.line == "0.0,300.0 1000.0,300.0"


def test_a_day_is_its_last_reading() -> None:
    """Newest first, so many days."""
    found = daily_of([day(1, 5), reading("2026-11-02T01:00:00Z", 6), day(2, 7), day(3, 8)], 2)

    assert [(one.at[:10], total_of(one.parts)) for one in found] == [("2026-11-03", 8), ("2026-11-02", 7)]


def test_a_size_that_is_none_counts_as_nothing() -> None:
    """What another program wrote beside ours takes no page down."""
    assert total_of({"blobs": 5, "vectors": "many", "words": None, "catalog": -3}) == 5
