"""A catalog in the test's own folder, and a folder that cannot be written even by root."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from morelike.settings import Settings
from morelike.stores.catalog.catalog import SqlCatalog, open_sqlite_catalog
from morelike.types import Collection

NOBODY = 65534


@pytest.fixture
def catalog(tmp_path: Path, settings: Settings) -> Iterator[SqlCatalog]:
    catalog = open_sqlite_catalog(tmp_path, settings)
    yield catalog
    catalog.close()


@pytest.fixture
def photos(catalog: SqlCatalog) -> Collection:
    return catalog.create_collection("photos", "image", {})


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def without_rights() -> Callable[[Path], object]:
    """``with without_rights(folder):`` nothing in it can be written; root gives up its rights meanwhile."""

    @contextmanager
    def enter(folder: Path) -> Iterator[None]:
        modes = {path: path.stat().st_mode for path in (folder, *folder.iterdir())}
        for path in modes:
            path.chmod(0o555 if path.is_dir() else 0o444)
        was_root = os.geteuid() == 0
        if was_root:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            if was_root:
                os.seteuid(0)
            for path, mode in modes.items():
                path.chmod(mode)

    return enter
