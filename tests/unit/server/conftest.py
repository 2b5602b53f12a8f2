"""A small library of pictures behind a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_library import Served, running

import morelike
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyJointEncoder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of six pictures, which the server may add from."""
    write_images(tmp_path / "pictures", 6, seed=1)
    return tmp_path / "pictures"


@pytest.fixture
def server_settings(settings: Settings, pictures: Path) -> Settings:
    return settings.model_copy(update={"allow_roots": (pictures,), "offline": False, "url_timeout": 60.0})


@pytest.fixture
def library(server_settings: Settings, pictures: Path) -> Iterator[Library]:
    """The six pictures in the collection ``photos``, with an encoder that knows pictures and colour words."""
    with morelike.open(server_settings) as opened:
        report = opened.collection("photos", modality="image", encoder=ToyJointEncoder()).add(pictures)
        assert report.added == 6
        yield opened


@pytest.fixture(scope="session")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests that change nothing: six pictures, which lie in ``pictures`` beside the library."""
    folder = tmp_path_factory.mktemp("reading")
    write_images(folder / "pictures", 6, seed=1)
    settings = Settings(
        library=folder / "library",
        models_cache=folder / "models",
        offline=False,
        url_timeout=60.0,
        allow_roots=(folder / "pictures",),
    )
    with morelike.open(settings) as library:
        library.collection("photos", modality="image", encoder=ToyJointEncoder()).add(folder / "pictures")
        with running(library) as serving:
            yield serving


@pytest.fixture
def served(library: Library) -> Iterator[Served]:
    """A server without keys on loopback."""
    with running(library) as serving:
        yield serving
