"""A run that is killed in the middle of a long item."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
from forking import Run

import morelike
from morelike.registry import MODALITIES, Row
from morelike.testing.toys import ToyEncoder, ToySketches, toy_film

LENGTH = 900


@pytest.mark.parametrize(("point", "nth"), [("vectors.written", 2), ("vectors.synced", 2), ("catalog.writing", 1)])
def test_a_kill_in_a_long_film_leaves_nothing_searchable(
    run_driver: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, nth: int
) -> None:
    """Parts of it are stored and not found; a second run makes it whole, and ``doctor`` finds nothing."""
    monkeypatch.setitem(MODALITIES._all, "film", Row("morelike.testing.toys:ToyFilm"))
    films, folder = tmp_path / "films", tmp_path / "library"
    films.mkdir()
    rng = np.random.default_rng(1)
    (films / "long.film").write_bytes(toy_film([f"#{rng.bytes(3).hex()}" for _ in range(LENGTH)]))
    encoders = [ToyEncoder(), ToySketches()]

    killed = run_driver("timed_driver", folder, films, point, nth)

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with morelike.open(library=folder) as library:
        collection = library.collection("films", encoder=encoders)
        space = next(space for space in collection.spaces if space.kind == "image")
        stored = collection.vectors_in(space)
        found = collection.search(np.zeros((8, 8, 3), dtype=np.uint8), k=5)
        assert 0 < stored <= LENGTH
        assert (collection.count(), len(found)) == (0, 0)
    again = run_driver("timed_driver", folder, films, "none", 0)
    assert again.returncode == 0, again.stderr
    with morelike.open(library=folder) as library:
        collection = library.collection("films", encoder=encoders)
        assert (collection.count(), collection.vectors_in(space)) == (1, LENGTH)
        assert library.doctor().findings == []
