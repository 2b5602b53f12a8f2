"""A hub on this machine: real HTTP, with the faults that real ones have."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "c" * 40


@dataclass
class HubServer:
    """Serves ``files`` (path below the host → bytes) as a hub does: a redirect with its headers, then the bytes."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    redirect: bool = True
    cut_after: list[int] = field(default_factory=list)
    """Bytes after which the next connections are closed, one entry a connection."""
    status: int = 200
    token: str = ""
    etag: str = ""
    linked_sha: str = ""
    """What the hub says the file's sha256 is; "right" for the truth."""
    lead_to: str = ""
    """Where redirects lead instead of to this server."""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    address: str = ""

    def __enter__(self) -> HubServer:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.answer(self)

            do_HEAD = do_GET  # noqa: N815 - the name is http.server's

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hangs up is part of the tests."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One request, by this server's faults."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.path, headers))
        path = request.path.removeprefix("/bytes")
        if self.status != 200:
            return self._send(request, self.status, {}, b"no")
        if (
            self.token
            and not request.path.startswith("/bytes")
            and headers.get("authorization") != f"Bearer {self.token}"
        ):
            return self._send(request, 401, {}, b"who are you")
        if path not in self.files:
            return self._send(request, 404, {}, b"not here")
        data = self.files[path]
        if self.redirect and not request.path.startswith("/bytes"):
            sha = hashlib.sha256(data).hexdigest() if self.linked_sha == "right" else self.linked_sha
            extra = {"X-Repo-Commit": COMMIT, "X-Linked-Size": str(len(data))}
            extra |= {"X-Linked-Etag": f'"{sha}"'} if sha else {}
            where = self.lead_to or f"{self.address}/bytes"
            return self._send(request, 302, {"Location": where + path, **extra}, b"")
        return self._bytes(request, headers, data)

    def _bytes(self, request: BaseHTTPRequestHandler, headers: dict[str, str], data: bytes) -> None:
        etag = self.etag or f'"{hashlib.md5(data).hexdigest()}"'
        start = 0
        wanted = headers.get("range", "")
        if self.ranges and wanted.startswith("bytes=") and headers.get("if-range") == etag:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
        head = {"ETag": etag}
        if start:
            head["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cut = self.cut_after.pop(0) if self.cut_after else None
        self._send(request, 206 if start else 200, head, data[start:], cut)

    @staticmethod
    def _send(
        request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes, cut: int | None = None
    ) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            request.close_connection = True
