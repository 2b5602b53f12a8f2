"""Groups of duplicates as they are now, of what a look found."""

from __future__ import annotations

from typing import Any

import pytest

from morelike.server.pages.piles import SHOWN, Filters, Pile, piles_of, score_of

ALL = frozenset("abcdefgh")


def group(kind: str, *members: tuple[str, float], **why: float) -> dict[str, Any]:
    shapes = [
        {"item": item, "source": f"/{item}.jpg", "size": 9, "width": 4, "height": 3, "score": score, "why": why}
        for item, score in members
    ]
    return {"kind": kind, "keeper": members[0][0], "size": len(shapes), "members": shapes}


NEAR = group("near", ("a", 1.0), ("b", 0.9), ("c", 0.6))
LESS = group("near", ("d", 1.0), ("e", 0.7))
EQUAL = group("equal", ("f", 1.0), ("f", 1.0))


def shown(piles: list[Pile]) -> list[list[str]]:
    return [[member.id for member in pile.members] for pile in piles]


def test_the_most_alike_come_first_and_equal_files_last() -> None:
    """Of equal files nothing is to be set aside: they are one item."""
    piles = piles_of([EQUAL, LESS, NEAR], ALL, frozenset(), Filters())

    assert shown(piles) == [["a", "b", "c"], ["d", "e"], ["f", "f"]]
    assert [pile.number for pile in piles] == [2, 1, 0]
    assert [len(pile.others) for pile in piles] == [2, 1, 0]


@pytest.mark.parametrize(
    ("ready", "distinct", "filters", "left"),
    [
        (ALL - {"b"}, set(), Filters(), [["d", "e"], ["a", "c"]]),
        (ALL - {"b", "c"}, set(), Filters(), [["d", "e"]]),
        (ALL - {"a"}, set(), Filters(), [["d", "e"], ["b", "c"]]),
        (ALL, {("a", "b"), ("d", "e")}, Filters(), [["a", "c"]]),
        (ALL, set(), Filters(least=0.8), [["a", "b"]]),
        (ALL, set(), Filters(kind="equal"), []),
        (ALL, set(), Filters(kind="contains"), []),
    ],
    ids=["one gone", "all others gone", "the keeper gone", "different", "less alike", "another kind", "no kind"],
)
def test_what_is_decided_is_left_out(
    ready: frozenset[str], distinct: set[tuple[str, str]], filters: Filters, left: list[list[str]]
) -> None:
    """Items that went or were set aside, pairs that are different, and what the filters do not ask for."""
    assert shown(piles_of([NEAR, LESS], ready, distinct, filters)) == left


def test_a_likeness_is_told_where_it_was_measured() -> None:
    """Everything was held against the suggested keeper alone; with another one only that pair is known."""
    (pile,) = piles_of([NEAR], ALL, frozenset(), Filters())

    assert score_of(pile, "a", "c") == 0.6
    assert score_of(pile, "b", "a") == 0.9
    assert score_of(pile, "b", "c") == 0.0


def test_a_part_says_where_it_lies() -> None:
    """Seconds of the longer one."""
    (pile,) = piles_of(
        [group("contains", ("a", 1.0), ("b", 0.8), **{"from": 3.0, "to": 5.5})], ALL, frozenset(), Filters()
    )

    assert pile.members[1].at == (3.0, 5.5)
    assert len(pile.others) == 1


def test_a_large_group_is_drawn_in_part() -> None:
    """All of it is decided on, so many are shown."""
    many = group("near", *((f"item-{number}", 0.9) for number in range(100)))
    (pile,) = piles_of([many], {f"item-{number}" for number in range(100)}, frozenset(), Filters())

    assert (len(pile.shown), len(pile.others)) == (SHOWN, 99)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, Filters()),
        ({"job": "j", "kind": "near", "least": "0.7", "page": "3"}, Filters("j", "near", 0.7, 2)),
        ({"kind": "<b>", "least": "nan", "page": "-1"}, Filters()),
        ({"least": "7", "page": "999999999"}, Filters(least=1.0)),
        ({"least": "inf", "page": "0"}, Filters()),
    ],
)
def test_an_address_is_read_with_care(given: dict[str, str], read: Filters) -> None:
    """What cannot be read is passed over; what is read stands in the address again."""
    assert Filters.read(given) == read
    assert Filters.read(dict(pair.split("=") for pair in read.query().split("&") if pair)) == read
