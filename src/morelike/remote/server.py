"""The server behind a remote library: its client, what it says of itself, and how long lists are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from morelike.remote.client import Client
from morelike.settings import Settings

__all__ = ["Server", "connect"]

PAGE: Final = 1000
"""The longest page that the API gives."""
SPARE: Final = 16 * 1024
"""Bytes of a JSON body for what stands around a list."""
LIMITS: Final = ("upload_bytes", "json_bytes", "files", "known", "items", "queries")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Server:
    """``limits``: how much one request may hold, by name."""

    client: Client
    settings: Settings
    version: str
    library: str
    modalities: tuple[str, ...]
    limits: Mapping[str, int]

    def page(
        self, path: str, field: str, made: Callable[[Mapping[str, Any]], T], offset: int, limit: int, **params: Any
    ) -> list[T]:
        """``limit`` rows from ``offset`` on, in as many requests as that takes."""
        rows: list[T] = []
        while len(rows) < limit:
            count = min(limit - len(rows), PAGE)
            answer = self.client.get(path, offset=offset + len(rows), limit=count, **params)
            with self.client.reading(self.version):
                found = [made(shape) for shape in answer[field]]
                more = answer["more"]
            rows += found
            if not more or not found:
                break
        return rows

    def in_parts(self, names: Sequence[str], limit: str) -> Iterator[list[str]]:
        """As many at a time as one request may hold, by their number and their length."""
        room = self.limits["json_bytes"] - SPARE
        part: list[str] = []
        taken = 0
        for name in names:
            length = len(json.dumps(name)) + 2
            if part and (len(part) >= self.limits[limit] or taken + length > room):
                yield part
                part, taken = [], 0
            part.append(name)
            taken += length
        if part:
            yield part

    def made(self, make: Callable[[Mapping[str, Any]], T], shape: Mapping[str, Any]) -> T:
        """What an answer's shape stands for. Raises MorelikeError on one that another version wrote."""
        with self.client.reading(self.version):
            return make(shape)


def connect(client: Client, settings: Settings) -> Server:
    """Ask the server what it is. Raises what ``Client.json`` raises: no server, another program, a key it refuses."""
    told = client.get("/info")
    with client.reading(str(told.get("version", ""))[:40]):
        limits = {name: int(told["limits"][name]) for name in LIMITS}
        return Server(client, settings, str(told["version"]), str(told["library"]), tuple(told["modalities"]), limits)
