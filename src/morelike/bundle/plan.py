"""Where a bundle's collections go: into new ones, or into those of the same name that hold the same kind of thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from morelike import faults
from morelike.bundle.manifest import CollectionEntry, Manifest, SpaceEntry
from morelike.errors import NoSuchCollection, SourceError, UnknownName, UsageError
from morelike.parts import add_spaces
from morelike.protocols import Modality
from morelike.registry import MODALITIES
from morelike.types import Collection, Kind, Space
from morelike.wiring import Stores

__all__ = ["Target", "check_spaces", "made", "planned"]


@dataclass(frozen=True, slots=True)
class Target:
    """A collection of the bundle, and the one of the library that it goes into: None, where it is to be made."""

    entry: CollectionEntry
    found: Collection | None
    spaces: tuple[Space, ...] = ()
    """The library's own, in the order of the entry's; filled by ``made``."""


def planned(stores: Stores, manifest: Manifest, names: Sequence[str]) -> list[Target]:
    """Changes nothing. Raises UsageError where a collection of that name is another one, MissingExtra, SourceError."""
    known = {entry.name: entry for entry in manifest.collections}
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"the bundle has no collection {unknown[0]!r}", hint=f"it has {', '.join(known) or 'none'}")
    chosen = [known[name] for name in dict.fromkeys(names)] if names else list(known.values())
    return [Target(entry, _found(stores, entry)) for entry in chosen]


def _found(stores: Stores, entry: CollectionEntry) -> Collection | None:
    try:
        found = stores.catalog.collection(entry.name)
    except NoSuchCollection:
        _check_options(stores, entry)
        return None
    if found.modality != entry.modality:
        raise UsageError(
            f"the collection {found.name} here holds {found.modality}, that of the bundle {entry.modality}",
            hint="import into another library, or drop the one that is here",
        )
    if dict(found.options) != dict(entry.options):
        raise UsageError(
            f"the collection {found.name} here is cut otherwise: {dict(found.options)}, not {dict(entry.options)}",
            hint="import into another library, or drop the one that is here",
        )
    _check_spaces(stores, found, entry)
    return found


def _check_options(stores: Stores, entry: CollectionEntry) -> None:
    """They are what the modality would have made itself. Raises MissingExtra, SourceError."""
    try:
        modality: Modality = MODALITIES.load(entry.modality)(stores.settings)
        settled = modality.settle(entry.options)
    except UnknownName as error:
        raise SourceError(f"{entry.name}: {error.message}", hint="install its package, or a newer morelike") from error
    except UsageError as error:
        if not entry.options:
            raise
        raise SourceError(f"{entry.name} cannot be made: {error.message}", hint=error.hint) from error
    if dict(settled) != dict(entry.options):
        raise SourceError(f"{entry.name} cannot be made: its options are {dict(entry.options)}, not {dict(settled)}")


def _check_spaces(stores: Stores, found: Collection, entry: CollectionEntry) -> None:
    """Whether vectors of the two may lie together. Raises UsageError."""
    spaces = stores.catalog.spaces(found)
    here = {space.kind: space.card for space in spaces if space.active}
    there = {space.kind: space.card for space in entry.spaces if space.active}
    empty = not stores.catalog.count(found, state=None)
    for kind in sorted(here.keys() | there.keys()):
        own, new = here.get(kind), there.get(kind)
        if own is not None and new is not None and own.id == new.id:
            continue
        if empty and own is None:  # an import of it was cut off, or nothing was added yet
            continue
        raise UsageError(
            f"the collection {found.name} here is made with {own.id if own else 'nothing'} for {kind}, "
            f"that of the bundle with {new.id if new else 'nothing'}: their vectors cannot be compared",
            hint=f"`morelike reembed {found.name}` on one side first, or import into another library",
        )
    for space in spaces:
        other = next((one for one in entry.spaces if (one.kind, one.card.id) == (space.kind, space.card.id)), None)
        if other is not None and _shape(other) != (space.card.form, space.card.dim, space.card.metric):
            raise SourceError(f"{found.name}: the bundle's card {space.card.id} is not the card of that name here")


def _shape(space: SpaceEntry) -> tuple[str, int, str]:
    return space.card.form, space.card.dim, space.card.metric


def made(stores: Stores, target: Target) -> Target:
    """With the collection and its spaces there. Call it under the write lock; repeatable."""
    entry = target.entry
    found = target.found or stores.catalog.create_collection(entry.name, entry.modality, entry.options)
    active: dict[Kind, str] = {space.kind: space.card.id for space in stores.catalog.spaces(found) if space.active}
    spaces = []
    for space in entry.spaces:
        wanted = space.active and active.get(space.kind) is None
        spaces.append(add_spaces(stores, found, {space.kind: space.card}, active=wanted)[space.kind])
    faults.reached("import.made")
    return replace(target, found=found, spaces=tuple(spaces))


def check_spaces(stores: Stores, found: Collection, spaces: Sequence[Space]) -> None:
    """Whether they are still searched as they were: another process may have given the collection another encoder.

    Call it under the write lock. Raises NoSuchCollection, UsageError.
    """
    now = {space.id: space.active for space in stores.catalog.spaces(found)}
    if not now:
        raise NoSuchCollection(f"the collection {found.name!r} was dropped", hint="run the same import again")
    if any(now.get(space.id) != space.active for space in spaces):
        raise UsageError(
            f"the collection {found.name} was given another encoder while this came in",
            hint="what came before is there; run the same import again, and it says whether the rest goes with it",
        )
