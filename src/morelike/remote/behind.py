"""What every part of a remote collection needs: its server and its name."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

from morelike.progress import Progress
from morelike.records import Job
from morelike.remote.client import part
from morelike.remote.jobs import RemoteJobs, done
from morelike.remote.server import Server

__all__ = ["Behind"]


class Behind(ABC):
    """A collection of a server."""

    _server: Server
    _name: str

    def _path(self, *parts: str) -> str:
        """Below the collection."""
        return "/".join(["/collections", part(self._name), *parts])

    def _get(self, *parts: str, **params: Any) -> dict[str, Any]:
        return self._server.client.get(self._path(*parts), **params)

    def _post(self, *parts: str, body: Mapping[str, Any], repeat: bool = True) -> dict[str, Any]:
        return self._server.client.post(self._path(*parts), body, repeat=repeat)

    def _job(
        self,
        kind: str,
        arguments: Mapping[str, Any],
        *,
        new: str = "",
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> Job:
        """Have the server do it, and wait for its end. Raises what the work raised there."""
        given = {name: value for name, value in arguments.items() if value is not None}
        job = RemoteJobs(self._server).add(kind, self._name, given)
        return done(self._server, job, new=new, progress=progress, stop=stop, notify=notify)
