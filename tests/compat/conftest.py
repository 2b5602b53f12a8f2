"""Fixtures of the compatibility tests."""

from pathlib import Path

import pytest
from audio_server import audio, audio_servers, three_sounds  # noqa: F401
from compat_pictures import Pictures
from engine_server import client, engine  # noqa: F401

from morelike.testing.images import write_images


@pytest.fixture(scope="module")
def loaded(pictures: Pictures) -> list[Path]:
    """Four pictures in the table ``four`` of the module's own server, which no test changes."""
    paths = write_images(pictures.root / "four", 4, seed=5)
    pictures.load(pictures.root / "four", "four")
    return paths
