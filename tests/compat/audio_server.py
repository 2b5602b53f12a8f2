"""The older audio server over a library of a test module's own, and what its clients do with it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from compat_servers import CompatServers, compat_server

from morelike.library import Library
from morelike.testing.sounds import write_sounds

LOADED = {"status": True, "msg": "Successfully loaded data!"}


@dataclass(frozen=True)
class Audio:
    """A running server, a client of it, and the folder that requests may name."""

    client: httpx.Client
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

    def insert(self, table: str, archive: bytes, name: str = "sounds.zip") -> httpx.Response:
        return self.client.post("/audio/insert", params={"table_name": table}, files={"file": (name, archive)})

    def folder(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir()
        return folder


@pytest.fixture(scope="module")
def audio_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompatServers]:
    folder = tmp_path_factory.mktemp("audio")
    (folder / "root").mkdir()
    with compat_server(folder / "library", "audio", allow_roots=(folder / "root",)) as running:
        yield running


@pytest.fixture(scope="module")
def audio(audio_servers: CompatServers) -> Iterator[Audio]:
    with audio_servers.client("audio") as client:
        yield Audio(client, audio_servers.library, audio_servers.library.folder.parent / "root", audio_servers["audio"])


@pytest.fixture(scope="module")
def three_sounds(audio: Audio) -> list[Path]:
    """Three sounds in the table ``three``, which no test changes."""
    paths = write_sounds(audio.root / "three", 3, seed=5)
    audio.load(audio.root / "three", "three")
    return paths


def path_of(row: Sequence[Any]) -> str:
    """The stored path at the end of a row's address."""
    return httpx.URL(row[0]).params["audio_path"]


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()
