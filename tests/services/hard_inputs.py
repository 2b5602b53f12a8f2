"""What a collection of texts, documents or 3D models may be given: good, empty, invalid and huge files of each."""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest

from morelike.testing.documents import docx, pdf
from morelike.testing.solids import CORNERS, FACES, binary_stl, obj

__all__ = ["EXTRAS", "HARD", "HUGE", "Bad", "Given", "given_of", "needs"]

HUGE = 10_000_000
EXTRAS = {"text": ("markdown_it", "text"), "document": ("pypdfium2_raw", "documents")}
"""What a modality cannot do without: a package, and the extra that brings it."""
RIVER = "The river rose and the bridge held. "


@dataclass(frozen=True)
class Bad:
    """A file that cannot be used, and what is said of it."""

    name: str
    data: bytes
    said: str


@dataclass(frozen=True)
class Given:
    """Files for a collection of one modality. ``example`` finds the first of ``good``, and so does ``huge``."""

    modality: str
    encoder: str
    good: Mapping[str, bytes]
    example: tuple[str, bytes]
    huge: tuple[str, bytes]
    bad: Mapping[str, Bad]


HARD = [
    (modality, what)
    for modality, several in {
        "text": ("empty", "invalid", "table", "10-mb"),
        "document": ("empty", "invalid", "locked", "10-mb"),
        "mesh": ("empty", "invalid", "10-mb"),
    }.items()
    for what in several
]
"""(modality, which of its bad files)."""


def needs(modality: str) -> None:
    """Skip, by name, where the modality's extra is absent."""
    package, extra = EXTRAS.get(modality, ("", ""))
    if package and find_spec(package) is None:
        pytest.skip(f"{modality} needs the extra `{extra}`")


@functools.cache
def given_of(modality: str) -> Given:
    """The files of one modality."""
    needs(modality)
    return {"text": _texts, "document": _documents, "mesh": _meshes}[modality]()


def _texts() -> Given:
    return Given(
        "text",
        "hashed-text",
        {"flood.txt": RIVER.encode(), "bread.txt": b"Bread needs flour, water and salt."},
        ("asked.txt", b"The bridge held."),
        ("book.txt", (RIVER * (HUGE // len(RIVER) + 1)).encode()),
        {
            "empty": Bad("empty.txt", b"", "empty.txt is empty"),
            "invalid": Bad("noise.txt", bytes(range(256)) * 20, "noise.txt is no text"),
            "table": Bad("one.csv", b"one,two\na red house,b\nthe green door,c\n", "one.csv"),
            "10-mb": Bad("zeros.txt", bytes(HUGE), "zeros.txt is no text"),
        },
    )


def _documents() -> Given:
    letter = io.BytesIO(docx(RIVER * 3))
    with zipfile.ZipFile(letter, "a") as package:
        package.writestr("word/media/picture.bin", np.random.default_rng(0).bytes(HUGE))
    return Given(
        "document",
        "hashed-text",
        {"rivers.pdf": pdf(RIVER), "bread.docx": docx("Bread is made of flour.")},
        ("asked.docx", docx("The bridge held.")),
        ("long.docx", letter.getvalue()),
        {
            "empty": Bad("empty.pdf", b"", "empty.pdf is empty"),
            "invalid": Bad("broken.pdf", b"%PDF-1.4", "broken.pdf is damaged"),
            "locked": Bad("locked.pdf", pdf("x", user=b"x"), "locked.pdf is encrypted"),
            "10-mb": Bad("zeros.pdf", b"%PDF-1.7\n" + bytes(HUGE), "zeros.pdf is damaged"),
        },
    )


def _meshes() -> Given:
    flat = np.array((2, 2, 0.05))
    return Given(
        "mesh",
        "auto",
        {"box.stl": binary_stl(), "sheet.stl": binary_stl(CORNERS * flat, FACES)},
        ("asked.obj", obj()),
        ("fine.stl", _divided(HUGE // 50)),
        {
            "empty": Bad("empty.stl", b"", "empty.stl is empty"),
            "invalid": Bad("bad.obj", b"v 0 0 0\nf 1 2 3\n", "bad.obj has a face with the corner"),
            "10-mb": Bad("ones.stl", b"\1" * HUGE, "ends before its"),
        },
    )


def _divided(least: int) -> bytes:
    """The box as an STL of so many triangles or more: each is cut into four until there are."""
    triangles = CORNERS[FACES]
    while len(triangles) < least:
        a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        triangles = np.concatenate(
            [np.stack(three, axis=1) for three in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
        )
    return binary_stl(triangles.reshape(-1, 3), np.arange(3 * len(triangles)).reshape(-1, 3))
