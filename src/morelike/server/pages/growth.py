"""How a library grew, as a drawing: a line through what was measured and, dashed, where it goes if that goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from morelike.records import StorageReading
from morelike.server.pages.language import _, ngettext
from morelike.storage import Forecast

__all__ = ["Chart", "Mark", "chart_of", "daily_of", "growth_said", "room_said", "total_of"]

WIDTH: Final = 1000.0
HEIGHT: Final = 300.0
"""Of the drawing's own grid, which is stretched over the page."""
FURTHEST: Final = 30.0
"""Days that are drawn ahead, at the most; and never more than half of those that were measured."""
MARKS: Final = 4
APART: Final = 32.0
"""Percent of a narrow screen below which two dates would touch."""
DAY: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across the drawing: percent from the top, and the bytes that it stands for."""

    top: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Points for SVG, and where its words stand. ``ahead`` is empty where nothing is foretold."""

    line: str
    area: str
    ahead: str
    marks: tuple[Mark, ...]
    first: str
    first_bytes: int
    now: str
    until: str
    """Days. The end of the dashed line; empty where the drawing ends now, or too soon after it for a date."""
    now_left: float
    now_top: float
    """Percent."""


def chart_of(readings: Sequence[StorageReading], forecast: Forecast | None) -> Chart | None:
    """From readings, the oldest first; the last one is now. None where there are no two moments to draw between."""
    points = _points(readings)
    if len(points) < 2:
        return None
    first, now = points[0][0], points[-1][0]
    size = points[-1][1]
    ahead = _ahead(forecast, (now - first) / DAY) * DAY
    then = max(0.0, size + (forecast.per_day * ahead / DAY if forecast is not None else 0.0))
    step = _step(max(then, *(size for _, size in points)) / MARKS)
    most = step * max(1, math.ceil(max(then, *(size for _, size in points)) / step))
    length = now + ahead - first

    def place(moment: float, size: float) -> str:
        return f"{(moment - first) / length * WIDTH:.1f},{(1 - size / most) * HEIGHT:.1f}"

    line = " ".join(place(*point) for point in points)
    now_left = (now - first) / length * 100
    return Chart(
        line=line,
        area=f"0,{HEIGHT:.0f} {line} {now_left / 100 * WIDTH:.1f},{HEIGHT:.0f}",
        ahead=f"{place(now, size)} {place(now + ahead, then)}" if ahead else "",
        marks=tuple(Mark((1 - at * step / most) * 100, round(at * step)) for at in range(round(most / step) + 1)),
        first=_date(first, minute=now - first < DAY),
        first_bytes=points[0][1],
        now=_date(now, minute=now - first < DAY),
        until=_date(now + ahead) if 100 - now_left >= APART else "",
        now_left=now_left,
        now_top=(1 - size / most) * 100,
    )


def daily_of(readings: Sequence[StorageReading], most: int) -> list[StorageReading]:
    """The last reading of each of so many days, the newest first."""
    by_day = {reading.at[:10]: reading for reading in readings}
    return sorted(by_day.values(), key=lambda reading: reading.at, reverse=True)[:most]


def total_of(parts: Mapping[str, Any]) -> int:
    """What another program wrote as a size and is none counts as nothing."""
    return sum(size for size in parts.values() if isinstance(size, int) and size > 0)


def growth_said(forecast: Forecast | None, size: Callable[[int], str]) -> str:
    """As ``morelike.storage.growth_in_words`` says it, in the page's language; ``size`` writes bytes for people."""
    if forecast is None:
        return _("not known before there are figures of two days")
    days = {"days": forecast.days}
    if round(forecast.per_day) == 0:
        return ngettext("none in %(days)s day", "none in %(days)s days", forecast.days, **days)
    sign = "-" if forecast.per_day < 0 else ""
    rate = f"{sign}{size(round(abs(forecast.per_day)))}"
    said = ngettext(
        "%(rate)s a day (median slope of %(days)s day)",
        "%(rate)s a day (median slope of %(days)s days)",
        forecast.days,
        rate=rate,
        **days,
    )
    if forecast.days_left is None:
        return said
    return _(
        "%(growth)s; %(limit)s is full %(when)s", growth=said, limit=forecast.limit, when=_soon(forecast.days_left)
    )


def room_said(forecast: Forecast | None) -> str:
    """When a disk is full, at that growth of what lies on it."""
    if forecast is None:
        return _("not known yet")
    if forecast.days_left is None:
        return _("not within ten years, as it grows now")
    return _soon(forecast.days_left)


def _soon(days: float) -> str:
    whole = round(days)
    if whole < 1:
        return _("within a day")
    return ngettext("in about %(days)s day", "in about %(days)s days", whole, days=whole)


def _points(readings: Sequence[StorageReading]) -> list[tuple[float, int]]:
    """(seconds, bytes) in the order of time, one for each moment. What is later than the last one a clock got wrong."""
    found: dict[float, int] = {}
    for reading in readings:
        seconds = _seconds(reading.at)
        if seconds is not None:
            found[seconds] = total_of(reading.parts)
    last = _seconds(readings[-1].at) if readings else None
    return [] if last is None else sorted(point for point in found.items() if point[0] <= last)


def _ahead(forecast: Forecast | None, measured: float) -> float:
    """How many days to draw ahead."""
    if forecast is None or round(forecast.per_day) == 0:
        return 0.0
    days = min(FURTHEST, measured / 2)
    return days if forecast.days_left is None else max(0.0, min(days, forecast.days_left))


def _step(size: float) -> float:
    """1, 2 or 5 times a power of ten, at least ``size``."""
    power = 10.0 ** math.floor(math.log10(max(size, 1.0)))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= size)


def _seconds(at: str) -> float | None:
    try:
        return datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:  # another program's
        return None


def _date(seconds: float, *, minute: bool = False) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(_("%d %b %Y, %H:%M") if minute else _("%d %b %Y"))
