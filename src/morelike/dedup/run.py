"""Duplicates of one collection: found, set aside, brought back, removed for good.

Setting aside is one transaction of the catalog: an item turns ``duplicate``, keeps its bytes, vectors and metadata, and
no search finds it. Nothing is lost until ``purge``.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from threading import Event
from time import monotonic
from typing import get_args

import numpy as np

from morelike.dedup.films import Films
from morelike.dedup.groups import (
    Group,
    GroupKind,
    Likeness,
    Pair,
    asides_of,
    group_contained,
    group_pairs,
    pair_of,
)
from morelike.dedup.keeping import Keep, lacking, member, order
from morelike.dedup.looking import Look, Looking, Teller
from morelike.dedup.near import VERIFIERS, Near
from morelike.dedup.sounds import Recordings
from morelike.deletion import delete_items
from morelike.errors import UsageError
from morelike.progress import Progress
from morelike.protocols import LoadsRuns, Modality
from morelike.records import Aside
from morelike.types import Collection, Item, Rejection, Space
from morelike.wiring import Stores

__all__ = [
    "THRESHOLD",
    "DedupReport",
    "Found",
    "Keep",
    "bring_back",
    "find",
    "forget_distinct",
    "purge",
    "remember_distinct",
    "set_aside",
    "set_aside_chosen",
]

THRESHOLD = 0.5
"""How alike near duplicates are at least; docs/dedup.md says what that finds and what not."""
_RUN_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Found:
    """What one look found. ``passed_over``: items whose originals could not be read or decoded."""

    groups: tuple[Group, ...]
    passed_over: tuple[Rejection, ...]
    looked_at: int
    seconds: float
    interrupted: bool
    near: bool
    """Whether near duplicates were looked for: there may be no way to be sure of them, or no index of recordings."""


@dataclass(frozen=True, slots=True)
class DedupReport:
    """What one ``dedup`` did. ``run`` names it for ``undo_dedup``; empty where nothing was set aside.

    ``would_free``: bytes of the kept copies that a purge would remove, those that other collections share counted too.
    """

    run: str
    groups: tuple[Group, ...]
    set_aside: int
    would_free: int
    passed_over: tuple[Rejection, ...]
    looked_at: int
    seconds: float
    interrupted: bool
    near: bool


def find(
    stores: Stores,
    collection: Collection,
    modality: Modality,
    *,
    keep: Keep = "best",
    near: bool = True,
    threshold: float | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
) -> Found:
    """Groups of duplicates among the ready items, equal ones first. Nothing is changed.

    Setting ``stop`` ends it soon, with what was found. Raises UsageError on a threshold outside 0 to 1.
    """
    began = monotonic()
    threshold = THRESHOLD if threshold is None else threshold
    if not 0 < threshold <= 1:
        raise UsageError(f"the threshold is {threshold}", hint="above 0, up to 1: only what is the same pixel by pixel")
    if keep not in get_args(Keep):
        raise UsageError(f"{keep!r} is no way to choose what is kept", hint=", ".join(get_args(Keep)))
    looking = Looking(stores, collection, modality, threshold, Teller(progress), stop or Event())
    groups = _equal(looking)
    looks = _looks(looking) if near else []
    for look in looks:
        if not looking.stop.is_set():
            groups += _groups(looking, look, keep)
    rejections = tuple(sorted(looking.rejections.values(), key=lambda row: row.uri))
    seconds = monotonic() - began
    return Found(tuple(groups), rejections, looking.looked_at, seconds, looking.stop.is_set(), bool(looks))


def _looks(looking: Looking) -> list[Look]:
    """What can make sure of this collection's media."""
    kinds = looking.modality.kinds
    landmarks = [
        space for kind in kinds for space in looking.spaces(kind) if space.card.form == "sketch" and _ticks(space)
    ]
    recordings: list[Look] = [Recordings(looking, space) for space in landmarks[:1]]
    if isinstance(looking.modality, LoadsRuns):
        frames = [space for space in looking.spaces("image") if space.has_vectors]
        return [*recordings, *(Films(looking, space) for space in frames[:1])]
    return [*recordings, *([Near(looking)] if any(kind in VERIFIERS for kind in kinds) else [])]


def _ticks(space: Space) -> bool:
    return "tick" in space.card.options


def _equal(looking: Looking) -> list[Group]:
    """Items that were found at several places."""
    return [
        Group("equal", item.id, tuple(replace(member(item), source=source.uri) for source in item.sources))
        for item in looking.items()
        if len(item.sources) > 1
    ]


def _groups(looking: Looking, look: Look, keep: Keep) -> list[Group]:
    """Copies, then what lies in longer ones."""
    alike = look.pairs()
    catalog, collection = looking.stores.catalog, looking.collection
    named = sorted({item_id for pair in (*alike.near, *alike.contained) for item_id in pair})
    items = catalog.get_items(collection, named)
    distinct = catalog.distinct(collection)
    pairs = {pair: likeness for pair, likeness in alike.near.items() if pair[0] in items and pair[1] in items}
    lacks = lacking(items.values(), pairs)
    near = group_pairs(pairs, lambda item_id: order(items[item_id], keep, lacks[item_id]), distinct, look.compare)
    held = {
        pair: likeness
        for pair, likeness in alike.contained.items()
        if pair[0] in items and pair[1] in items and pair_of(*pair) not in distinct
    }
    return [
        *(_group("near", items, group) for group in near),
        *(_group("contains", items, group) for group in group_contained(held, near)),
    ]


def _group(kind: GroupKind, items: Mapping[str, Item], group: Sequence[tuple[str, Likeness]]) -> Group:
    members = tuple(replace(member(items[item]), score=likeness.score, why=likeness.why) for item, likeness in group)
    return Group(kind, group[0][0], members)


def set_aside(
    stores: Stores, collection: Collection, found: Found, *, dry_run: bool = False, contained: bool = False
) -> DedupReport:
    """Set aside all but the keeper of each near group, in one transaction; nothing where the look was interrupted.

    With ``contained`` what lies in a longer one too: a clip is no copy of its film.
    """
    wanted = asides_of(found.groups, contained=contained)
    run, free = "", 0
    if wanted and not found.interrupted:
        if dry_run:
            free = _kept_bytes(stores, collection, wanted)
        else:
            with stores.lock.hold(f"dedup {collection.name}"):
                wanted = _still_true(stores, collection, wanted)
                run = uuid.uuid4().hex[:_RUN_LENGTH] if wanted else ""
                free = _kept_bytes(stores, collection, wanted)
                stores.catalog.set_aside(collection, [replace(aside, run=run) for aside in wanted])
    count = len(wanted) if run else 0
    return DedupReport(
        run, found.groups, count, free, found.passed_over, found.looked_at, found.seconds, found.interrupted, found.near
    )


def set_aside_chosen(stores: Stores, collection: Collection, asides: Sequence[Aside]) -> list[Aside]:
    """What a person chose, as one run; those that it is still true of. Raises NoSuchItem, UsageError."""
    whole = {
        named: stores.catalog.item(collection, named).id
        for named in dict.fromkeys(name for aside in asides for name in (aside.item_id, aside.keeper))
    }
    wanted = [replace(one, item_id=whole[one.item_id], keeper=whole[one.keeper], at="") for one in asides]
    gone = {aside.item_id for aside in wanted}
    wrong = next((aside for aside in wanted if aside.keeper in gone), None)
    if wrong is not None or len(gone) < len(wanted):
        sentence = f"the item {wrong.keeper[:12]} cannot be kept and set aside" if wrong else "an item is named twice"
        raise UsageError(sentence, hint="name each item once, and for it one that stays")
    with stores.lock.hold(f"dedup {collection.name}"):
        wanted = _still_true(stores, collection, wanted)
        run = uuid.uuid4().hex[:_RUN_LENGTH]
        stores.catalog.set_aside(collection, [replace(aside, run=run) for aside in wanted])
        return stores.catalog.asides(collection, run=run) if wanted else []


def _still_true(stores: Stores, collection: Collection, wanted: Sequence[Aside]) -> list[Aside]:
    """Less what was removed, set aside or called distinct since the look: a keeper must be there to be found."""
    named = [item_id for aside in wanted for item_id in (aside.item_id, aside.keeper)]
    known = stores.catalog.known(collection, list(dict.fromkeys(named)))
    distinct = stores.catalog.distinct(collection)
    return [
        aside
        for aside in wanted
        if known.get(aside.item_id) == known.get(aside.keeper) == "ready"
        and pair_of(aside.item_id, aside.keeper) not in distinct
    ]


def _kept_bytes(stores: Stores, collection: Collection, asides: Sequence[Aside]) -> int:
    items = stores.catalog.get_items(collection, [aside.item_id for aside in asides])
    return sum(item.digest.size for item in items.values() if not item.in_place)


def bring_back(stores: Stores, collection: Collection, run: str | None) -> tuple[int, list[Item]]:
    """Undo a run, the last one where none is named: (how many items came back, those that ingest must take up again).

    The latter lost their vectors, or never had any: the collection was re-embedded meanwhile. Raises UsageError on an
    unknown run.
    """
    with stores.lock.hold(f"dedup {collection.name}"):
        everything = stores.catalog.asides(collection)
        if run is None and not everything:
            return 0, []
        run = everything[0].run if run is None else run
        chosen = [aside.item_id for aside in everything if aside.run == run]
        if not chosen:
            known = ", ".join(dict.fromkeys(aside.run for aside in everything))
            raise UsageError(
                f"nothing is set aside by a run {run!r}",
                hint=f"there are: {known}" if known else "nothing is set aside",
            )
        return _restore(stores, collection, chosen)


def _restore(stores: Stores, collection: Collection, item_ids: Sequence[str]) -> tuple[int, list[Item]]:
    """Ready again; those that lack vectors are pending instead. Call it under the write lock."""
    back = stores.catalog.bring_back(collection, item_ids)
    lacking = _without_vectors(stores, collection, back)
    stores.catalog.requeue(collection, lacking)
    return len(back), list(stores.catalog.get_items(collection, lacking).values())


def _without_vectors(stores: Stores, collection: Collection, item_ids: Sequence[str]) -> list[str]:
    lacking: dict[str, None] = {}
    spaces = [space for space in stores.catalog.spaces(collection) if space.active and space.has_vectors]
    for item_id, segments in stores.catalog.segments_of(collection, item_ids).items():
        for space in spaces:
            wanted = [segment.id for segment in segments if segment.kind == space.kind]
            if wanted and len(stores.vectors.fetch(space, np.array(wanted, dtype=np.int64))[0]) < len(wanted):
                lacking[item_id] = None
    return list(lacking)


def purge(stores: Stores, collection: Collection, run: str | None) -> int:
    """Remove for good what a run set aside, or all that any did; how many items. In-place files stay where they are."""
    with stores.lock.hold(f"dedup {collection.name}"):
        asides = stores.catalog.asides(collection, run=run)
        if run is not None and not asides:
            raise UsageError(f"nothing is set aside by a run {run!r}", hint="without a name, all of it is removed")
        return delete_items(stores, collection, [aside.item_id for aside in asides])


def remember_distinct(stores: Stores, collection: Collection, item_ids: Sequence[str]) -> tuple[int, list[Item]]:
    """All pairs among the items are no duplicates, now and later; those set aside for one another come back.

    As ``bring_back``: how many did, and which need their vectors made. Raises UsageError on fewer than two items.
    """
    pairs = _pairs(item_ids)
    with stores.lock.hold(f"dedup {collection.name}"):
        stores.catalog.mark_distinct(collection, pairs)
        wrong = set(pairs)
        asides = stores.catalog.asides(collection)
        return _restore(
            stores, collection, [aside.item_id for aside in asides if pair_of(aside.item_id, aside.keeper) in wrong]
        )


def forget_distinct(stores: Stores, collection: Collection, item_ids: Sequence[str]) -> None:
    """What ``remember_distinct`` remembers, forgotten. Raises UsageError on fewer than two items."""
    pairs = _pairs(item_ids)
    with stores.lock.hold(f"dedup {collection.name}"):
        stores.catalog.unmark_distinct(collection, pairs)


def _pairs(item_ids: Sequence[str]) -> list[Pair]:
    pairs = [pair_of(one, other) for one, other in combinations(dict.fromkeys(item_ids), 2)]
    if not pairs:
        raise UsageError("it takes two different items to be no duplicates", hint="name two or more")
    return pairs
