"""The older picture server in a thread of the test, and its clients' requests."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from compat_http import Answer, Client
from compat_servers import compat_server

from morelike.library import Library
from morelike.testing.toys import ToyEncoder
from morelike.types import Kind

__all__ = ["DEADLINE", "LOADED", "Held", "Pictures", "asked", "picture_server"]

LOADED = "Successfully loaded data!"
DEADLINE = 30.0
PLAIN = "%!$&'()*+,-./:;=?@[\\]^_`{|}~"
"""What a browser leaves as it is behind a question mark, and ``#``, which ends it."""


@dataclass(frozen=True)
class Pictures:
    """A running server, a client of it, and the folder that requests may name."""

    client: Client
    library: Library
    root: Path
    base: str

    def load(self, folder: Path, table: str) -> None:
        answer = self.client.post("/img/load", json={"Table": table, "File": str(folder)})
        assert (answer.status_code, answer.json()) == (200, LOADED)

    def search(self, table: str, picture: bytes, topk: int = 100) -> list[list[Any]]:
        answer = self.client.post(
            "/img/search",
            params={"table_name": table},
            data={"topk": topk},
            files={"image": ("query.jpg", picture)},
        )
        assert answer.status_code == 200, answer.text
        rows: list[list[Any]] = answer.json()
        return rows

    def upload(self, table: str, picture: bytes, name: str = "new.jpg") -> Answer:
        return self.client.post("/img/upload", params={"table_name": table}, files={"image": (name, picture)})

    def count(self, table: str) -> Any:
        answer = self.client.post("/img/count", params={"table_name": table})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def progress(self) -> tuple[int, int]:
        """As the web client reads it."""
        said = self.client.get("/progress").json()
        assert isinstance(said, str)
        current, total = (int(part.split(":")[1]) for part in said.split(","))
        return current, total

    def shown(self, path: str) -> tuple[int, bytes]:
        """Status and bytes of ``<img src={`${API_URL}/data?image_path=${path}`}>``, as a browser asks for it."""
        return asked(self.base, f"/data?image_path={path}")


def asked(base: str, target: str) -> tuple[int, bytes]:
    """A GET of just this target: what a browser would encode is, and what it would cut off is cut off."""
    connection = http.client.HTTPConnection(str(urlsplit(base).hostname), urlsplit(base).port, timeout=DEADLINE)
    try:
        connection.request("GET", quote(target.partition("#")[0], safe=PLAIN))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Held(ToyEncoder):
    """Encodes nothing until it is let go; ``asked`` once it has something to encode."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.asked = threading.Event()
        self.go = threading.Event()

    def encode(self, kind: Kind, batch: Any) -> Any:
        self.asked.set()
        assert self.go.wait(DEADLINE)
        return super().encode(kind, batch)


@contextmanager
def picture_server(folder: Path, **options: Any) -> Iterator[Pictures]:
    """A library in the folder, behind the older picture server; requests may name the folder ``root`` beside it.

    ``options``: as ``compat_server`` takes them.
    """
    (folder / "root").mkdir(exist_ok=True)
    chosen = {"offline": False, **options}
    with compat_server(folder / "library", "image", allow_roots=(folder / "root",), **chosen) as servers:
        yield Pictures(servers.client("image"), servers.library, folder / "root", servers["image"])
