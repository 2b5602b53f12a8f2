"""Queries as a server takes them: parts as JSON, with the files that go beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from morelike.errors import QueryError
from morelike.examples import as_blob
from morelike.search.filter import filter_text
from morelike.settings import Settings
from morelike.types import Blob, Example, Query, Span

__all__ = ["Address", "Files", "part_of", "query_shape", "several"]


@dataclass(frozen=True, slots=True)
class Address:
    """What an example's address leads to is fetched by the server."""

    url: str


class Files:
    """The files of one request, in order."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.blobs: list[Blob] = []

    def add(self, blob: Blob) -> int:
        """Its number."""
        self.blobs.append(blob)
        return len(self.blobs) - 1


def query_shape(query: Query, files: Files) -> dict[str, Any]:
    """Raises QueryError, FilterError on what cannot be sent."""
    shape: dict[str, Any] = {
        "examples": [part_of(example, files) for example in query.examples],
        "k": query.k,
        "offset": query.offset,
        "mode": query.mode,
        "options": dict(query.options),
        "explain": query.explain,
    }
    if query.filter is not None:
        shape["filter"] = filter_text(query.filter)
    if query.threshold is not None:
        shape["threshold"] = query.threshold
    if query.space is not None:
        shape["space"] = str(query.space)
    return shape


def part_of(example: Example, files: Files) -> dict[str, Any]:
    """One part of a query. Raises QueryError."""
    shape: dict[str, Any] = {"weight": float(example.weight)}
    if example.form == "text":
        return {**shape, "text": example.content}
    content = example.content
    if isinstance(content, np.ndarray) and content.ndim == 1:
        return {**shape, "vector": [float(number) for number in content]}
    if example.crop is not None:
        shape["crop"] = [float(edge) for edge in example.crop]
    if example.at is not None:
        shape["at"] = _at(example.at)
    if example.form == "item":
        return {**shape, "item": content}
    if isinstance(content, Address):
        return {**shape, "url": content.url}
    if isinstance(content, Blob):
        return {**shape, "file": files.add(content)}
    if isinstance(content, np.ndarray):
        return {**shape, "file": files.add(as_blob(content, files.settings))}
    raise QueryError(
        f"a {type(content).__name__} cannot be sent to a server", hint="give the file that it comes from, or its bytes"
    )


def _at(span: Span) -> dict[str, Any]:
    return {"unit": span.unit, "start": float(span.start), "end": float(span.end)}


def several(queries: Sequence[Query], files_at_once: int, queries_at_once: int) -> list[list[Query]]:
    """As many together as one request takes."""
    groups: list[list[Query]] = []
    files = 0
    for query in queries:
        own = sum(isinstance(one.content, Blob | np.ndarray) for one in query.examples)
        if not groups or files + own > files_at_once or len(groups[-1]) >= queries_at_once:
            groups.append([])
            files = 0
        groups[-1].append(query)
        files += own
    return groups
