"""What ``serve --compat`` runs, in a thread of the test: older servers over a library, on free ports or their own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compat_http import Client
from compat_ports import listen_on_real

import morelike
from morelike.library import Library
from morelike.older_settings import OlderSettings
from morelike.server.app import STATIC, Fresh, create_app
from morelike.server.compat.older import OLDER, Asked
from morelike.server.compat.opening import check_compat, open_compat
from morelike.server.compat.served import Served
from morelike.server.deps import Parts
from morelike.server.options import ServerOptions
from morelike.server.run import Serving, address_of, config_of, listen
from morelike.settings import Settings

__all__ = ["CompatServers", "compat_server"]

_HOST = "127.0.0.1"
_PATIENCE = 60.0


@dataclass(frozen=True)
class CompatServers(Mapping[str, str]):
    """The name of each older server to its address, ``http://127.0.0.1:PORT``; and what is behind them.

    ``main``: the address of the library's own server. ``served``: what each one's routes work with.
    """

    addresses: Mapping[str, str]
    main: str
    library: Library
    served: Mapping[str, Served]
    said: Sequence[str]

    def __getitem__(self, name: str) -> str:
        return self.addresses[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.addresses)

    def __len__(self) -> int:
        return len(self.addresses)

    def client(self, name: str) -> Client:
        """A client of one of them."""
        return Client(self.addresses[name])


@contextmanager
def compat_server(
    library_folder: Path,
    *names: str,
    allow_roots: Sequence[Path] = (),
    older: OlderSettings | None = None,
    real: str = "",
    **options: Any,
) -> Iterator[CompatServers]:
    """Serve a library, and the older servers of these names beside it, until the block ends.

    ``allow_roots``: folders that requests may name. ``older``: as ``older_settings`` reads it from variables.
    ``real``: the one of them that gets the port that it always had; the others get free ones.
    ``options``: settings of the library by name. Unless these say otherwise there are no weights and no network, so
    that new tables are made with ``classic`` and ``classic-audio``.
    """
    older = older or OlderSettings()
    settings = Settings(
        **{
            "library": library_folder,
            "models_cache": library_folder / "no-models",
            "models": (),
            "offline": True,
            "allow_roots": (*allow_roots, *older.roots),
            "url_timeout": 3.0,
            **older.settings,
            **options,
        }
    )
    asked = tuple(Asked(OLDER[name], 0) for name in names)
    chosen = ServerOptions(_HOST, 0, compat=asked, older=older)
    check_compat(chosen)
    with ExitStack() as stack:
        library = stack.enter_context(morelike.open(settings))
        main = stack.enter_context(listen(_HOST, 0))
        others = [stack.enter_context(_port(name, real)) for name in names]
        app = create_app(library, chosen)
        parts: Parts = app.state.parts
        said: list[str] = []
        apps = open_compat(library, chosen, parts, Fresh(directory=STATIC), said.append)
        ready = threading.Event()
        serving = Serving(config_of(app), parts, ready=ready.set, beside=list(zip(apps, others, strict=True)))
        stack.enter_context(_running(serving, [main], ready))
        yield CompatServers(
            {name: address_of(_HOST, one) for name, one in zip(names, others, strict=True)},
            address_of(_HOST, main),
            library,
            {name: one.state.served for name, one in zip(names, apps, strict=True)},
            said,
        )


def _port(name: str, real: str) -> AbstractContextManager[socket.socket]:
    return listen_on_real(_HOST, name) if name == real else listen(_HOST, 0)


@contextmanager
def _running(serving: Serving, sockets: list[Any], ready: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=serving.run, kwargs={"sockets": sockets}, name="compat servers")
    thread.start()
    try:
        assert ready.wait(_PATIENCE), "the servers did not begin to answer"
        yield
    finally:
        serving.should_exit = True
        thread.join(_PATIENCE)
        assert not thread.is_alive(), "the servers did not end"
