"""A search's address: what it says is what is asked, and nothing else gets through."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from morelike.errors import QueryError
from morelike.server.pages.board import MOST_PARTS, Board, Fields, Part


def read(query: str) -> Board:
    return Board.read(Fields(parse_qs(query, keep_blank_values=True)))


@pytest.mark.parametrize(
    "board",
    [
        Board(),
        Board(parts=(Part("item", "abcdef012345"),)),
        Board(parts=(Part("upload", "t0ken_-x", -0.5, (0.1, 0.2, 0.5, 1.0)), Part("item", "abcdef")), offset=30),
        Board(parts=(Part("item", "abcdef", at=(12.0, 14.5)), Part("upload", "t0ken_-x")), mode="recording"),
        Board(text="a cup of tea & more", filter="width >= 1000 and tag = 'a+b'", threshold=-0.25),
        Board(
            parts=(Part("item", "abcdef", 0.5),), text="red", text_weight=1.3, further=(("a car", -0.7), ("sky", 1.0))
        ),
        Board(text="red", further=(("blue", 1.0),)),
    ],
)
def test_the_address_brings_the_search_back(board: Board) -> None:
    """Every search is read back from its own address as it was."""
    assert read(board.query()) == board


def test_a_plain_search_has_a_plain_address() -> None:
    """What is as usual does not stand in the address."""
    assert Board(parts=(Part("item", "abcdef"),)).query() == "part=item%3Aabcdef"


def test_weights_and_crops_stand_by_position() -> None:
    """An example's weight and crop are those at its place; what is missing is as usual."""
    board = read("part=item:aaaaaa&weight=1&crop=&part=item:bbbbbb&weight=-2&crop=0,0,0.5,0.5&part=item:cccccc")

    assert [part.weight for part in board.parts] == [1, -2, 1]
    assert [part.crop for part in board.parts] == [None, (0, 0, 0.5, 0.5), None]


def test_words_have_weights_by_position() -> None:
    """Words' weights are those at the place of their field; a field that was left empty is no part."""
    board = read("text=&text_weight=2&text=red&text_weight=-0.5&text=++&text_weight=9&text=blue")

    assert board.words == (("red", -0.5), ("blue", 1.0))
    assert board.without_words(0) == Board(text="blue")


def test_one_part_alone_has_no_weight() -> None:
    """Weights are offered where there is something to weigh, or where the address has one already."""
    assert not read("text=red").weighs
    assert not read("part=item:abcdef").weighs
    assert read("part=item:abcdef&weight=-1").weighs
    assert read("part=item:abcdef&text=red").weighs


def test_parts_in_time_stand_by_position() -> None:
    """An example's range is the one at its place, as seconds or as a clock shows it."""
    board = read("part=item:aaaaaa&at=&part=item:bbbbbb&at=1:02-1:10.5&part=item:cccccc")

    assert [part.at for part in board.parts] == [None, (62, 70.5), None]
    assert board.parts[1].at_words == "1:02.0–1:10.5"


def test_an_example_is_there_once() -> None:
    """Adding an example again changes its weight, and begins the list of hits anew."""
    board = Board(parts=(Part("item", "abcdef"), Part("item", "bbbbbb")), threshold=0.5, offset=60)

    changed = board.plus(Part("item", "abcdef", -1.0))

    assert changed == Board(parts=(Part("item", "bbbbbb"), Part("item", "abcdef", -1.0)))
    assert changed.without(0) == Board(parts=(Part("item", "abcdef", -1.0),))


@pytest.mark.parametrize(
    "query",
    [
        "part=path:/etc/passwd",
        "part=item:",
        "part=nonsense",
        "part=item:abcdef&weight=nan",
        "part=item:abcdef&weight=1e9",
        "part=item:abcdef&weight=x",
        "part=item:abcdef&crop=0,0,1",
        "part=item:abcdef&crop=0.5,0,0.5,1",
        "part=item:abcdef&crop=0,0,2,1",
        "part=item:abcdef&crop=a,b,c,d",
        "part=item:abcdef&at=8-3",
        "part=item:abcdef&at=x",
        "threshold=inf",
        "offset=-1",
        "offset=99999999",
        "text=" + "x" * 2001,
        "text=red&text_weight=nan",
        "text=red&text_weight=99",
        "&".join(["text=red"] * (MOST_PARTS + 1)),
        "&".join(["part=item:abcdef"] * (MOST_PARTS + 1)),
    ],
)
def test_what_cannot_be_read_is_refused(query: str) -> None:
    """An address that makes no sense is an error with a sentence, never half a search."""
    with pytest.raises(QueryError) as refused:
        read(query)

    assert refused.value.message
