"""Fixtures of the sources' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from source_server import SourceServer

from morelike.settings import Settings


@pytest.fixture
def online(tmp_path: Path) -> Settings:
    """Settings that reach this machine's own test server, impatient."""
    return Settings(library=tmp_path / "library", offline=False, allow_private_urls=True, url_timeout=60)


@pytest.fixture
def server() -> Iterator[SourceServer]:
    """A real HTTP server on loopback."""
    with SourceServer() as running:
        yield running
