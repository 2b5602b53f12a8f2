"""The end of a server with older ones beside it: what it waits for is said while it waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from compat_http import Client
from compat_pictures import DEADLINE, Held

import morelike
from morelike.batches import BATCH, BATCHES_AHEAD
from morelike.library import Library
from morelike.server.app import STATIC, Fresh, create_app
from morelike.server.compat.older import OLDER, Asked
from morelike.server.compat.opening import open_compat, waited_for
from morelike.server.options import ServerOptions
from morelike.server.run import Serving, address_of, config_of, listen
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.types import Kind

HOST = "127.0.0.1"


@dataclass
class Ending:
    """A server that is told to stop, and what it says of that."""

    serving: Serving
    client: Client
    library: Library
    root: Path
    told: threading.Event = field(default_factory=threading.Event)
    said: list[str] = field(default_factory=list)

    def stop(self) -> str:
        """As a signal does; the sentence, as soon as it comes."""
        self.serving.should_exit = True
        assert self.told.wait(DEADLINE)
        return self.said[0]


@contextmanager
def ending(folder: Path, files: int = 40) -> Iterator[Ending]:
    root = folder / "root"
    write_images(root, files, size=32)
    settings = Settings(
        library=folder / "library", models_cache=folder / "none", models=(), offline=True, allow_roots=(root,)
    )
    options = ServerOptions(HOST, 0, compat=(Asked(OLDER["image"], 0),))
    with ExitStack() as stack:
        library = stack.enter_context(morelike.open(settings))
        main, own = stack.enter_context(listen(HOST, 0)), stack.enter_context(listen(HOST, 0))
        app = create_app(library, options)
        apps = open_compat(library, options, app.state.parts, Fresh(directory=STATIC), lambda _: None)
        ready = threading.Event()

        def stopping(requests: int) -> None:
            found.said.append(waited_for(requests, apps))
            found.told.set()

        beside = list(zip(apps, [own], strict=True))
        serving = Serving(config_of(app), app.state.parts, ready=ready.set, beside=beside, stopping=stopping)
        found = Ending(serving, Client(address_of(HOST, own)), library, root)
        thread = threading.Thread(target=serving.run, kwargs={"sockets": [main]})
        thread.start()
        try:
            assert ready.wait(DEADLINE)
            yield found
        finally:
            serving.should_exit = True
            thread.join(DEADLINE)
            assert not thread.is_alive()


@pytest.mark.parametrize(("route", "waits"), [("/img/load", True), ("/api/v1/train", False)])
def test_it_says_at_once_what_it_waits_for(tmp_path: Path, route: str, waits: bool) -> None:
    """While a batch is still in the encoder: which load it is, how far, and that a second Ctrl-C does not wait; also
    for a load that no request waits for. Then it ends.
    """
    encoder = Held("held")
    with ending(tmp_path) as server, ThreadPoolExecutor(1) as pool:
        server.library.collection("milvus_img_search", modality="image", encoder=encoder)
        load = pool.submit(server.client.post, route, json={"File": str(server.root)})
        try:
            assert encoder.asked.wait(DEADLINE)
            said = server.stop()
        finally:
            encoder.go.set()
        waiting = "1 request under way; " if waits else ""
        assert said.startswith(f"stopping: {waiting}a load of image")
        assert "ends with what is in work" in said
        assert said.endswith("Ctrl-C again stops at once")
        assert load.result(DEADLINE).status_code == (503 if waits else 200)


class Counted(Held):
    """Counts what it encoded."""

    rows = 0

    def encode(self, kind: Kind, batch: Any) -> Any:
        vectors = super().encode(kind, batch)
        self.rows += len(batch)
        return vectors


def test_it_ends_with_the_batches_of_the_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read ahead is not encoded any more where that takes longer than a moment; the next load does it."""
    monkeypatch.setattr("morelike.cutting.GRACE", -1.0)
    encoder = Counted("counted")
    most = (BATCHES_AHEAD + 1) * BATCH
    with ending(tmp_path, files=4 * most) as server, ThreadPoolExecutor(1) as pool:
        table = server.library.collection("milvus_img_search", modality="image", encoder=encoder)
        load = pool.submit(server.client.post, "/img/load", json={"File": str(server.root)})
        try:
            assert encoder.asked.wait(DEADLINE)
            server.stop()
        finally:
            encoder.go.set()
        assert load.result(DEADLINE).status_code == 503
        assert table.count() == encoder.rows <= most

        assert table.add(server.root, in_place=True).interrupted is False
        assert table.count() == encoder.rows == 4 * most
        assert server.library.doctor().findings == []


def test_it_says_nothing_where_it_waits_for_nothing(tmp_path: Path) -> None:
    """A server that nobody is using just ends."""
    with ending(tmp_path) as server:
        assert server.client.get("/progress").ok
        assert server.stop() == ""
