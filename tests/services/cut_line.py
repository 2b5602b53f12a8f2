"""A line between a client and a server that a test can cut: TCP, in threads."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class CutLine:
    """Passes everything on until ``after`` bytes went to the server (None: for ever); then drops every connection.

    While it is cut, new connections are dropped at once; ``mend`` ends that. ``reached`` is set at the first cut.
    """

    def __init__(self, port: int, after: int | None = None) -> None:
        self._to = port
        self._left = after
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.reached = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def mend(self) -> None:
        with self._lock:
            self._left = None

    def cut(self) -> None:
        with self._lock:
            self._left = 0
        self._drop()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._drop()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._left == 0:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                client.close()
                continue
            for line in (client, server):
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                if counted and not self._may(len(data)):
                    self.reached.set()
                    self._drop()
                    return
                other.sendall(data)
        for line in (one, other):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _may(self, count: int) -> bool:
        with self._lock:
            if self._left is not None:
                self._left = max(0, self._left - count)
            return self._left != 0

    def _drop(self) -> None:
        with self._lock:
            lines, self._open = self._open, set()
        for line in lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()


@contextlib.contextmanager
def line_to(port: int, after: int | None = None) -> Iterator[CutLine]:
    line = CutLine(port, after)
    try:
        yield line
    finally:
        line.close()
