"""Pictures by their file names alone, as the oldest image server knew them: all were files of one folder.

Here two of the same name are two: an address then says which one is meant, ``/data/NAME?image_path=PATH``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import quote

from morelike.collection import OpenCollection
from morelike.errors import FilterError, NoSuchCollection
from morelike.server.compat.answering import quoted
from morelike.server.compat.served import Row, Served
from morelike.server.errors import Refused
from morelike.types import Item

__all__ = ["addresses", "leads_to", "path_of"]

_ASKED_TOGETHER: Final = 15
"""Names in one filter, whose length is bounded."""
_ENOUGH: Final = 200
"""Pictures of so few names: where there are more, each address says which one is meant."""


def addresses(served: Served, rows: Sequence[Row]) -> list[str]:
    """Of each row: ``/data/NAME`` where that leads to its picture, else with its path behind it."""
    return [
        f"/data/{quote(row.name, safe='')}" + ("" if alone else f"?image_path={quoted(row.path)}")
        for row, alone in zip(rows, leads_to(served, rows), strict=True)
    ]


def leads_to(served: Served, rows: Sequence[Row]) -> list[bool]:
    """Of each row: whether its name alone leads to its picture, as ``path_of`` finds it."""
    known = _by_name(served, {row.name for row in rows})
    return [known.get(row.name) == {row.hit.item} for row in rows]


def path_of(served: Served, name: str) -> str:
    """The path of the oldest picture of that name, of the server's own table first. Raises Refused (404)."""
    for opened in _tables(served):
        for item in _with_names(opened, [name], 1):
            for source in item.sources:
                if source.name == name:  # a database may take two names for one
                    return source.uri
    raise Refused(404, "no table has such a file", hint="names come from a search's answer")


def _by_name(served: Served, names: set[str]) -> dict[str, set[str]]:
    """The items that ``/data/NAME`` may lead to, by name: those of the first table that has some. Left out where it
    cannot be said.
    """
    found: dict[str, set[str]] = {}
    for opened in _tables(served):
        wanted = sorted(names - found.keys())
        for at in range(0, len(wanted), _ASKED_TOGETHER):
            asked = wanted[at : at + _ASKED_TOGETHER]
            items = _with_names(opened, asked, _ENOUGH)
            for item in items:
                for name in {source.name for source in item.sources} & set(asked):
                    found.setdefault(name, set()).add(item.id)
            if len(items) == _ENOUGH:
                found.update({name: set() for name in asked})
    return found


def _with_names(opened: OpenCollection, names: Sequence[str], limit: int) -> list[Item]:
    """The oldest items with one of these names; none by a name that no filter can hold."""
    written = [_written(name) for name in names if name.isprintable()]
    if not written:
        return []
    try:
        return opened.items(filter=f"name in ({', '.join(written)})", limit=limit)
    except FilterError:
        return []


def _written(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _tables(served: Served) -> Iterator[OpenCollection]:
    """The server's own first."""
    names = served.library.names(served.older.modality)
    for name in sorted(names, key=lambda name: (name != served.table, name)):
        with suppress(NoSuchCollection):  # dropped this moment
            yield served.library.collection(name)
