"""The older audio server over a library of a test module's own, and what its clients do with it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from compat_http import Answer, Client
from compat_servers import CompatServers, compat_server

from morelike.library import Library
from morelike.testing.sounds import write_sounds

LOADED = {"status": True, "msg": "Successfully loaded data!"}


@dataclass(frozen=True)
class Audio:
    """A running server, a client of it, and the folder that requests may name."""

    client: Client
    library: Library
    root: Path
    base: str

    def load(self, folder: Path, table: str) -> None:
        answer = self.client.post("/audio/load", json={"Table": table, "File": str(folder)})
        assert (answer.status_code, answer.json()) == (200, LOADED)

    def search(self, table: str, sound: bytes, name: str = "query.wav") -> list[Any]:
        answer = self.client.post("/audio/search", params={"table_name": table}, files={"audio": (name, sound)})
        assert answer.status_code == 200, answer.text
        rows: list[Any] = answer.json()
        return rows

    def count(self, table: str) -> Any:
        answer = self.client.get("/audio/count", params={"table_name": table})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def insert(self, table: str, archive: bytes, name: str = "sounds.zip") -> Answer:
        return self.client.post("/audio/insert", params={"table_name": table}, files={"file": (name, archive)})

    def folder(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir()
        return folder


@pytest.fixture(scope="module")
def audio_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompatServers]:
    """On the older server's own port: a module that has it says ``xdist_group("port 8002")``."""
    folder = tmp_path_factory.mktemp("audio")
    (folder / "root").mkdir()
    with compat_server(folder / "library", "audio", allow_roots=(folder / "root",), real="audio") as running:
        yield running


@pytest.fixture(scope="module")
def audio(audio_servers: CompatServers) -> Audio:
    root = audio_servers.library.folder.parent / "root"
    return Audio(audio_servers.client("audio"), audio_servers.library, root, audio_servers["audio"])


@pytest.fixture(scope="module")
def three_sounds(audio: Audio) -> list[Path]:
    """Three sounds in the table ``three``, which no test changes."""
    paths = write_sounds(audio.root / "three", 3, seed=5)
    audio.load(audio.root / "three", "three")
    return paths


def path_of(row: Sequence[Any]) -> str:
    """The stored path at the end of a row's address."""
    (path,) = parse_qs(urlsplit(row[0]).query)["audio_path"]
    return path


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()
