"""Films that ``video-objects`` keeps: when they are copied, what a search that fails leaves, and what a kill leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from compat_http import Client, refused
from compat_servers import compat_server
from objects_server import RED, film, save, scene, thing

from morelike.errors import StoreFull
from morelike.server.compat.video_kept import KeptFilms
from morelike.server.errors import Refused
from morelike.settings import Settings
from morelike.testing.tiny_onnx import colour_detector
from morelike.types import Blob

HOLD = """
import sys
from pathlib import Path
from morelike.server.compat.video_kept import KeptFilms
from morelike.settings import Settings
from morelike.types import Blob
KeptFilms(Settings(library=Path(sys.argv[1]), offline=True)).keep(Blob.from_bytes(b"film", "a.mp4"))
print("kept", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, where temporary files go."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def videos(tmp_path: Path, temporary: Path) -> Iterator[Client]:  # made before the server
    """A server with one known thing in its table."""
    (tmp_path / "root").mkdir()
    save(thing(RED), tmp_path / "root" / "cola.png")
    with compat_server(tmp_path / "library", "video-objects", allow_roots=(tmp_path / "root",)) as servers:
        client = servers.client("video-objects")
        assert client.post("/image/load", json={"File": str(tmp_path / "root")}).ok
        yield client


def films_in(temporary: Path) -> list[Path]:
    return [path for folder in temporary.glob("morelike-films-*") for path in folder.iterdir()]


def test_a_search_that_fails_leaves_no_film(videos: Client, temporary: Path) -> None:
    """What is no film, and a table that is not there: refused, and nothing is kept of the upload."""
    refused(videos.post("/video/search", files={"video": ("a.mp4", b"no film at all")}), 422)
    query = {"table_name": "nothing"}
    refused(videos.post("/video/search", params=query, files={"video": ("a.mp4", film([RED]))}), 404)
    assert films_in(temporary) == []

    assert videos.post("/video/search", files={"video": ("a.mp4", film([RED]))}).ok
    assert len(films_in(temporary)) == 1


def test_a_full_disk_is_said_before_the_search(videos: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for minutes to be told that there was no room for the film from the beginning."""

    def full(*_: object) -> str:
        raise OSError(28, "no space left on device")

    def searched(*_: object, **__: object) -> None:
        raise AssertionError("it was searched")

    monkeypatch.setattr("morelike.server.compat.video_kept._copied", full)
    monkeypatch.setattr("morelike.collection.OpenCollection.pieces", searched)
    said = refused(videos.post("/video/search", files={"video": ("a.mp4", film([RED]))}), 507)
    assert "no space left" in said


def test_a_frame_without_objects_shows_none(tmp_path: Path) -> None:
    """With a detector only what it finds is looked for: a known picture that the whole frame looks like is not seen."""
    models = tmp_path / "models"
    (tmp_path / "root").mkdir()
    models.mkdir()
    (models / "detector.onnx").write_bytes(colour_detector(side=128))
    save(scene(), tmp_path / "root" / "ground.png")
    save(thing(RED), tmp_path / "root" / "cola.png")
    given = {"allow_roots": (tmp_path / "root",), "models_cache": models}
    with compat_server(tmp_path / "library", "video-objects", **given) as servers:
        client = servers.client("video-objects")
        assert client.post("/image/load", json={"File": str(tmp_path / "root")}).ok
        answer = client.post("/video/search", files={"video": ("a.mp4", film([], [RED]))})
    assert [(row["time"], row["object"]) for row in answer.json()[1:]] == [("0000000002", "cola")]


def test_a_film_is_kept_once_the_block_says_so(settings: Settings, temporary: Path) -> None:
    """A copy that nobody keeps goes with its block, however that ends; one that is kept pushes out none before."""
    films = KeptFilms(settings, most=1)
    first = films.keep(Blob.from_bytes(b"first", "a.mp4"))
    with films.copied(Blob.from_bytes(b"second", "b.mp4")):
        assert len(films_in(temporary)) == 2
        assert films.get(first)[0].read() == b"first"
    with pytest.raises(ZeroDivisionError), films.copied(Blob.from_bytes(b"third", "c.mp4")):
        raise ZeroDivisionError
    assert [path.name for path in films_in(temporary)] == [first]
    with films.copied(Blob.from_bytes(b"second", "b.mp4")) as keep:
        second = keep()
    assert [path.name for path in films_in(temporary)] == [second]
    films.close()
    with pytest.raises((Refused, StoreFull)), films.copied(Blob.from_bytes(b"late", "d.mp4")):
        pass
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="locks on folders, and kills, are POSIX's")
def test_what_a_killed_server_leaves_is_swept(settings: Settings, temporary: Path, tmp_path: Path) -> None:
    """The next one removes its folder; that of a server that runs stays, and so does what was just made."""
    folders: list[Path] = []
    processes: list[subprocess.Popen[str]] = []
    environ = {**os.environ, "TMPDIR": str(temporary)}
    try:
        for number in range(2):
            command = [sys.executable, "-c", HOLD, str(tmp_path / f"library-{number}")]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            processes.append(subprocess.Popen(command, env=environ, text=True, **pipes))  # type: ignore[call-overload]
            assert processes[-1].stdout is not None
            assert processes[-1].stdout.readline() == "kept\n"
            folders += [path for path in temporary.glob("morelike-films-*") if path not in folders]
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        new = temporary / "morelike-films-new"
        new.mkdir()
        for folder in folders:
            os.utime(folder, (0, 0))

        films = KeptFilms(settings)
        films.keep(Blob.from_bytes(b"mine", "a.mp4"))

        left = set(temporary.glob("morelike-films-*"))
        assert folders[0] not in left
        assert {folders[1], new} < left
        assert [path.read_bytes() for path in folders[1].iterdir()] == [b"film"]
        films.close()
    finally:
        for process in processes:
            process.kill()
            process.communicate()
