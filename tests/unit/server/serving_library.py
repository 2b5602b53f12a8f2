"""A real server in a thread of the test, on a port of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from morelike.library import Library
from morelike.server.app import create_app
from morelike.server.deps import Parts
from morelike.server.options import ServerOptions
from morelike.server.run import Serving, address_of, config_of, listen

API = "/api/v1"
PHOTOS = f"{API}/collections/photos"


@dataclass(frozen=True)
class Served:
    """A running server, the library behind it, and a client of it."""

    url: str
    library: Library
    parts: Parts
    client: httpx.Client

    @property
    def port(self) -> int:
        return httpx.URL(self.url).port or 0

    def item(self, number: int = 0) -> str:
        """The id of one of the photos, oldest first."""
        return self.library.collection("photos").items()[number].id

    def search(self, **query: Any) -> httpx.Response:
        """``photos`` searched with a JSON query."""
        return self.client.post(f"{PHOTOS}/search", json=query)

    def upload(self, *files: tuple[str, bytes], **fields: Any) -> httpx.Response:
        """Files into ``photos``."""
        return self.client.post(f"{PHOTOS}/items", files=[("files", file) for file in files], data=fields)


@contextmanager
def running(library: Library, options: ServerOptions | None = None, **headers: str) -> Iterator[Served]:
    """Serve ``library`` until the block ends; every request of the client carries ``headers``."""
    options = options or ServerOptions(port=0)
    listening = listen("127.0.0.1", 0)
    app = create_app(library, options)
    parts: Parts = app.state.parts
    ready = threading.Event()
    server = Serving(config_of(app), parts, ready=ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        assert ready.wait(120)
        url = address_of("127.0.0.1", listening)
        with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
            yield Served(url, library, parts, client)
    finally:
        server.should_exit = True
        thread.join(120)
        listening.close()
        assert not thread.is_alive()


def problem_in(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document that an answer must be, with that status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["type"].startswith("urn:morelike:problem:")
    assert document["request_id"] == answer.headers["x-request-id"]
    assert document["detail"]
    return document


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def pictures_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jpg"))
