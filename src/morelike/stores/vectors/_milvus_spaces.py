"""The collections of a space: their names, which of them is the one in use, and the card that its vectors are of.

On a server a space is an alias, ``morelike_<library>_<space>``, of a collection with ``_g1`` behind that name. A space
that moves on to another index has a second one, ``_g2``, for a while (see ``_milvus_growing``): the one in use says in
its properties which is the ``next``, and after the alias was altered which was the ``previous``. In Milvus Lite, which
never moves, it is one collection of the plain name; so is one on a server that was made before there were aliases.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

from morelike.errors import SettingsError, SpaceMismatch, StoreDamaged, StoreUnreachable
from morelike.stores.vectors._milvus_engine import KINDS, IndexKind
from morelike.stores.vectors._milvus_fields import COUNT, FIELDS
from morelike.stores.vectors._milvus_line import READ, WRITE, Line, Missing, NotLoaded
from morelike.stores.vectors._milvus_making import ID, METRICS, STAMP, VECTOR, Making
from morelike.stores.vectors.shape import Shape
from morelike.types import Space

__all__ = ["ID", "STAMP", "VECTOR", "Found", "Spaces"]

_T = TypeVar("_T")

_CARD, _SHAPE, _REVISION = "morelike.card", "morelike.shape", "morelike.revision"
_NEXT, _PREVIOUS, _MOVER, _GONE = "morelike.next", "morelike.previous", "morelike.mover", "morelike.gone"
_LIBRARY = re.compile(r"[0-9a-zA-Z]{0,64}")
_NUMBERED = re.compile(r"(\d{1,18})(?:_g(\d{1,9}))?")
_KEPT: Final = 2.0
"""Seconds for which what is known of a collection is believed."""


@dataclass(frozen=True, slots=True)
class Found:
    """A space's collection as it was when it was looked at."""

    name: str
    space_id: int
    card: str
    shape: Shape
    index: IndexKind
    index_params: dict[str, Any]
    revision: int
    level: str
    at: float
    next: str = ""
    """The collection that the space is moving to; whoever writes writes there too."""
    previous: str = ""
    """The one that it moved from, which some may still read; whoever writes writes there too."""
    stamped: bool = False

    @property
    def metric(self) -> str:
        return METRICS[self.shape.metric]

    @property
    def generation(self) -> int:
        """0: one of the plain name."""
        return _generation(self.name)

    def all(self) -> list[Found]:
        """Every collection that has to be written, the one in use first."""
        others = (name for name in (self.next, self.previous) if name and name != self.name)
        return [self, *(replace(self, name=name) for name in others)]


class Spaces:
    """The collections of one library in a Milvus that other libraries, and others, may use too."""

    def __init__(self, line: Line, library_id: str, memory: int) -> None:
        if _LIBRARY.fullmatch(library_id) is None:
            raise SettingsError(f"a library's id is letters and digits, not {library_id!r}")
        self._line = line
        self._memory = memory
        self._making = Making(line)
        self._prefix = f"morelike_{library_id}_"
        self._found: dict[int, Found] = {}
        self._lock = threading.Lock()

    def name(self, space_id: int) -> str:
        """The alias, or the collection where there are no aliases."""
        return f"{self._prefix}{space_id:d}"

    def find(self, space: Space, *, fresh: bool = False) -> Found | None:
        """What holds the space's vectors; None: nothing does. Raises SpaceMismatch where they are of another card."""
        found = self.seen(space.id)
        if found is None or fresh or time.monotonic() - found.at > _KEPT:
            found = self.look(space.id)
        if found is not None:
            _check(space, found)
        return found

    def make(self, space: Space) -> Found:
        """The space's collection, made where there is none. Raises SpaceMismatch."""
        found = self.find(space, fresh=True)
        if found is None:
            self._create(space)
            found = self.find(space, fresh=True)
        if found is None:
            raise StoreUnreachable(f"{self._line.place} lost {self.name(space.id)} while it was made", hint="try again")
        return found

    def drop(self, space_id: int) -> None:
        """All its collections. Those are marked first: what is left of a half-done drop is no half-made space."""
        names = self.names(space_id)
        for name in names:
            if _generation(name):
                self._note(name, {_GONE: "1"})
        if any(_generation(name) for name in names):
            self._drop_alias(space_id)
        for name in names:
            self.drop_collection(name)
        self.forget(space_id)

    def drop_collection(self, name: str) -> None:
        with contextlib.suppress(Missing):
            self._line.ask(lambda client, left: client.drop_collection(name, timeout=left), WRITE)

    def forget(self, space_id: int) -> None:
        with self._lock:
            self._found.pop(space_id, None)

    def space_ids(self) -> list[int]:
        """Those that have a collection."""
        return sorted({space_id for space_id, _ in self._collections()})

    def names(self, space_id: int) -> list[str]:
        """The space's collections, whichever of them is in use, the newest last."""
        return [name for each, name in self._collections() if each == space_id]

    def level(self, found: Found) -> str:
        """How strictly to ask now: after trouble, a server that comes back may not know its newest rows at once."""
        return "Strong" if self._line.doubtful and not self._line.engine.local else found.level

    def of(self, space_id: int) -> Found | None:
        """The same for a space of which only the number is known, and for what is left of one that was dropped."""
        found = self.look(space_id)
        if found is None and not self._line.engine.local:
            left = (self.at(space_id, name) for name in reversed(self.names(space_id)))
            found = next((each for each in left if each is not None), None)
        return found

    def look(self, space_id: int) -> Found | None:
        """The collection in use, now."""
        alias = self.name(space_id)
        try:
            said = self._line.ask(lambda client, left: _described(client, alias, left))
        except Missing:
            self.forget(space_id)
            return None
        found = self._read(space_id, said, self.seen(space_id))
        if found is not None:
            with self._lock:
                self._found[space_id] = found
        return found

    def seen(self, space_id: int) -> Found | None:
        """The space as it was when it was last looked at here."""
        with self._lock:
            return self._found.get(space_id)

    def all_seen(self) -> list[Found]:
        with self._lock:
            return list(self._found.values())

    def ask(self, found: Found, work: Callable[[Any, float], _T], seconds: float = READ) -> _T:
        """``Line.ask`` for a collection that is loaded first where it has to be. Raises Missing."""
        try:
            return self._line.ask(work, seconds)
        except NotLoaded:
            self._making.load(found.name, seconds)
        try:
            return self._line.ask(work, seconds)
        except NotLoaded as error:
            raise StoreUnreachable(f"{self._line.place} does not load {found.name}", hint="try again") from error

    def note_revision(self, found: Found, revision: int) -> None:
        """In all the collections that ``found`` names. Raises Missing where the one in use is gone."""
        values = {_REVISION: str(int(revision))}
        self._change(found.name, values)
        for other in found.all()[1:]:
            self._note(other.name, values)
        self.forget(found.space_id)

    # -- moving on

    def at(self, space_id: int, name: str) -> Found | None:
        """One collection of a space, in use or not; None: it is not there, or half made."""
        try:
            said = self._line.ask(lambda client, left: client.describe_collection(name, timeout=left))
            return self._read(space_id, said, None)
        except Missing:
            return None

    def make_next(self, found: Found, index: IndexKind) -> Found:
        """The collection that the space is to move to: it can be written, and nobody knows of it yet."""
        name = f"{self.name(found.space_id)}_g{found.generation + 1:d}"
        there = self.at(found.space_id, name)
        if there is not None and (there.card, there.shape, there.index.name) != (found.card, found.shape, index.name):
            self.drop_collection(name)
        self._make(name, found.card, found.shape, index)
        there = self.at(found.space_id, name)
        if there is None:
            raise StoreUnreachable(f"{self._line.place} lost {name} while it was made", hint="try again")
        return there

    def note_next(self, found: Found, name: str) -> None:
        """From now on, whoever looks writes to ``name`` too. Raises Missing."""
        self._change(found.name, {_NEXT: name})
        self.forget(found.space_id)

    def mover(self, found: Found) -> str:
        """Whoever signed last that it is moving the space. Raises Missing where ``found`` is not in use any more."""
        there = self._properties(self.name(found.space_id))
        if there is None or there[0] != found.name:
            raise Missing(found.name)
        return there[1].get(_MOVER, "")

    def note_mover(self, found: Found, mover: str) -> None:
        """Raises Missing."""
        self._change(found.name, {_MOVER: mover})

    def switch(self, found: Found, target: Found) -> None:
        """The space is ``target`` from now on, for whoever looks. Raises Missing."""
        values = {_PREVIOUS: found.name, _NEXT: "", _MOVER: "", _REVISION: str(found.revision)}
        self._change(target.name, values)
        alias = self.name(found.space_id)
        self._line.ask(lambda client, left: client.alter_alias(target.name, alias, timeout=left), WRITE)
        self.forget(found.space_id)

    def end_move(self, found: Found) -> None:
        """Drop what the space moved from, and whatever older one there is."""
        for name in self.names(found.space_id):
            if 0 < _generation(name) < found.generation:
                self.drop_collection(name)
        self._change(found.name, {_PREVIOUS: ""})
        self.forget(found.space_id)

    def pending(self, found: Found) -> int:
        """Sealed rows that have no index yet. Raises Missing."""
        said = self._making.index_of(found.name)
        return 0 if said is None else int(said.get("pending_index_rows", 0))

    # -- looking

    def _collections(self) -> list[tuple[int, str]]:
        names = self._line.ask(lambda client, left: client.list_collections(timeout=left))
        ours = [name.removeprefix(self._prefix) for name in names if name.startswith(self._prefix)]
        numbered = (match for match in map(_NUMBERED.fullmatch, ours) if match is not None)
        found = [(int(match[1]), int(match[2] or 0), self._prefix + match[0]) for match in numbered]
        return [(space_id, name) for space_id, _, name in sorted(found)]

    def _read(self, space_id: int, said: Mapping[str, Any], before: Found | None) -> Found | None:
        name, properties = said["collection_name"], said.get("properties") or {}
        try:
            card = str(properties[_CARD])
            form, metric, dim = str(properties[_SHAPE]).split()
            shape, revision = Shape(form, metric, int(dim)), int(properties.get(_REVISION, -1))
            columns = {column["name"] for column in said["fields"]}
            if not {ID, VECTOR, FIELDS, COUNT} <= columns or metric not in METRICS:
                raise ValueError(name)
        except (KeyError, ValueError) as error:
            raise StoreDamaged(
                f"the collection {name} of {self._line.place} is none that morelike made",
                hint="drop or rename it; `morelike doctor --fix` then takes the items up anew",
            ) from error
        if before is not None and (before.name, before.card, before.shape) == (name, card, shape):
            index, params, level = before.index, before.index_params, before.level
        else:
            indexed = self._index(name)
            if indexed is None:
                return None
            index, params = indexed
            level = self._level(name)
        following, previous = (self._ours(space_id, properties.get(key)) for key in (_NEXT, _PREVIOUS))
        known = name, space_id, card, shape, index, params, revision, level, time.monotonic()
        return Found(*known, next=following, previous=previous, stamped=STAMP in columns)

    def _ours(self, space_id: int, name: object) -> str:
        """The name of another collection of the space; nothing else is ever written to."""
        own = isinstance(name, str) and name.startswith(f"{self.name(space_id)}_g") and _generation(name)
        return str(name) if own else ""

    def _index(self, name: str) -> tuple[IndexKind, dict[str, Any]] | None:
        """None: whoever makes the collection did not come to it yet, so no write has been acknowledged."""
        said = self._making.index_of(name)
        if said is None:
            return None
        kind = str(said.get("index_type"))
        return KINDS.get(kind, IndexKind(kind, {}, lossy=True)), said

    def _level(self, name: str) -> str:
        """How strictly to ask: with one replica, what a write call saw is what every later call sees."""
        if self._line.engine.local:
            return "Bounded"
        try:
            said = self._line.ask(lambda client, left: client.describe_replica(name, timeout=left))
            groups = said if isinstance(said, list) else getattr(said, "groups", [said])
        except Exception:  # it is a server that does not say
            return "Bounded"
        return "Strong" if len(groups) > 1 else "Bounded"

    # -- making and changing

    def _create(self, space: Space) -> None:
        """The alias comes last: whoever finds it finds all of the space."""
        shape = Shape.of(space.card)
        engine = self._line.engine
        engine.check(shape)
        alias, index = self.name(space.id), engine.index_for(shape, 0, self._memory)
        there = self._properties(alias)
        if there is not None or not engine.moves:  # what somebody did not bring to its end, or took the index from
            self._make(alias if there is None else there[0], space.card.id, shape, index)
            return
        name = f"{alias}_g1"
        for other in self.names(space.id):
            if other != name or self._is_gone(other):
                self.drop_collection(other)
        self._make(name, space.card.id, shape, index)
        self._line.ask(partial(_make_alias, name, alias), WRITE)

    def _make(self, name: str, card: str, shape: Shape, index: IndexKind) -> None:
        properties = {_CARD: card, _SHAPE: f"{shape.form} {shape.metric} {shape.dim:d}", _REVISION: "-1"}
        self._making.collection(name, card, shape, properties, stamped=self._line.engine.moves)
        if self._making.index_of(name) is None:
            self._make_index(name, shape, index)
        self._making.load(name)

    def _make_index(self, name: str, shape: Shape, index: IndexKind) -> None:
        self._making.index(name, shape, index)

    def _properties(self, name: str) -> tuple[str, dict[str, str]] | None:
        """The own name of what goes by ``name``, and its properties."""
        try:
            said = self._line.ask(lambda client, left: _described(client, name, left))
        except Missing:
            return None
        return str(said["collection_name"]), dict(said.get("properties") or {})

    def _is_gone(self, name: str) -> bool:
        """Whether a half-done drop left it."""
        there = self._properties(name)
        return there is None or _GONE in there[1]

    def _change(self, name: str, values: Mapping[str, str]) -> None:
        """Raises Missing."""
        self._line.ask(lambda client, left: client.alter_collection_properties(name, dict(values), timeout=left), WRITE)

    def _note(self, name: str, values: Mapping[str, str]) -> None:
        with contextlib.suppress(Missing):
            self._change(name, values)

    def _drop_alias(self, space_id: int) -> None:
        alias = self.name(space_id)
        with contextlib.suppress(Missing):
            self._line.ask(lambda client, left: client.drop_alias(alias, timeout=left), WRITE)


def _described(client: Any, name: str, left: float) -> dict[str, Any]:
    """Of an alias what it stands for, whatever the server calls that."""
    said: dict[str, Any] = client.describe_collection(name, timeout=left)
    if said["collection_name"] == name and name in (said.get("aliases") or ()):
        said["collection_name"] = client.describe_alias(name, timeout=left)["collection_name"]
    return said


def _make_alias(name: str, alias: str, client: Any, left: float) -> None:
    """Somebody else may have made it just now; one that stands for nothing any more is altered."""
    try:
        client.create_alias(name, alias, timeout=left)
    except Exception as refused:
        with contextlib.suppress(Exception):
            client.describe_collection(alias, timeout=left)
            return
        try:
            client.alter_alias(name, alias, timeout=left)
        except Exception:
            raise refused from None


def _generation(name: str) -> int:
    """0: a plain name."""
    _, mark, number = name.rpartition("_g")
    return int(number) if mark and number.isdigit() else 0


def _check(space: Space, found: Found) -> None:
    if found.card != space.card.id or found.shape != Shape.of(space.card):
        raise SpaceMismatch(
            f"space {space.id} holds vectors of {found.card}, not of {space.card.id}",
            hint="`morelike reembed` gives a collection another encoder",
        )
