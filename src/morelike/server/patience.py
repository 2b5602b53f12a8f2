"""How long a connection may take to say what it wants, and in how many bytes. uvicorn itself would wait for ever."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from morelike.server.answers import dumps
from morelike.server.errors import MEDIA_TYPE, problem

__all__ = ["Patient"]

HEAD_SECONDS: Final = 20.0
LARGEST_HEAD: Final = 64 * 1024


class Patient(HttpToolsProtocol):
    """uvicorn's protocol, which closes a connection whose request line and headers come too slowly, or without end."""

    _timer: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._timer is not None:
            self._head += len(data)
            if self._head > LARGEST_HEAD:
                self._give_up()

    def on_message_begin(self) -> None:
        self._begin()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._end()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP at all is a problem document too."""
        body = dumps(
            problem(
                400,
                msg,
                hint="addresses are ASCII, other characters percent-encoded; they and the headers have 64 KiB at most",
            )
        )
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
        self.transport.write(f"{head}X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def _begin(self) -> None:
        if self._timer is None:
            self._head = 0
            self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._give_up)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._end()
        self.transport.abort()
