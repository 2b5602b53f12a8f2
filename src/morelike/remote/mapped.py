"""The map of a remote collection: the server makes and keeps it, and its points come in pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from morelike.errors import MorelikeError, NoSuchMap
from morelike.progress import Progress
from morelike.project import Map
from morelike.remote.behind import Behind
from morelike.remote.jobs import cancelled
from morelike.remote.shapes_back import map_of

__all__ = ["RemoteMapped"]

PAGE: Final = 20_000
TRIES: Final = 3
"""How often a map is read anew that was made anew while it was read."""


class RemoteMapped(Behind):
    """Those methods of a remote collection."""

    def map(
        self,
        *,
        kind: str | None = None,
        refresh: bool = False,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> Map:
        """As ``OpenCollection.map``. Raises SpaceMismatch, QueryError, StoreError."""
        found = None if refresh else self.kept_map(kind)
        if found is not None:
            return found
        job = self._job("map", {"kind": kind}, progress=progress, stop=stop)
        if not job.result:
            raise cancelled(job)
        if job.state == "cancelled":
            return self._server.made(partial(map_of, points=[], interrupted=True), job.result)
        made = self.kept_map(kind)
        if made is None:
            raise MorelikeError(
                f"the server that answers has no map of {self._name}",
                hint="several servers of one library keep their maps apart: ask the one that did the job",
            )
        return made

    def kept_map(self, kind: str | None = None) -> Map | None:
        """As ``OpenCollection.kept_map``. Raises SpaceMismatch."""
        asked = {} if kind is None else {"kind": kind}
        for _ in range(TRIES):
            found = self._pages(asked)
            if found is not None:
                head, points = found
                return self._server.made(partial(map_of, points=points), head) if head else None
        raise MorelikeError(f"the map of {self._name} is made anew all the time", hint="try again later")

    def map_places(self, found: Map, filter: str) -> NDArray[np.int64]:
        """As ``OpenCollection.map_places``. Raises FilterError, NoSuchMap where the server has another map by now."""
        asked = {"filter": filter, "kind": found.kind, "made_at": found.made_at, "revision": found.revision}
        answer = self._get("map", "places", **asked)
        with self._server.client.reading(self._server.version):
            return np.array(answer["places"], np.int64)

    def _pages(self, asked: dict[str, str]) -> tuple[dict[str, Any], list[Any]] | None:
        """The first page and all points; nothing where no map was made; None where it changed on the way."""
        first: dict[str, Any] = {}
        points: list[Any] = []
        while True:
            try:
                page = self._get("map", offset=len(points), limit=PAGE, **asked)
            except NoSuchMap:
                return {}, []
            with self._server.client.reading(self._server.version):
                first = first or page
                if (page["made_at"], page["revision"]) != (first["made_at"], first["revision"]):
                    return None
                points += page["points"]
                if not page["more"] or not page["points"]:
                    return first, points
