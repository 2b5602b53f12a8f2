"""Two answers to one example, side by side."""

from __future__ import annotations

from morelike.server.pages.comparing import beside_of
from morelike.types import WHOLE, Hit


def hits(items: str) -> list[Hit]:
    return [Hit(item, f"/{item}", 1.0, {"cosine": 1.0}, WHOLE, {}) for item in items]


def test_each_hit_knows_its_place_in_the_other_answer() -> None:
    """0 where it is not there; what both have is counted."""
    found = beside_of(hits("abcd"), hits("bacx"))

    assert [(row.place, row.other) for row in found.used] == [(1, 2), (2, 1), (3, 3), (4, 0)]
    assert [(row.place, row.other) for row in found.other] == [(1, 2), (2, 1), (3, 3), (4, 0)]
    assert (found.shared, found.same_first) == (3, False)


def test_an_empty_answer_shares_nothing() -> None:
    """A space that is not filled yet."""
    found = beside_of(hits("ab"), [])

    assert (found.shared, found.same_first, found.other) == (0, False, ())
