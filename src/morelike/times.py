"""Times as people read and write them: ``1:02.5``, ``500ms``, and a part of a sound or a film: ``0:12.0–0:14.5``."""

from __future__ import annotations

import math
import re

from morelike.errors import UsageError

__all__ = ["clock", "duration", "stretch"]

_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):([0-5]\d(?:\.\d+)?)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_PART = re.compile(rf"({_NUMBER.pattern})(h|ms|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_LONGEST = 32


def clock(seconds: float) -> str:
    """A place in a recording: ``0:03.5``, ``12:00.0``, ``1:02:03.5``."""
    tenths = round(abs(seconds) * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if seconds < 0 and (hours or minutes or tenths) else ""
    ahead = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{sign}{ahead}:{tenths // 10:02d}.{tenths % 10}"


def duration(text: str) -> float:
    """Seconds, from ``2``, ``2s``, ``500ms``, ``1m30s``, ``1h``, ``1:30`` or ``1:02:03.5``. Raises UsageError."""
    plain = text.strip().lower()
    if len(plain) <= _LONGEST:
        if match := _CLOCK.fullmatch(plain):
            hours, minutes, seconds = match.groups()
            if hours is None or int(minutes) < 60:
                return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
        elif _NUMBER.fullmatch(plain):
            return float(plain)
        else:
            parts = _PART.findall(plain)
            units = [unit for _, unit in parts]
            if (
                "".join(map("".join, parts)) == plain
                and units
                and units == [unit for unit in _SECONDS if unit in units]
            ):
                return math.fsum(float(number) * _SECONDS[unit] for number, unit in parts)
    raise UsageError(f"{text[:40]!r} is no length of time", hint="for example: 2s, 500ms, 1m30s, 1:30")


def stretch(text: str) -> tuple[float, float]:
    """From and to in seconds, of ``3.5-8``, ``1:02-1:10``, ``0:03.5–0:08.0``. Raises UsageError."""
    hint = "from-to in seconds or minutes: 3.5-8, 1:02-1:10"
    first, dash, last = text.replace("–", "-").partition("-")
    try:
        start, end = duration(first), duration(last)
    except UsageError:
        dash, start, end = "", 0.0, 0.0
    if not dash:
        raise UsageError(f"{text[:40]!r} is no part of a recording", hint=hint)
    if start >= end:
        raise UsageError(f"the part {text[:40]} ends before it begins", hint=hint)
    return start, end
