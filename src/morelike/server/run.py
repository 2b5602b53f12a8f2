"""A server in this process: its socket, uvicorn around the application, and a clean end."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any, Final

import uvicorn

from morelike.errors import UsageError
from morelike.library import Library
from morelike.server.app import STATIC, Fresh, create_app
from morelike.server.compat.older import Asked
from morelike.server.compat.opening import check_compat, open_compat, waited_for
from morelike.server.deps import Parts
from morelike.server.options import ServerOptions
from morelike.server.patience import Patient

__all__ = ["Serving", "address_of", "listen", "serve"]

DRAIN_SECONDS: Final = 15
KEEP_ALIVE_SECONDS: Final = 30
MOST_CONNECTIONS: Final = 1000
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Serving(uvicorn.Server):
    """uvicorn, which ends streams of progress when it is to stop, and leaves its caller to close the library.

    A first SIGINT or SIGTERM lets running requests finish; a second one calls ``at_once``. ``beside``: further
    applications in the same event loop, which begin and end with it. ``stopping`` is told how many requests it waits
    for.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        parts: Parts,
        *,
        ready: Callable[[], None] | None = None,
        at_once: Callable[[], None] | None = None,
        beside: Sequence[tuple[Any, socket.socket]] = (),
        stopping: Callable[[int], None] = lambda _: None,
    ) -> None:
        super().__init__(config)
        self._beside = [(_Beside(config_of(app)), listening) for app, listening in beside]
        self._tasks: list[asyncio.Task[None]] = []
        self._parts = parts
        self._ready = ready
        self._at_once = at_once
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tasks = [asyncio.create_task(server.serve([listening])) for server, listening in self._beside]
        while self._tasks and not all(server.started for server, _ in self._beside):
            await asyncio.sleep(0.01)
            for task in self._tasks:
                if task.done():
                    task.result()
        if self._ready is not None:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._parts.closing.set()
        self._stopping(sum(len(one.server_state.tasks) for one in (self, *(server for server, _ in self._beside))))
        for listening in self.servers:
            listening.close()
        for server, _ in self._beside:
            server.should_exit = True
        await asyncio.gather(*self._tasks)  # before the gates are closed, which they share
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit and self._at_once is not None:
            self._at_once()
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, which would raise the signal once more afterwards and leave the library unclosed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Beside(uvicorn.Server):
    """One that signals do not reach: the one beside it is told."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(
    library: Library,
    options: ServerOptions,
    *,
    ready: Callable[[str, Sequence[str]], None],
    at_once: Callable[[], None] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until a signal asks to stop.

    ``ready`` is told the page's address, and those of the older servers in the order asked for, once they answer;
    ``say`` what else there is to know of these, and when it is to stop what it waits for. Raises UsageError where a
    port is taken, or others could reach a library without keys.
    """
    check_compat(options)
    if not options.local and not library.keys.any():
        raise UsageError(
            f"whoever reaches {options.host} could read and change this library: it has no API key",
            hint="make one: `morelike keys add NAME --role admin`; or leave --host out",
        )
    with ExitStack() as open_ports:
        listening = open_ports.enter_context(listen(options.host, options.port))
        others = [open_ports.enter_context(_listen_for(options.compat_host, asked)) for asked in options.compat]
        app = create_app(library, options)
        parts: Parts = app.state.parts
        older = open_compat(library, options, parts, Fresh(directory=STATIC), say)

        def answers() -> None:
            ready(address_of(options.host, listening), [address_of(options.compat_host, one) for one in others])

        def stopping(requests: int) -> None:
            if sentence := waited_for(requests, older):
                say(sentence)

        beside = list(zip(older, others, strict=True))
        serving = Serving(config_of(app), parts, ready=answers, at_once=at_once, beside=beside, stopping=stopping)
        serving.run(sockets=[listening])


def _listen_for(host: str, asked: Asked) -> socket.socket:
    try:
        return listen(host, asked.port)
    except UsageError as error:
        hint = f"--compat {asked.older.name}:PORT gives it another one, and tells its clients to ask there"
        raise UsageError(f"--compat {asked.older.name}: {error.message}", hint=hint) from error


def config_of(app: Any) -> uvicorn.Config:
    """uvicorn's settings for one application. Its own logs and guesses about proxies are left out."""
    return uvicorn.Config(
        app,
        http=Patient,
        loop="auto",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises UsageError, which says what is in the way."""
    if not 0 <= port <= 65535:
        raise UsageError(f"there is no port {port}", hint="0 to 65535; 0 takes any free one")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise UsageError(f"the host {host} cannot be found", hint="an address of this machine: 127.0.0.1") from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise _in_the_way(error, host, port) from error
    listening.setblocking(False)  # noqa: FBT003 - the signature is the socket's
    return listening


def _in_the_way(error: OSError, host: str, port: int) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        return UsageError(
            f"the port {port} is taken: something is being served there already",
            hint=f"`--port {port + 1 if port < 65535 else 8000}`, or `--port 0` for any free one",
        )
    if error.errno == errno.EACCES:
        return UsageError(f"the port {port} may not be opened by this user", hint="choose one above 1023")
    if error.errno == errno.EADDRNOTAVAIL:
        return UsageError(f"{host} is no address of this machine", hint="127.0.0.1, or 0.0.0.0 for all of them")
    return UsageError(f"{host}:{port} cannot be opened: {error.strerror}")


def address_of(host: str, listening: socket.socket) -> str:
    """The address to open, with the port that was really taken."""
    port = listening.getsockname()[1]
    plain = host.strip("[]")
    return f"http://{f'[{plain}]' if ':' in plain else plain}:{port}"
