"""Duplicates of one collection: found, set aside, brought back, removed for good.

Setting aside is one transaction of the catalog: an item turns ``duplicate``, keeps its bytes, vectors and metadata, and
no search finds it. Nothing is lost until ``purge``.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from threading import Event
from time import monotonic
from typing import Literal, get_args

import numpy as np

from morelike.dedup.groups import Group, Likeness, Member, Pair, group_pairs, pair_of
from morelike.dedup.near import VERIFIERS, Near, Teller, pages
from morelike.deletion import delete_items
from morelike.errors import UsageError
from morelike.progress import Progress
from morelike.protocols import Modality
from morelike.records import Aside
from morelike.types import Collection, Item, Rejection
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
]

Keep = Literal["best", "largest", "oldest", "newest"]
"""Which of a group stays: ``best``: most pixels, then the larger file, then the one without loss, then the oldest."""

THRESHOLD = 0.5
"""How alike near duplicates are at least; docs/dedup.md says what that finds and what not."""
_LOSSLESS = frozenset({"image/png", "image/tiff", "image/bmp", "image/x-portable-anymap", "image/x-portable-pixmap"})
_RUN_LENGTH = 8
_Order = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What one look found. ``passed_over``: items whose originals could not be read or decoded."""

    groups: tuple[Group, ...]
    passed_over: tuple[Rejection, ...]
    looked_at: int
    seconds: float
    interrupted: bool
    near: bool
    """Whether near duplicates were looked for: the modality may have no way to be sure of them."""


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
    stop = stop or Event()
    groups = _equal(stores, collection, stop)
    near = near and any(kind in VERIFIERS for kind in modality.kinds)
    look = Near(stores, collection, modality, threshold=threshold, teller=Teller(progress), stop=stop)
    if near and not stop.is_set():
        pairs = look.pairs()
        groups += _near(stores, collection, look, pairs, keep)
    rejections = tuple(sorted(look.rejections.values(), key=lambda row: row.uri))
    return Found(tuple(groups), rejections, look.looked_at, monotonic() - began, stop.is_set(), near)


def _equal(stores: Stores, collection: Collection, stop: Event) -> list[Group]:
    """Items that were found at several places."""
    groups: list[Group] = []
    for items in pages(stores, collection):
        for item in items:
            if len(item.sources) > 1:
                members = tuple(replace(_member(item), source=source.uri) for source in item.sources)
                groups.append(Group("equal", item.id, members))
        if stop.is_set():
            break
    return groups


def _near(stores: Stores, collection: Collection, look: Near, pairs: dict[Pair, Likeness], keep: Keep) -> list[Group]:
    named = sorted({item_id for pair in pairs for item_id in pair})
    items = stores.catalog.get_items(collection, named)
    pairs = {pair: likeness for pair, likeness in pairs.items() if pair[0] in items and pair[1] in items}
    distinct = stores.catalog.distinct(collection)
    grouped = group_pairs(pairs, lambda item_id: _order(items[item_id], keep), distinct, look.compare)
    return [
        Group(
            "near",
            group[0][0],
            tuple(
                replace(_member(items[item_id]), score=likeness.score, why=likeness.why) for item_id, likeness in group
            ),
        )
        for group in grouped
    ]


def _member(item: Item) -> Member:
    source = item.sources[0].uri if item.sources else ""
    width, height = item.info.get("width"), item.info.get("height")
    return Member(item.id, source, item.digest.size, item.media_type, width, height)


def _order(item: Item, keep: Keep) -> _Order:
    """The least is kept."""
    size, moment = item.digest.size, _moment(item)
    pixels = int(item.info.get("width") or 0) * int(item.info.get("height") or 0)
    best: _Order = (-pixels, -size, item.media_type not in _LOSSLESS, moment)
    if keep == "largest":
        return (-size, *best)
    if keep == "oldest":
        return (moment, *best)
    if keep == "newest":
        return (_Reversed(moment), *best)
    return best


def _moment(item: Item) -> str:
    """When it was taken, as far as the picture says so; else when its file was last changed; else when it was added."""
    taken = item.info.get("taken")
    if isinstance(taken, str) and taken:
        return taken
    changed = [source.modified_ns for source in item.sources if source.modified_ns is not None]
    return _iso(min(changed)) if changed else item.added_at


def _iso(nanoseconds: int) -> str:
    return str(np.datetime64(nanoseconds // 1000, "us"))


@dataclass(frozen=True, slots=True)
class _Reversed:
    text: str

    def __lt__(self, other: _Reversed) -> bool:
        return self.text > other.text


def set_aside(stores: Stores, collection: Collection, found: Found, *, dry_run: bool = False) -> DedupReport:
    """Set aside all but the keeper of each near group, in one transaction; nothing where the look was interrupted."""
    wanted = [
        Aside(member.item, group.keeper, "", member.score)
        for group in found.groups
        if group.kind == "near"
        for member in group.members[1:]
    ]
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
