"""From pairs that are alike to groups with one keeper each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Group", "Likeness", "Member", "Pair", "group_pairs", "pair_of"]

PATIENCE = 8
"""How many comparisons may fail for each item that hangs together with others."""
Pair = tuple[str, str]
"""Two item ids, the lesser first."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two items are, 0 to 1, and what the figure is made of."""

    score: float
    why: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """One of a group. ``score`` and ``why`` compare it with the keeper; the keeper's own score is 1."""

    item: str
    source: str
    size: int
    media_type: str = ""
    width: int | None = None
    height: int | None = None
    score: float = 1.0
    why: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Things that are the same, the keeper first.

    ``equal``: one item, found at several places: a member for each source, and nothing to set aside. ``near``: several
    items; all but the keeper can be set aside.
    """

    kind: Literal["equal", "near"]
    keeper: str
    members: tuple[Member, ...]


def pair_of(one: str, other: str) -> Pair:
    return (one, other) if one <= other else (other, one)


def group_pairs(
    alike: Mapping[Pair, Likeness],
    order: Callable[[str], object],
    distinct: AbstractSet[Pair],
    compare: Callable[[str, str], Likeness | None],
) -> list[list[tuple[str, Likeness]]]:
    """Groups of item ids, the keeper first: the first by ``order``, each other one with its likeness to the keeper.

    What is connected by pairs is taken together; ``compare`` is asked where a member was not yet held against its
    keeper, so that a chain of small differences does not add up; where that fails too often (a film's frames, each like
    the next) only what was compared before counts. No group holds a pair that is ``distinct``. The order
    of ``alike`` does not matter.
    """
    known = {pair: likeness for pair, likeness in alike.items() if pair not in distinct}
    found: list[list[tuple[str, Likeness]]] = []
    for component in _components(known):
        left = sorted(component, key=lambda item: (order(item), item))
        tries = PATIENCE * len(left)
        while len(left) > 1:
            keeper, *others = left
            group, left = [(keeper, Likeness(1.0))], []
            for item in others:
                likeness = None
                if not any(pair_of(item, member) in distinct for member, _ in group):
                    likeness = known.get(pair_of(keeper, item))
                    if likeness is None and tries > 0:
                        likeness = compare(keeper, item)
                        tries -= likeness is None
                if likeness is None:
                    left.append(item)
                else:
                    group.append((item, likeness))
            if len(group) > 1:
                found.append(group)
    return sorted(found, key=lambda group: group[0][0])


def _components(pairs: Iterable[Pair]) -> list[set[str]]:
    """What hangs together, by union and find with halved paths."""
    parent: dict[str, str] = {}

    def root(item: str) -> str:
        parent.setdefault(item, item)
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for one, other in sorted(pairs):
        first, second = root(one), root(other)
        if first != second:
            parent[max(first, second)] = min(first, second)
    together: defaultdict[str, set[str]] = defaultdict(set)
    for item in list(parent):
        together[root(item)].add(item)
    return [together[name] for name in sorted(together)]
