"""From pairs that are alike to groups with one keeper each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal

from morelike.records import Aside

__all__ = ["Group", "GroupKind", "Likeness", "Member", "Pair", "asides_of", "group_contained", "group_pairs", "pair_of"]

PATIENCE = 8
"""How many comparisons may fail for each item that hangs together with others."""
GroupKind = Literal["equal", "near", "contains"]
Pair = tuple[str, str]
"""Two item ids, the lesser first."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two items are, 0 to 1, and what the figure is made of."""

    score: float
    why: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """One of a group. ``score`` and ``why`` compare it with the keeper; the keeper's own score is 1.

    Where it lies in the keeper, ``why`` says ``from`` and ``to``, seconds of the keeper, and the ``coverage``.
    """

    item: str
    source: str
    size: int
    media_type: str = ""
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    """Seconds."""
    score: float = 1.0
    why: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Things that are the same, the keeper first.

    ``equal``: one item, found at several places: a member for each source, and nothing to set aside. ``near``: several
    items; all but the keeper can be set aside. ``contains``: films or recordings that lie in a longer one, the keeper.
    """

    kind: GroupKind
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


def group_contained(
    held: Mapping[tuple[str, str], Likeness], near: Sequence[Sequence[tuple[str, Likeness]]]
) -> list[list[tuple[str, Likeness]]]:
    """Groups of ids, the longer one first, with what lies in it.

    ``held``: by (longer, shorter). Of several copies of a film only the one that stays tells what lies in it, as far as
    it was found there too.
    """
    keeper_of = {item: group[0][0] for group in near for item, _ in group[1:]}
    found: defaultdict[str, list[tuple[str, Likeness]]] = defaultdict(list)
    for (longer, shorter), likeness in sorted(held.items(), key=lambda pair: pair[0]):
        if (keeper_of.get(longer), shorter) not in held:
            found[longer].append((shorter, likeness))
    return [[(longer, Likeness(1.0)), *found[longer]] for longer in sorted(found)]


def asides_of(groups: Sequence[Group], *, contained: bool = False) -> list[Aside]:
    """What can be set aside, each item once, for one that stays; with ``contained`` what lies in a longer one too."""
    copies = {member.item: (group, member) for group in groups if group.kind == "near" for member in group.members[1:]}
    parts: dict[str, tuple[Group, Member]] = {}
    held = [group for group in groups if contained and group.kind == "contains"]
    inner = {member.item for group in held for member in group.members[1:]}
    for group in held:
        if group.keeper not in inner and group.keeper not in copies:
            for member in group.members[1:]:
                parts.setdefault(member.item, (group, member))
    chosen = {**parts, **{item: row for item, row in copies.items() if row[0].keeper not in parts}}
    return [Aside(item, group.keeper, "", member.score) for item, (group, member) in chosen.items()]


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
