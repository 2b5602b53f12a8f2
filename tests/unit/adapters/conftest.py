"""A library of six pictures and three notes, that the tests of a module share and do not change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import morelike
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images

NOTES = {
    "bread": "Bread needs flour, water, salt and time. The oven has to be hot.",
    "river": "The river rose two metres in the night. The bridge held.",
    "stars": "Stars are born in clouds of gas. The heaviest of them live the shortest lives.",
}


@dataclass(frozen=True)
class Shared:
    """Where things lie. Clients may read below ``allowed``, and not ``secret``, which lies beside it."""

    library: Path
    allowed: Path
    secret: Path

    @property
    def pictures(self) -> Path:
        return self.allowed / "pictures"

    def settings(self) -> Settings:
        return Settings(library=self.library, offline=True, workers=1, allow_roots=(self.allowed,))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """The library's folder; it is closed."""
    folder = tmp_path_factory.mktemp("adapters")
    made = Shared(folder / "library", folder / "allowed", folder / "secret.png")
    write_images(made.pictures, 6, suffix=".png")
    write_images(folder, 1, seed=99, suffix=".png")[0].rename(made.secret)
    (made.pictures / "link.png").symlink_to(made.secret)
    notes = folder / "notes"
    notes.mkdir()
    for name, text in NOTES.items():
        (notes / f"{name}.txt").write_text(text, encoding="utf-8")
    with morelike.open(Settings(library=made.library, offline=True, workers=1)) as library:
        photos = library.collection("photos", modality="image", encoder="classic")
        photos.add(made.pictures, exclude=["link.png"], tags=["shown"], metadata={"camera": "toy"})
        library.collection("notes", modality="text", encoder="hashed-text").add(notes)
    return made


@pytest.fixture(scope="module")
def library(shared: Shared) -> Iterator[Library]:
    """The same, open."""
    with morelike.open(shared.settings()) as opened:
        yield opened
