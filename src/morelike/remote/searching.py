"""Searching a remote collection: examples are read here and sent, addresses are fetched by the server."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from morelike.asking import Asking
from morelike.hits import Hits
from morelike.notebook import Previews
from morelike.registry import MODES
from morelike.remote.asked import Address, Files, part_of, query_shape, several
from morelike.remote.behind import Behind
from morelike.remote.forms import Form, json_field
from morelike.remote.problems import error_of
from morelike.remote.server import Server
from morelike.remote.shapes_back import hits_of
from morelike.search.search import check_query
from morelike.search.several import AUTO
from morelike.settings import Settings
from morelike.sources.urls import is_url
from morelike.types import Example, Query

__all__ = ["Searching", "addressed", "send"]

MOST_FILES: Final = 32
"""Of one request."""
MOST_HITS: Final = 1000
"""Of one answer."""


class Searching(Behind, Asking):
    """Those methods of a remote collection."""

    @property
    @abstractmethod
    def _previews(self) -> Previews:
        """What draws the hits."""

    @property
    def _settings(self) -> Settings:
        return self._server.settings

    def _example(self, example: Any, **told: Any) -> Example:
        return super()._example(addressed(example), **told)

    def _answered(self, query: Query) -> Hits:
        checked(query)
        page = self._page(query)
        while page.more and len(page) < query.k:  # more than one answer holds
            left = replace(query, k=query.k - len(page), offset=query.offset + len(page))
            page = page.joined(self._page(left))
        return page

    def _page(self, query: Query) -> Hits:
        files = Files(self._settings)
        asked = query_shape(replace(query, k=min(query.k, MOST_HITS)), files)
        answer = send(self._server, self._path("search"), asked, files)
        return self._server.made(lambda shape: hits_of(shape, self._previews), answer)

    def search_many(self, queries: Sequence[Query]) -> list[Hits]:
        """What ``search`` answers to each, in as few requests as hold them.

        Raises what ``search`` raises at the first query that cannot be answered.
        """
        found: list[Hits] = []
        for query in queries:
            checked(query)
        if any(query.k > MOST_HITS for query in queries):
            return [self._answered(query) for query in queries]
        for some in several(queries, MOST_FILES, self._server.limits["queries"]):
            files = Files(self._settings)
            asked = {"queries": [query_shape(query, files) for query in some]}
            answer = send(self._server, self._path("search"), asked, files)
            for shape in self._server.made(lambda shape: list(shape["answers"]), answer):
                if shape.get("problem"):
                    problem = shape["problem"]
                    raise error_of(problem, int(problem.get("status", 500)))
                found.append(self._server.made(lambda one: hits_of(one, self._previews), shape))
        return found

    def compare(self, one: Any, other: Any) -> Mapping[str, float]:
        """How alike two examples are, in the unit of a hit; neither is kept. Raises what ``search`` raises."""
        files = Files(self._settings)
        asked = {"examples": [part_of(self._example(example), files) for example in (one, other)]}
        answer = send(self._server, self._path("compare"), asked, files)
        return self._server.made(lambda shape: dict(shape["unit"]), answer)


def checked(query: Query) -> None:
    """What the API would refuse by its form is refused as a library on this machine does. Raises QueryError,
    UnknownName.
    """
    check_query(query)
    if query.mode != AUTO:
        _ = MODES[query.mode]


def addressed(example: Any) -> Any:
    """An http(s) address as an example of its own, so that nothing is fetched here; all else as it is."""
    if isinstance(example, tuple) and len(example) == 2:
        return addressed(example[0]), example[1]
    return Example("blob", Address(example)) if isinstance(example, str) and is_url(example) else example


def send(server: Server, path: str, asked: Mapping[str, Any], files: Files) -> dict[str, Any]:
    """As JSON, or beside the files that it names."""
    if not files.blobs:
        return server.client.post(path, asked)
    form = Form([json_field("query", asked)], [("example", blob) for blob in files.blobs])
    return server.client.form(path, form.content_type, form.chunks)
