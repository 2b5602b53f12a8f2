"""The older server of pictures and words over tables of plain colours, whose answers can be worked out by hand."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from compat_http import Answer, Client
from compat_servers import CompatServers, compat_server
from numpy.typing import NDArray
from PIL import Image

from morelike.library import Library
from morelike.testing.tiny_onnx import composer_pack

__all__ = [
    "CARD",
    "COUNTED",
    "NAME",
    "Composed",
    "best_first",
    "colours",
    "composed_server",
    "directions",
    "models_folder",
    "picture",
    "refused",
    "write_pictures",
]

NAME = "css_test_{:06d}.png"
CARD = "tirg-css"
"""Here it is a tiny composer: a picture stands where its mean colour does, and words lead to theirs."""
ORIGIN = {"Origin": "http://localhost:8001"}
COUNTED = ["{0},{0}", 200]
_TOWARDS = {"red": (2, -1, -1), "green": (-1, 2, -1), "blue": (-1, -1, 2)}


def colours(n: int, seed: int = 0) -> NDArray[np.uint8]:
    """(n, 3)"""
    return np.random.default_rng(seed).integers(0, 256, (n, 3), dtype=np.uint8)


def directions(values: NDArray[Any]) -> NDArray[np.float64]:
    """(n, 3): where pictures of these colours stand, each of length one."""
    rows = values.astype(np.float64) / 127.5 - 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def best_first(values: NDArray[Any], asked: Sequence[int], word: str) -> list[int]:
    """The rows of ``values`` by how near they are to the colour ``asked``, changed by ``word`` behind "make it"."""
    wanted = np.array(asked) / 127.5 - 1 + 1.2 * np.array(_TOWARDS[word])  # the third word counts 1.2 times
    return [int(at) for at in np.argsort(-(directions(values) @ wanted), kind="stable")]


def picture(colour: Sequence[int]) -> bytes:
    """A PNG of one colour."""
    stream = io.BytesIO()
    Image.new("RGB", (12, 8), tuple(int(level) for level in colour)).save(stream, "PNG")
    return stream.getvalue()


def write_pictures(folder: Path, values: NDArray[Any], name: str = NAME) -> list[Path]:
    """A picture a colour, named by its number."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name.format(number) for number in range(len(values))]
    for path, colour in zip(paths, values, strict=True):
        path.write_bytes(picture(colour))
    return paths


def models_folder(folder: Path) -> Path:
    """A folder of models with ``CARD``, which beats the built-in one."""
    composer_pack(folder / "models", CARD)
    return folder / "models"


def refused(answer: Answer, *statuses: int) -> str:
    """The sentence of an answer that says no as this server does: ``["Error with …", 400]``."""
    assert answer.status_code in statuses, f"{answer.status_code}: {answer.text}"
    sentence, number = answer.json()
    assert number == 400
    assert sentence.startswith("Error with ")
    return str(sentence)


@dataclass(frozen=True)
class Composed:
    """A running server, a client of it, and the library behind it."""

    servers: CompatServers
    client: Client
    library: Library
    root: Path
    base: str

    def fill(self, table: str, folder: Path, encoder: Any = CARD) -> None:
        """As `morelike add TABLE FOLDER --in-place --encoder NAME` does it."""
        opened = self.library.collection(table, modality="image", encoder=encoder)
        opened.add(str(folder), in_place=True)

    def colours(self, table: str, n: int, seed: int, encoder: Any = CARD, name: str = "") -> NDArray[np.uint8]:
        """A table of so many pictures, which no other table has the names of, and their colours."""
        values = colours(n, seed)
        write_pictures(self.root / table, values, name or f"{table}_{{}}.png")
        self.fill(table, self.root / table, encoder)
        return values

    def ask(self, table: str | None, data: bytes, text: str | None, name: str = "query.png") -> Answer:
        given = {"Text": text, "table_name": table}
        params = {key: value for key, value in given.items() if value is not None}
        return self.client.post("/getSimilarResult", params=params, files={"Image": (name, data)}, headers=ORIGIN)

    def found(self, table: str | None, data: bytes, text: str) -> list[str]:
        """What stands behind ``img=``, the nearest first."""
        answer = self.ask(table, data, text)
        assert answer.status_code == 200, answer.text
        rows, number = answer.json()
        assert number == 200
        start = f"{self.base}/getImage?img="
        assert all(row.startswith(start) for row in rows)
        return [row.removeprefix(start) for row in rows]

    def count(self, table: str | None = None) -> Answer:
        return self.client.get("/countTable", params={"table_name": table} if table else {}, headers=ORIGIN)


@contextmanager
def composed_server(folder: Path, **options: Any) -> Iterator[Composed]:
    """A library in the folder, behind ``image-text`` on its own port; ``root`` beside it is for pictures."""
    (folder / "root").mkdir()
    given = {"models": (models_folder(folder),), "real": "image-text", "allow_roots": (folder / "root",)}
    with compat_server(folder / "library", "image-text", **{**given, **options}) as servers:
        client, base = servers.client("image-text"), servers["image-text"]
        yield Composed(servers, client, servers.library, folder / "root", base)
