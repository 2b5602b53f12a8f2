"""One library, used on this machine and over HTTP: a test of ``side`` runs on both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from serving_library import bearer, running

import morelike
from morelike.library import Library
from morelike.remote.library import RemoteLibrary
from morelike.remote.uploads import placed
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyJointEncoder

SIDES = ("local", "remote")
_NUMBERS = count()


@dataclass(frozen=True)
class Both:
    """The library, the same one over HTTP, where its server may read files, and its address and key."""

    root: Path
    local: Library
    remote: RemoteLibrary
    url: str
    key: str


@dataclass(frozen=True)
class Side:
    """One way to use the library. Each test has folders and collections of its own."""

    name: str
    both: Both = field(repr=False)

    @property
    def library(self) -> Any:
        return self.both.local if self.name == "local" else self.both.remote

    @property
    def remote(self) -> bool:
        return self.name == "remote"

    def folder(self, pictures: int = 0, *, seed: int = 1) -> Path:
        folder = self.both.root / f"folder-{next(_NUMBERS)}"
        folder.mkdir()
        write_images(folder, pictures, seed=seed, size=(48, 36))
        return folder

    def collection(self, pictures: Path | None = None, *, encoder: Any = None, modality: str = "image") -> Any:
        """A new one, of pictures with an encoder that knows colour words, as this side sees it."""
        name = f"photos-{next(_NUMBERS)}"
        chosen = encoder or ToyJointEncoder()
        made = self.both.local.collection(name, modality=modality, encoder=chosen)
        if pictures is not None:
            made.add(pictures)
        return self.library.collection(name)

    def other(self, collection: Any) -> Any:
        """The same collection from the other side."""
        library = self.both.local if self.remote else self.both.remote
        return library.collection(collection.name)

    def uri(self, path: Path | str) -> str:
        """What a source of this path is called that this side has added."""
        return placed(str(path)) if self.remote else str(path)


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    root = tmp_path_factory.mktemp("both")
    settings = Settings(
        library=root / "library",
        models_cache=root / "models",
        offline=False,
        allow_private_urls=True,
        url_timeout=60.0,
        allow_roots=(root,),
    )
    with morelike.open(settings) as local:
        key = local.keys.make("suite", "admin")
        with running(local, **bearer(key)) as served:
            there = Settings(library=root / "none", server=served.url, api_key=key)
            with RemoteLibrary(there) as remote:
                yield Both(root, local, remote, served.url, key)


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest, both: Both) -> Side:
    return Side(request.param, both)


@pytest.fixture
def here(both: Both) -> Side:
    return Side("local", both)


@pytest.fixture
def there(both: Both) -> Side:
    return Side("remote", both)


@pytest.fixture(scope="session")
def twenty(both: Both) -> Callable[[str], Any]:
    """A collection that nobody changes, of 14 pictures and six colours; by side."""
    from PIL import Image

    from morelike.testing.toys import COLOURS

    folder = both.root / "twenty"
    write_images(folder, 14, seed=40, size=(48, 36))
    for name, colour in COLOURS.items():
        Image.new("RGB", (40, 30), colour).save(folder / f"{name}.png")
    made = both.local.collection("twenty", modality="image", encoder=ToyJointEncoder())
    assert made.add(folder).added == 20
    assert made.calibrate() == 1
    return lambda name: (both.local if name == "local" else both.remote).collection("twenty")
