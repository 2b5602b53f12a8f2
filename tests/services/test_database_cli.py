"""The command line over a catalog on a server, where the library's folder is not there yet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from databases import DatabaseServer

from morelike.testing.images import write_images


def _morelike(folder: Path, catalog: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MORELIKE_CATALOG": catalog, "MORELIKE_LIBRARY": str(folder), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "morelike", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_no_folder_is_no_excuse(postgresql_server: DatabaseServer, tmp_path: Path) -> None:
    """A catalog that cannot be reached is an error, not an empty library."""
    said = _morelike(tmp_path / "library", "postgresql://nobody@127.0.0.1:1/nothing", "ls")

    assert said.returncode == 1
    assert "127.0.0.1:1" in said.stderr
    assert _morelike(tmp_path / "other", postgresql_server.create(), "ls").returncode == 0


def test_a_dry_run_leaves_the_server_alone(postgresql_server: DatabaseServer, tmp_path: Path) -> None:
    """What is only measured makes no collection there."""
    write_images(tmp_path / "pictures", 3, seed=1)
    catalog = postgresql_server.create()

    tried = _morelike(
        tmp_path / "library", catalog, "add", "new", tmp_path / "pictures", "--encoder", "classic", "--dry-run"
    )

    assert tried.returncode == 0, tried.stderr
    assert "new" not in _morelike(tmp_path / "library", catalog, "ls", "--json").stdout
