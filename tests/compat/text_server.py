"""The older servers of texts and of questions in a thread of the test, and what scripts send them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compat_http import Answer, Client
from compat_servers import compat_server

from morelike.library import Library

__all__ = ["ORIGIN", "Texts", "in_csv", "text_server"]

ORIGIN = {"Origin": "http://localhost:8001"}


def in_csv(*rows: Sequence[str], header: Sequence[str]) -> bytes:
    """A table as spreadsheets write it."""
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([header, *rows])
    return stream.getvalue().encode()


@dataclass(frozen=True)
class Texts:
    """A running server, a client of it, and the name of its parameter for what is wanted."""

    client: Client
    library: Library
    base: str
    loading: str
    searching: str
    parameter: str
    counting: str
    dropping: str
    said: Sequence[str]

    def send(self, table: str | None, data: bytes, name: str = "rows.csv") -> Answer:
        return self.client.post(self.loading, params=_named(table), files={"file": (name, data)}, headers=ORIGIN)

    def load(self, table: str | None, data: bytes, name: str = "rows.csv") -> Any:
        answer = self.send(table, data, name)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, table: str | None, words: str, path: str = "") -> Answer:
        return self.client.get(path or self.searching, params={**_named(table), self.parameter: words}, headers=ORIGIN)

    def count(self, table: str | None = None) -> Any:
        answer = self.client.post(self.counting, params=_named(table))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def drop(self, table: str | None = None) -> Answer:
        return self.client.post(self.dropping, params=_named(table))


def _named(table: str | None) -> dict[str, str]:
    return {"table_name": table} if table else {}


@contextmanager
def text_server(folder: Path, name: str, **options: Any) -> Iterator[Texts]:
    """A library in the folder, behind the older server ``text`` or ``qa`` on its own port."""
    routes = {
        "text": ("/load", "/search", "query_sentence", "/count", "/drop"),
        "qa": ("/qa/load_data", "/qa/search", "question", "/qa/count", "/qa/drop"),
    }
    with compat_server(folder / "library", name, real=name, **options) as servers:
        yield Texts(servers.client(name), servers.library, servers[name], *routes[name], servers.said)
