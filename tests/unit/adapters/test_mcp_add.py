"""Adding through the tools: what clients may add, from where, and what they are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import anyio
import pytest
from asking_tools import asked, failed

import morelike
from morelike.adapters.mcp.reach import Limits, Reach
from morelike.errors import UsageError
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Library, Path]]:
    """A library of the test's own, and the one folder that its clients may name files of."""
    root = tmp_path / "root"
    write_images(root, 3, suffix=".png")
    settings = Settings(library=tmp_path / "library", offline=True, workers=1, allow_roots=(root,))
    with morelike.open(settings) as opened:
        yield opened, root


def test_adding_needs_confined_sources(tmp_path: Path) -> None:
    """A library that may read every file of the machine is not opened to clients that add."""
    with (
        morelike.open(Settings(library=tmp_path / "library", offline=True)) as library,
        pytest.raises(UsageError, match="nothing says which files"),
    ):
        Reach(library, Limits(adding=True))


def test_add(own: tuple[Library, Path]) -> None:
    """Files below an allowed folder are added, with a collection made for them; again is no work; progress is told."""
    library, root = own
    told: list[tuple[float, Any]] = []

    async def progress(done: float, total: float | None, _: str | None) -> None:
        told.append((done, total))

    async def ask(client: Any) -> list[Any]:
        arguments = {"collection": "photos", "sources": [str(root)], "modality": "image", "tags": ["new"]}
        first = await client.call_tool("add", arguments, progress_callback=progress)
        return [first, await client.call_tool("add", arguments)]

    first, again = asked(library, Limits(adding=True), ask)

    assert (first.structured_content["added"], first.structured_content["rejected"]) == (3, 0)
    assert (again.structured_content["added"], again.structured_content["same"]) == (0, 3)
    assert library.collection("photos").items()[0].tags == ("new",)
    assert told[-1][0] == 3


def test_add_rejections_are_told(own: tuple[Library, Path]) -> None:
    """What cannot be used is listed with its reason, and the rest is added."""
    library, root = own
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")

    result = asked(
        library,
        Limits(adding=True),
        lambda client: client.call_tool("add", {"collection": "photos", "sources": [str(root)], "modality": "image"}),
    )

    assert not result.is_error
    assert (result.structured_content["added"], result.structured_content["rejected"]) == (3, 1)
    assert result.structured_content["rejections"][0]["source"].endswith("broken.png")


def test_add_dry_run(own: tuple[Library, Path]) -> None:
    """A dry run says what would be, and changes nothing; of a collection that is not there it says so."""
    library, root = own
    library.collection("photos", modality="image", encoder="classic")

    async def ask(client: Any) -> list[Any]:
        given = {"sources": [str(root)], "dry_run": True, "modality": "image"}
        return [await client.call_tool("add", {"collection": name, **given}) for name in ("photos", "others")]

    tried, missing = asked(library, Limits(adding=True), ask)

    assert (tried.structured_content["files"], tried.structured_content["rejected"]) == (3, 0)
    assert library.collection("photos").count() == 0
    assert "no collection 'others'" in failed(missing)
    assert library.names() == ["photos"]


@pytest.mark.parametrize(
    "source", ["{out}", "{root}/../secret", "{root}/link", "s3://bucket", "urls:{out}", "relative"]
)
def test_add_stays_inside(own: tuple[Library, Path], tmp_path: Path, source: str) -> None:
    """Nothing outside the allowed folders is added, by no way of writing it."""
    library, root = own
    (tmp_path / "secret").mkdir()
    write_images(tmp_path / "secret", 1, seed=50)
    (root / "link").symlink_to(tmp_path / "secret")
    given = source.format(out=tmp_path / "secret", root=root)

    result = asked(
        library,
        Limits(adding=True),
        lambda client: client.call_tool("add", {"collection": "photos", "sources": [given], "modality": "image"}),
    )

    assert failed(result)
    assert library.names() == []


def test_add_follows_no_link_out(own: tuple[Library, Path], tmp_path: Path) -> None:
    """A link inside an allowed folder that leads out of it adds nothing, nor does a table that names such files."""
    library, root = own
    secret = write_images(tmp_path / "secret", 1, seed=50)[0]
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "list.csv").write_text(f"path\n{secret}\n", encoding="utf-8")

    async def ask(client: Any) -> list[Any]:
        given = [[str(root)], [str(root / "list.csv")]]
        return [
            await client.call_tool("add", {"collection": "photos", "sources": sources, "modality": "image"})
            for sources in given
        ]

    asked(library, Limits(adding=True), ask)

    assert sorted(Path(item.sources[0].uri).parent for item in library.collection("photos").items()) == [root] * 3


def test_cancelled_add_is_stopped(own: tuple[Library, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that gives up stops the work behind its call, and the server goes on."""
    library, root = own
    opened = library.collection("photos", modality="image", encoder="classic")
    begun, ended = Event(), Event()

    def add(*_: Any, stop: Event, **__: Any) -> Any:
        begun.set()
        assert stop.wait(60)
        ended.set()
        raise UsageError("stopped")

    monkeypatch.setattr(type(opened), "add", lambda self, *sources, **told: add(*sources, **told))

    async def ask(client: Any) -> Any:
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "add", {"collection": "photos", "sources": [str(root)]})
            while not begun.is_set():
                await anyio.sleep(0.001)
            group.cancel_scope.cancel()
        return await client.call_tool("list_collections", {})

    listed = asked(library, Limits(adding=True), ask)

    assert ended.is_set()
    assert not listed.is_error
