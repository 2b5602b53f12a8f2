"""``serve --compat image``: pictures that the server fetches by their URL, and addresses that it does not reach."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from compat_http import refused
from compat_pictures import DEADLINE, Pictures, picture_server

from morelike.testing.images import write_images


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pictures]:
    with picture_server(tmp_path_factory.mktemp("urls")) as running:
        yield running


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/a.jpg",
        "http://localhost:{port}/a.jpg",
        "http://[::ffff:127.0.0.1]:{port}/a.jpg",
        "http://2130706433:{port}/a.jpg",
        "http://0.0.0.0:{port}/a.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "/etc/passwd",
        "gopher://127.0.0.1/",
        "http://user:word@127.0.0.1:{port}/a.jpg",
    ],
)
def test_a_url_cannot_reach_this_machine(pictures: Pictures, loaded: list[Path], url: str) -> None:
    """Neither by its name, nor by any way to write its address, nor by another scheme; nothing is added."""
    port = urlsplit(pictures.base).port
    answer = pictures.client.post("/img/upload", params={"table_name": "four", "url": url.format(port=port)})

    sentence = refused(answer, 422)
    assert "word@" not in sentence
    assert pictures.count("four") == len(loaded)
    assert not [row for row in pictures.library.collection("four").rejected() if "://" in row.uri]


def test_a_picture_by_its_url(tmp_path: Path) -> None:
    """It is fetched once, kept, found, and shown under its URL as the path; one that is not there is refused."""
    (path,) = write_images(tmp_path / "web", 1, seed=500)
    picture = path.read_bytes()
    with (
        web_server(picture) as address,
        picture_server(tmp_path, allow_private_urls=True) as pictures,
    ):
        client = pictures.client
        url = f"{address}/pictures/a b.jpg?size=1&v=2".replace(" ", "%20")
        said = client.post("/img/upload", params={"url": url}).json()
        missing = client.post("/img/upload", params={"url": f"{address}/missing.jpg"})
        text = client.post("/img/upload", params={"url": f"{address}/text.jpg"})
        rows = pictures.search("", picture)

        assert said.startswith("Successfully loaded data: ")
        assert "404" in refused(missing, 422)
        assert "not a picture" in refused(text, 422)
        assert [pictures.shown(stored) for stored, _ in rows] == [(200, picture)]
        assert rows[0][0].startswith(f"{address}/pictures/")


class web_server:  # noqa: N801 # used as a function
    """Gives the picture at any path that has ``pictures`` in it, text at ``text.jpg``, and else nothing."""

    def __init__(self, picture: bytes) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = "/pictures/" in self.path or self.path == "/text.jpg"
                self.send_response(200 if known else 404)
                body = picture if "/pictures/" in self.path else b"no picture"
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(DEADLINE)
