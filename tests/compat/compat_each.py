"""What the older servers that load folders have alike, said once for each, so that one test asks all of them."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from compat_http import Answer, Client
from compat_pictures import asked
from compat_servers import CompatServers, compat_server
from PIL import Image

from morelike.collection import OpenCollection
from morelike.server.compat.older import OLDER
from morelike.testing.films import animation, film_frame
from morelike.testing.images import synthetic_image
from morelike.testing.sounds import as_wav, synthetic_sound
from morelike.testing.toys import ToyEncoder
from morelike.types import Card
from morelike.vecmath import normalise

__all__ = ["DEADLINE", "EACH", "Each", "Running", "each_server", "holding", "running"]

DEADLINE = 60.0
SIZE = (48, 36)
LOADED = {"status": True, "msg": "Successfully loaded data!"}


@dataclass(frozen=True)
class Each:
    """One older server: the words of its routes, and files that it takes."""

    name: str
    routes: str
    """Before ``/load``, ``/count`` and ``/drop``."""
    search: str
    field: str
    data: str
    """The parameter of ``/data``."""
    ending: str
    endings: tuple[str, ...]
    """Of ``write``'s files, as people have them, too."""
    missing: str
    loaded: Any = None
    frames: int = 1
    """Rows of ``/count`` a file."""

    def write(self, path: Path, seed: int) -> Path:
        """A file of its kind, its own for each seed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.name == "audio":
            path.write_bytes(as_wav(synthetic_sound(seed, 0.5)))
        elif self.name == "video":
            path.write_bytes(animation(seed, "GIF", frames=2, milliseconds=1000, size=SIZE))
        else:
            Image.fromarray(synthetic_image(seed, SIZE)).save(path)
        return path

    def write_several(self, folder: Path, n: int, seed: int) -> list[Path]:
        return [self.write(folder / f"{at}{self.ending}", seed + at) for at in range(n)]

    def write_mark(self, path: Path) -> Path:
        """The file that a ``holding`` encoder waits at: a long sound, a black picture, a black film."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.name == "audio":
            path.write_bytes(as_wav(synthetic_sound(1, 3.0)))
        elif self.name == "video":
            black = [Image.new("RGB", SIZE, (0, 0, level)) for level in (0, 9)]
            black[0].save(path, save_all=True, append_images=black[1:], duration=1000)
        else:
            Image.new("RGB", SIZE).save(path)
        return path

    def query(self, seed: int) -> tuple[str, bytes]:
        """What finds the file of that seed first: itself, a frame of it, or a film of it."""
        if self.name == "audio":
            return "query.wav", as_wav(synthetic_sound(seed, 0.5))
        picture = film_frame(seed, 0, SIZE) if self.name == "video" else synthetic_image(seed, SIZE)
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        return "query.png", buffer.getvalue()


_NO_TABLE = "Milvus doesn't have a collection named {}"
_PICTURES = (".JPEG", ".Png", ".webp")
EACH = {
    each.name: each
    for each in (
        Each(
            *("audio", "/audio", "/audio/search", "audio", "audio_path", ".wav", (".WAV", ".Wav")),
            missing="Collection is not exist",
            loaded=LOADED,
        ),
        Each(
            *("video", "/video", "/video/search", "image", "gif_path", ".gif", (".GIF", ".Gif")),
            missing=_NO_TABLE,
            loaded=LOADED,
            frames=2,
        ),
        Each(
            *("image-objects", "/img", "/img/search", "image", "image_path", ".png", _PICTURES),
            missing=_NO_TABLE,
            loaded="Successfully loaded data!",
        ),
        Each(
            *("video-objects", "/image", "/video/search", "video", "image_path", ".png", _PICTURES),
            missing=_NO_TABLE,
            loaded=LOADED,
        ),
    )
}


@dataclass(frozen=True)
class Running:
    """One of them at work. Tables and folders of different servers have different names."""

    each: Each
    client: Client
    servers: CompatServers
    root: Path

    def table(self, name: str) -> str:
        return f"{self.each.name.replace('-', '_')}_{name}"

    def folder(self, name: str) -> Path:
        return self.root / self.each.name / name

    def make(self, name: str, encoder: Any = None) -> OpenCollection:
        """A table as the server makes it, but with this encoder; none: a quick one."""
        older = OLDER[self.each.name]
        return self.servers.library.collection(
            self.table(name),
            modality=older.modality,
            encoder=encoder or _plain(self.each.name),
            options=dict(older.options),
        )

    def opened(self, name: str) -> OpenCollection:
        return self.servers.library.collection(self.table(name))

    def load(self, name: str, folder: Path) -> None:
        answer = self.client.post(f"{self.each.routes}/load", json={"Table": self.table(name), "File": str(folder)})
        assert (answer.status_code, answer.json()) == (200, self.each.loaded)

    def counted(self, name: str) -> Any:
        method = self.client.get if self.each.name == "audio" else self.client.post
        answer = method(f"{self.each.routes}/count", params={"table_name": self.table(name)})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def drop(self, table: str) -> Answer:
        return self.client.post(f"{self.each.routes}/drop", params={"table_name": table})

    def ask(self, table: str, upload: tuple[str, bytes]) -> Answer:
        return self.client.post(self.each.search, params={"table_name": table}, files={self.each.field: upload})

    def search(self, name: str, seed: int) -> list[tuple[str, float]]:
        """(stored path, distance), the nearest first."""
        answer = self.ask(self.table(name), self.each.query(seed))
        assert answer.status_code == 200, answer.text
        rows = answer.json()
        if self.each.name == "video-objects":
            assert rows[0].startswith(f"{self.client.base}/video/getVideo?video=")
            return [(self._path(row["image"]), row["distance"]) for row in rows[1:]]
        if self.each.name == "audio":
            return [(self._path(address), distance) for address, (_, distance) in rows]
        return [(path if self.each.name == "image-objects" else self._path(path), distance) for path, distance in rows]

    def _path(self, address: str) -> str:
        start = f"{self.client.base}/data?{self.each.data}="
        assert address.startswith(start)
        return address.removeprefix(start)

    def shown(self, path: str) -> tuple[int, bytes]:
        """Status and bytes of ``/data`` with the path behind it as it is, as the clients do it."""
        return asked(self.client.base, f"/data?{self.each.data}={path}")

    def progress(self) -> tuple[int, int]:
        """As the clients read it: a text, but of ``video`` an object."""
        said = self.client.get("/progress").json()
        if self.each.name == "video":
            assert set(said) == {"current", "total"}
            return said["current"], said["total"]
        current, total = (int(part.split(":")[1]) for part in said.split(","))
        assert said == f"current: {current}, total: {total}"
        return current, total


@contextmanager
def each_server(folder: Path, names: Sequence[str] = tuple(EACH)) -> Iterator[CompatServers]:
    """All of them over one library, on free ports; requests may name the folder ``root`` beside it."""
    pytest.importorskip("av", reason="sounds and films need the extra `video`")
    (folder / "root").mkdir()
    with compat_server(folder / "library", *names, allow_roots=(folder / "root",)) as servers:
        yield servers


def running(servers: CompatServers, name: str) -> Running:
    assert urlsplit(servers[name]).port
    return Running(EACH[name], servers.client(name), servers, servers.library.folder.parent / "root")


class _Gate:
    """``reached`` once the file of ``write_mark`` is being prepared, which then waits for ``go``."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go = threading.Event()

    def wait(self) -> None:
        self.reached.set()
        assert self.go.wait(DEADLINE), "nobody let it go"


class _Pictures(ToyEncoder):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.gate = _Gate()

    def prepare(self, kind: str, payload: Any) -> Any:
        if np.asarray(payload).max() < 16:
            self.gate.wait()
        return super().prepare(kind, payload)


class _Sounds:
    """A sound to what it has of 32 bands of pitch; whatever ``ToySounds`` leaves of half a second is too much alike."""

    DIM = 32

    def __init__(self, name: str) -> None:
        inputs = {"audio": {"rate": 8000}}
        self.card = Card(
            name=name, family="toy", form="dense", dim=self.DIM, metric="cosine", inputs=inputs, fingerprint="0" * 12
        )
        self.gate = _Gate()

    def prepare(self, kind: str, payload: Any) -> Any:
        if len(payload.samples) > 2 * payload.rate:
            self.gate.wait()
        loud = np.abs(np.fft.rfft(payload.samples))
        return np.log([part.mean() + 1e-3 for part in np.array_split(loud, self.DIM)]).astype(np.float32)

    def encode(self, kind: str, batch: Sequence[Any]) -> Any:
        rows = np.stack(batch) if batch else np.empty((0, self.DIM), np.float32)
        return normalise(rows - rows.mean(axis=1, keepdims=True))


def holding(name: str, label: str = "holding") -> Any:
    """An encoder for that server which holds a load at its marked file, and nobody else: not one search.

    A library keeps the first of a label.
    """
    return (_Sounds if name == "audio" else _Pictures)(f"{label}-{name}")


@cache
def _plain(name: str) -> Any:
    return holding(name, "plain")
