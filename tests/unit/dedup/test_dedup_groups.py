"""Grouping, whatever the pairs are."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from morelike.dedup.groups import (
    PATIENCE,
    Group,
    GroupKind,
    Likeness,
    Member,
    Pair,
    asides_of,
    group_contained,
    group_pairs,
    pair_of,
)

ITEMS = "abcdefgh"
PAIRS = [pair_of(*pair) for pair in combinations(ITEMS, 2)]
pair_sets = st.sets(st.sampled_from(PAIRS), max_size=len(PAIRS))


def grouped(alike: set[Pair], distinct: set[Pair] = frozenset(), more: set[Pair] = frozenset(), order: str = ITEMS):
    """Groups as lists of ids; ``more`` are pairs that only ``compare`` knows to be alike."""
    known = {pair: Likeness(0.9) for pair in alike}

    def compare(one: str, other: str) -> Likeness | None:
        return Likeness(0.7) if pair_of(one, other) in more else None

    found = group_pairs(known, order.index, distinct, compare)
    return [[item for item, _ in group] for group in found]


@given(alike=pair_sets, distinct=pair_sets, more=pair_sets, order=st.permutations(ITEMS))
def test_groups_keep_their_promises(alike: set[Pair], distinct: set[Pair], more: set[Pair], order: list[str]) -> None:
    """Nobody is in two groups; none holds a distinct pair; each member is alike its keeper, the best of the group."""
    groups = grouped(alike, distinct, more, "".join(order))

    everybody = [item for group in groups for item in group]
    assert len(everybody) == len(set(everybody))
    for keeper, *others in groups:
        assert others
        assert all(pair_of(*pair) not in distinct for pair in combinations([keeper, *others], 2))
        assert all(pair_of(keeper, item) in alike | more for item in others)
        assert all(order.index(keeper) < order.index(item) for item in others)


@given(alike=pair_sets, distinct=pair_sets, data=st.data())
def test_the_order_of_the_pairs_does_not_matter(alike: set[Pair], distinct: set[Pair], data: st.DataObject) -> None:
    """The same pairs give the same groups."""
    shuffled = data.draw(st.permutations(sorted(alike)))
    one = group_pairs({pair: Likeness(0.9) for pair in sorted(alike)}, str, distinct, lambda *_: None)
    other = group_pairs({pair: Likeness(0.9) for pair in shuffled}, str, distinct, lambda *_: None)

    assert one == other


@given(alike=pair_sets)
def test_nothing_alike_is_left_alone_without_need(alike: set[Pair]) -> None:
    """Where nothing is distinct, an item is in no group only if its nearest keeper-to-be went to another group."""
    groups = grouped(alike)
    in_group = {item for group in groups for item in group}
    left = {item for pair in alike for item in pair} - in_group

    assert all(pair_of(*pair) not in alike for pair in combinations(sorted(left), 2))


def test_a_chain_is_held_against_its_keeper() -> None:
    """a like b and b like c does not make c a duplicate of a; where a comparison says so, it does."""
    chain = {("a", "b"), ("b", "c")}

    assert grouped(chain) == [["a", "b"]]
    assert grouped(chain, more={("a", "c")}) == [["a", "b", "c"]]


def test_a_distinct_pair_splits_a_group() -> None:
    """Two items that somebody told apart stay apart, though both are like a third."""
    triangle = {("a", "b"), ("a", "c"), ("b", "c")}

    assert grouped(triangle, distinct={("b", "c")}) == [["a", "b"]]
    assert grouped(triangle, distinct={("a", "b")}) == [["a", "c"]]


def test_a_long_chain_does_not_cost_every_pair() -> None:
    """Of a film's frames, each like the next, comparisons that fail are bounded by the number of frames."""
    frames = [f"{at:04}" for at in range(400)]
    asked = []

    def compare(one: str, other: str) -> Likeness | None:
        asked.append((one, other))
        return None

    chain = {pair_of(one, other): Likeness(0.9) for one, other in pairwise(frames)}
    groups = group_pairs(chain, str, set(), compare)

    assert len(asked) <= PATIENCE * len(frames)
    assert all(len(group) == 2 for group in groups)


def a_group(kind: GroupKind, keeper: str, *others: str) -> Group:
    return Group(kind, keeper, tuple(Member(item, item, 1) for item in (keeper, *others)))


def asides(*groups: Group, contained: bool) -> dict[str, str]:
    return {aside.item_id: aside.keeper for aside in asides_of(groups, contained=contained)}


def test_of_several_copies_one_tells_what_lies_in_it() -> None:
    """The one that stays; where nothing was found in that one, the copy does."""
    near = [[("film", Likeness(1.0)), ("copy", Likeness(0.9))]]
    held = {pair: Likeness(1.0) for pair in (("film", "clip"), ("copy", "clip"), ("copy", "other clip"))}

    found = [[item for item, _ in group] for group in group_contained(held, near)]

    assert found == [["copy", "other clip"], ["film", "clip"]]


def test_what_lies_in_another_is_set_aside_only_when_asked() -> None:
    """Copies always are, equal ones never."""
    groups = a_group("equal", "a"), a_group("near", "film", "copy"), a_group("contains", "film", "clip")

    assert asides(*groups, contained=False) == {"copy": "film"}
    assert asides(*groups, contained=True) == {"copy": "film", "clip": "film"}


def test_whoever_others_are_set_aside_for_stays() -> None:
    """A part of a part goes for the whole, or stays; a copy of what goes is held against what stays, or stays too."""
    chain = a_group("contains", "whole", "half"), a_group("contains", "half", "quarter")
    assert asides(*chain, contained=True) == {"half": "whole"}
    assert asides(*chain, a_group("contains", "whole", "quarter"), contained=True) == {
        "half": "whole",
        "quarter": "whole",
    }

    copies = a_group("near", "clip", "clip again"), a_group("contains", "film", "clip")
    assert asides(*copies, contained=True) == {"clip": "film"}
    assert asides(*copies, a_group("contains", "other film", "clip again"), contained=True) == {
        "clip": "film",
        "clip again": "other film",
    }
