"""A re-embedding that is killed again and again loses nothing and ends as if it never had been."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from forking import Run
from reembed_driver import GROUP

import morelike
from morelike import faults
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

PICTURES = 240
IN_FLIGHT = 3 * 32 + GROUP
"""Batches that were encoded and not yet written when the process died, and the group that was."""


@pytest.fixture(scope="module")
def library_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of 240 pictures under the toy encoder."""
    folder = tmp_path_factory.mktemp("reembed")
    write_images(folder / "pictures", PICTURES, seed=7)
    with morelike.open(library=folder / "library") as library:
        added = library.collection("photos", modality="image", encoder=ToyEncoder()).add(folder / "pictures")
    assert added.added == PICTURES
    return folder / "library"


def _encoded(result: subprocess.CompletedProcess[str]) -> int:
    return sum(int(line) for line in result.stdout.splitlines() if line.isdigit())


def _stored(library_folder: Path) -> int:
    """How many vectors the new space has."""
    return len(_vectors(library_folder).get("corners", {}))


def _vectors(library_folder: Path) -> dict[str, dict[int, bytes]]:
    """Card to segment to vector, of every space, the active one marked."""
    found = {}
    with morelike.open(library=library_folder) as library:
        collection = library.collection("photos")
        store = collection._stores.vectors
        for space in collection.spaces:
            ids = np.concatenate([*store.ids(space), np.empty(0, dtype=np.int64)])
            there, vectors = store.fetch(space, ids)
            rows = {identifier: vector.tobytes() for identifier, vector in zip(there.tolist(), vectors, strict=True)}
            found[f"{space.card.name}{' active' * space.active}"] = rows
        assert library.doctor().findings == []
    return found


def test_killed_at_every_point_and_run_to_the_end(run_driver: Run, library_folder: Path, tmp_path: Path) -> None:
    """Vector for vector equal to a run never interrupted; nothing that was written is encoded again."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    shutil.copytree(library_folder, whole)
    shutil.copytree(library_folder, broken)
    assert run_driver("reembed_driver", whole, "none", 0).returncode == 0

    killed = []
    for point, nth in [("vectors.written", 1), ("vectors.synced", 2), ("vectors.written", 4), ("vectors.synced", 6)]:
        before = _stored(broken)
        result = run_driver("reembed_driver", broken, point, nth)
        killed.append(point)
        assert result.returncode == -signal.SIGKILL, result.stderr
        assert set(_vectors(broken)) == {"toy active", "corners"}
        assert _encoded(result) <= _stored(broken) - before + IN_FLIGHT
    stored = _stored(broken)
    for point, active in (("reembed.filled", "toy active"), ("reembed.switched", "corners active")):
        result = run_driver("reembed_driver", broken, point, 1)
        killed.append(point)
        assert result.returncode == -signal.SIGKILL, result.stderr
        assert active in _vectors(broken)
        assert _encoded(result) == (PICTURES - stored if point == "reembed.filled" else 0)
    last = run_driver("reembed_driver", broken, "none", 0)

    assert last.returncode == 0, last.stderr
    assert json.loads(last.stdout.splitlines()[-1]) == {"encoded": 0, "same": PICTURES, "switched": True}
    assert _vectors(broken) == _vectors(whole)
    assert 0 < stored < PICTURES
    assert set(killed) == set(faults.REEMBED_POINTS)
