"""One collection of a library behind a server. Wiring, no logic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from morelike.errors import MissingExtra, UnknownName
from morelike.protocols import Modality
from morelike.remote.adding import Adding
from morelike.remote.listed import RemoteListed
from morelike.remote.mapped import RemoteMapped
from morelike.remote.refused import refused
from morelike.remote.searching import Searching
from morelike.remote.server import Server
from morelike.remote.upkeep import Upkeep
from morelike.types import Metadata
from morelike.unpacking import configured

__all__ = ["RemoteCollection"]


class RemoteCollection(RemoteListed, RemoteMapped, Searching, Adding, Upkeep):
    """One collection of a library behind a server: ``OpenCollection`` over HTTP."""

    def __init__(self, server: Server, shape: Mapping[str, Any]) -> None:
        """``shape``: as the API gives a collection."""
        self._server = server
        with server.client.reading(server.version):
            self._name = str(shape["name"])
            self._media = str(shape["modality"])
            self._created_at = str(shape["created_at"])
            self._told: Metadata = dict(shape["options"])
        self._modality = _modality(self._media, server, self._told)

    @property
    def _previews(self) -> RemoteCollection:
        return self

    @property
    def _reader(self) -> Modality | None:
        return self._modality

    def __repr__(self) -> str:
        return f"<collection {self.name} of {self._server.client.address}: {self.count()} items ({self.modality})>"

    @property
    def name(self) -> str:
        return self._name

    @property
    def modality(self) -> str:
        return self._media

    @property
    def created_at(self) -> str:
        return self._created_at

    @property
    def options(self) -> Metadata:
        """How its items are cut: ``window``, ``hop``, ``every`` in seconds, ``regions``, as far as they apply."""
        return self._told

    def tag(self, item_ids: Sequence[str], add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Add and remove tags. Raises NoSuchItem."""
        self._change(item_ids, {"add_tags": _several(add), "remove_tags": _several(remove)})

    def annotate(self, item_ids: Sequence[str], metadata: Mapping[str, Any]) -> None:
        """Merge metadata into the items' sources; None removes a key. Raises NoSuchItem."""
        self._change(item_ids, {"metadata": dict(metadata)})

    def _change(self, item_ids: Sequence[str], change: Mapping[str, Any]) -> None:
        for some in self._server.in_parts([self._checked(item_id) for item_id in item_ids], "items"):
            self._server.client.json("PATCH", self._path("items"), body={"items": list(some), **change})

    def remove(self, item_ids: Sequence[str]) -> int:
        """Remove items with their vectors and kept bytes; in-place files stay. Raises NoSuchItem."""
        return self._remove("items", [self._checked(item_id) for item_id in item_ids])

    def remove_sources(self, uris: Sequence[str]) -> int:
        """Remove sources, and items that have none left then with all they have; how many items went."""
        return self._remove("sources", uris)

    def _remove(self, what: str, names: Sequence[str]) -> int:
        removed = 0
        for some in self._server.in_parts(list(names), "items"):
            answer = self._post("remove", body={what: list(some)}, repeat=False)
            removed += self._server.made(lambda shape: int(shape["removed"]), answer)
        return removed

    requeue = refused("requeue", "it takes up what the stores of that machine have", "`morelike doctor --fix` does it")
    pieces = refused("pieces", "its encoder is on the server", "search with the whole picture, or with a crop of it")
    segment = refused("segment", "the API does not look segments up", "hits say which part of an item they are")
    find_sources = refused("find_sources", "the API does not look rows up by their key", "`sources` pages them all")


def _modality(name: str, server: Server, options: Metadata) -> Modality | None:
    try:
        return configured(name, server.settings, options)
    except (MissingExtra, UnknownName):
        return None


def _several(words: str | Sequence[str]) -> list[str]:
    """A text alone is one tag, not its letters."""
    return [words] if isinstance(words, str) else list(words)
