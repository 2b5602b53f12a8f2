"""Times as people write them."""

from __future__ import annotations

import pytest

from morelike.errors import QueryError, UsageError
from morelike.server.pages.times import duration_of, range_of, range_value, span_words
from morelike.types import WHOLE, Span


def test_a_span_is_written() -> None:
    """From and to; a whole has no words."""
    assert span_words(Span("seconds", 12, 14.5)) == "0:12.0–0:14.5"
    assert span_words(WHOLE) == ""


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("3.5-8", (3.5, 8.0)),
        ("1:02-1:10", (62.0, 70.0)),
        ("0:03.5–0:08.0", (3.5, 8.0)),
        (" 1:00:00 - 1:00:01.25 ", (3600.0, 3601.25)),
    ],
)
def test_a_part_is_read(text: str, part: tuple[float, float]) -> None:
    """Seconds or minutes on either side of a dash; what the page writes it reads again."""
    assert range_of(text) == part
    assert range_of(range_value(part)) == part


@pytest.mark.parametrize("text", ["", "-", "3", "8-3", "3-3", "a-b", "-3-8", "3-8-9", "nan-inf", "1e3-2e3", "9" * 50])
def test_what_is_no_part(text: str) -> None:
    """Anything else is refused with how it is written."""
    with pytest.raises(QueryError, match="part") as refused:
        range_of(text)
    assert "1:02-1:10" in refused.value.hint


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2", 2), ("2s", 2), ("0.5", 0.5), ("500ms", 0.5), ("1m", 60), ("1m30s", 90), ("1:30", 90), (" 1 m 30 s ", 90)],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    """As the command line takes them."""
    assert duration_of(text, "window") == seconds


@pytest.mark.parametrize("text", ["", "s", "2x", "-2", "two"])
def test_what_is_no_duration(text: str) -> None:
    """The refusal names the option."""
    with pytest.raises(UsageError, match="window"):
        duration_of(text, "window")
