"""What a hit says in its field's own words: shared atoms, and an alignment in lines."""

from __future__ import annotations

from typing import Any

from morelike.explained import alignment_lines, shared_line
from morelike.types import WHOLE, Hit


def hit(**why: Any) -> Hit:
    return Hit("item", "source", 1.0, {}, WHOLE, {}, why=why)


def test_shared_atoms_are_said_in_runs() -> None:
    """Of the hit and of the example, with their part of all atoms."""
    shared = {"atoms": [0, 2, 3, 5, 6, 7], "bonds": [], "share": 0.75}

    assert shared_line(hit(shared=shared)) == "atoms 0, 2, 3, 5-7 (75 %)"
    assert shared_line(hit(shared={**shared, "query": {"atoms": [], "share": 0.0}})).endswith(
        "of the example none (0 %)"
    )
    assert shared_line(hit()) == ""


def test_an_alignment_has_the_places_of_its_ends() -> None:
    """Counted from 1; on the other strand they go down; gaps are no places."""
    blocks = [
        {"query": "ACG-T", "bars": "||| |", "hit": "ACGAT", "query_at": 9, "hit_at": 104},
        {"query": "AC", "bars": "||", "hit": "AC", "query_at": 13, "hit_at": 99},
    ]

    assert alignment_lines(hit(alignment={"strand": "-", "blocks": blocks, "columns": 7})).splitlines() == [
        "query  10 ACG-T 13",
        "          ||| |",
        "hit   105 ACGAT 101",
        "",
        "query  14 AC 15",
        "          ||",
        "hit   100 AC 99",
    ]


def test_what_is_not_shown_is_counted() -> None:
    """An alignment longer than its blocks says how much is left; without one there is nothing to say."""
    block = {"query": "A", "bars": "|", "hit": "A", "query_at": 0, "hit_at": 0}

    assert alignment_lines(hit(alignment={"blocks": [block], "columns": 2001})).endswith(
        "… and 2\u2009000 more columns"
    )
    assert alignment_lines(hit()) == ""
