"""One client over standard input and output. Nothing but the protocol reaches standard output."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, cast

import anyio
from anyio import from_thread
from anyio.lowlevel import EventLoopToken, current_token
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

__all__ = ["serve_stdio"]

LONGEST_LINE: Final = 16 * 1024**2
"""Bytes of a message; an example in base64 fits in."""
TOO_LONG: Final = "a message is longer than this server takes"
_CHUNK: Final = 64 * 1024


def serve_stdio(server: Server[Any]) -> None:
    """Answer until standard input ends, or SIGTERM comes; calls under way are stopped then. Ctrl-C raises
    KeyboardInterrupt once they are.
    """
    anyio.run(_serve, server)


async def _serve(server: Server[Any]) -> None:
    async with anyio.create_task_group() as group:
        if threading.current_thread() is threading.main_thread():
            group.start_soon(_end_on_term, group.cancel_scope)
        async with _lines() as lines, stdio_server(stdin=cast("Any", lines)) as (read, write):
            await server.run(read, write, server.create_initialization_options())
        group.cancel_scope.cancel()


async def _end_on_term(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return


@asynccontextmanager
async def _lines() -> AsyncIterator[MemoryObjectReceiveStream[str]]:
    """Standard input, line by line. A thread of its own reads it, that nobody waits for: the package's own reader
    cannot be interrupted while no line comes, and Ctrl-C would do nothing.

    Meanwhile file descriptor 0 is the null device, so that no child process reads a message.
    """
    send, receive = anyio.create_memory_object_stream[str]()
    wire = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    token = current_token()
    threading.Thread(target=_feed, args=(wire, send, token), name="standard input", daemon=True).start()
    try:
        async with receive:
            yield receive
    finally:
        send.close()
        os.dup2(wire, 0)  # the thread may still read ``wire``: it is never closed


def _feed(wire: int, send: MemoryObjectSendStream[str], token: EventLoopToken) -> None:
    with suppress(Exception):  # the loop has ended, or nobody listens any more
        for line in _split(wire):
            from_thread.run(send.send, line, token=token)
        from_thread.run_sync(send.close, token=token)


def _split(wire: int) -> Iterator[str]:
    """Lines of at most so many bytes. What is longer is read to its end and becomes a line that is no message."""
    begun: list[bytes] = []
    length = 0
    while data := os.read(wire, _CHUNK):
        *whole, rest = data.split(b"\n")
        for part in whole:
            yield TOO_LONG if length + len(part) > LONGEST_LINE else b"".join([*begun, part]).decode("utf-8", "replace")
            begun, length = [], 0
        length += len(rest)
        begun = [*begun, rest] if length <= LONGEST_LINE else []
    if begun and length <= LONGEST_LINE:
        yield b"".join(begun).decode("utf-8", "replace")
