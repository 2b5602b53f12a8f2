"""The catalog's fault points, and what a kill at each of them leaves."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from morelike import faults
from morelike.settings import Settings
from morelike.stores.catalog.catalog import SqlCatalog, open_sqlite_catalog
from morelike.testing.kits.catalog_samples import make_item
from morelike.types import Collection

POINTS = ("catalog.claimed", "catalog.writing", "catalog.finished")


@pytest.mark.parametrize(("point", "state"), list(zip(POINTS, ("pending", "pending", "ready"), strict=True)))
def test_a_kill_leaves_whole_transactions(tmp_path: Path, settings: Settings, point: str, state: str) -> None:
    """SIGKILL at each fault point: what was committed is there, what was not is not."""
    code = """
import os, signal, sys
from pathlib import Path
from morelike import faults
from morelike.settings import Settings
from morelike.stores.catalog.catalog import open_sqlite_catalog
from morelike.testing.kits.catalog_samples import make_item
folder, point = Path(sys.argv[1]), sys.argv[2]
catalog = open_sqlite_catalog(folder, Settings(library=folder))
photos = catalog.create_collection("photos", "image", {})
faults.install(lambda reached: reached == point and os.kill(os.getpid(), signal.SIGKILL))
make_item(catalog, photos, "cat")
"""
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), point], capture_output=True, text=True, check=False, timeout=300
    )
    catalog = open_sqlite_catalog(tmp_path, settings)
    photos = catalog.collection("photos")
    found, segments = catalog.known(photos, ["cat"]), catalog.segments_of(photos, ["cat"])
    verdict = catalog.verify()
    catalog.close()

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (found, bool(segments), verdict) == ({"cat": state}, state == "ready", [])


def test_fault_points_are_reached_in_order(catalog: SqlCatalog, photos: Collection) -> None:
    """Each once, and the middle one while nothing is committed yet."""
    seen: list[tuple[str, Any]] = []
    faults.install(lambda point: seen.append((point, catalog.known(photos, ["cat"]))))
    try:
        make_item(catalog, photos, "cat")
    finally:
        faults.install(None)

    assert seen == list(zip(POINTS, ({"cat": "pending"}, {"cat": "pending"}, {"cat": "ready"}), strict=True))
