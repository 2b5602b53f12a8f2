"""A folder of pictures, and an open library with a collection for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    write_images(tmp_path / "pictures", 6, size=64)
    return tmp_path / "pictures"


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as library:
        yield library


@pytest.fixture
def photos(library: Library) -> OpenCollection:
    return library.collection("photos", modality="image", encoder=ToyEncoder())
