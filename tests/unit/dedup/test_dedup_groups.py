"""Grouping, whatever the pairs are."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from morelike.dedup.groups import PATIENCE, Likeness, Pair, group_pairs, pair_of

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
